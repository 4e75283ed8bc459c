#include "promql/printer.h"

#include <algorithm>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "promql/parser.h"
#include "storage/base/status.h"
#include "promql/testing/script.h"
#include "tests/promql/script_files.h"
#include "tests/testing/random_expr.h"

namespace promql {
namespace {

constexpr ParseOptions kAll{true, true, true};

ExprPtr MustParse(const std::string& text) {
  const auto expr = Parse(text, kAll);
  EXPECT_TRUE(expr.ok()) << text << ": " << base::message(expr.status());
  return expr.ok() ? *expr : nullptr;
}

// A copy less what printing loses: the order of matchers, and a '+' behind offset.
ExprPtr Sorted(const ExprPtr& e) {
  if (e == nullptr) return e;
  auto copy = std::make_shared<Expr>(*e);
  std::ranges::sort(copy->matchers, {}, [](const model::Matcher& m) { return m.ToString(); });
  const DurationExprPtr offset = e->shift.offset_expr;
  if (offset != nullptr && offset->kind == DurationExpr::Kind::kPlus && !offset->wrapped) {
    copy->shift.offset_expr = offset->rhs;
  }
  copy->lhs = Sorted(e->lhs);
  copy->rhs = Sorted(e->rhs);
  copy->param = Sorted(e->param);
  for (ExprPtr& arg : copy->args) arg = Sorted(arg);
  return copy;
}

// Printing and reading again gives the same tree, on one line and on many.
void ExpectRoundTrip(const std::string& text) {
  const ExprPtr expr = MustParse(text);
  if (expr == nullptr) return;
  const std::string tree = FormatAst(*Sorted(expr));
  for (const std::string& printed : {ToString(*expr), Prettify(*expr)}) {
    const ExprPtr again = MustParse(printed);
    ASSERT_NE(again, nullptr) << text;
    EXPECT_EQ(FormatAst(*Sorted(again)), tree) << text << "\n" << printed;
    EXPECT_EQ(ToString(*again), ToString(*expr));
  }
}

void RoundTripScripts(const std::filesystem::path& folder) {
  for (const auto& path : promql_test::ScriptsIn(folder)) {
    const auto script = promql_test::ParseScript(promql_test::ReadFile(path));
    ASSERT_TRUE(script.ok()) << path << ": " << base::message(script.status());
    for (const promql_test::Command& command : *script) {
      const auto* eval = std::get_if<promql_test::EvalCommand>(&command);
      if (eval != nullptr) ExpectRoundTrip(eval->query);
    }
  }
}

TEST(Printer, ReadsBackEveryExpressionOfTheScripts) {
  RoundTripScripts(promql_test::OwnScripts());
  RoundTripScripts(promql_test::SharedScripts());
}

TEST(Printer, ReadsBackRandomExpressions) {
  for (uint64_t seed = 0; seed < 2000; ++seed) {
    ExpectRoundTrip(testing_support::RandomExpr(seed).Any());
    if (HasFailure()) FAIL() << "seed " << seed;
  }
}

TEST(Printer, OldRandomExpressionsNeedNoExperiments) {
  const testing_support::RandomExprOptions options{.only_2_42 = true};
  for (uint64_t seed = 0; seed < 1000; ++seed) {
    const std::string text = testing_support::RandomExpr(seed, options).Any();
    EXPECT_TRUE(Parse(text).ok()) << text;
  }
}

TEST(Printer, SplitsWhatIsLongerThanAHundredCharacters) {
  const std::string a = "sum by (job, instance) (rate(http_requests_total{code=~\"5..\"}[5m]))";
  EXPECT_EQ(Prettify(*MustParse(a)), a);
  EXPECT_EQ(Prettify(*MustParse(a + " / on (job) group_left (team) " + a)),
            "  " + a + "\n/ on (job) group_left (team)\n  " + a);
  EXPECT_EQ(Prettify(*MustParse("topk(3," + a + "+bool_" + std::string(40, 'x') + ")")),
            "topk(\n  3,\n    " + a + "\n  +\n    bool_" + std::string(40, 'x') + "\n)");
  const std::string b = "metric_with_a_long_name_" + std::string(60, 'y');
  EXPECT_EQ(Prettify(*MustParse("-(" + b + " or " + b + ")")),
            "-(\n    " + b + "\n  or\n    " + b + "\n)");
  EXPECT_EQ(Prettify(*MustParse("max_over_time((" + b + " + " + b + ")[1h:5m] offset 1d)")),
            "max_over_time(\n  (\n      " + b + "\n    +\n      " + b +
                "\n  )[1h:5m] offset 1d\n)");
}

TEST(AstJson, HasTheShapesOfParseQuery) {
  const auto json = [](const std::string& text) { return FormatAst(*MustParse(text)); };
  EXPECT_EQ(json("1.5"), R"({"type":"numberLiteral","val":"1.5"})");
  EXPECT_EQ(json(R"("<a>\"\\\n")"), R"({"type":"stringLiteral","val":"\u003ca\u003e\"\\\n"})");
  EXPECT_EQ(json("(1)"), R"({"expr":{"type":"numberLiteral","val":"1"},"type":"parenExpr"})");
  EXPECT_EQ(json("up{a=\"b\"} @ end()"),
            R"({"anchored":false,"matchers":[{"name":"a","type":"=","value":"b"},)"
            R"({"name":"__name__","type":"=","value":"up"}],"name":"up","smoothed":false,)"
            R"("offset":0,"offsetExpr":null,"startOrEnd":"end","timestamp":null,)"
            R"("type":"vectorSelector"})");
  EXPECT_EQ(json("{a=~\"b\"}[5m] offset -step() @ 1.5"),
            R"({"anchored":false,"matchers":[{"name":"a","type":"=~","value":"b"}],"name":"",)"
            R"("smoothed":false,"offset":0,"offsetExpr":{"lhs":null,"op":"-","rhs":)"
            R"({"lhs":null,"op":"step","rhs":null,"type":"durationExpr","wrapped":false},)"
            R"("type":"durationExpr","wrapped":false},"startOrEnd":null,"timestamp":1500,)"
            R"("range":300000,"rangeExpr":null,"type":"matrixSelector"})");
  EXPECT_EQ(json("topk by (a) (1, 2 > bool vector(1))"),
            R"({"expr":{"bool":true,"lhs":{"type":"numberLiteral","val":"2"},"matching":null,)"
            R"("op":"\u003e","rhs":{"args":[{"type":"numberLiteral","val":"1"}],)"
            R"("func":{"argTypes":["scalar"],"name":"vector","returnType":"vector","variadic":0},)"
            R"("type":"call"},"type":"binaryExpr"},"grouping":["a"],"op":"topk",)"
            R"("param":{"type":"numberLiteral","val":"1"},"type":"aggregation","without":false})");
  EXPECT_NE(json("a * on (x) group_right (y) fill_left (2) b")
                .find(R"("matching":{"card":"one-to-many","fillValues":{"lhs":2,"rhs":null},)"
                      R"("include":["y"],"labels":["x"],"on":true})"),
            std::string::npos);
  EXPECT_NE(json("a[1m + 1s:]").find(R"("step":0,"stepExpr":null,"type":"subquery")"),
            std::string::npos);
}

}  // namespace
}  // namespace promql
