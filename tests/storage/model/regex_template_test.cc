#include "storage/model/regex_template.h"

#include <gtest/gtest.h>

namespace model {
namespace {

std::optional<std::string> Expand(std::string_view pattern, std::string_view replacement,
                                  std::string_view s) {
  const auto compiled = RegexTemplate::Compile(pattern, replacement);
  EXPECT_TRUE(compiled.ok()) << compiled.status();
  return compiled.ok() ? compiled->Expand(s) : std::nullopt;
}

TEST(RegexTemplate, MatchesWholeStringsWithTheDotTakingNewlines) {
  EXPECT_EQ(Expand("a.c", "yes", "a\nc"), "yes");
  EXPECT_EQ(Expand("a.c", "yes", "abcd"), std::nullopt);
  EXPECT_EQ(Expand("a|bc", "yes", "bc"), "yes");
}

TEST(RegexTemplate, ExpandsByNumberAndName) {
  EXPECT_EQ(Expand("(a)(b)?", "[$0][$1][$2][$3]", "a"), "[a][a][][]");
  EXPECT_EQ(Expand("(?P<x>.)(?<y>.)", "$y${x}", "ab"), "ba");
  EXPECT_EQ(Expand("(.)(.)", "${1}0$2", "ab"), "a0b");
}

TEST(RegexTemplate, TakesTheLongestName) {
  EXPECT_EQ(Expand("(.)", "$1x", "a"), "");   // The group "1x".
  EXPECT_EQ(Expand("(.)", "$1-x", "a"), "a-x");
  EXPECT_EQ(Expand("(.)", "$01", "a"), "");   // A name, not a number.
}

TEST(RegexTemplate, LeavesOtherDollarsAlone) {
  EXPECT_EQ(Expand(".", "$$1 $ ${ ${} ${1 $-", "a"), "$1 $ ${ ${} ${1 $-");
}

TEST(RegexTemplate, KeepsAngleBracketsInClassesAndEscapes) {
  EXPECT_EQ(Expand("[(?<]+", "yes", "(?<"), "yes");
  EXPECT_EQ(Expand(R"(\(\?<)", "yes", "(?<"), "yes");
}

TEST(RegexTemplate, RefusesWhatGoRefuses) {
  EXPECT_FALSE(RegexTemplate::Compile("\\C", "").ok());
  EXPECT_FALSE(RegexTemplate::Compile("(?<\u00e9>x)", "").ok());
  EXPECT_EQ(RegexTemplate::CompileAnywhere("\\C", "").status().message(),
            "error parsing regexp: invalid escape sequence: `\\C`");
}

std::string ReplaceAll(std::string_view pattern, std::string_view with, std::string_view in) {
  return RegexTemplate::CompileAnywhere(pattern, with)->ReplaceAll(in, 1000).value_or("too long");
}

TEST(RegexTemplate, ReplacesEveryMatchAsGoDoes) {
  EXPECT_EQ(ReplaceAll("(.*)-(.*)", "$2-${1}x", "foo-bar"), "bar-foox");
  EXPECT_EQ(ReplaceAll("x*", "-", "abxxc"), "-a-b-c-");
  EXPECT_EQ(ReplaceAll("", "-", "a\u00e9"), "-a-\u00e9-");
  EXPECT_EQ(ReplaceAll("b", "-", "aaa"), "aaa");
  EXPECT_EQ(ReplaceAll(".", "aaaaaaaaaa", std::string(101, 'x')), "too long");
  EXPECT_EQ(ReplaceAll("^a", "b", "aaa"), "baa");
}

TEST(RegexTemplate, FindsAnywhere) {
  EXPECT_TRUE(RegexTemplate::CompileAnywhere("a.*", "")->FoundIn("bab"));
  EXPECT_FALSE(RegexTemplate::CompileAnywhere("c", "")->FoundIn("bab"));
  EXPECT_EQ(RegexTemplate::CompileAnywhere("(", "").status().message(),
            "error parsing regexp: missing closing ): `(`");
}

TEST(RegexTemplate, RefusesWhatDoesNotCompile) {
  EXPECT_FALSE(RegexTemplate::Compile("(", "").ok());
  EXPECT_FALSE(RegexTemplate::Compile("a{1000000}", "").ok());
}

}  // namespace
}  // namespace model
