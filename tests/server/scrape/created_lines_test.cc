// Start times of OpenMetrics pages: the cases of Prometheus' own tests, and that the fast path and
// the slow one agree.
#include <random>
#include <string>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "server/scrape/openmetrics_parser.h"

namespace server {
namespace {

// "series=start" of every sample, and what ended the page when it was an error.
std::string Starts(std::string_view page, bool fast = true) {
  OpenMetricsParser parser(page, fast, /*starts=*/true);
  std::string out;
  for (;;) {
    const Entry entry = parser.Next();
    if (entry == Entry::kEnd) return out;
    if (entry == Entry::kError) return out + parser.error();
    if (entry != Entry::kSeries) continue;
    if (!out.empty()) out += ' ';
    out += fmt::format("{}={}", parser.series(), parser.StartTime());
  }
}

TEST(CreatedLines, OfCountersAreOfTheSameLabels) {
  EXPECT_EQ(Starts("# TYPE foo counter\n"
                   "foo_total 17.0 1520879607.789 # {id=\"counter-test\"} 5\n"
                   "foo_created 1520872607.123\n"
                   "foo_total{a=\"b\"} 17.0 1520879607.789 # {id=\"counter-test\"} 5\n"
                   "foo_created{a=\"b\"} 1520872608.123\n"
                   "foo_total{le=\"c\"} 21.0\n"
                   "foo_created{le=\"c\"} 1520872621.123\n"
                   "foo_total{le=\"1\"} 10.0\n"
                   "# EOF\n"),
            "foo_total=1520872607123 foo_total{a=\"b\"}=1520872608123 "
            "foo_total{le=\"c\"}=1520872621123 foo_total{le=\"1\"}=0");
}

TEST(CreatedLines, OfSummariesAndHistogramsMayStandAnywhereBehindTheFirst) {
  EXPECT_EQ(Starts("# TYPE bar summary\nbar_count 17.0\nbar_sum 324789.3\nbar{quantile=\"0.95\"} 123.7\n"
                   "bar_created 1520872608.124\n# EOF\n"),
            "bar_count=1520872608124 bar_sum=1520872608124 bar{quantile=\"0.95\"}=1520872608124");
  EXPECT_EQ(Starts("# TYPE h histogram\nh_count 18\nh_sum 3\nh_created 1520430001\n"
                   "h_bucket{le=\"0.0\"} 1\nh_bucket{le=\"+Inf\"} 18\n# EOF\n"),
            "h_count=1520430001000 h_sum=1520430001000 h_bucket{le=\"0.0\"}=1520430001000 "
            "h_bucket{le=\"+Inf\"}=1520430001000");
  EXPECT_EQ(Starts("# TYPE h histogram\nh_bucket{a=\"1\",le=\"0.0\"} 1\nh_created{a=\"1\"} 5\n"
                   "h_bucket{a=\"2\",le=\"0.0\"} 1\nh_created{a=\"2\"} 6\n# EOF\n"),
            "h_bucket{a=\"1\",le=\"0.0\"}=5000 h_bucket{a=\"2\",le=\"0.0\"}=6000");
}

TEST(CreatedLines, AsTheFirstOfAllAreOfNobody) {
  EXPECT_EQ(Starts("# TYPE t histogram\nt_created 1520872607.123\nt_count 17\nt_bucket{le=\"+Inf\"} 17\n"
                   "# TYPE c counter\nc_created 1520872607.123\nc_total 1\n# EOF\n"),
            "t_count=0 t_bucket{le=\"+Inf\"}=0 c_total=0");
}

TEST(CreatedLines, OfOtherTypesAndOtherFamiliesAreSeriesOrNothing) {
  EXPECT_EQ(Starts("# TYPE fizz_created gauge\nfizz_created 17.0\n# EOF\n"), "fizz_created=0");
  EXPECT_EQ(Starts("foo_total 17.0\nfoo_created 5\n# EOF\n"), "foo_total=0 foo_created=0");
  EXPECT_EQ(Starts("# TYPE a counter\na_total 1\n# TYPE b counter\nb_total 1\nb_created 5\n# EOF\n"),
            "a_total=0 b_total=5000");
  EXPECT_EQ(Starts("# TYPE a counter\na_total 1\nb_total 1\nb_created 5\n# EOF\n"),
            "a_total=0 b_total=5000");
  EXPECT_EQ(Starts("# TYPE a counter\na_total{x=\"1\"} 1\na_total{x=\"2\"} 1\na_created{x=\"2\"} 5\n# EOF\n"),
            "a_total{x=\"1\"}=0 a_total{x=\"2\"}=5000");
}

TEST(CreatedLines, AreFoundOfQuotedNames) {
  EXPECT_EQ(Starts("# TYPE \"go.gc_seconds\" summary\n{\"go.gc_seconds\",quantile=\"0\"} 4.9\n"
                   "{\"go.gc_seconds_created\"} 1520872607.123\n{\"go.gc_seconds_sum\"} 1\n# EOF\n"),
            "{\"go.gc_seconds\",quantile=\"0\"}=1520872607123 {\"go.gc_seconds_sum\"}=1520872607123");
}

TEST(CreatedLines, WithNumbersThatAreNoTimesSayNothing) {
  EXPECT_EQ(Starts("# TYPE a counter\na_total 1\na_created NaN\n# EOF\n"), "a_total=0");
  EXPECT_EQ(Starts("# TYPE a counter\na_total 1\na_created +Inf\n# EOF\n"), "a_total=0");
  EXPECT_EQ(Starts("# TYPE a counter\na_total 1\na_created -1.5\n# EOF\n"), "a_total=-1500");
}

TEST(CreatedLines, WithoutTheOptionAreSeriesLikeOthers) {
  OpenMetricsParser parser("# TYPE a counter\na_total 1\na_created 5\n# EOF\n");
  EXPECT_EQ(parser.Next(), Entry::kType);
  EXPECT_EQ(parser.Next(), Entry::kSeries);
  EXPECT_EQ(parser.Next(), Entry::kSeries);
  EXPECT_EQ(parser.series(), "a_created");
}

TEST(CreatedLines, FastAndSlowAgreeOnAnyPage) {
  const std::string_view lines[] = {
      "# TYPE a counter\n", "# TYPE a histogram\n", "# TYPE b summary\n", "# TYPE b gauge\n", "# HELP a x\n",
      "a_total 1\n", "a_total{x=\"1\"} 1 5\n", "a_created 7\n", "a_created{x=\"1\"} 8 # {} 1\n",
      "a_bucket{le=\"1\"} 1\n", "a_bucket{x=\"1\",le=\"1\"} 1\n", "b{quantile=\"0\"} 1\n", "b_sum 1\n",
      "b_created 9\n", "{\"a\",x=\"1\"} 1\n", "{\"a_created\",x=\"1\"} 1.5\n", "a_created nonsense\n"};
  for (uint32_t seed = 0; seed < 3000; ++seed) {
    std::mt19937 random(seed);
    std::string page;
    for (size_t n = 1 + random() % 12; n > 0; --n) page += lines[random() % std::size(lines)];
    page += "# EOF\n";
    ASSERT_EQ(Starts(page), Starts(page, false)) << page;
  }
}

}  // namespace
}  // namespace server
