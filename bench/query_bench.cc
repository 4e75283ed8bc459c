// What does a query cost inside the process, from text to Value? Targets: sum by (job)
// (rate(x[5m])) over 10 k series, 6 h by 30 s: 60 ms; topk(5, rate) 120 ms; instant count of 555 k
// series 150 ms. (Design, "The figures"; values here are CPU milliseconds of one query, warm.) And
// a month in day blocks, 15 s apart: 200 counters, 200 gauges, 200 targets that are up but seldom not.
#include <unistd.h>

#include <chrono>
#include <cmath>
#include <cstdio>
#include <filesystem>
#include <random>

#include <absl/strings/escaping.h>

#include "bench/bench.h"
#include "promql/engine.h"
#include "storage/base/status.h"
#include "storage/database.h"

namespace {

constexpr model::TimeMs kStart = 1'700'000'000'000;
constexpr int kSeries = 10'000, kSamples = 1440, kManySeries = 200'000;

model::Labels Target(std::string_view name, int i) {
  return model::Labels::FromPairs({{"__name__", std::string(name)},
                                   {"job", fmt::format("job-{}", i % 10)},
                                   {"instance", fmt::format("10.0.{}.{}:9100", i / 250, i % 250)},
                                   {"cpu", fmt::format("{}", i % 8)},
                                   {"series", fmt::format("{}", i)}});
}

// Time stands at the end of the data.
class FixedClock : public base::Clock {
 public:
  int64_t NowMs() const override { return kStart + int64_t{15'000} * kSamples; }
};

absl::StatusOr<std::unique_ptr<storage::Database>> Open(const std::string& dir, FixedClock* clock) {
  storage::DatabaseOptions options;
  options.dir = dir;
  options.clock = clock;
  return storage::Database::Open(options);
}

absl::Status Fill(storage::Database* db) {
  std::mt19937_64 random(42);
  std::vector<model::Labels> labels;
  std::vector<storage::SeriesRef> refs(kSeries, storage::SeriesRef::kNone);
  std::vector<double> values(kSeries);
  for (int i = 0; i < kSeries; ++i) labels.push_back(Target("requests_total", i));
  for (int t = 0; t < kSamples; ++t) {
    const auto batch = db->NewAppender();
    for (int i = 0; i < kSeries; ++i) {
      values[i] += static_cast<double>(random() % 100);
      refs[i] = batch->Append(refs[i], labels[i], {kStart + int64_t{15'000} * t, values[i]}).ref;
    }
    RETURN_IF_ERROR(batch->Commit());
  }
  const auto batch = db->NewAppender();
  for (int i = 0; i < kManySeries; ++i) {
    batch->Append(storage::SeriesRef::kNone, Target("many", i),
                  {kStart + int64_t{15'000} * (kSamples - 1), 1});
  }
  return batch->Commit();
}

constexpr int kDays = 30, kDaySamples = 5760, kMonthSeries = 200;

// The days as merges leave them, where a Database that opens `dir` finds them.
absl::Status FillMonth(const std::string& dir) {
  std::filesystem::create_directories(dir + "/tidemark");
  ASSIGN_OR_RETURN(const auto store, storage::BlockStore::Open(dir + "/tidemark/blocks", 64 << 20));
  std::mt19937_64 random(42);
  std::vector<double> counters(kMonthSeries);
  chunk::SampleColumns samples;
  for (int day = 0; day < kDays; ++day) {
    ASSIGN_OR_RETURN(const auto writer, store->NewBlock({.level = 2}));
    samples.times.clear();
    for (int t = 0; t < kDaySamples; ++t) {
      samples.times.push_back(kStart + int64_t{15'000} * (day * kDaySamples + t));
    }
    for (const char* const name : {"month_memory_bytes", "month_requests_total", "month_up"}) {
      for (int i = 0; i < kMonthSeries; ++i) {
        samples.values.clear();
        for (int t = 0; t < kDaySamples; ++t) {
          const double angle = (t + 31.0 * i) * 0.001;
          counters[i] += static_cast<double>(random() % 100);
          if (random() % 100'000 == 0) counters[i] = 0;
          samples.values.push_back(
              name[6] == 'r'   ? counters[i]
              : name[6] == 'u' ? (random() % 20'000 == 0 ? 0 : 1)
                               : 4096 * std::floor(1e5 + 5e4 * std::sin(angle) + random() % 1000));
        }
        const model::Labels labels = model::Labels::FromPairs(
            {{"__name__", name}, {"instance", fmt::format("{:03}", i)}, {"job", "month"}});
        RETURN_IF_ERROR(writer->AddSamples(labels, samples));
      }
    }
    RETURN_IF_ERROR(writer->Publish().status());
  }
  return store->Close();
}

struct Query {
  const char* name;
  const char* text;
  int step_s;  // 0: instant, at the end.
};

constexpr Query kMonthQueries[] = {
    {"rate_4m_by_1m", "sum(rate(month_requests_total[4m]))", 60},
    {"rate_4m_by_2m", "sum(rate(month_requests_total[4m]))", 120},
    {"rate_8m_by_4m", "sum(rate(month_requests_total[8m]))", 240},
    {"rate_15m_by_15m", "sum(rate(month_requests_total[15m]))", 900},
    {"rate_1h_by_1h", "sum(rate(month_requests_total[1h]))", 3600},
    {"max_6h_by_1h", "sum(max_over_time(month_memory_bytes[6h]))", 3600},
    {"count_1d_by_1h", "sum(count_over_time(month_memory_bytes[1d]))", 3600},
    {"avg_1d_by_1h", "sum(avg_over_time(month_memory_bytes[1d]))", 3600},
    {"select_by_1h", "sum(month_memory_bytes)", 3600},
    {"rate_6h_by_6h", "sum(rate(month_requests_total[6h]))", 21'600},
    {"max_6h_by_6h", "sum(max_over_time(month_memory_bytes[6h]))", 21'600},
    {"increase_1d_by_1d", "sum(increase(month_requests_total[1d]))", 86'400},
    {"max_1d_by_1d", "sum(max_over_time(month_memory_bytes[1d]))", 86'400},
    {"count_1d_by_1d", "sum(count_over_time(month_memory_bytes[1d]))", 86'400},
    {"avg_up_1d_by_1d", "sum(avg_over_time(month_up[1d]))", 86'400},
    {"rate_5m_by_1d", "sum(rate(month_requests_total[5m]))", 86'400},
    {"select_by_1d", "sum(month_memory_bytes)", 86'400},
    {"instant_increase_30d", "sum(increase(month_requests_total[30d]))", 0},
    {"instant_delta_30d", "sum(delta(month_memory_bytes[30d]))", 0},
    {"instant_max_30d", "sum(max_over_time(month_memory_bytes[30d]))", 0},
    {"instant_count_30d", "sum(count_over_time(month_memory_bytes[30d]))", 0},
    {"instant_avg_30d", "sum(avg_over_time(month_memory_bytes[30d]))", 0},
    {"instant_avg_up_30d", "sum(avg_over_time(month_up[30d]))", 0},
    {"instant_min_up_30d", "sum(min_over_time(month_up[30d]))", 0},
    {"instant_changes_up_30d", "sum(changes(month_up[30d]))", 0},
};

constexpr Query kQueries[] = {
    {"sum_rate_6h_30s", "sum by (job) (rate(requests_total[5m]))", 30},
    {"sum_rate_6h_90s", "sum by (job) (rate(requests_total[5m]))", 90},
    {"rate_6h_90s", "rate(requests_total[5m])", 90},
    {"select_6h_90s", "requests_total", 90},
    {"sum_6h_90s", "sum(requests_total)", 90},
    {"avg_by_instance_6h_90s", "avg by (instance) (requests_total)", 90},
    {"topk_6h_90s", "topk(5, rate(requests_total[5m]))", 90},
    {"quantile_6h_90s", "quantile(0.9, rate(requests_total[5m]))", 90},
    {"max_over_time_6h_90s", "sum(max_over_time(requests_total[10m]))", 90},
    {"join_6h_90s", "sum(requests_total / on (series) requests_total)", 90},
    {"scalar_op_6h_90s", "sum(requests_total * 8 > 100)", 90},
    {"instant_rate_1h", "sum by (job) (rate(requests_total[1h]))", 0},
    {"instant_count", "count({__name__=~\"man.*\"})", 0},
    {"instant_count_by_job", "count by (job) (many)", 0},
    {"instant_select", "many", 0},
};

// With parts that stand in them more than once.
constexpr Query kRepeating[] = {
    {"share_of_sum_6h_90s",
     "sum by (job) (rate(requests_total[5m])) / on () group_left sum(rate(requests_total[5m]))", 90},
    {"difference_6h_90s",
     "rate(requests_total[5m]) / (rate(requests_total[5m]) + 1)", 90},
    {"same_sums_6h_90s",
     "sum by (job) (rate(requests_total[5m])) / (sum by (job) (rate(requests_total[5m])) + 1)", 90},
    {"same_selects_6h_90s", "sum(requests_total * 2) / count(requests_total * 2)", 90},
    {"same_windows_instant", "sum(rate(requests_total[1h])) / count(rate(requests_total[1h]))", 0},
};

void RunQueries(std::span<const Query> queries, int samples, promql::Engine* engine,
                storage::Database* db, std::string_view where) {
  const model::TimeMs end = kStart + int64_t{15'000} * (samples - 1);
  for (const Query& query : queries) {
    const promql::Grid grid = query.step_s == 0
                                  ? promql::Grid{end, end, 0}
                                  : promql::Grid{kStart, end, int64_t{query.step_s} * 1000};
    bool failed = false;
    const bench::Timing timing = bench::Measure([&] {
      const auto result = engine->Evaluate(query.text, grid, db);
      failed |= !result.ok();
      bench::Keep(result);
    });
    bench::Print(fmt::format("query_{}_{}", query.name, where),
                 failed ? -1 : timing.median_s * 1000, "cpu_ms", query.text);
  }
}

constexpr int kTargets = 1000, kNames = 1000;

// A million series as targets bring them: one target after the other, each with every name.
absl::Status FillWide(storage::Database* db) {
  std::mt19937_64 random(42);
  std::vector<std::vector<storage::SeriesRef>> refs(kTargets);
  for (int t = 0; t < 4; ++t) {
    for (int target = 0; target < kTargets; ++target) {
      refs[target].resize(kNames, storage::SeriesRef::kNone);
      const auto batch = db->NewAppender();
      for (int i = 0; i < kNames; ++i) {
        const model::Labels labels = model::Labels::FromPairs(
            {{"__name__", fmt::format("{}_metric_{:03}_total", i % 9 < 5 ? "node" : "app", i / 4)},
             {"cluster", "eu-1"},
             {"instance", fmt::format("10.0.{}.{}:9100", target / 250, target % 250)},
             {"job", fmt::format("job-{}", target % 20)},
             {"mode", fmt::format("mode-{}", i % 4)}});
        refs[target][i] = batch->Append(refs[target][i], labels,
                                        {kStart + int64_t{15'000} * (kSamples - 4 + t),
                                         static_cast<double>(random() % 1'000'000) / 7}).ref;
      }
      RETURN_IF_ERROR(batch->Commit());
    }
  }
  return absl::OkStatus();
}

// Instant queries of all of it, by the processor's time and by the clock.
absl::Status RunWide(const std::string& dir, promql::Engine* engine) {
  constexpr const char* kTexts[] = {
      R"(count({__name__=~"(node|app)_.*"}))",
      R"(count({__name__=~"node_.*"}))",
      R"(count by (__name__) ({__name__=~".+"}))",
      R"(count by (job, mode) ({__name__=~".+"}))",
      R"(count without (instance) ({__name__=~".+"}))",
      R"(sum({__name__=~".+"}))",
      R"(sum by (job) ({__name__=~".+"}))",
      R"(max({__name__=~".+"}))",
      R"(quantile(0.9, {__name__=~".+"}))",
      R"(topk(5, {__name__=~".+"}))",
      R"({__name__=~".+"})",
      R"(sum by (job) (node_metric_007_total))",
  };
  FixedClock clock;
  ASSIGN_OR_RETURN(const auto db, Open(dir, &clock));
  RETURN_IF_ERROR(FillWide(db.get()));
  const model::TimeMs end = kStart + int64_t{15'000} * (kSamples - 1);
  for (const char* const text : kTexts) {
    std::vector<double> walls;
    bool failed = false;
    const bench::Timing timing = bench::Measure([&] {
      const auto begin = std::chrono::steady_clock::now();
      const auto result = engine->Evaluate(text, {end, end, 0}, db.get());
      failed |= !result.ok();
      bench::Keep(result);
      walls.push_back(std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count());
    });
    std::sort(walls.begin(), walls.end());
    fmt::print("{{\"bench\":\"query_wide\",\"query\":\"{}\",\"cpu_ms\":{:.4g},\"wall_ms\":{:.4g}}}\n",
               absl::CEscape(text), failed ? -1 : timing.median_s * 1000,
               failed ? -1 : walls[walls.size() / 2] * 1000);
    std::fflush(stdout);
  }
  return db->Close();
}

absl::Status RunMonth(const std::string& dir, promql::Engine* engine) {
  RETURN_IF_ERROR(FillMonth(dir));
  storage::DatabaseOptions options;
  options.dir = dir;
  ASSIGN_OR_RETURN(const auto db, storage::Database::Open(options));
  double bytes = 0, samples = 0;
  for (const storage::BlockMeta& meta : db->blocks()->Metas()) {
    bytes += static_cast<double>(meta.bytes);
    samples += static_cast<double>(meta.num_samples);
  }
  bench::Print("query_month_bytes", bytes / samples, "bytes/sample");
  RunQueries(kMonthQueries, kDays * kDaySamples, engine, db.get(), "month");
  return db->Close();
}

absl::Status Run(const std::string& dir, promql::Engine* engine) {
  FixedClock clock;
  ASSIGN_OR_RETURN(const auto db, Open(dir, &clock));
  RETURN_IF_ERROR(Fill(db.get()));
  RunQueries(kQueries, kSamples, engine, db.get(), "head");
  RETURN_IF_ERROR(db->FlushHead());
  RunQueries(kQueries, kSamples, engine, db.get(), "block");
  promql::Engine::Options each = engine->options();
  each.share_equal_parts = false;
  promql::Engine each_time(each);
  RunQueries(kRepeating, kSamples, engine, db.get(), "shared");
  RunQueries(kRepeating, kSamples, &each_time, db.get(), "each_time");
  return db->Close();
}

}  // namespace

// What to run may be said: month, hours or wide.
int main(int argc, char** argv) {
  const std::string dir =
      (std::filesystem::temp_directory_path() / fmt::format("query_bench.{}", getpid())).string();
  promql::Engine::Options options;
  options.max_samples = 500'000'000;
  promql::Engine engine(options);
  const std::string_view only = argc > 1 ? argv[1] : "";
  absl::Status status;
  const auto wanted = [&](std::string_view part) { return only.empty() || only == part; };
  if (wanted("hours")) status = Run(dir, &engine);
  if (status.ok() && wanted("month")) status = RunMonth(dir + ".month", &engine);
  if (status.ok() && wanted("wide")) status = RunWide(dir + ".wide", &engine);
  std::filesystem::remove_all(dir);
  std::filesystem::remove_all(dir + ".wide");
  std::filesystem::remove_all(dir + ".month");
  if (!status.ok()) fmt::print(stderr, "{}\n", base::message(status));
  return status.ok() ? 0 : 1;
}
