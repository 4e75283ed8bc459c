// Limits, errors, statistics and the shape of results.
#include "promql/engine.h"

#include <atomic>
#include <functional>
#include <thread>

#include <absl/synchronization/notification.h>

#include "promql/analysis.h"
#include "storage/base/status.h"
#include "tests/promql/engine_fixture.h"

namespace promql {
namespace {

class EngineTest : public EngineFixture {
 protected:
  absl::StatusCode Code(std::string_view query, Grid grid = {0, 0, 0}) {
    return Run(query, grid).status().code();
  }
};

TEST_F(EngineTest, GivesEveryTypeOfValue) {
  Load("m{a=\"1\"}", "1 2 3");
  EXPECT_EQ(Instant("m", 60), "{__name__=\"m\", a=\"1\"} 2\n");
  EXPECT_EQ(Instant("1 + 1"), "scalar 2\n");
  EXPECT_EQ(Instant("\"text\""), "string text\n");
  EXPECT_EQ(Instant("m[5m]", 120), "{__name__=\"m\", a=\"1\"} 1@0 2@60 3@120\n");
  EXPECT_EQ(Instant("m[2m:30s]", 60), "{__name__=\"m\", a=\"1\"} 1@0 1@30 2@60\n");
  EXPECT_EQ(Range("m", 0, 120, 60), "{__name__=\"m\", a=\"1\"} 1@0 2@60 3@120\n");
  EXPECT_EQ(Range("time()", 0, 120, 60), "{} 0@0 60@60 120@120\n");
  EXPECT_EQ(Instant("nothing"), "");
  EXPECT_EQ(Range("nothing", 0, 60, 60), "");
}

TEST_F(EngineTest, RangeQueriesTakeOnlyScalarsAndInstantVectors) {
  EXPECT_EQ(Range("m[5m]", 0, 60, 60),
            "error: invalid expression type \"range vector\" for range query, must be Scalar or "
            "instant Vector\n");
  EXPECT_EQ(Range("\"x\"", 0, 60, 60),
            "error: invalid expression type \"string\" for range query, must be Scalar or instant "
            "Vector\n");
  EXPECT_EQ(Code("m[5m]", {0, 60'000, 60'000}), absl::StatusCode::kInvalidArgument);
}

TEST_F(EngineTest, ParseErrorsAreInvalidArguments) {
  EXPECT_EQ(Instant("sum("), "error: 1:5: parse error: unclosed left parenthesis\n");
  EXPECT_EQ(Code("sum("), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(Code("m[step()]"), absl::StatusCode::kInvalidArgument);
}

TEST_F(EngineTest, MatricesAreSortedByLabels) {
  Load("m{a=\"2\"}", "1 1");
  Load("m{a=\"1\"}", "2 2");
  EXPECT_EQ(Range("sort_desc(m) or vector(1)", 0, 60, 60),
            "{} 1@0 1@60\n{__name__=\"m\", a=\"1\"} 2@0 2@60\n{__name__=\"m\", a=\"2\"} 1@0 1@60\n"
            "PromQL warning: sort is ineffective for range queries since results are always "
            "ordered by labels (1:1)\n");
}

TEST_F(EngineTest, RanksKeepTheirOrderInInstantQueries) {
  Load("m{a=\"1\"}", "5");
  Load("m{a=\"2\"}", "7");
  Load("m{a=\"3\"}", "NaN");
  Load("m{a=\"4\"}", "6");
  EXPECT_EQ(Instant("topk(3, m) + 0"), "{a=\"2\"} 7\n{a=\"4\"} 6\n{a=\"1\"} 5\n");
  EXPECT_EQ(Instant("bottomk(5, m)"),
            "{__name__=\"m\", a=\"1\"} 5\n{__name__=\"m\", a=\"4\"} 6\n"
            "{__name__=\"m\", a=\"2\"} 7\n"
            "{__name__=\"m\", a=\"3\"} NaN\n");
}

TEST_F(EngineTest, RankParametersAreChecked) {
  Load("m", "1");
  EXPECT_EQ(Instant("topk(0, m)"), "");
  EXPECT_EQ(Instant("topk(-5, m)"), "");
  EXPECT_EQ(Instant("topk(NaN, m)"), "error: Parameter value is NaN\n");
  EXPECT_EQ(Instant("topk(1e100, m)"), "error: Scalar value 1e+100 overflows int64\n");
  EXPECT_EQ(Instant("topk(scalar(m), m)"), "{__name__=\"m\"} 1\n");
  EXPECT_EQ(Instant("quantile(2, m)"),
            "{} +Inf\nPromQL warning: quantile value should be between 0 and 1, got 2 (1:10)\n");
  EXPECT_EQ(Instant("count_values(\"\", m)"), "error: invalid label name \"\"\n");
}

TEST_F(EngineTest, MoreSamplesThanAllowedAreRefused) {
  Engine::Options options;
  options.max_samples = 3;
  Reset(options);
  for (int i = 0; i < 4; ++i) Load(fmt::format("m{{a=\"{}\"}}", i), "1 2");
  constexpr std::string_view kError =
      "error: query processing would load too many samples into memory in query execution "
      "(--query.max-samples)\n";
  EXPECT_EQ(Instant("m"), kError);
  EXPECT_EQ(Instant("m[5m]", 60), kError);
  EXPECT_EQ(Instant("m * on (a) m"), kError);
  EXPECT_EQ(Range("vector(1)", 0, 180, 60), kError);
  EXPECT_EQ(Instant("sum(m)"), "{} 4\n");  // Folds as it passes.
  EXPECT_EQ(Code("m"), absl::StatusCode::kResourceExhausted);
}

TEST_F(EngineTest, EndlesslyFineSubqueriesAreRefusedAtOnce) {
  Load("m", "1");
  EXPECT_EQ(Code("sum_over_time(m[100y:1ms])"), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(Code("m[100y:1ms]"), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(Code("m", {0, int64_t{1} << 60, 1}), absl::StatusCode::kResourceExhausted);
}

TEST_F(EngineTest, TimesAtTheEndsOfTheWorldDoNotOverflow) {
  Load("m", "1");
  for (const char* query : {"m @ 9e15", "m @ -9e15", "m offset -292y",
                            "m[292y] @ 9e15 offset -290y", "m[1m:1s] @ 9e15",
                            "sum_over_time(m[1m] @ -9e15 offset 292y)"}) {
    EXPECT_TRUE(Run(query, {0, 0, 0}).ok()) << query << Instant(query);
  }
  EXPECT_EQ(Code("m", {INT64_MIN, INT64_MIN, 0}), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(Code("m", {INT64_MIN, INT64_MAX, 1000}), absl::StatusCode::kInvalidArgument);
}

TEST_F(EngineTest, DeepExpressionsDoNotOverflowTheStack) {
  Load("m", "1");
  std::string query = "m";
  for (int i = 0; i < 400; ++i) query = "abs(" + query + ")";
  EXPECT_EQ(Instant(query), "{} 1\n");
  query = "m";
  for (int i = 0; i < 900; ++i) query += " + 1";
  EXPECT_EQ(Instant(query), "{} 901\n");
}

TEST_F(EngineTest, AnEmptyRangeIsAnEmptyMatrix) {
  EXPECT_EQ(Range("vector(1)", 60, 0, 60), "");
}

TEST_F(EngineTest, TimeoutAndCancelHaveTheirCodes) {
  Load("m", "1");
  query_options_.timeout = absl::Nanoseconds(1);
  EXPECT_EQ(Code("m"), absl::StatusCode::kDeadlineExceeded);
  query_options_ = {};
  std::atomic<bool> cancelled = true;
  query_options_.cancelled = &cancelled;
  EXPECT_EQ(Instant("m"), "error: query was canceled in query execution\n");
  EXPECT_EQ(Code("m"), absl::StatusCode::kCancelled);
}

// Holds every query up until it is opened.
class ClosedQueryable : public storage::Queryable {
 public:
  absl::StatusOr<std::unique_ptr<storage::Querier>> NewQuerier(model::TimeRange range) override {
    entered.Notify();
    open.WaitForNotification();
    return inner.NewQuerier(range);
  }
  absl::Notification entered, open;
  promql_test::MemoryQueryable inner;
};

TEST_F(EngineTest, QueriesBeyondTheGateWaitAndTimeOut) {
  Engine::Options options;
  options.max_concurrency = 1;
  Reset(options);
  ClosedQueryable closed;
  std::thread first([&] { EXPECT_TRUE(engine_->Evaluate("m", {0, 0, 0}, &closed).ok()); });
  closed.entered.WaitForNotification();
  EXPECT_EQ(engine_->stats().active, 1);
  query_options_.timeout = absl::Milliseconds(1);
  EXPECT_EQ(Instant("1"), "error: query timed out in query queue\n");
  query_options_.timeout = std::nullopt;
  std::atomic<bool> cancelled = true;
  query_options_.cancelled = &cancelled;
  EXPECT_EQ(Instant("1"), "error: query was canceled in query queue\n");
  closed.open.Notify();
  first.join();
  query_options_ = {};
  EXPECT_EQ(Instant("1"), "scalar 1\n");
  EXPECT_EQ(engine_->stats().active, 0);
  EXPECT_EQ(engine_->stats().queries, 4);
}

TEST_F(EngineTest, StorageErrorsSayWhereTheyCameUp) {
  Load("m", "1");
  data_.FailSelect(base::Unavailable("disk on fire"));
  EXPECT_EQ(Instant("sum(m)"), "error: expanding series: disk on fire\n");
  EXPECT_EQ(Code("m"), absl::StatusCode::kUnavailable);
  data_.FailSelect(absl::OkStatus());
  data_.FailRead(base::DataLoss("bad chunk"));
  EXPECT_EQ(Instant("rate(m[5m])"), "error: expanding series: bad chunk\n");
  EXPECT_EQ(Instant("m[5m]"), "error: expanding series: bad chunk\n");
}

TEST_F(EngineTest, CountsSamplesAsPrometheusDoes) {
  Load("m", "1x10");
  const auto samples = [&](std::string_view query, Grid grid) {
    return Run(query, grid)->stats.samples;
  };
  EXPECT_EQ(samples("m", {0, 0, 0}), 1);
  EXPECT_EQ(samples("m", {0, 300'000, 60'000}), 6);
  EXPECT_EQ(samples("m[5m]", {300'000, 300'000, 0}), 5);
  EXPECT_EQ(samples("sum_over_time(m[3m])", {300'000, 300'000, 0}), 3);
  EXPECT_EQ(samples("sum_over_time(m[3m])", {180'000, 300'000, 60'000}), 9);
  EXPECT_EQ(samples("m @ 0", {0, 300'000, 60'000}), 6);
  EXPECT_EQ(samples("sum_over_time(m[3m:1m])", {300'000, 300'000, 0}), 3);
  EXPECT_GT(Run("m", {0, 300'000, 60'000})->stats.peak_samples, 0);
}

TEST_F(EngineTest, AnnotationsKeepEachTextOnce) {
  Load("m", "1x10");
  EXPECT_EQ(Instant("rate(m[5m]) +\n  rate(m[6m])", 600),
            "{} 0\nPromQL info: metric might not be a counter, name does not end in "
            "_total/_sum/_count/_bucket: \"m\" (2:8)\n");
  EXPECT_EQ(Instant("m </ 3", 60),
            "PromQL info: incompatible sample types encountered for binary operator \"</\": float "
            "</ float (1:1)\n");
}

TEST_F(EngineTest, StartTimesCountWithLeaveOnly) {
  Load("m_total", "5 6 7");
  data_.SetStart(ParseSeries("m_total"), 60'000, 30'000);
  EXPECT_EQ(Instant("start_timestamp(m_total)", 60), "");
  EXPECT_EQ(Instant("resets(m_total[5m])", 120), "{} 0\n");
  Engine::Options options;
  options.use_start_timestamps = true;
  Reset(options);
  EXPECT_EQ(Instant("start_timestamp(m_total)", 60), "{} 30\n");
  EXPECT_EQ(Instant("start_timestamp(m_total)", 120), "{} 0\n");
  EXPECT_EQ(Instant("start_timestamp(m_total + 0)", 60), "");
  EXPECT_EQ(Instant("resets(m_total[5m])", 120), "{} 1\n");
}

TEST_F(EngineTest, AnalysisCountsWhereSamplesAreRead) {
  for (const char* x : {"1", "2", "3"}) Load(fmt::format("m{{x=\"{}\"}}", x), "0+1x10");
  query_options_.analyze = true;
  const auto result =
      Run("sum(rate(m[2m])) + max_over_time(sum(m)[3m:1m])", {300'000, 480'000, 60'000});
  ASSERT_TRUE(result.ok());
  ASSERT_NE(result->analysis, nullptr);
  const NodeReport& root = *result->analysis;
  EXPECT_EQ(root.node, "binary");
  EXPECT_EQ(root.steps, 4);
  EXPECT_EQ(root.samples, 0);
  ASSERT_EQ(root.inputs.size(), 2u);
  const NodeReport& rate = root.inputs[0].inputs[0];
  EXPECT_EQ(rate.expression, "rate(m[2m])");
  EXPECT_EQ(rate.series, 3);
  EXPECT_EQ(rate.rows, 3);
  EXPECT_EQ(rate.samples, 3 * 4 * 2);
  EXPECT_EQ(root.inputs[0].samples, 0);
  const NodeReport& over = root.inputs[1];
  EXPECT_EQ(over.samples, 4 * 3);  // Of the subquery's rows.
  const NodeReport& select = over.inputs[0].inputs[0].inputs[0];
  EXPECT_EQ(select.node, "select");
  EXPECT_EQ(select.steps, 6);
  EXPECT_EQ(select.samples, 3 * 6);
  EXPECT_EQ(result->stats.samples, 3 * 4 * 2 + 4 * 3);
  double self = 0;
  const std::function<void(const NodeReport&)> add = [&](const NodeReport& node) {
    self += node.self_s;
    for (const NodeReport& input : node.inputs) add(input);
  };
  add(root);
  EXPECT_NEAR(self, root.total_s, 1e-6);

  query_options_.analyze = false;
  EXPECT_EQ(Run("m", {0, 0, 0})->analysis, nullptr);
}

TEST_F(EngineTest, AnalysisTellsOfSamplesThatAreTheAnswer) {
  for (const char* x : {"1", "2", "3"}) Load(fmt::format("m{{x=\"{}\"}}", x), "0+1x10");
  query_options_.analyze = true;
  const auto selected = Run("m[3m]", {300'000, 300'000, 0});
  ASSERT_TRUE(selected.ok());
  EXPECT_EQ(selected->analysis->node, "samples");
  EXPECT_EQ(selected->analysis->series, 3);
  EXPECT_EQ(selected->analysis->samples, 3 * 3);
  EXPECT_GT(selected->analysis->total_s, 0);
  const auto made = Run("sum(m)[3m:1m]", {300'000, 300'000, 0});
  ASSERT_TRUE(made.ok());
  EXPECT_EQ(made->analysis->node, "subquery");
  EXPECT_EQ(made->analysis->series, 1);
  EXPECT_EQ(made->analysis->samples, 3);
  EXPECT_GE(made->analysis->total_s, made->analysis->inputs[0].total_s);
}

TEST_F(EngineTest, AnalysisHandsOnTheRowsOfASubquery) {
  for (const char* x : {"1", "2", "3"}) Load(fmt::format("m{{x=\"{}\"}}", x), "0+1x10");
  query_options_.analyze = true;
  const auto result = Run("max_over_time(abs(m)[3m:1m])", {300'000, 300'000, 0});
  ASSERT_TRUE(result.ok());
  const NodeReport& subquery = result->analysis->inputs[0];
  EXPECT_EQ(subquery.node, "subquery");
  EXPECT_EQ(subquery.series, 3);
  EXPECT_EQ(subquery.rows, 3);
  EXPECT_EQ(subquery.total_s, subquery.inputs[0].total_s);
}

TEST_F(EngineTest, ASubqueryReadsItsSamplesOnce) {
  for (const char* x : {"1", "2", "3"}) Load(fmt::format("m{{x=\"{}\"}}", x), "0+1x10");
  const auto result = Run("m[3m:1m]", {300'000, 300'000, 0});
  ASSERT_TRUE(result.ok());
  EXPECT_EQ(result->stats.samples, 3 * 3);
  EXPECT_EQ(result->stats.samples_read, 3 * 3);
}

TEST_F(EngineTest, SamplesAreCountedByStep) {
  for (const char* x : {"1", "2"}) Load(fmt::format("m{{x=\"{}\"}}", x), "0+1x10");
  Engine::Options options;
  options.per_step_stats = true;
  Reset(options);
  query_options_.stats_by_step = true;
  const auto by_step = [&](std::string_view query) {
    const auto result = Run(query, {180'000, 360'000, 60'000});
    EXPECT_TRUE(result.ok()) << query;
    const QueryStats& stats = result->stats;
    std::string out;
    int64_t samples = 0, read = 0;
    for (size_t i = 0; i < stats.samples_by_step.size(); ++i) {
      out += fmt::format("{}/{} ", stats.samples_by_step[i], stats.samples_read_by_step[i]);
      samples += stats.samples_by_step[i];
      read += stats.samples_read_by_step[i];
    }
    if (out.empty()) return out;
    EXPECT_EQ(samples, stats.samples) << query;
    EXPECT_EQ(read, stats.samples_read) << query;
    return out;
  };
  EXPECT_EQ(by_step("m"), "2/2 2/2 2/2 2/2 ");
  EXPECT_EQ(by_step("sum(m) + sum(m)"), "4/4 4/4 4/4 4/4 ");
  // Windows of three samples that share two with the one before.
  EXPECT_EQ(by_step("rate(m[3m])"), "6/6 6/2 6/2 6/2 ");
  EXPECT_EQ(by_step("rate(m[30s])"), "2/2 2/2 2/2 2/2 ");
  EXPECT_EQ(by_step("m @ 60"), "2/2 2/0 2/0 2/0 ");
  EXPECT_EQ(by_step("rate(m[3m] @ 240)"), "6/6 6/0 6/0 6/0 ");
  // A subquery reads at its own steps: those of the first window, then one more each.
  EXPECT_EQ(by_step("max_over_time(m[3m:1m])"), "6/6 6/2 6/2 6/2 ");
  EXPECT_EQ(by_step("vector(1)"), "0/0 0/0 0/0 0/0 ");

  query_options_.stats_by_step = false;
  EXPECT_EQ(by_step("m"), "");
  Reset({});
  query_options_.stats_by_step = true;
  EXPECT_EQ(by_step("m"), "");
}

TEST_F(EngineTest, TypeLabelsTellCounters) {
  Load("a{__type__=\"counter\"}", "0+60x10");
  Load("b_total{__type__=\"gauge\"}", "0+60x10");
  EXPECT_EQ(Instant("rate(b_total[5m])", 600), "{} 1\n");
  Engine::Options options;
  options.type_and_unit_labels = true;
  Reset(options);
  EXPECT_EQ(Instant("rate(a[5m])", 600), "{} 1\n");
  EXPECT_EQ(Instant("rate(b_total[5m])", 600),
            "{} 1\nPromQL info: metric might not be a counter, __type__ label is not set to "
            "\"counter\" or \"histogram\", got \"gauge\": \"b_total\" (1:6)\n");
}

TEST_F(EngineTest, TotalsOfHistogramsLoseTheNameAlone) {
  model::FloatHistogram h;
  h.count = 4;
  h.sum = 8;
  data_.AddHistogram(ParseSeries("h{__type__=\"histogram\", a=\"b\"}"), 0, h);
  h.count = 5;
  data_.AddHistogram(ParseSeries("h{a=\"b\"}"), 0, h);
  EXPECT_EQ(Instant("histogram_count(h)"), "{__type__=\"histogram\", a=\"b\"} 4\n{a=\"b\"} 5\n");
  EXPECT_EQ(Instant("sum by (__type__) (histogram_sum(h))"), "{__type__=\"histogram\"} 8\n{} 8\n");
  EXPECT_EQ(Instant("histogram_avg(h{__type__!=\"\"}) * 2"), "{a=\"b\"} 4\n");
  Engine::Options options;
  options.delayed_name_removal = true;
  Reset(options);
  EXPECT_EQ(Instant("histogram_count(h{__type__!=\"\"})"), "{a=\"b\"} 4\n");
}

TEST_F(EngineTest, DelayedNameRemovalDropsNamesAtTheEnd) {
  Load("a_total{x=\"1\"}", "0+60x10");
  Load("b_total{x=\"1\"}", "0+60x10");
  constexpr std::string_view kRates = "rate({__name__=~\"._total\"}[5m])";
  constexpr std::string_view kSame =
      "error: vector cannot contain metrics with the same labelset\n";
  EXPECT_EQ(Instant(kRates, 600), kSame);
  EXPECT_EQ(Instant(fmt::format("sum({})", kRates), 600), kSame);
  Engine::Options options;
  options.delayed_name_removal = true;
  Reset(options);
  EXPECT_EQ(Instant(kRates, 600), kSame);
  EXPECT_EQ(Instant(fmt::format("sum({})", kRates), 600), "{} 2\n");
  EXPECT_EQ(Instant(fmt::format("label_replace({}, 'n', '$1', '__name__', '(.*)')", kRates), 600),
            "{n=\"a_total\", x=\"1\"} 1\n{n=\"b_total\", x=\"1\"} 1\n");
}

}  // namespace
}  // namespace promql
