#include "promql/parser.h"

#include <fstream>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "promql/printer.h"
#include "storage/base/status.h"

namespace promql {
namespace {

constexpr ParseOptions kAll{true, true, true};

// A case of a file in cases/: an expression and what should come of it.
struct Case {
  std::string input, want;
};

std::string WithLineBreaks(std::string text) {
  constexpr std::string_view kMark = "⏎";
  for (size_t at; (at = text.find(kMark)) != std::string::npos;) {
    text.replace(at, kMark.size(), "\n");
  }
  return text;
}

std::vector<Case> ReadCases(const std::string& file) {
  std::ifstream in(fmt::format("{}/promql/cases/{}", TEST_DIR, file));
  EXPECT_TRUE(in.good()) << file;
  std::vector<Case> cases;
  std::string line, want;
  while (std::getline(in, line)) {
    if (line.empty() || line.starts_with("//")) continue;
    std::getline(in, want);
    EXPECT_TRUE(want.starts_with('\t')) << line;
    cases.push_back({WithLineBreaks(line), WithLineBreaks(want.substr(1))});
  }
  EXPECT_FALSE(cases.empty()) << file;
  return cases;
}

std::string WithoutPrefix(const absl::Status& status) {
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  std::string text(base::message(status));
  constexpr std::string_view kPrefix = ": parse error: ";
  const size_t at = text.find(kPrefix);
  EXPECT_NE(at, std::string::npos) << text;
  return text.replace(at, kPrefix.size(), ": ");
}

std::string Outcome(std::string_view text, const ParseOptions& options) {
  const auto expr = Parse(text, options);
  return expr.ok() ? ToString(**expr) : WithoutPrefix(expr.status());
}

std::string ErrorOf(std::string_view text) {
  return std::string(base::message(Parse(text, kAll).status()));
}

TEST(Parser, GivesTheErrorsOfPrometheus) {
  for (const Case& c : ReadCases("errors.txt")) {
    EXPECT_EQ(Outcome(c.input, kAll), c.want) << c.input;
  }
}

TEST(Parser, PrintsAsPrometheusDoes) {
  for (const Case& c : ReadCases("printed.txt")) {
    EXPECT_EQ(Outcome(c.input, kAll), c.want) << c.input;
  }
}

TEST(Parser, RefusesExperimentsThatAreNotEnabled) {
  for (const Case& c : ReadCases("gated.txt")) EXPECT_EQ(Outcome(c.input, {}), c.want) << c.input;
}

TEST(Parser, ReadsSelectorsAlone) {
  for (const Case& c : ReadCases("selectors.txt")) {
    const auto matchers = ParseMetricSelector(c.input);
    std::string got;
    if (matchers.ok()) {
      for (const model::Matcher& m : *matchers) got += (got.empty() ? "" : ",") + m.ToString();
    } else {
      got = WithoutPrefix(matchers.status());
    }
    EXPECT_EQ(got, c.want) << c.input;
  }
}

TEST(Parser, ReadsAnEmptySelectorAlone) {
  const auto matchers = ParseMetricSelector("{}");
  ASSERT_TRUE(matchers.ok());
  EXPECT_TRUE(matchers->empty());
}

TEST(Parser, NamesThePlaceOfAnError) {
  EXPECT_EQ(ErrorOf(""), "unknown position: parse error: no expression found in input");
  EXPECT_EQ(ErrorOf(" \n"), "1:1: parse error: no expression found in input");
  EXPECT_EQ(ErrorOf("a\n +\n  *b"), "3:3: parse error: unexpected <op:*>");
  EXPECT_EQ(ErrorOf("é\t"), "1:1: parse error: unexpected character: 'é'");
  EXPECT_EQ(ErrorOf("\x01"), "1:1: parse error: unexpected character: '\\x01'");
  EXPECT_EQ(ErrorOf("\xff"), "1:1: parse error: unexpected character: '\xEF\xBF\xBD'");
  EXPECT_EQ(ErrorOf("\"\xff\""), "1:1: parse error: invalid UTF-8 rune");
}

TEST(Parser, SpaceInFrontDoesNotMatter) {
  EXPECT_EQ(Outcome("\r\n\t up # it is", kAll), "up");
}

TEST(Parser, KnowsWhereNodesStand) {
  const ExprPtr e = *Parse(" sum by (a) (rate(x[5m] offset 1m))\n / -(1 + y{a=\"b\"})", kAll);
  const auto at = [](const ExprPtr& n) { return std::pair(n->pos.begin, n->pos.end); };
  EXPECT_EQ(at(e), std::pair(1, 54));
  EXPECT_EQ(e->op_pos.begin, 37);
  EXPECT_EQ(at(e->lhs), std::pair(1, 35));
  const ExprPtr call = e->lhs->lhs;
  EXPECT_EQ(at(call), std::pair(13, 34));
  EXPECT_EQ(at(call->args[0]), std::pair(18, 33));
  EXPECT_EQ(at(call->args[0]->lhs), std::pair(18, 19));
  EXPECT_EQ(at(e->rhs), std::pair(39, 54));
  EXPECT_EQ(at(e->rhs->lhs->lhs->rhs), std::pair(45, 53));
}

TEST(Parser, KeepsMatchingOnlyBetweenVectors) {
  EXPECT_FALSE((*Parse("a + 1"))->matching.has_value());
  EXPECT_FALSE((*Parse("1 + 1"))->matching.has_value());
  EXPECT_EQ((*Parse("a + b"))->matching->card, MatchCard::kOneToOne);
  EXPECT_EQ((*Parse("a and b"))->matching->card, MatchCard::kManyToMany);
  EXPECT_EQ((*Parse("a * on(x) group_left b"))->matching->card, MatchCard::kManyToOne);
  EXPECT_EQ((*Parse("a * on(x) group_right b"))->matching->card, MatchCard::kOneToMany);
}

TEST(Parser, KeepsTheNamesMatcherLast) {
  const ExprPtr e = *Parse("up{job=~\"a.*\"}");
  ASSERT_EQ(e->matchers.size(), 2u);
  EXPECT_EQ(e->matchers[0].ToString(), "job=~\"a.*\"");
  EXPECT_EQ(e->matchers[1].ToString(), "__name__=\"up\"");
}

TEST(Parser, DurationsAreNumbersUntilTheyNeedTheGrid) {
  const ExprPtr literal = *Parse("x[90s] offset -1.5");
  EXPECT_EQ(literal->range_ms, 90'000);
  EXPECT_EQ(literal->range_expr, nullptr);
  EXPECT_EQ(literal->lhs->shift.offset_ms, -1500);
  const ExprPtr expression = *Parse("x[1m + step():5m] offset (1m + 1)");
  EXPECT_EQ(expression->range_ms, 0);
  EXPECT_EQ(expression->step_ms, 300'000);
  EXPECT_NE(expression->range_expr, nullptr);
  EXPECT_NE(expression->shift.offset_expr, nullptr);
}

std::string Times(int n, std::string_view text) {
  std::string out;
  for (int i = 0; i < n; ++i) out += text;
  return out;
}

TEST(Parser, RefusesWhatIsNestedTooDeep) {
  constexpr int kMany = 100'000;
  for (const std::string& text : {
           Times(kMany, "(") + "1" + Times(kMany, ")"),
           Times(kMany, "-") + "x",
           Times(kMany, "abs(") + "x" + Times(kMany, ")"),
           Times(kMany, "sum(") + "x" + Times(kMany, ")"),
           "1" + Times(kMany, " + 1"),
           "x" + Times(kMany, " ^ x"),
           "x" + Times(kMany, " or on () x"),
           "vector(1)" + Times(kMany, "[1m:]"),
           "x[" + Times(kMany, "(") + "1" + Times(kMany, ")") + "]",
           "x[1" + Times(kMany, "+1") + "]",
           "x[" + Times(kMany, "-") + "1]",
           "x offset " + Times(kMany, "-") + "1",
           "x[" + Times(kMany, "min_of(1,") + "1" + Times(kMany, ")") + "]",
           Times(kMany, "("),
       }) {
    const std::string error = ErrorOf(text);
    EXPECT_TRUE(error.ends_with("expression is nested more than 1000 levels deep"))
        << text.substr(0, 20) << ": " << error;
  }
}

TEST(Parser, TakesAThousandLevelsAndPrintsThem) {
  const std::string sum = "1" + Times(kMaxDepth - 2, " + 1");
  EXPECT_EQ(Outcome(sum, kAll), sum);
  const std::string parens = Times(kMaxDepth / 2, "(") + "x" + Times(kMaxDepth / 2, ")");
  const ExprPtr e = *Parse(parens);
  EXPECT_EQ(ToString(*e), parens);
  EXPECT_GT(FormatAst(*e).size(), parens.size());
  EXPECT_GT(Prettify(*e).size(), parens.size());
}

}  // namespace
}  // namespace promql
