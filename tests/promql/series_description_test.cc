#include "promql/testing/series_description.h"

#include <cmath>

#include <gtest/gtest.h>

#include "storage/base/status.h"
#include "storage/model/sample.h"

namespace promql_test {
namespace {

// The values as text: _ for none, H and the count for a native histogram.
std::string Values(std::string_view line) {
  const auto series = ParseSeriesDescription(line);
  if (!series.ok()) return std::string(base::message(series.status()));
  std::string out;
  for (const SequenceValue& v : series->values) {
    if (!out.empty()) out += ' ';
    switch (v.kind) {
      case SequenceValue::Kind::kOmitted: out += '_'; break;
      case SequenceValue::Kind::kHistogram: out += fmt::format("H{}", v.histogram->count); break;
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

TEST(SeriesDescription, ReadsHistograms) {
  EXPECT_EQ(Values("x {{schema:1 count:3 buckets:[1 2]}} 5"), "H3 5");
  EXPECT_EQ(Values("x {{}}x2 {{count:1}}+{{sum:2 count:3}}x2"), "H0 H0 H0 H1 H4 H7");
  EXPECT_EQ(Values("x {{count:5}}-{{count:2}}x1"), "H5 H3");
  EXPECT_EQ(Values("x{a=\"b\"} {{ }}"), "H0");
  const auto series = ParseSeriesDescription(
      "x {{schema:2 count:7.5 sum:-3 z_bucket:1 z_bucket_w:0.5 offset:-3 buckets:[1 0 2.5] "
      "n_offset:2 n_buckets:[3] counter_reset_hint:gauge}} "
      "{{schema:-53 count:2 custom_values:[1 2.5] buckets:[1 1]}}");
  ASSERT_TRUE(series.ok()) << series.status();
  const model::FloatHistogram& h = *series->values[0].histogram;
  EXPECT_EQ(h.schema, 2);
  EXPECT_EQ(h.count, 7.5);
  EXPECT_EQ(h.sum, -3);
  EXPECT_EQ(h.zero_count, 1);
  EXPECT_EQ(h.zero_threshold, 0.5);
  EXPECT_EQ(h.positive_spans, (std::vector<model::Span>{{-3, 3}}));
  EXPECT_EQ(h.positive_buckets, (std::vector<double>{1, 0, 2.5}));
  EXPECT_EQ(h.negative_spans, (std::vector<model::Span>{{2, 1}}));
  EXPECT_EQ(h.negative_buckets, (std::vector<double>{3}));
  EXPECT_EQ(h.hint, model::ResetHint::kGauge);
  EXPECT_TRUE(series->values[0].hint_set);
  EXPECT_FALSE(series->values[1].hint_set);
  EXPECT_EQ(series->values[1].histogram->custom_values, (std::vector<double>{1, 2.5}));
}

TEST(SeriesDescription, NamesWhatIsWrong) {
  EXPECT_EQ(Values("x 1x"), "bad repetition");
  EXPECT_EQ(Values("x 1+2"), "expected x<times> at ");
  EXPECT_EQ(Values("x y"), "expected a value at ");
  EXPECT_EQ(Values("x 1y"), "expected a space at y");
  EXPECT_EQ(Values("x {{"), "histogram is not closed");
  EXPECT_EQ(Values("x {{sum:1 sum:2}}"), "duplicate key \"sum\" in histogram");
  EXPECT_EQ(Values("x {{total:1}}"), "bad histogram descriptor found: \"total\"");
  EXPECT_EQ(Values("x {{schema:1.5}}"), "bad integer in a histogram: 1.5");
  EXPECT_EQ(Values("x {{buckets:1}}"), "expected [..] in a histogram: 1");
  EXPECT_EQ(Values("x {{schema:1}}+{{schema:0}}x1"), "cannot merge from schema 0 to 1");
  EXPECT_EQ(Values("x{a} 1"), "expected = at } 1");
  EXPECT_EQ(Values("x{a=1} 1"), "expected a string at 1} 1");
  EXPECT_EQ(Values("x 1x99999999"), "bad repetition");
}

}  // namespace
}  // namespace promql_test
