// Over the real head labels are made late, series come in any order where that does not matter, and
// newest samples come many at once. Over head and blocks together labels are gone through, and few are
// kept. Over memory none of it: answers must be the same to the bit.
#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <map>
#include <random>

#include <absl/strings/str_join.h>
#include <absl/strings/str_split.h>

#include "promql/engine.h"
#include "promql/testing/memory_queryable.h"
#include "storage/base/status.h"
#include "storage/database.h"
#include "storage/model/sample.h"
#include "tests/testing/random_histogram.h"
#include "tests/testing/seed.h"
#include "tests/testing/temp_dir.h"

namespace promql {
namespace {

constexpr int kSamples = 40;  // One each 15 s.
constexpr int64_t kStepMs = 15'000;
constexpr model::TimeMs kStart = 1'700'000'000'000;

std::string Print(const Value& value) {
  std::string out;
  for (const VectorSample& s : value.vector) {
    out += fmt::format("{} {:x}\n", s.labels.ToString(),
                       s.histogram != nullptr ? 0 : std::bit_cast<uint64_t>(s.sample.v));
  }
  for (const Series& s : value.matrix) {
    out += s.labels.ToString();
    for (const model::Sample& p : s.points) out += fmt::format(" {:x}", std::bit_cast<uint64_t>(p.v));
    out += fmt::format(" and {} histograms\n", s.histograms.size());
  }
  return out;
}

// Without the order: groups come in that of their first series, also of one without a sample in time,
// which memory selects and blocks do not.
std::string Sorted(const std::string& text) {
  std::vector<std::string> lines = absl::StrSplit(text, '\n');
  std::sort(lines.begin(), lines.end());
  return absl::StrJoin(lines, "\n");
}

// Selects all labels, in order, whoever asks.
class AllLabels final : public storage::Queryable {
 public:
  explicit AllLabels(storage::Queryable* of) : of_(of) {}
  absl::StatusOr<std::unique_ptr<storage::Querier>> NewQuerier(model::TimeRange range) override {
    ASSIGN_OR_RETURN(auto querier, of_->NewQuerier(range));
    return std::make_unique<AllQuerier>(std::move(querier));
  }

 private:
  class AllQuerier final : public storage::Querier {
   public:
    explicit AllQuerier(std::unique_ptr<storage::Querier> of) : of_(std::move(of)) {}
    absl::StatusOr<std::unique_ptr<storage::Selection>> Select(
        const storage::SelectRequest& request) override {
      storage::SelectRequest all = request;
      all.few_labels = all.any_order = false;
      return of_->Select(all);
    }
    absl::StatusOr<std::vector<std::string>> LabelNames(storage::Matchers matchers,
                                                        size_t limit) override {
      return of_->LabelNames(matchers, limit);
    }
    absl::StatusOr<std::vector<std::string>> LabelValues(std::string_view name,
                                                         storage::Matchers matchers,
                                                         size_t limit) override {
      return of_->LabelValues(name, matchers, limit);
    }

   private:
    const std::unique_ptr<storage::Querier> of_;
  };
  storage::Queryable* const of_;
};

std::vector<model::Labels> RandomSeries(std::mt19937_64* random, int n) {
  std::map<std::string, model::Labels> distinct;
  while (static_cast<int>(distinct.size()) < n) {
    std::vector<model::Labels::Pair> pairs{{"__name__", fmt::format("m{}", (*random)() % 4)},
                                           {"i", fmt::format("{}", (*random)() % 100)}};
    for (const char* name : {"A", "__type__", "job"}) {
      if ((*random)() % 3 != 0) pairs.emplace_back(name, fmt::format("{}", (*random)() % 5));
    }
    const model::Labels labels = model::Labels::FromPairs(std::move(pairs));
    distinct.emplace(labels.ToString(), labels);
  }
  std::vector<model::Labels> series;
  for (const auto& [text, labels] : distinct) series.push_back(labels);
  std::shuffle(series.begin(), series.end(), *random);
  return series;
}

void Compare(bool with_histograms, bool flushed) {
  const uint64_t seed = testing_support::Seed();
  SCOPED_TRACE(seed);
  std::mt19937_64 random(seed);
  const auto below = [&](int n) { return static_cast<int>(random() % static_cast<unsigned>(n)); };
  promql_test::MemoryQueryable memory;
  const testing_support::TempDir temp;
  storage::DatabaseOptions options;
  options.dir = temp.path();
  const auto db = storage::Database::Open(options);
  ASSERT_TRUE(db.ok()) << db.status();
  testing_support::RandomHistogram histograms(seed, false, false, false);
  const std::vector<model::Labels> series = RandomSeries(&random, 700);
  for (int i = 0; i < kSamples; ++i) {
    const auto batch = (*db)->NewAppender();
    const model::TimeMs t = kStart + i * kStepMs;
    for (const model::Labels& labels : series) {
      if (below(20) == 0) continue;
      // Some are not in each part.
      if (flushed && (labels.Get("i").size() + static_cast<size_t>(i / 13)) % 3 == 0) continue;
      if (with_histograms && labels.Get("i") == "7" && below(2) == 0) {
        model::AnyHistogram h = histograms.Next();
        if (batch->AppendHistogram(storage::SeriesRef::kNone, labels, t, h).outcome ==
            storage::Outcome::kAccepted) {
          memory.AddHistogram(labels, t, std::move(h));
        }
        continue;
      }
      const double values[] = {model::StaleNan(), model::NormalNan(), 0.0, -0.0, 1e300, 0.1 * below(50)};
      const double v = values[below(12) == 0 ? below(5) : 5];
      ASSERT_EQ(batch->Append(storage::SeriesRef::kNone, labels, {t, v}).outcome,
                storage::Outcome::kAccepted);
      memory.Add(labels, t, v);
    }
    ASSERT_TRUE(batch->Commit().ok());
    if (flushed && i % 13 == 12) {
      ASSERT_TRUE((*db)->FlushHead().ok());
    }
  }
  static constexpr const char* kAggregations[] = {"sum", "avg", "count", "group", "min", "max",
                                                  "stddev", "quantile", "topk", "bottomk", "limitk"};
  static constexpr const char* kGroupings[] = {
      "", "by (job)", "by (__name__)", "by (A, job)", "by (__type__, i)", "by (none)", "by ()",
      "without (i)"};
  static constexpr const char* kSelectors[] = {
      R"({__name__=~"m.*"})", "m0", R"({__name__=~"m1|m2", job!="3"})", R"({i=~".*7", job=""})"};
  Engine::Options engine_options;
  engine_options.features.experimental_functions = true;
  Engine engine(engine_options);
  AllLabels all_labels(db->get());
  int filled = 0;
  for (int round = 0; round < testing_support::Rounds(600); ++round) {
    const std::string aggregation = kAggregations[below(std::size(kAggregations))];
    std::string input = kSelectors[below(std::size(kSelectors))];
    if (below(8) == 0) input += " offset 1m";
    if (below(4) == 0) {
      static constexpr const char* kFunctions[] = {"rate", "increase", "max_over_time",
                                                   "last_over_time", "absent_over_time"};
      input = fmt::format("{}({}[2m])", kFunctions[below(std::size(kFunctions))], input);
    }
    if (below(8) == 0) input = fmt::format("timestamp({})", input);
    const char* const parameter = aggregation == "quantile"  ? "0.7, "
                                  : aggregation.ends_with("k") ? "5, "
                                                               : "";
    std::string query = fmt::format("{} {} ({}{})", aggregation,
                                    kGroupings[below(std::size(kGroupings))], parameter, input);
    // Both look at one selection, and want different things of it.
    if (below(6) == 0) query += fmt::format(" or count({0}) or {0}", input);
    Grid grid{kStart + below(kSamples * 15) * 1000, 0, 0};
    if (below(3) == 0) grid.step_ms = 10'000 + below(100'000);
    grid.end = grid.start + below(10) * grid.step_ms;
    const auto want = engine.Evaluate(query, grid, &memory);
    const auto got = engine.Evaluate(query, grid, db->get());
    SCOPED_TRACE(fmt::format("{} from {} to {} by {}", query, grid.start, grid.end, grid.step_ms));
    ASSERT_EQ(want.status().message(), got.status().message());
    if (!want.ok()) continue;
    const auto all = engine.Evaluate(query, grid, &all_labels);
    ASSERT_TRUE(all.ok()) << all.status();
    ASSERT_EQ(Print(got->value), Print(all->value));
    EXPECT_EQ(got->stats.samples, all->stats.samples);
    EXPECT_EQ(got->annotations.infos, all->annotations.infos);
    if (flushed) {
      ASSERT_EQ(Sorted(Print(got->value)), Sorted(Print(want->value)));
    } else {
      ASSERT_EQ(Print(got->value), Print(want->value));
    }
    // How many samples a histogram counts for goes by its buckets, and memory has each as it came, not
    // all of a chunk alike: see HistogramsCountForWhatTheirChunkLaysOut.
    if (!with_histograms) {
      EXPECT_EQ(got->stats.samples, want->stats.samples);
    }
    EXPECT_EQ(got->annotations.warnings, want->annotations.warnings);
    EXPECT_EQ(got->annotations.infos, want->annotations.infos);
    filled += !want->value.vector.empty() || !want->value.matrix.empty();
  }
  // Most of them say something, which a few rounds need not.
  if (testing_support::Rounds(600) >= 100) {
    EXPECT_GT(filled, testing_support::Rounds(600) / 2);
  }
  ASSERT_TRUE((*db)->Close().ok());
}

TEST(HeadReads, GiveTheAnswersOfMemory) { Compare(/*with_histograms=*/false, /*flushed=*/false); }
TEST(HeadReads, OfHistogramsToo) { Compare(/*with_histograms=*/true, /*flushed=*/false); }
TEST(HeadReads, WithBlocksGiveTheAnswersOfMemory) {
  Compare(/*with_histograms=*/false, /*flushed=*/true);
}
TEST(HeadReads, WithBlocksOfHistogramsToo) { Compare(/*with_histograms=*/true, /*flushed=*/true); }

// A counter with `counts` of observations by bucket; empty ones are not among its buckets.
model::Histogram CounterOf(const std::map<int, int>& counts) {
  model::Histogram h;
  h.zero_threshold = 1e-128;
  int next = 0, last = 0;
  for (const auto& [index, count] : counts) {
    if (h.positive_spans.empty() || index != next) h.positive_spans.push_back({index - next, 0});
    ++h.positive_spans.back().length;
    h.positive_buckets.push_back(count - last);
    h.count += static_cast<uint64_t>(count);
    next = index + 1;
    last = count;
  }
  h.sum = static_cast<double>(h.count);
  return h;
}

// Figures of Prometheus 3.14, which lays histograms out in chunks as we do: an early one has the
// buckets that came later too, and counts as large as they are. A reset begins a chunk of few.
TEST(HeadReads, HistogramsCountForWhatTheirChunkLaysOut) {
  const testing_support::TempDir temp;
  storage::DatabaseOptions options;
  options.dir = temp.path();
  const auto db = storage::Database::Open(options);
  ASSERT_TRUE(db.ok()) << db.status();
  const model::Labels labels = model::Labels::FromPairs({{"__name__", "h"}});
  const Grid grid{kStart, kStart + 4 * kStepMs, kStepMs};
  model::TimeMs t = kStart;
  for (const std::map<int, int>& counts : std::vector<std::map<int, int>>{
           {{0, 1}},
           {{0, 1}, {1, 1}},
           {{0, 1}, {1, 1}, {7, 2}, {20, 1}},
           {{0, 2}, {1, 1}, {7, 2}, {20, 1}},
           {{3, 1}}}) {
    const auto batch = (*db)->NewAppender();
    model::AnyHistogram h = CounterOf(counts);
    ASSERT_EQ(batch->AppendHistogram(storage::SeriesRef::kNone, labels, t, h).outcome,
              storage::Outcome::kAccepted);
    ASSERT_TRUE(batch->Commit().ok());
    t += kStepMs;
  }
  Engine engine(Engine::Options{});
  for (const bool flushed : {false, true}) {
    SCOPED_TRACE(flushed);
    if (flushed) {
      ASSERT_TRUE((*db)->FlushHead().ok());
    }
    for (const auto& [query, samples] : std::vector<std::pair<std::string, int64_t>>{
             {"h", 4 * 14 + 12},
             {"sum(h)", 4 * 14 + 12},
             {"histogram_count(h)", 55},
             {"rate(h[2m])", 14 + 28 + 42 + 56 + 68},
             {"count_over_time(h[5m])", 14 + 28 + 42 + 56 + 68}}) {
      const auto result = engine.Evaluate(query, grid, db->get());
      ASSERT_TRUE(result.ok()) << result.status();
      EXPECT_EQ(result->stats.samples, samples) << query;
    }
  }
  ASSERT_TRUE((*db)->Close().ok());
}

}  // namespace
}  // namespace promql
