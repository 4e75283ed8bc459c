#include "tests/promql/cache/cached_store.h"

#include <bit>

#include "promql/parser.h"
#include "promql/testing/histogram_description.h"
#include "storage/base/status.h"
#include "tests/promql/engine_fixture.h"

namespace promql {
namespace {

std::string Difference(const Series& a, const Series& b) {
  const std::string of = " of " + a.labels.ToString();
  if (a.labels != b.labels) return a.labels.ToString() + " is " + b.labels.ToString();
  if (a.points.size() != b.points.size()) return "number of points" + of;
  for (size_t i = 0; i < a.points.size(); ++i) {
    if (a.points[i].t != b.points[i].t) return "a time" + of;
    if (std::bit_cast<uint64_t>(a.points[i].v) != std::bit_cast<uint64_t>(b.points[i].v)) {
      return fmt::format("{} is {} at {}{}", a.points[i].v, b.points[i].v, a.points[i].t, of);
    }
  }
  if (a.histograms.size() != b.histograms.size()) return "number of histograms" + of;
  for (size_t i = 0; i < a.histograms.size(); ++i) {
    if (a.histograms[i].t != b.histograms[i].t ||
        promql_test::Describe(*a.histograms[i].h) != promql_test::Describe(*b.histograms[i].h)) {
      return fmt::format("a histogram at {}{}", a.histograms[i].t, of);
    }
  }
  return "";
}

Engine::Options EngineOptions() {
  Engine::Options options;
  options.features.experimental_functions = true;
  options.features.extended_range_selectors = true;
  options.features.binop_fill = true;
  options.result_cache_bytes = 64 << 20;
  return options;
}

}  // namespace

std::string Difference(const absl::StatusOr<Result>& a, const absl::StatusOr<Result>& b) {
  if (a.status() != b.status()) {
    return fmt::format("\"{}\" is \"{}\"", base::message(a.status()), base::message(b.status()));
  }
  if (!a.ok()) return "";
  if (a->annotations.warnings != b->annotations.warnings) return "warnings";
  if (a->annotations.infos != b->annotations.infos) return "infos";
  const auto& x = a->value.matrix;
  const auto& y = b->value.matrix;
  if (a->value.type != b->value.type) return "type";
  if (x.size() != y.size()) return fmt::format("{} series are {}", x.size(), y.size());
  for (size_t i = 0; i < x.size(); ++i) {
    if (std::string difference = Difference(x[i], y[i]); !difference.empty()) return difference;
  }
  return "";
}

CachedStore::CachedStore() : engine(std::make_unique<Engine>(EngineOptions())) { Open(); }

void CachedStore::Open() {
  storage::DatabaseOptions options;
  options.dir = temp.path() + "/data";
  options.clock = &clock;
  options.block_cache_bytes = 4 << 20;
  options.fold_changes_for = std::chrono::nanoseconds(0);
  options.out_of_order_window_ms = 24 * 3600 * 1000;
  auto opened = storage::Database::Open(options);
  ASSERT_TRUE(opened.ok()) << opened.status();
  db = *std::move(opened);
}

void CachedStore::Reopen() {
  ASSERT_TRUE(db->Close().ok());
  db.reset();
  engine = std::make_unique<Engine>(EngineOptions());
  Open();
}

void CachedStore::Append(std::string_view series, double t_s, double v) {
  const auto t = static_cast<model::TimeMs>(t_s * 1000);
  clock.now_ms = std::max<int64_t>(clock.now_ms, t);
  const auto appender = db->NewAppender();
  const auto appended = appender->Append(storage::SeriesRef::kNone, ParseSeries(series), {t, v});
  EXPECT_EQ(appended.outcome, storage::Outcome::kAccepted) << series << " at " << t_s;
  ASSERT_TRUE(appender->Commit().ok());
}

void CachedStore::Fill(std::vector<std::string_view> series, int from_s, int to_s, int gap_s,
                       double first) {
  clock.now_ms = std::max<int64_t>(clock.now_ms, to_s * 1000);
  const auto appender = db->NewAppender();
  for (const std::string_view one : series) {
    const model::Labels labels = ParseSeries(one);
    double value = first;
    for (int t = from_s; t <= to_s; t += gap_s) {
      appender->Append(storage::SeriesRef::kNone, labels, {t * 1000, value++});
    }
    first += 50;
  }
  ASSERT_TRUE(appender->Commit().ok());
}

void CachedStore::Delete(std::string_view selector, double from_s, double to_s) {
  const auto matchers = ParseMetricSelector(selector);
  ASSERT_TRUE(matchers.ok());
  const std::vector<std::vector<model::Matcher>> sets = {*matchers};
  ASSERT_TRUE(db->Delete(sets, {static_cast<model::TimeMs>(from_s * 1000),
                                static_cast<model::TimeMs>(to_s * 1000)})
                  .ok());
}

CacheOutcome CachedStore::Ask(std::string_view query, double from_s, double to_s, double step_s) {
  return Ask(query, {static_cast<model::TimeMs>(from_s * 1000),
                     static_cast<model::TimeMs>(to_s * 1000),
                     static_cast<int64_t>(step_s * 1000)});
}

CacheOutcome CachedStore::Ask(std::string_view query, const Grid& grid) {
  QueryOptions options;
  options.use_cache = true;
  const auto kept = engine->Evaluate(query, grid, db.get(), options);
  const auto fresh = engine->Evaluate(query, grid, db.get());
  EXPECT_EQ(Difference(fresh, kept), "")
      << query << " from " << grid.start << " to " << grid.end << " by " << grid.step_ms;
  last_error = std::string(base::message(kept.status()));
  last = kept.ok() ? *kept : Result();
  return last.stats.cached;
}

}  // namespace promql
