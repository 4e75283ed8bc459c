#include "promql/kernels/elementwise.h"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <limits>
#include <random>
#include <vector>

namespace promql::kernels {
namespace {

constexpr double kInf = std::numeric_limits<double>::infinity();
constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

struct TestRow {
  std::vector<double> values;
  std::vector<uint64_t> present;
  explicit TestRow(int steps) : values(steps), present((steps + 63) / 64) {}
  Row row() { return {values.data(), present.data(), static_cast<int>(values.size())}; }
};

uint64_t Bits(double v) { return std::bit_cast<uint64_t>(std::isnan(v) ? kNan : v); }

// Rows with runs of full, empty and mixed words.
class Rows {
 public:
  explicit Rows(uint64_t seed) : random_(seed) {}
  int Int(int low, int high) { return std::uniform_int_distribution(low, high)(random_); }

  TestRow Make(int steps) {
    TestRow row(steps);
    for (int i = 0; i < steps; ++i) {
      if (i % 64 == 0) kind_ = Int(0, 2);
      const double v = Value();
      if (kind_ == 0 || (kind_ == 1 && Int(0, 1) == 0)) {
        row.row().Set(i, v);
      } else {
        row.values[i] = v;  // Left over; must not matter.
      }
    }
    return row;
  }

 private:
  double Value() {
    const double kSpecials[] = {kNan, kInf, -kInf, 0.0, -0.0, 1e308, -1e308};
    if (Int(0, 15) == 0) return kSpecials[Int(0, 6)];
    return std::uniform_real_distribution(-1.0, 1.0)(random_) * std::pow(10, Int(-20, 20));
  }
  std::mt19937_64 random_;
  int kind_ = 0;
};

TEST(Elementwise, ArithmeticAndComparisonsAreThoseOfTheLanguage) {
  EXPECT_EQ(ScalarBinary(BinaryOp::kAdd, 1, 2), 3);
  EXPECT_EQ(ScalarBinary(BinaryOp::kMod, -7, 3), -1);
  EXPECT_TRUE(std::isnan(ScalarBinary(BinaryOp::kMod, 7, 0)));
  EXPECT_EQ(ScalarBinary(BinaryOp::kDiv, 1, 0), kInf);
  EXPECT_EQ(ScalarBinary(BinaryOp::kPow, 2, 10), 1024);
  EXPECT_EQ(ScalarBinary(BinaryOp::kAtan2, 0, -1), std::atan2(0, -1));
  EXPECT_EQ(ScalarBinary(BinaryOp::kGe, 2, 2), 1);
  EXPECT_EQ(ScalarBinary(BinaryOp::kNe, kNan, kNan), 1);
  EXPECT_EQ(ScalarBinary(BinaryOp::kEq, kNan, kNan), 0);
}

TEST(Elementwise, FiltersClearBitsWhereTheComparisonFails) {
  Rows random(1);
  for (int round = 0; round < 50; ++round) {
    const int steps = random.Int(1, 200);
    TestRow l = random.Make(steps), r = random.Make(steps);
    TestRow filtered = l;
    CompareFilter(BinaryOp::kLt, l.values.data(), r.values.data(), steps, filtered.present.data());
    for (int i = 0; i < steps; ++i) {
      ASSERT_EQ(filtered.row().has(i), l.row().has(i) && l.values[i] < r.values[i]);
    }
  }
}

// One group over some rows, step by step, as Prometheus aggregates.
struct Plain {
  bool seen = false, incremental = false;
  double sum = 0, c = 0, mean = 0, min = 0, max = 0, count = 0, variance_mean = 0, variance = 0;

  static void Add(double x, double& sum, double& c) {
    const double t = sum + x;
    if (std::isinf(t)) {
      c = 0;
    } else if (std::fabs(sum) >= std::fabs(x)) {
      c += (sum - t) + x;
    } else {
      c += (x - t) + sum;
    }
    sum = t;
  }
  double avg_sum = 0, avg_c = 0;

  void Fold(double x) {
    if (!seen) {
      seen = true;
      sum = avg_sum = mean = min = max = variance_mean = x;
      count = 1;
      variance = std::isfinite(x) ? 0 : kNan;
      return;
    }
    count += 1;
    Add(x, sum, c);
    FoldAverage(x);
    if (min > x || std::isnan(min)) min = x;
    if (max < x || std::isnan(max)) max = x;
    const double delta = x - variance_mean;
    variance_mean += delta / count;
    variance += delta * (x - variance_mean);
  }
  void FoldAverage(double x) {
    if (!incremental) {
      double s = avg_sum, low = avg_c;
      Add(x, s, low);
      if (!std::isinf(s)) {
        avg_sum = s, avg_c = low;
        return;
      }
      incremental = true;
      mean = avg_sum / (count - 1);
      avg_c /= count - 1;
    }
    const double q = (count - 1) / count;
    mean *= q, avg_c *= q;
    Add(x / count, mean, avg_c);
  }
  double average() const {
    return incremental ? mean + avg_c : avg_sum / count + avg_c / count;
  }
};

TEST(Elementwise, AggregatesAgreeWithThePlainVersionToTheLastBit) {
  for (uint64_t seed = 0; seed < 100; ++seed) {
    Rows random(seed);
    const int steps = random.Int(1, 300), rows = random.Int(1, 12);
    std::vector<Plain> plain(steps);
    TestRow sum(steps), avg(steps), min(steps), max(steps), count(steps), group(steps), var(steps);
    std::vector<double> sum_c(steps), avg_c(steps), avg_count(steps), mean(steps), var_count(steps);
    std::vector<uint64_t> incremental((steps + 63) / 64);
    for (int r = 0; r < rows; ++r) {
      TestRow in = random.Make(steps);
      for (int i = 0; i < steps; ++i) {
        if (in.row().has(i)) plain[i].Fold(in.values[i]);
      }
      SumRow(in.row(), sum.row(), sum_c.data());
      AvgRow(in.row(), avg.row(), avg_c.data(), avg_count.data(), incremental.data());
      MinRow(in.row(), min.row());
      MaxRow(in.row(), max.row());
      CountRow(in.row(), count.row());
      GroupRow(in.row(), group.row());
      VarianceRow(in.row(), var.row(), mean.data(), var_count.data());
    }
    FinishSum(sum.row(), sum_c.data());
    FinishAvg(avg.row(), avg_c.data(), avg_count.data(), incremental.data());
    FinishVariance(var.row(), var_count.data(), false);
    for (int i = 0; i < steps; ++i) {
      SCOPED_TRACE(testing::Message() << "seed " << seed << " step " << i);
      for (TestRow* row : {&sum, &avg, &min, &max, &count, &group, &var}) {
        ASSERT_EQ(row->row().has(i), plain[i].seen);
      }
      if (!plain[i].seen) continue;
      ASSERT_EQ(Bits(sum.values[i]), Bits(plain[i].sum + plain[i].c));
      ASSERT_EQ(Bits(avg.values[i]), Bits(plain[i].average()));
      ASSERT_EQ(Bits(min.values[i]), Bits(plain[i].min));
      ASSERT_EQ(Bits(max.values[i]), Bits(plain[i].max));
      ASSERT_EQ(count.values[i], plain[i].count);
      ASSERT_EQ(group.values[i], 1);
      ASSERT_EQ(Bits(var.values[i]), Bits(plain[i].variance / plain[i].count));
    }
  }
}

TEST(Elementwise, PresenceIsAndedAndCounted) {
  const uint64_t a[] = {0b1100, 1}, b[] = {0b1010, 1};
  uint64_t out[2];
  And(a, b, 2, out);
  EXPECT_EQ(out[0], 0b1000u);
  EXPECT_EQ(CountPresent(out, 2), 2);
}

}  // namespace
}  // namespace promql::kernels
