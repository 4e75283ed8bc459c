// The engine against the slow evaluator, on random data and random expressions.
#include <gtest/gtest.h>

#include <cmath>
#include <cstdio>

#include "promql/engine.h"
#include "promql/parser.h"
#include "storage/base/status.h"
#include "promql/testing/histogram_description.h"
#include "tests/promql/random_query.h"
#include "tests/promql/slow_evaluator.h"
#include "tests/testing/seed.h"

namespace promql {
namespace {

bool Close(double a, double b) {
  if (std::isnan(a) || std::isnan(b)) return std::isnan(a) && std::isnan(b);
  if (a == b) return true;
  return std::fabs(a - b) <= 1e-7 * std::max({std::fabs(a), std::fabs(b), 1e-3});
}

std::string Print(const std::vector<Series>& matrix) {
  std::string out;
  for (const Series& s : matrix) {
    out += s.labels.ToString();
    for (const model::Sample& p : s.points) out += fmt::format(" {}@{}", p.v, p.t / 1000.0);
    for (const HistogramSample& p : s.histograms) {
      out += fmt::format(" {}@{}", promql_test::Describe(*p.h), p.t / 1000.0);
    }
    out += "\n";
  }
  return out;
}

bool Close(const std::map<int64_t, double>& a, const std::map<int64_t, double>& b) {
  const auto in = [](const std::map<int64_t, double>& side, int64_t index) {
    const auto found = side.find(index);
    return found == side.end() ? 0 : found->second;
  };
  for (const auto& [index, n] : a) {
    if (!Close(n, in(b, index))) return false;
  }
  for (const auto& [index, n] : b) {
    if (!Close(n, in(a, index))) return false;
  }
  return true;
}

bool Close(const model::FloatHistogram& x, const model::FloatHistogram& y) {
  const SlowHistogram a = FromModel(x), b = FromModel(y);
  return a.hint == b.hint && a.schema == b.schema && a.bounds == b.bounds &&
         a.zero_threshold == b.zero_threshold && Close(a.zero_count, b.zero_count) &&
         Close(a.count, b.count) && Close(a.sum, b.sum) && Close(a.positive, b.positive) &&
         Close(a.negative, b.negative);
}

bool Same(const std::vector<HistogramSample>& a, const std::vector<HistogramSample>& b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](const HistogramSample& x, const HistogramSample& y) {
                      return x.t == y.t && Close(*x.h, *y.h);
                    });
}

bool Same(const std::vector<Series>& a, const std::vector<Series>& b) {
  if (a.size() != b.size()) return false;
  for (size_t i = 0; i < a.size(); ++i) {
    if (!(a[i].labels == b[i].labels) || a[i].points.size() != b[i].points.size()) return false;
    if (!Same(a[i].histograms, b[i].histograms)) return false;
    for (size_t p = 0; p < a[i].points.size(); ++p) {
      if (a[i].points[p].t != b[i].points[p].t || !Close(a[i].points[p].v, b[i].points[p].v)) {
        return false;
      }
    }
  }
  return true;
}

struct Tally {
  int errors = 0, empty = 0, filled = 0;
  int histograms = 0;  // Of the filled ones: with histograms among the results.
  int spared = 0;      // In which series that match nothing were not read.
};

struct What {
  bool histograms = false, starts = false, delayed_names = false, repeats = false;
};

// How much it looks at hangs on the query alone, not on how often parts were evaluated.
void ExpectSameStats(const QueryStats& a, const QueryStats& b) {
  EXPECT_EQ(a.samples, b.samples);
  EXPECT_EQ(a.samples_read, b.samples_read);
  EXPECT_EQ(a.samples_by_step, b.samples_by_step);
  EXPECT_EQ(a.samples_read_by_step, b.samples_read_by_step);
}

void CompareOnce(uint64_t seed, What what, Tally* tally) {
  RandomQuery random(seed, what.histograms, what.starts);
  promql_test::MemoryQueryable data;
  random.FillData(&data);
  Engine::Options options;
  options.features.experimental_functions = true;
  options.features.extended_range_selectors = true;
  options.features.binop_fill = true;
  options.use_start_timestamps = what.starts;
  options.delayed_name_removal = what.delayed_names;
  options.per_step_stats = true;
  Engine engine(options);
  options.leave_out_unmatched = false;
  Engine sharing(options);
  options.share_equal_parts = false;
  Engine thorough(options);  // Reads all there is, as often as it is asked for.
  for (int i = 0; i < 20; ++i) {
    const std::string query = what.repeats                      ? random.Repeated(2)
                              : i % 4 == 0                      ? random.Join(2)
                              : what.delayed_names && i % 4 < 3 ? random.Names(3)
                                                                : random.Vector(3);
    const Grid grid = i % 3 == 0 ? Grid{600'000 + i * 7'000, 600'000 + i * 7'000, 1000}
                                 : Grid{i * 10'000, 1'500'000 + i * 10'000, 53'000};
    const auto expr = Parse(query, options.features);
    ASSERT_TRUE(expr.ok()) << query << ": " << expr.status().message();
    const auto expected = 
        SlowEvaluator(&data, grid, 300'000, 60'000, what.starts, what.delayed_names)
            .Evaluate(**expr);
    const auto actual = engine.Evaluate(query, grid, &data);
    const QueryOptions by_step{.stats_by_step = true};
    const auto thoroughly = thorough.Evaluate(query, grid, &data, by_step);
    const auto shared = sharing.Evaluate(query, grid, &data, by_step);
    SCOPED_TRACE(fmt::format("seed {} query {} grid {}..{} by {}", seed, query, grid.start,
                             grid.end, grid.step_ms));
    ASSERT_EQ(expected.ok(), actual.ok())
        << base::message(expected.status()) << "\n" << base::message(actual.status());
    ASSERT_EQ(actual.status(), thoroughly.status());
    ASSERT_EQ(shared.status(), thoroughly.status());
    if (actual.ok()) {
      ASSERT_EQ(Print(actual->value.matrix), Print(thoroughly->value.matrix));
      ASSERT_EQ(actual->annotations.warnings, thoroughly->annotations.warnings);
      ASSERT_EQ(actual->annotations.infos, thoroughly->annotations.infos);
      ASSERT_EQ(Print(shared->value.matrix), Print(thoroughly->value.matrix));
      ASSERT_EQ(shared->annotations.warnings, thoroughly->annotations.warnings);
      ASSERT_EQ(shared->annotations.infos, thoroughly->annotations.infos);
      ExpectSameStats(shared->stats, thoroughly->stats);
      tally->spared += actual->stats.samples_read < thoroughly->stats.samples_read;
    }
    if (!expected.ok()) {
      EXPECT_EQ(actual.status().code(), absl::StatusCode::kAborted);
      ++tally->errors;
      continue;
    }
    ++(expected->empty() ? tally->empty : tally->filled);
    tally->histograms += std::any_of(expected->begin(), expected->end(),
                                     [](const Series& s) { return !s.histograms.empty(); });
    ASSERT_TRUE(Same(*expected, actual->value.matrix))
        << "expected\n" << Print(*expected) << "actual\n" << Print(actual->value.matrix);
  }
}

void CompareMany(What what) {
  const uint64_t seed = testing_support::Seed();
  const int n = testing_support::Rounds(12);
  Tally tally;
  for (int i = 0; i < n && !::testing::Test::HasFatalFailure(); ++i) {
    CompareOnce(seed + i, what, &tally);
  }
  std::printf("seed %llu: %d queries with results, %d of them histograms, %d empty, %d errors; "
              "%d read less\n",
              static_cast<unsigned long long>(seed), tally.filled, tally.histograms, tally.empty,
              tally.errors, tally.spared);
}

TEST(EngineFuzz, AgreesWithTheSlowEvaluator) { CompareMany({}); }

TEST(EngineFuzz, AgreesWithTheSlowEvaluatorOnHistograms) {
  CompareMany({.histograms = true});
}

// Floats only: whether a histogram that an aggregation leaves out has a say hangs on the order of
// series.
TEST(EngineFuzz, AgreesWithTheSlowEvaluatorOnDelayedNames) {
  CompareMany({.delayed_names = true});
}

TEST(EngineFuzz, AgreesWithTheSlowEvaluatorOnStarts) { CompareMany({.starts = true}); }

TEST(EngineFuzz, AgreesWithTheSlowEvaluatorOnHistogramsWithStarts) {
  CompareMany({.histograms = true, .starts = true});
}

TEST(EngineFuzz, AgreesWithTheSlowEvaluatorOnEqualParts) {
  CompareMany({.repeats = true});
  CompareMany({.histograms = true, .repeats = true});
  CompareMany({.delayed_names = true, .repeats = true});
  CompareMany({.histograms = true, .starts = true, .repeats = true});
}

}  // namespace
}  // namespace promql
