#include "storage/model/matcher.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <re2/re2.h>

#include <random>

#include "storage/base/status.h"

namespace model {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

std::shared_ptr<const AnchoredRegex> Regex(std::string_view pattern) {
  return *AnchoredRegex::Compile(pattern);
}

TEST(AnchoredRegex, ShortcutsAgreeWithRe2) {
  const std::vector<std::string> patterns = {
      "", "a", "ab|b", "a|", "a||b", "(a|b)", "(?:a|ab)", ".*", ".+", "a.*", "a.+", ".*a", ".*ab.*",
      "a.*b", ".*?", "a.*?b", ".*.*", "a\\.b", "a\\d", "a+b", "ab?", "ab*", "a{2}b", "[ab]", "[ab]c|d",
      "a|b.*", "(a)(b)", "(a|b)c", "a(b|c)", "(?i)ab", "(?i:a)b", "^a$", "a$", "a\\|b", "a\\", "é+", "aé?",
      ".", "..", "a.b", "(a|b)*", "a(?i)b|c", "(a)|(b)", "(.*)", "(.+)", "(a.*)", "()", "a-b.*", "\\.a",
      "a\n.*", ".*\\.b", "x*", "x*a"};
  std::vector<std::string> texts = {"", "a", "b", "ab", "ba", "aab", "abb", "A", "AB", "a.b", "a|b", "a5", "é",
                                    "aé", "éé", "a\nb", "acb", "bab", "c", "ac", "bc", "d", "a-b", "a-bc", ".a",
                                    "a\nx", "x.b", "xxa", "\n"};
  std::mt19937 random(1);
  for (int i = 0; i < 300; ++i) {
    std::string s;
    for (unsigned n = random() % 6; n > 0; --n) s += "ab.c|"[random() % 5];
    texts.push_back(s);
  }
  RE2::Options options;
  options.set_dot_nl(true);
  options.set_log_errors(false);
  for (const std::string& pattern : patterns) {
    const RE2 oracle("^(?s:" + pattern + ")$", options);
    const auto regex = AnchoredRegex::Compile(pattern);
    ASSERT_EQ(regex.ok(), oracle.ok()) << pattern;
    if (!regex.ok()) continue;
    for (const std::string& text : texts) {
      EXPECT_EQ((*regex)->Matches(text), RE2::FullMatch(text, oracle))
          << "/" << pattern << "/ on \"" << text << "\"";
      EXPECT_TRUE(!(*regex)->Matches(text) || text.starts_with((*regex)->prefix())) << pattern;
    }
  }
}

TEST(AnchoredRegex, IsValidOnlyIfItIsWithoutTheAnchors) {
  EXPECT_FALSE(AnchoredRegex::Compile("a)(b").ok());
  EXPECT_FALSE(AnchoredRegex::Compile("a)|(b").ok());
}

TEST(AnchoredRegex, KnowsItsLiterals) {
  EXPECT_THAT(Regex("b|a|b")->literals(), ElementsAre("a", "b"));
  EXPECT_THAT(Regex("(node-1|node\\.2)")->literals(), ElementsAre("node-1", "node.2"));
  EXPECT_THAT(Regex("a.*")->literals(), IsEmpty());
  EXPECT_EQ(Regex("node.+")->prefix(), "node");
  EXPECT_EQ(Regex("node[0-9]+")->prefix(), "node");
  EXPECT_TRUE(Regex(".*")->matches_everything());
}

TEST(AnchoredRegex, ErrorsAreInGosWords) {
  EXPECT_EQ(base::message(AnchoredRegex::Compile("[a").status()),
            "error parsing regexp: missing closing ]: `[a`");
  EXPECT_EQ(base::message(AnchoredRegex::Compile("a)").status()),
            "error parsing regexp: unexpected ): `a)`");
  EXPECT_EQ(base::message(AnchoredRegex::Compile("a)(b").status()),
            "error parsing regexp: unexpected ): `a)(b`");
}

TEST(AnchoredRegex, TakesWhatGoTakes) {
  EXPECT_TRUE(Regex("(?<word>a+)b|(?i:(?<other>C))")->Matches("aab"));
  EXPECT_TRUE(Regex("[](?<x>]+")->Matches("](?<x>"));
  EXPECT_TRUE(Regex("[^[:alpha:](?<]")->Matches("1"));
  EXPECT_FALSE(Regex("[^[:alpha:](?<]")->Matches("<"));
  EXPECT_TRUE(Regex("\\Q(?<\\C\\E")->Matches("(?<\\C"));
  const auto error = [](std::string_view pattern) {
    return std::string(base::message(AnchoredRegex::Compile(pattern).status()));
  };
  EXPECT_EQ(error("a\\Cb"), "error parsing regexp: invalid escape sequence: `\\C`");
  EXPECT_EQ(error("(?<=a)b"), "error parsing regexp: invalid named capture: `(?<=a)b`");
  EXPECT_EQ(error("(?<a-b>x)"), "error parsing regexp: invalid named capture: `(?<a-b>`");
  EXPECT_EQ(error("(?P<a-b>x)"), "error parsing regexp: invalid named capture: `(?P<a-b>`");
  EXPECT_EQ(error("(?<é>x)"), "error parsing regexp: invalid named capture: `(?<é>`");
  EXPECT_EQ(error("(?<n>o)("), "error parsing regexp: missing closing ): `(?<n>o)(`");
}

TEST(Matcher, AbsentIsEmpty) {
  const auto make = [](MatchType type, std::string value) { return *Matcher::Create(type, "l", value); };
  EXPECT_TRUE(make(MatchType::kEqual, "").matches_empty());
  EXPECT_FALSE(make(MatchType::kEqual, "x").matches_empty());
  EXPECT_TRUE(make(MatchType::kNotEqual, "x").matches_empty());
  EXPECT_FALSE(make(MatchType::kNotEqual, "").matches_empty());
  EXPECT_TRUE(make(MatchType::kRegex, "a?").matches_empty());
  EXPECT_FALSE(make(MatchType::kRegex, "a+").matches_empty());
  EXPECT_TRUE(make(MatchType::kNotRegex, "a+").matches_empty());
  EXPECT_EQ(make(MatchType::kNotRegex, "a\"+").ToString(), R"(l!~"a\"+")");
}

TEST(Matcher, AnyOfTakesStringsAsTheyAre) {
  const Matcher several = Matcher::AnyOf("l", {"b|c", "a.b", "10.0.0.1:9090", "a.b"});
  for (const char* value : {"b|c", "a.b", "10.0.0.1:9090"}) EXPECT_TRUE(several.Matches(value));
  for (const char* value : {"b", "c", "aXb", "", "10x0.0.1:9090"}) {
    EXPECT_FALSE(several.Matches(value)) << value;
  }
  EXPECT_EQ(several.regex()->literals(),
            (std::vector<std::string>{"10.0.0.1:9090", "a.b", "b|c"}));
  // Its text is that of the expression.
  const auto same = Matcher::Create(MatchType::kRegex, "l", several.value());
  ASSERT_TRUE(same.ok());
  EXPECT_EQ(same->regex()->literals(), several.regex()->literals());
  EXPECT_EQ(Matcher::AnyOf("l", {"x.y"}), Matcher::Equal("l", "x.y"));
}

}  // namespace
}  // namespace model
