#include "server/relabel.h"

#include <gtest/gtest.h>

#include "storage/base/status.h"

namespace server {
namespace {

using model::Labels;

struct Rule {
  RelabelConfig config;
  Rule& Action(std::string_view name) {
    config.action = ParseRelabelAction(name).value();
    return *this;
  }
  Rule& From(std::vector<std::string> labels) {
    config.source_labels = std::move(labels);
    return *this;
  }
  Rule& Regex(std::string regex) {
    config.regex = std::move(regex);
    return *this;
  }
  Rule& To(std::string target) {
    config.target_label = std::move(target);
    return *this;
  }
  Rule& As(std::string replacement) {
    config.replacement = std::move(replacement);
    return *this;
  }
  Rule& Mod(uint64_t modulus) {
    config.modulus = modulus;
    return *this;
  }
  Rule& Separator(std::string separator) {
    config.separator = std::move(separator);
    return *this;
  }
};

// The labels as text, "dropped", or the error of compiling.
std::string Apply(std::vector<Rule> rules, const Labels& input, bool legacy = false) {
  std::vector<RelabelConfig> configs;
  for (Rule& rule : rules) {
    if (absl::Status s = CompileRelabel(&rule.config, legacy); !s.ok()) {
      return std::string(base::message(s));
    }
    configs.push_back(rule.config);
  }
  model::LabelsBuilder builder(input);
  return Relabel(configs, &builder) ? builder.Build().ToString() : "dropped";
}
std::string Apply(Rule rule, const Labels& input, bool legacy = false) {
  return Apply(std::vector<Rule>{std::move(rule)}, input, legacy);
}

const Labels kAbc = {{"a", "foo"}, {"b", "bar"}, {"c", "baz"}};

TEST(Relabel, ReplacesWithCaptureGroups) {
  EXPECT_EQ(Apply(Rule().From({"a"}).Regex("f(.*)").To("d").As("ch${1}-ch${1}"), kAbc),
            R"({a="foo", b="bar", c="baz", d="choo-choo"})");
  EXPECT_EQ(Apply({Rule().From({"a", "b"}).Regex("f(.*);(.*)r").To("a").As("b${1}${2}m"),
                   Rule().From({"c", "a"}).Regex("(b).*b(.*)ba(.*)").To("d").As("$1$2$2$3")},
                  kAbc),
            R"({a="boobam", b="bar", c="baz", d="boooom"})");
}

TEST(Relabel, ExpandsNamedGroupsOfBothSpellings) {
  for (const char* regex : {"(?<x>f)(oo)", "(?P<x>f)(oo)"}) {
    EXPECT_EQ(Apply(Rule().From({"a"}).Regex(regex).To("d").As("${x}-$x-$2"), {{"a", "foo"}}),
              R"({a="foo", d="f-f-oo"})");
  }
}

TEST(Relabel, ReadsTemplatesAsGoDoes) {
  const Labels a = {{"a", "x"}};
  const auto expand = [&](std::string replacement) {
    return Apply(Rule().From({"a"}).To("d").As(std::move(replacement)), a);
  };
  EXPECT_EQ(expand("$$1"), R"({a="x", d="$1"})");
  EXPECT_EQ(expand("$1y"), R"({a="x"})");  // A group called "1y": empty, so no label.
  EXPECT_EQ(expand("$1é"), R"({a="x"})");  // Letters of any script belong to the name.
  EXPECT_EQ(expand("${1}y"), R"({a="x", d="xy"})");
  EXPECT_EQ(expand("$1-$"), R"({a="x", d="x-$"})");
  EXPECT_EQ(expand("${1"), R"({a="x", d="${1"})");
  EXPECT_EQ(expand("${}"), R"({a="x", d="${}"})");
  EXPECT_EQ(expand("<$0|$99|$123456789012>"), R"({a="x", d="<x||>"})");
}

TEST(Relabel, EmptyResultRemovesTheLabelAndAnImpossibleNameChangesNothing) {
  EXPECT_EQ(
      Apply(Rule().From({"a"}).Regex("(f).*").To("$1").As("$2"), {{"a", "foo"}, {"f", "baz"}}),
      R"({a="foo"})");
  EXPECT_EQ(Apply(Rule().From({"a"}).Regex("(f)(x?).*").To("$2").As("y"), {{"a", "foo"}}),
            R"({a="foo"})");
  EXPECT_EQ(Apply(Rule().From({"a"}).To("$1").As("y"), {{"a", "no-legacy"}}),
            R"({a="no-legacy", "no-legacy"="y"})");
  EXPECT_EQ(Apply(Rule().From({"a"}).To("$1").As("y"), {{"a", "no-legacy"}}, true),
            R"({a="no-legacy"})");
}

TEST(Relabel, AnEmptySourceStillSetsAConstant) {
  EXPECT_EQ(Apply(Rule().To("env").As("prod"), {{"a", "1"}}), R"({a="1", env="prod"})");
  EXPECT_EQ(Apply(Rule().From({"none"}).To("env").Regex("x").As("prod"), {{"a", "1"}}),
            R"({a="1"})");
}

TEST(Relabel, RegexIsAnchoredAndTheDotTakesNewlines) {
  EXPECT_EQ(Apply(Rule().Action("drop").From({"a"}).Regex("f|o"), {{"a", "foo"}}), R"({a="foo"})");
  EXPECT_EQ(Apply(Rule().From({"a"}).Regex("one.*two").To("d").As("m${1}"), {{"a", "one\ntwo"}}),
            R"({a="one\ntwo", d="m"})");
}

TEST(Relabel, KeepsAndDrops) {
  EXPECT_EQ(Apply(Rule().Action("keep").From({"a"}).Regex("f.*"), {{"a", "foo"}}), R"({a="foo"})");
  EXPECT_EQ(Apply(Rule().Action("keep").From({"a"}).Regex("no"), {{"a", "foo"}}), "dropped");
  EXPECT_EQ(Apply(Rule().Action("drop").From({"a"}).Regex(".*o.*"), {{"a", "foo"}}), "dropped");
  const Labels ports = {{"p", "1"}, {"same", "1"}, {"other", "2"}};
  EXPECT_EQ(Apply(Rule().Action("keepequal").From({"p"}).To("other"), ports), "dropped");
  EXPECT_EQ(Apply(Rule().Action("dropequal").From({"p"}).To("same"), ports), "dropped");
  EXPECT_NE(Apply(Rule().Action("KeepEqual").From({"p"}).To("same"), ports), "dropped");
  EXPECT_NE(Apply(Rule().Action("dropequal").From({"p"}).To("other"), ports), "dropped");
}

TEST(Relabel, HashesAsPrometheusDoes) {
  EXPECT_EQ(Apply(Rule().Action("hashmod").From({"c"}).To("d").Mod(1000), {{"c", "baz"}}),
            R"({c="baz", d="976"})");
  EXPECT_EQ(Apply(Rule().Action("hashmod").From({"a"}).To("b").Mod(1000), {{"a", "foo\nbar"}}),
            R"({a="foo\nbar", b="734"})");
}

TEST(Relabel, MapsDropsAndKeepsLabelsByName) {
  const Labels input = {{"a", "foo"}, {"b1", "bar"}, {"b2", "baz"}};
  EXPECT_EQ(Apply(Rule().Action("labelmap").Regex("(b.*)").As("bar_${1}"), input),
            R"({a="foo", b1="bar", b2="baz", bar_b1="bar", bar_b2="baz"})");
  EXPECT_EQ(Apply(Rule().Action("labelmap").Regex("b(.)").As("x$1"), input),
            R"({a="foo", b1="bar", b2="baz", x1="bar", x2="baz"})");
  EXPECT_EQ(Apply(Rule().Action("labelkeep").Regex("(b.*)"), input), R"({b1="bar", b2="baz"})");
  EXPECT_EQ(Apply(Rule().Action("labeldrop").Regex("(b.*)"), input), R"({a="foo"})");
}

TEST(Relabel, ChangesTheCaseOfUnicodeLetters) {
  EXPECT_EQ(Apply(Rule().Action("uppercase").From({"a"}).To("u"), {{"a", "bAr123 éßжω"}}),
            R"({a="bAr123 éßжω", u="BAR123 ÉßЖΩ"})");
  EXPECT_EQ(Apply(Rule().Action("lowercase").From({"a"}).To("l"), {{"a", "BaR ÀЖ𐐀"}}),
            R"({a="BaR ÀЖ𐐀", l="bar àж𐐨"})");
}

TEST(Relabel, SaysWhatMustHold) {
  const auto error = [](Rule rule, bool legacy = false) {
    return Apply(std::move(rule), {}, legacy);
  };
  EXPECT_EQ(error(Rule().Action("hashmod").To("d")),
            "relabel configuration for hashmod requires non-zero modulus");
  EXPECT_EQ(error(Rule()),
            "relabel configuration for replace action requires 'target_label' value");
  EXPECT_EQ(error(Rule().Action("lowercase")),
            "relabel configuration for lowercase action requires 'target_label' value");
  EXPECT_EQ(error(Rule().To("not-legacy"), true),
            R"("not-legacy" is invalid 'target_label' for replace action)");
  EXPECT_EQ(error(Rule().To("\xff")), R"("\xff" is invalid 'target_label' for replace action)");
  EXPECT_EQ(error(Rule().To("0${7}"), true),
            R"("0${7}" is invalid 'target_label' for replace action)");
  EXPECT_EQ(error(Rule().Action("lowercase").To("a").As("x")),
            "'replacement' can not be set for lowercase action");
  EXPECT_EQ(error(Rule().Action("labelmap").As("-"), true),
            R"("-" is invalid 'replacement' for labelmap action)");
  EXPECT_EQ(
      error(Rule().Action("keepequal").To("a").Separator("|")),
      "keepequal action requires only 'source_labels' and `target_label`, and no other fields");
  EXPECT_EQ(error(Rule().Action("labeldrop").To("a")),
            "labeldrop action requires only 'regex', and no other fields");
  EXPECT_EQ(base::message(ParseRelabelAction("smash").status()),
            R"(unknown relabel action "smash")");
  EXPECT_NE(error(Rule().To("a").Regex("a(b")).find("error parsing regexp: missing"),
            std::string::npos);
}

}  // namespace
}  // namespace server
