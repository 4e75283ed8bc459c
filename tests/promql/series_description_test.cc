#include "promql/testing/series_description.h"

#include <cmath>

#include <gtest/gtest.h>

#include "storage/base/status.h"
#include "storage/model/sample.h"

namespace promql_test {
namespace {

// The values as text: _ for none, H for a native histogram.
std::string Values(std::string_view line) {
  const auto series = ParseSeriesDescription(line);
  if (!series.ok()) return std::string(base::message(series.status()));
  std::string out;
  for (const SequenceValue& v : series->values) {
    if (!out.empty()) out += ' ';
    switch (v.kind) {
      case SequenceValue::Kind::kOmitted: out += '_'; break;
      case SequenceValue::Kind::kNativeHistogram: out += 'H'; break;
      case SequenceValue::Kind::kFloat:
        out += model::IsStaleNan(v.value) ? "stale" : fmt::format("{}", v.value);
        break;
    }
  }
  return out;
}

std::string Labels(std::string_view line) {
  const auto series = ParseSeriesDescription(line);
  return series.ok() ? series->labels.ToString() : std::string(base::message(series.status()));
}

TEST(SeriesDescription, ExpandsSequences) {
  EXPECT_EQ(Values("x 1 -2.5 .5 1e3 +4"), "1 -2.5 0.5 1000 4");
  EXPECT_EQ(Values("x 1+2x3 10-5x2"), "1 3 5 7 10 5 0");
  EXPECT_EQ(Values("x 7x2 0x0"), "7 7 7 0");
  EXPECT_EQ(Values("x _ _x2 stale 1"), "_ _ _ stale 1");
  EXPECT_EQ(Values("x Inf -Inf NaN inf"), "inf -inf nan inf");
  EXPECT_EQ(Values("x -1-1x2"), "-1 -2 -3");
  EXPECT_EQ(Values("x"), "");
}

TEST(SeriesDescription, SumsStepByStep) {
  const auto series = ParseSeriesDescription("x 0+0.1x10");
  double sum = 0;
  for (const SequenceValue& v : series->values) {
    EXPECT_EQ(v.value, sum);
    sum += 0.1;
  }
}

TEST(SeriesDescription, ReadsLabels) {
  EXPECT_EQ(Labels("x{b=\"2\", a='1',} 1"), R"({__name__="x", a="1", b="2"})");
  EXPECT_EQ(Labels("{} 1"), "{}");
  EXPECT_EQ(Labels(R"({"a.b", "c d"="e\"}"} 1)"), R"({__name__="a.b", "c d"="e\"}"})");
  EXPECT_EQ(Labels("job:x:sum 1"), R"({__name__="job:x:sum"})");
}

TEST(SeriesDescription, RecognisesNativeHistograms) {
  EXPECT_EQ(Values("x {{schema:1 sum:3 buckets:[1 2]}} 5"), "H 5");
  EXPECT_EQ(Values("x {{}}x2 {{sum:1}}+{{sum:2 count:1}}x1"), "H H H H H");
  EXPECT_TRUE(ParseSeriesDescription("x{a=\"b\"} {{}}")->has_native_histograms);
  EXPECT_FALSE(ParseSeriesDescription("x 1")->has_native_histograms);
}

TEST(SeriesDescription, NamesWhatIsWrong) {
  EXPECT_EQ(Values("x 1x"), "bad repetition");
  EXPECT_EQ(Values("x 1+2"), "expected x<times> at ");
  EXPECT_EQ(Values("x y"), "expected a value at ");
  EXPECT_EQ(Values("x 1y"), "expected a space at y");
  EXPECT_EQ(Values("x {{"), "histogram is not closed");
  EXPECT_EQ(Values("x{a} 1"), "expected = at } 1");
  EXPECT_EQ(Values("x{a=1} 1"), "expected a string at 1} 1");
  EXPECT_EQ(Values("x 1x99999999"), "bad repetition");
}

}  // namespace
}  // namespace promql_test
