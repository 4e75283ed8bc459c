// What does a query cost inside the process, from text to Value? Targets: sum by (job)
// (rate(x[5m])) over 10 k series, 6 h by 30 s: 60 ms; topk(5, rate) 120 ms; instant count of 555 k
// series 150 ms. (Design, "The figures"; values here are CPU milliseconds of one query, warm.)
#include <unistd.h>

#include <filesystem>
#include <random>

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

struct Query {
  const char* name;
  const char* text;
  int step_s;  // 0: instant, at the end.
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

void RunQueries(promql::Engine* engine, storage::Database* db, std::string_view where) {
  const model::TimeMs end = kStart + int64_t{15'000} * (kSamples - 1);
  for (const Query& query : kQueries) {
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

absl::Status Run(const std::string& dir) {
  FixedClock clock;
  storage::DatabaseOptions options;
  options.dir = dir;
  options.clock = &clock;
  ASSIGN_OR_RETURN(const auto db, storage::Database::Open(options));
  RETURN_IF_ERROR(Fill(db.get()));
  promql::Engine::Options engine_options;
  engine_options.max_samples = 500'000'000;
  promql::Engine engine(engine_options);
  RunQueries(&engine, db.get(), "head");
  RETURN_IF_ERROR(db->FlushHead());
  RunQueries(&engine, db.get(), "block");
  return db->Close();
}

}  // namespace

int main() {
  const std::string dir =
      (std::filesystem::temp_directory_path() / fmt::format("query_bench.{}", getpid())).string();
  const absl::Status status = Run(dir);
  std::filesystem::remove_all(dir);
  if (!status.ok()) fmt::print(stderr, "{}\n", base::message(status));
  return status.ok() ? 0 : 1;
}
