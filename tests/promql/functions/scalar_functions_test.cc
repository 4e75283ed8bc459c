#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "promql/functions/absent.h"
#include "promql/signatures.h"
#include "tests/promql/functions/rows.h"

namespace promql {
namespace {

using model::Labels;

std::vector<std::optional<double>> OneRow(TestQuery query, std::vector<OperatorPtr> args = {}) {
  const auto got = query.Run(std::move(args));
  if (!got.ok() || got->size() != 1 || !got->at(0).labels.empty()) return {};
  return got->at(0).values;
}

std::vector<OperatorPtr> List(OperatorPtr a, OperatorPtr b = nullptr) {
  std::vector<OperatorPtr> args;
  args.push_back(std::move(a));
  if (b != nullptr) args.push_back(std::move(b));
  return args;
}

using Values = std::vector<std::optional<double>>;

TEST(ScalarFunctions, TimeIsThatOfTheStep) {
  EXPECT_EQ(OneRow(TestQuery("time()", 3, 1500)), (Values{1.5, 61.5, 121.5}));
  EXPECT_EQ(OneRow(TestQuery("hour()", 2, 3'599'999, 1)), (Values{0, 1}));
  EXPECT_EQ(OneRow(TestQuery("pi()")), (Values{M_PI}));
}

TEST(ScalarFunctions, TheQuerysOwnFigures) {
  EXPECT_EQ(OneRow(TestQuery("start()", 2, 60'000)), (Values{60, 60}));
  EXPECT_EQ(OneRow(TestQuery("end()", 2, 60'000)), (Values{120, 120}));
  EXPECT_EQ(OneRow(TestQuery("range()", 2, 60'000)), (Values{60, 60}));
  EXPECT_EQ(OneRow(TestQuery("step()", 2, 60'000)), (Values{60, 60}));
  EXPECT_EQ(OneRow(TestQuery("step()")), (Values{0}));
}

TEST(ScalarFunctions, ScalarIsTheOnlyValueOrNan) {
  EXPECT_EQ(OneRow(TestQuery("scalar(x)", 3),
                   List(MakeRows({{Labels{{"a", "1"}}, {1, {}, 3}},
                                  {Labels{{"a", "2"}}, {{}, {}, 4}}}))),
            (Values{1, kNanShown, kNanShown}));
  EXPECT_EQ(OneRow(TestQuery("scalar(x)"), List(MakeRows({}))), (Values{kNanShown}));
}

TEST(ScalarFunctions, VectorIsTheScalarItself) {
  EXPECT_EQ(OneRow(TestQuery("vector(1)", 2), List(MakeScalarRow({4, 5}))), (Values{4, 5}));
}

TEST(ScalarFunctions, LargerAndSmallerOfTwo) {
  EXPECT_EQ(OneRow(TestQuery("max_of(1, 2)", 2),
                   List(MakeScalarRow({1, 0.0 / 0.0}), MakeScalarRow({2, 2}))),
            (Values{2, kNanShown}));
  EXPECT_EQ(OneRow(TestQuery("min_of(1, 2)"), List(MakeScalarRow({1}), MakeScalarRow({2}))),
            (Values{1}));
}

TEST(Absent, IsOneWhereNothingElseIs) {
  TestQuery query(R"(absent(x{job="a"}))", 3);
  const auto got = query.Run(List(MakeRows(
      {{Labels{{"a", "1"}}, {1, {}, {}}}, {Labels{{"a", "2"}}, {{}, {}, 4}}})));
  ASSERT_TRUE(got.ok()) << got.status();
  EXPECT_THAT(*got, testing::ElementsAre(TestSeries{Labels{{"job", "a"}},
                                                    {std::nullopt, 1, std::nullopt}}));
}

std::string LabelsOf(const std::string& text) {
  return AbsentLabels(*TestQuery(text).expr().args[0]).ToString();
}

TEST(Absent, TakesLabelsFromMatchersThatLeaveNoDoubt) {
  EXPECT_EQ(LabelsOf(R"(absent(x{job="a", instance=~"b.*", dc="c"}))"), R"({dc="c", job="a"})");
  EXPECT_EQ(LabelsOf(R"(absent(x{job="a", job="b", dc="c"}))"), R"({dc="c"})");
  EXPECT_EQ(LabelsOf(R"(absent({__name__="x", job!="a"}))"), "{}");
  EXPECT_EQ(LabelsOf(R"(absent((x{job="a"})))"), R"({job="a"})");
  EXPECT_EQ(LabelsOf(R"(absent(sum(x{job="a"})))"), "{}");
  EXPECT_EQ(LabelsOf(R"(absent_over_time(x{job="a"}[5m]))"), R"({job="a"})");
  EXPECT_EQ(LabelsOf(R"(absent_over_time(x{job="a"}[5m:1m]))"), "{}");
}

TEST(Functions, EveryOneHasABodyOrSaysWhyNot) {
  for (const Signature& signature : AllSignatures()) {
    if (FindWindowFunction(signature.name).run != nullptr) continue;
    if (FindCellFunction(signature.name) != nullptr) continue;
    if (signature.name == "info") continue;  // Looks at storage: an operator of its own.
    Expr call{};
    call.kind = ExprKind::kCall;
    call.function = &signature;
    std::vector<OperatorPtr> args;
    for (int i = 0; i < signature.num_args; ++i) {
      auto arg = std::make_shared<Expr>();
      arg->kind = ExprKind::kString;
      arg->text = "a";
      call.args.push_back(arg);
      args.push_back(MakeScalarRow({0.5}));
    }
    const auto op = MakeFunctionOperator(call, std::move(args));
    if (op.ok()) {
      EXPECT_NE(*op, nullptr) << signature.name;
    } else {
      EXPECT_EQ(op.status().message(),
                fmt::format("{}() is not supported yet", signature.name));
      EXPECT_EQ(op.status().code(), absl::StatusCode::kUnimplemented);
    }
  }
}

TEST(Functions, DropTheNameUnlessTheySaySeriesStay) {
  for (const char* name : {"rate", "abs", "hour", "histogram_quantile", "timestamp"}) {
    EXPECT_TRUE(DropsName(name)) << name;
  }
  for (const char* name : {"last_over_time", "sort", "label_replace", "absent", "scalar", "time"}) {
    EXPECT_FALSE(DropsName(name)) << name;
  }
}

}  // namespace
}  // namespace promql
