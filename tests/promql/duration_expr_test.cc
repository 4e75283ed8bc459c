#include "promql/duration_expr.h"

#include <gtest/gtest.h>

#include "promql/parser.h"
#include "promql/printer.h"
#include "storage/base/status.h"

namespace promql {
namespace {

constexpr DurationScope kScope{.step_ms = 30'000, .range_ms = 3'600'000};

// The range of `x[duration]`, or the error.
std::string Range(const std::string& duration, const DurationScope& scope = kScope) {
  const auto expr = Parse("x[" + duration + "]");
  if (!expr.ok()) return std::string(base::message(expr.status()));
  const auto resolved = ResolveDurations(*expr, scope);
  if (!resolved.ok()) return std::string(base::message(resolved.status()));
  EXPECT_EQ((*resolved)->range_expr, nullptr);
  return std::to_string((*resolved)->range_ms);
}

TEST(DurationExpr, CalculatesInSeconds) {
  EXPECT_EQ(Range("1m + 1s"), "61000");
  EXPECT_EQ(Range("1m - 1"), "59000");
  EXPECT_EQ(Range("2 * 1m"), "120000");
  EXPECT_EQ(Range("1m / 7"), "8571");
  EXPECT_EQ(Range("1m % 7s"), "4000");
  EXPECT_EQ(Range("2s ^ 3 ^ 2"), "512000");
  EXPECT_EQ(Range("-2 ^ 2 + 5"), "1000");
  EXPECT_EQ(Range("(1 + 2) * 3"), "9000");
  EXPECT_EQ(Range("-(-1m)"), "60000");
  EXPECT_EQ(Range("min_of(1m, 30s) + max_of(1, 2)"), "32000");
}

TEST(DurationExpr, KnowsTheGridOfTheQuery) {
  EXPECT_EQ(Range("step()"), "30000");
  EXPECT_EQ(Range("Range() / 2"), "1800000");
  EXPECT_EQ(Range("max_of(step(), 1m)"), "60000");
  EXPECT_EQ(Range("step() + 1s", {}), "1000");
}

TEST(DurationExpr, RefusesWhatIsNoDuration) {
  EXPECT_EQ(Range("step() - 1m"), "2:13: duration must be greater than 0");
  EXPECT_EQ(Range("step()", {}), "2:8: duration must be greater than 0");
  EXPECT_EQ(Range("1m / (step() - 30s)"), "2:20: division by zero");
  EXPECT_EQ(Range("1m % (step() - 30)"), "2:19: modulo by zero");
  EXPECT_EQ(Range("10 ^ 400"), "2:10: duration is NaN or infinite");
  EXPECT_EQ(Range("(0 - 8) ^ 0.5"), "3:15: duration is NaN or infinite");
  EXPECT_EQ(Range("2 * 200y"), "2:10: duration is out of range");
}

TEST(DurationExpr, ResolvesEveryPlaceOfATree) {
  const ExprPtr expr = *Parse("sum(a offset (step() * 2)) + max_over_time(b[1h + range():step()] "
                              "offset -step()) or max_over_time(c[1m + 1m])");
  const ExprPtr resolved = *ResolveDurations(expr, kScope);
  EXPECT_EQ(ToString(*resolved),
            "sum(a offset 1m) + max_over_time(b[2h:30s] offset -30s) or max_over_time(c[2m])");
  EXPECT_NE(ToString(*expr), ToString(*resolved));
}

TEST(DurationExpr, LeavesATreeWithoutExpressionsAlone) {
  const ExprPtr expr = *Parse("rate(a[5m] offset 1m) / b");
  EXPECT_EQ(*ResolveDurations(expr, kScope), expr);
}

TEST(DurationExpr, OffsetsMayBeNegative) {
  const ExprPtr expr = *Parse("a offset (step() - 1m)");
  EXPECT_EQ((*ResolveDurations(expr, kScope))->shift.offset_ms, -30'000);
}

}  // namespace
}  // namespace promql
