// Kept answers against fresh ones, bit by bit: random queries asked again and again in ranges that
// slide, while samples come in order and late, are deleted, flushed and merged, and the store is
// closed and opened.
#include <gtest/gtest.h>

#include <cstdio>
#include <map>
#include <random>

#include "compaction/compactor.h"
#include "promql/cache/cache_file.h"
#include "tests/promql/cache/cached_store.h"
#include "tests/promql/random_query.h"
#include "tests/testing/seed.h"

namespace promql {
namespace {

class CacheFuzz {
 public:
  explicit CacheFuzz(uint64_t seed)
      : random_(seed), queries_(seed, /*histograms=*/seed % 4 == 3) {
    promql_test::MemoryQueryable all;
    queries_.FillData(&all);
    for (const auto& [labels, columns] : all.series()) {
      for (size_t i = 0; i < columns.floats.size(); ++i) {
        // Some come late.
        const model::TimeMs t = columns.floats.times[i];
        const int64_t late_ms = OneIn(40) ? Below(900'000) : OneIn(10) ? Below(40'000) : 0;
        floats_.emplace(t + late_ms, Float{labels, {t, columns.floats.values[i]}});
      }
      for (size_t i = 0; i < columns.histograms.size(); ++i) {
        histograms_.emplace(columns.histograms.times[i],
                            Histogram{labels, columns.histograms.values[i]});
      }
    }
  }

  void Run(int rounds) {
    now_ = 300'000 + Below(300'000);
    Ingest();
    for (int i = 0; i < rounds && !::testing::Test::HasFailure(); ++i) {
      if (i % 40 == 0) NewQueries();
      Change();
      for (int k = 1 + Below(4); k > 0; --k) AskOne();
    }
  }

  std::map<CacheOutcome, int> outcomes;

 private:
  struct Float {
    model::Labels labels;
    model::Sample sample;
  };
  struct Histogram {
    model::Labels labels;
    model::AnyHistogram value;
  };
  struct Asked {
    std::string query;
    int64_t step_ms, range_ms;
  };

  int Below(int n) { return static_cast<int>(random_() % static_cast<uint64_t>(n)); }
  bool OneIn(int n) { return Below(n) == 0; }

  void NewQueries() {
    static constexpr int64_t kSteps[] = {1000, 7500, 15'000, 60'000, 53'000, 400'000};
    static constexpr const char* kPlain[] = {
        "rate(c_total[2m])", "sum by (x) (rate(c_total[90s]))", "a", "b > 0", "sum(a) / sum(b)",
        "max by (x) (a)", "topk(2, sum by (x) (rate(c_total[3m])))", "a offset -2m",
        "increase(c_total[2m] smoothed)", "a @ 700 + a", "absent(a{x=\"1\"})", "a and b",
        "a * on (x, y) b", "max(sum by (x) (a))", "quantile by (x) (0.3, b)", "a or b",
        "max_over_time(sum by (x) (a)[3m:20s])", "bottomk by (x) (1, max by (x, y) (b))",
        "histogram_quantile(0.5, label_replace(a, \"le\", \"$1\", \"x\", \"(.*)\"))",
        "count(a) by (y)", "stddev(b)", "avg(a)", "timestamp(a)", "limit_ratio(0.5, a)",
        "avg_over_time(b[4m]) - a"};
    asked_.clear();
    for (int i = 0; i < 10; ++i) {
      Asked asked;
      asked.query = i < 5 ? kPlain[Below(std::size(kPlain))] : queries_.Vector(1 + Below(3));
      asked.step_ms = kSteps[Below(std::size(kSteps))];
      asked.range_ms = asked.step_ms * (1 + Below(40));
      asked_.push_back(std::move(asked));
    }
  }

  void AskOne() {
    const Asked& asked = asked_[Below(static_cast<int>(asked_.size()))];
    // Mostly up to now; at times the past, or what is to come.
    model::TimeMs end = now_ + (OneIn(4) ? 0 : Below(60'000));
    if (OneIn(6)) end -= Below(600'000);
    if (OneIn(10)) end += Below(300'000);
    Grid grid;
    grid.step_ms = asked.step_ms;
    grid.end = end;
    grid.start = end - asked.range_ms * (OneIn(5) ? 2 : 1);
    grid.start -= ((grid.start % grid.step_ms) + grid.step_ms) % grid.step_ms;
    if (OneIn(20)) grid.start += 1;
    ++outcomes[store_.Ask(asked.query, grid)];
  }

  void Ingest() {
    store_.clock.now_ms = now_;
    auto appender = store_.db->NewAppender();
    int batch = 0;
    const auto next_batch = [&] {
      if (++batch % 20 != 0) return;
      ASSERT_TRUE(appender->Commit().ok());
      appender = store_.db->NewAppender();
    };
    while (!floats_.empty() && floats_.begin()->first <= now_) {
      const Float& f = floats_.begin()->second;
      appender->Append(storage::SeriesRef::kNone, f.labels, f.sample);
      floats_.erase(floats_.begin());
      next_batch();
    }
    while (!histograms_.empty() && histograms_.begin()->first <= now_) {
      const Histogram& h = histograms_.begin()->second;
      appender->AppendHistogram(storage::SeriesRef::kNone, h.labels, histograms_.begin()->first,
                                h.value);
      histograms_.erase(histograms_.begin());
      next_batch();
    }
    ASSERT_TRUE(appender->Commit().ok());
  }

  // One value among old ones, or beside them.
  void WriteLate() {
    static constexpr const char* kSeries[] = {"a{x=\"1\"}", "b{x=\"2\",y=\"1\"}",
                                              "c_total{x=\"3\"}", "a{x=\"late\"}"};
    const model::TimeMs t = now_ - Below(900'000) - 1;
    store_.db->SetOutOfOrderWindow(3'600'000);
    const auto appender = store_.db->NewAppender();
    const auto labels = ParseMetricSelector(kSeries[Below(std::size(kSeries))]);
    std::vector<model::Labels::Pair> pairs;
    for (const model::Matcher& m : *labels) pairs.emplace_back(m.name(), m.value());
    appender->Append(storage::SeriesRef::kNone, model::Labels::FromPairs(std::move(pairs)),
                     {t, Below(1000) / 7.0});
    ASSERT_TRUE(appender->Commit().ok());
  }

  void Merge() {
    auto metas = store_.db->blocks()->Metas();
    if (metas.empty()) return;
    compaction::Plan plan{{}, 1, ""};
    const size_t first = static_cast<size_t>(Below(static_cast<int>(metas.size())));
    for (size_t i = first; i < metas.size() && i < first + 4; ++i) {
      plan.blocks.push_back(metas[i].ulid);
    }
    const bool some = OneIn(6);
    const auto keep = [&](model::LabelsView labels) { return labels.Get("y") != "1"; };
    const auto merged = compaction::Merge(plan, store_.db->blocks(), [] { return true; },
                                          some ? std::function<bool(model::LabelsView)>(keep)
                                               : nullptr);
    ASSERT_TRUE(merged.ok()) << merged.status();
  }

  void Restart() {
    const std::string path = store_.temp.path() + "/results";
    ASSERT_TRUE(store_.db
                    ->Close([&] {
                      ASSERT_TRUE(SaveCache(*store_.engine->result_cache(), *store_.db->changes(),
                                            store_.db->Fingerprint(), path)
                                      .ok());
                    })
                    .ok());
    store_.Reopen();
    LoadCache(path, store_.db->Fingerprint(), store_.db->changes(),
              store_.engine->result_cache());
  }

  void Change() {
    const int what = Below(100);
    if (what < 60) {
      now_ += OneIn(3) ? Below(60'000) : Below(16'000);
      Ingest();
    } else if (what < 70) {
      WriteLate();
    } else if (what < 73) {
      static constexpr const char* kSelectors[] = {"a", "{x=\"1\"}", "c_total{y=\"\"}", "b{x=\"3\"}"};
      const double end = static_cast<double>(now_ - Below(900'000)) / 1000;
      store_.Delete(kSelectors[Below(std::size(kSelectors))], end - Below(200), end);
    } else if (what < 80) {
      store_.Flush();
    } else if (what < 84) {
      Merge();
    } else if (what < 85) {
      const auto metas = store_.db->blocks()->Metas();
      if (metas.size() > 3) {
        ASSERT_TRUE(store_.db->blocks()->Drop(metas[Below(2)].ulid).ok());
      }
    } else if (what < 87) {
      Restart();
    } else if (what < 88) {
      store_.engine->result_cache()->SetLimit(OneIn(2) ? 100'000 : 64 << 20);
    }
  }

  std::mt19937_64 random_;
  RandomQuery queries_;
  CachedStore store_;
  std::multimap<model::TimeMs, Float> floats_;  // By when they come.
  std::multimap<model::TimeMs, Histogram> histograms_;
  model::TimeMs now_ = 0;
  std::vector<Asked> asked_;
};

TEST(CacheFuzz, KeptAnswersAreFreshOnesToTheBit) {
  const uint64_t seed = testing_support::Seed();
  const int n = testing_support::Rounds(4);
  std::map<CacheOutcome, int> outcomes;
  for (int i = 0; i < n && !::testing::Test::HasFailure(); ++i) {
    SCOPED_TRACE(fmt::format("seed {}", seed + static_cast<uint64_t>(i)));
    CacheFuzz fuzz(seed + static_cast<uint64_t>(i));
    fuzz.Run(200);
    for (const auto& [outcome, count] : fuzz.outcomes) outcomes[outcome] += count;
  }
  for (const auto& [outcome, count] : outcomes) {
    std::printf("%s: %d  ", std::string(ToString(outcome)).c_str(), count);
  }
  std::printf("from seed %llu\n", static_cast<unsigned long long>(seed));
  EXPECT_GT(outcomes[CacheOutcome::kHit], 0);
  EXPECT_GT(outcomes[CacheOutcome::kPartial], 0);
}

}  // namespace
}  // namespace promql
