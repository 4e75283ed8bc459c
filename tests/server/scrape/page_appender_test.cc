#include "server/scrape/page_appender.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "tests/testing/exposition_page.h"
#include "tests/testing/memory_appendable.h"

namespace server {
namespace {

using model::Labels;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::Pair;
using testing::UnorderedElementsAre;
using testing_support::MakePage;
using testing_support::MemoryAppendable;

constexpr int64_t kNow = 1'700'000'000'000;

class PageAppenderTest : public testing::Test {
 protected:
  PageAppenderTest() { job_.job_name = "test"; }

  // As a scrape loop does it. Returns the error.
  std::string Scrape(const std::string& page, PageFormat format = PageFormat::kText) {
    now_ += 1000;
    auto batch = store_.NewAppender();
    const auto appender = [&] {
      return PageAppender(job_, target_.view(), "http://t", &cache_, &counters_, batch.get(),
                          options_);
    };
    result_ = appender().Append(page, format, now_, now_);
    const bool failed = !result_.error.empty();
    if (failed) batch = store_.NewAppender();
    appender().AppendEnded(failed, now_);
    cache_.EndScrape(!failed);
    EXPECT_TRUE(batch->Commit().ok());
    return result_.error;
  }

  // "1000=5 2000=stale": times since kNow.
  std::string Show(const Labels& labels) {
    std::string out;
    for (const model::Sample& s : store_.Samples(labels)) {
      if (!out.empty()) out += ' ';
      out += fmt::format("{}={}", s.t - kNow, model::IsStaleNan(s.v) ? "stale" : fmt::format("{}", s.v));
    }
    return out;
  }
  std::vector<std::string> SeriesNames() {
    std::vector<std::string> names;
    for (const auto& [text, series] : store_.Contents()) names.push_back(text);
    return names;
  }
  RelabelConfig Rule(RelabelConfig rule) {
    EXPECT_TRUE(CompileRelabel(&rule).ok());
    return rule;
  }

  ScrapeConfig job_;
  Labels target_{{"instance", "i"}, {"job", "j"}};
  MemoryAppendable store_;
  SeriesCache cache_;
  ScrapeCounters counters_;
  PageResult result_;
  PageOptions options_;
  int64_t now_ = kNow;
};

TEST_F(PageAppenderTest, AppendsWithTheTargetsLabels) {
  EXPECT_EQ(Scrape("up_to{a=\"b\"} 1\nplain 2 1699999999000\n"), "");
  EXPECT_EQ(Show({{"__name__", "up_to"}, {"a", "b"}, {"instance", "i"}, {"job", "j"}}), "1000=1");
  EXPECT_EQ(Show({{"__name__", "plain"}, {"instance", "i"}, {"job", "j"}}), "-1000=2");
  EXPECT_EQ(result_.total, 2u);
  EXPECT_EQ(result_.added, 2u);
  EXPECT_EQ(result_.series_added, 2u);
}

TEST_F(PageAppenderTest, TheSteadyStateTouchesNoLabels) {
  const testing_support::PageOptions options{.cpus = 2, .devices = 3, .singles = 30};
  EXPECT_EQ(Scrape(MakePage(options)), "");
  const uint64_t before = store_.appends_with_labels();
  EXPECT_EQ(before, result_.total);
  for (int round = 1; round < 4; ++round) {
    auto next = options;
    next.round = round;
    EXPECT_EQ(Scrape(MakePage(next)), "");
    EXPECT_EQ(result_.series_added, 0u);
  }
  EXPECT_EQ(store_.appends_with_labels(), before);
}

TEST_F(PageAppenderTest, LabelsThatCollideAreRenamedUntilFree) {
  target_ = Labels({{"foo", "3"}});
  Scrape("m{foo=\"1\",exported_foo=\"2\"} 1\n");
  EXPECT_THAT(SeriesNames(),
              ElementsAre(R"({__name__="m", exported_exported_foo="1", exported_foo="2", foo="3"})"));
}

TEST_F(PageAppenderTest, ShortNamesAreRenamedFirst) {
  target_ = Labels({{"exported_foo", "t1"}, {"foo", "t2"}});
  Scrape("m{foo=\"1\",exported_foo=\"2\"} 1\n");
  EXPECT_THAT(
      SeriesNames(),
      ElementsAre(
          R"({__name__="m", exported_exported_exported_foo="2", exported_exported_foo="1", exported_foo="t1", foo="t2"})"));
}

TEST_F(PageAppenderTest, HonouredLabelsWinAlsoWhenEmpty) {
  job_.honor_labels = true;
  Scrape("m{job=\"exposed\"} 1\nn{job=\"\"} 1\n");
  EXPECT_THAT(SeriesNames(), ElementsAre(R"({__name__="m", instance="i", job="exposed"})",
                                         R"({__name__="n", instance="i"})"));
}

TEST_F(PageAppenderTest, DroppedSeriesAreRememberedAndNotCounted) {
  job_.metric_relabel_configs = {
      Rule({.source_labels = {"__name__"}, .regex = "drop.*", .action = RelabelAction::kDrop}),
      Rule({.source_labels = {"__name__"}, .regex = "(ren)ame", .target_label = "__name__"}),
  };
  EXPECT_EQ(Scrape("dropped 1\nkept 2\nrename 3\n"), "");
  EXPECT_EQ(result_.total, 3u);
  EXPECT_EQ(result_.added, 2u);
  EXPECT_THAT(SeriesNames(), ElementsAre(R"({__name__="kept", instance="i", job="j"})",
                                         R"({__name__="ren", instance="i", job="j"})"));
  EXPECT_EQ(Scrape("dropped 1\nkept 2\nrename 3\n"), "");
  EXPECT_EQ(result_.added, 2u);
}

struct FailureCase {
  std::string page, error;
  std::function<void(ScrapeConfig*)> change = [](ScrapeConfig*) {};
};

TEST_F(PageAppenderTest, FailuresFailTheWholeScrapeInPrometheusWords) {
  const std::vector<FailureCase> cases = {
      {"good 1\nbad x\n",
       R"(strconv.ParseFloat: parsing "x": invalid syntax while parsing: "bad x" (line 2))"},
      {"a 1\nb 2\nc 3\n", "sample limit exceeded", [](ScrapeConfig* c) { c->sample_limit = 2; }},
      {"abc{x=\"y\"} 1\n", "label_limit exceeded (metric: abc, number of labels: 4, limit: 3)",
       [](ScrapeConfig* c) { c->label_limit = 3; }},
      {"abc{a_long_name=\"y\"} 1\n",
       "label_name_length_limit exceeded (metric: abc, label name: a_long_name, length: 11, limit: 10)",
       [](ScrapeConfig* c) { c->label_name_length_limit = 10; }},
      {"abc{x=\"" + std::string(60, 'v') + "\"} 1\n",
       "label_value_length_limit exceeded (metric: abc, label name: x, value: \"" +
           std::string(50, 'v') + "\", length: 60, limit: 20)",
       [](ScrapeConfig* c) { c->label_value_length_limit = 20; }},
      {"{\"a b\"} 1\n",
       R"(invalid metric name or label names: {__name__="a b", instance="i", job="j"})",
       [](ScrapeConfig* c) { c->legacy_names = true; }},
      {"a{x=\"1\",x=\"2\"} 1\n", "label name \"x\" is not unique: invalid sample"},
  };
  for (const FailureCase& c : cases) {
    job_ = ScrapeConfig();
    c.change(&job_);
    EXPECT_EQ(Scrape(c.page), c.error);
  }
  EXPECT_THAT(store_.Contents(), IsEmpty());
  EXPECT_EQ(counters_.exceeded_sample_limit.value(), 1u);
  EXPECT_EQ(counters_.pool_exceeded_label_limits.value(), 3u);
}

TEST_F(PageAppenderTest, ARelabelledAwayNameFailsTheScrape) {
  job_.metric_relabel_configs = {Rule({.regex = "__name__", .action = RelabelAction::kLabelDrop})};
  EXPECT_EQ(Scrape("a 1\n"), "missing metric name (__name__ label)");
}

TEST_F(PageAppenderTest, TheLimitReportsTheWholePage) {
  job_.sample_limit = 2;
  Scrape("a 1\nb 2\nc 3\nd 4\n");
  EXPECT_EQ(result_.total, 4u);
  EXPECT_EQ(result_.added, 4u);
  EXPECT_EQ(result_.series_added, 2u);
}

TEST_F(PageAppenderTest, RejectedSamplesAreCountedAndDoNotFail) {
  EXPECT_EQ(Scrape("late 1 1700000005000\n"), "");
  EXPECT_EQ(Scrape("late 1 1700000004000\ndup 1\ndup 2\nahead 1 1700000999000\ndup 1\n"), "");
  EXPECT_EQ(counters_.sample_out_of_order.value(), 1u);
  EXPECT_EQ(counters_.sample_duplicate.value(), 2u);
  EXPECT_EQ(counters_.sample_out_of_bounds.value(), 1u);
  EXPECT_EQ(result_.added, 5u);
  EXPECT_EQ(Show({{"__name__", "dup"}, {"instance", "i"}, {"job", "j"}}), "2000=1");
}

TEST_F(PageAppenderTest, NewSeriesBeyondTheBudgetAreRefusedAndOldOnesFlow) {
  Scrape("a 1\n");
  store_.RefuseNewSeries(true);
  EXPECT_EQ(Scrape("a 2\nb 1\n"), "");
  EXPECT_EQ(counters_.sample_limited.value(), 1u);
  EXPECT_EQ(Show({{"__name__", "a"}, {"instance", "i"}, {"job", "j"}}), "1000=1 2000=2");
}

TEST_F(PageAppenderTest, SeriesTheStoreForgotAreIntroducedAgain) {
  Scrape("# TYPE h histogram\nh_bucket{le=\"1\"} 1\n");
  store_.ForgetSeries();
  EXPECT_EQ(Scrape("# TYPE h histogram\nh_bucket{le=\"1\"} 2\n"), "");
  EXPECT_EQ(counters_.stale_markers.value(), 0u);
  store_.ForgetSeries();
  EXPECT_EQ(Scrape("\n"), "");  // Gone: the marker finds its labels from the text.
  EXPECT_EQ(counters_.stale_markers.value(), 1u);
  EXPECT_EQ(Show({{"__name__", "h_bucket"}, {"instance", "i"}, {"job", "j"}, {"le", "1.0"}}),
            "3000=stale");
}

// Pages of one target in turn; "!" is a page with an error in it. What a and b become.
struct StaleCase {
  std::vector<std::string> pages;
  std::string a, b;
  bool track = false, honor = true;
};

TEST(PageAppenderStaleness, ByTable) {
  const std::vector<StaleCase> cases = {
      {{"a 1\nb 1\n", "a 1\n"}, "1000=1 2000=1", "1000=1 2000=stale"},
      {{"a 1\nb 1\n", "a 1\n", "a 1\n"}, "1000=1 2000=1 3000=1", "1000=1 2000=stale"},
      {{"a 1\nb 1\n", "a 1\n", "a 1\nb 2\n"}, "1000=1 2000=1 3000=1", "1000=1 2000=stale 3000=2"},
      {{"a 1\nb 1\n", "a 1\n!"}, "1000=1 2000=stale", "1000=1 2000=stale"},
      {{"a 1\nb 1\n", "a 1\n!", "a 1\n!", "a 2\n"}, "1000=1 2000=stale 4000=2", "1000=1 2000=stale"},
      {{"a 1\nb 1\n", "!", "a 2\nb 2\n", "b 3\n"},
       "1000=1 2000=stale 3000=2 4000=stale", "1000=1 2000=stale 3000=2 4000=3"},
      // A time of its own: not tracked, unless that is asked for or the time is not honoured.
      {{"a 1\nb 1 1700000000500\n", "a 1\n"}, "1000=1 2000=1", "500=1"},
      {{"a 1\nb 1 1700000000500\n", "a 1\n"}, "1000=1 2000=1", "500=1 2000=stale", true},
      {{"a 1\nb 1 1700000000500\n", "a 1\n"}, "1000=1 2000=1", "1000=1 2000=stale", false, false},
      // In a batch in which its own sample is newer, the marker is out of order.
      {{"a 1\nb 1 1700000009000\n", "a 1\n"}, "1000=1 2000=1", "9000=1", true},
  };
  for (size_t i = 0; i < cases.size(); ++i) {
    class Runner : public PageAppenderTest {
     public:
      void TestBody() override {}
      std::pair<std::string, std::string> Run(const StaleCase& c) {
        job_.track_timestamps_staleness = c.track;
        job_.honor_timestamps = c.honor;
        for (const std::string& page : c.pages) Scrape(page);
        return {Show({{"__name__", "a"}, {"instance", "i"}, {"job", "j"}}),
                Show({{"__name__", "b"}, {"instance", "i"}, {"job", "j"}})};
      }
    } runner;
    EXPECT_THAT(runner.Run(cases[i]), Pair(cases[i].a, cases[i].b)) << "case " << i;
  }
}

TEST_F(PageAppenderTest, ExemplarsGetTheSamplesTimeWhenTheyHaveNone) {
  EXPECT_EQ(Scrape("# TYPE a counter\na_total 1 # {id=\"x\"} 0.5\nb_total 1 # {id=\"y\"} 0.5 7.5\n# EOF\n",
                   PageFormat::kOpenMetrics),
            "");
  const auto contents = store_.Contents();
  const auto& a = contents.at(R"({__name__="a_total", instance="i", job="j"})");
  ASSERT_EQ(a.exemplars.size(), 1u);
  EXPECT_EQ(a.exemplars[0].t, now_);
  EXPECT_EQ(a.exemplars[0].labels, Labels({{"id", "x"}}));
  EXPECT_EQ(contents.at(R"({__name__="b_total", instance="i", job="j"})").exemplars[0].t, 7500);
}

TEST_F(PageAppenderTest, MetadataIsKept) {
  Scrape("# TYPE a_seconds gauge\n# UNIT a_seconds seconds\n# HELP a_seconds It\\\\s \\\"x\\\"\n# EOF\n",
         PageFormat::kOpenMetrics);
  EXPECT_THAT(cache_.metadata().List(),
              ElementsAre(Pair("a_seconds", model::Metadata{model::MetricType::kGauge,
                                                            "It\\s \"x\"", "seconds"})));
}

TEST_F(PageAppenderTest, PredictionsOfAnotherFormatAreNotTrusted) {
  EXPECT_EQ(Scrape("a{b=\"c\", d=\"e\"} 1\n"), "");  // A space that OpenMetrics does not allow.
  EXPECT_NE(Scrape("a{b=\"c\", d=\"e\"} 1\n# EOF\n", PageFormat::kOpenMetrics), "");
}

TEST_F(PageAppenderTest, StartTimesGoToTheStoreAndTheirLinesAreNoSamplesThen) {
  const std::string page =
      "# TYPE a counter\na_total{x=\"1\"} 1\na_created{x=\"1\"} 5\na_total{x=\"2\"} 1\n"
      "# TYPE g gauge\ng 1\n# EOF\n";
  EXPECT_EQ(Scrape(page, PageFormat::kOpenMetrics), "");
  EXPECT_EQ(result_.total, 4u);
  EXPECT_EQ(SeriesNames().size(), 4u);
  options_.read_starts = true;
  for (int i = 0; i < 3; ++i) {  // By prediction as well.
    EXPECT_EQ(Scrape(page, PageFormat::kOpenMetrics), "");
    EXPECT_EQ(result_.total, 3u);
  }
  using Starts = std::map<model::TimeMs, model::TimeMs>;
  const auto of = [](std::string name, std::string x) {
    return Labels({{"__name__", name}, {"instance", "i"}, {"job", "j"}, {"x", x}});
  };
  const Labels one = of("a_total", "1"), two = of("a_total", "2");
  EXPECT_EQ(store_.Starts(one),
            (Starts{{kNow + 2000, 5000}, {kNow + 3000, 5000}, {kNow + 4000, 5000}}));
  EXPECT_THAT(store_.Starts(two), IsEmpty());
  EXPECT_EQ(Show(of("a_created", "1")), "1000=5 2000=stale");
  EXPECT_EQ(Scrape("# EOF\n", PageFormat::kOpenMetrics), "");
  EXPECT_EQ(store_.Starts(one).size(), 3u);  // Markers of the end have none.
}

TEST_F(PageAppenderTest, TypesAndUnitsBecomeLabelsWhenAskedFor) {
  options_.type_and_unit_labels = true;
  const std::string page =
      "a 1\n# TYPE b_seconds counter\n# UNIT b_seconds seconds\nb_seconds_total 2\n"
      "b_seconds_total{__type__=\"mine\",__unit__=\"mine\",__name__=\"x\",y=\"z\"} 3\n"
      "# TYPE c unknown\nc{__type__=\"mine\"} 4\n# TYPE h histogram\nh_bucket{le=\"1\"} 5\n# EOF\n";
  for (int i = 0; i < 2; ++i) EXPECT_EQ(Scrape(page, PageFormat::kOpenMetrics), "");
  // As the reference reads it, a unit stays until there is another.
  const std::string target = R"(instance="i", job="j")";
  EXPECT_THAT(
      SeriesNames(),
      UnorderedElementsAre(
          R"({__name__="a", )" + target + "}",
          R"({__name__="b_seconds_total", __type__="counter", __unit__="seconds", )" + target + "}",
          R"({__name__="b_seconds_total", __type__="counter", __unit__="seconds", )" + target +
              R"(, y="z"})",
          R"({__name__="c", __type__="mine", __unit__="seconds", )" + target + "}",
          R"({__name__="h_bucket", __type__="histogram", __unit__="seconds", )" + target +
              R"(, le="1.0"})"));
  // The text format has types only, and the series that ended are found though the store forgot them.
  store_.ForgetSeries();
  EXPECT_EQ(Scrape("# TYPE d gauge\nd 1\n"), "");
  EXPECT_EQ(Show({{"__name__", "d"}, {"__type__", "gauge"}, {"instance", "i"}, {"job", "j"}}),
            "3000=1");
  EXPECT_EQ(Show({{"__name__", "b_seconds_total"}, {"__type__", "counter"}, {"__unit__", "seconds"},
                  {"instance", "i"}, {"job", "j"}}),
            "3000=stale");
}

}  // namespace
}  // namespace server
