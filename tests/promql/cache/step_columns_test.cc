#include "promql/cache/step_columns.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>

#include "promql/cache/reach.h"
#include "promql/cache/result_cache.h"

namespace promql {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

model::Labels Named(const std::string& name) { return {{"__name__", name}}; }

// Series with values at random steps of `grid`, in runs.
std::vector<Series> RandomMatrix(std::mt19937& random, const Grid& grid) {
  std::vector<Series> matrix;
  for (char name = 'a'; name < 'g'; ++name) {
    if (random() % 4 == 0) continue;
    Series series;
    series.labels = Named(std::string(1, name));
    const uint32_t density = 1 + random() % 8;
    for (int i = 0; i < grid.size(); ++i) {
      if (random() % 8 < density) {
        series.points.push_back({grid.at(i), static_cast<double>(random() % 100)});
      }
    }
    if (!series.points.empty()) matrix.push_back(std::move(series));
  }
  return matrix;
}

std::vector<Series> Within(const std::vector<Series>& matrix, model::TimeMs from,
                           model::TimeMs to) {
  std::vector<Series> out;
  for (Series series : matrix) {
    std::erase_if(series.points, [&](const auto& p) { return p.t < from || p.t > to; });
    if (!series.points.empty()) out.push_back(std::move(series));
  }
  return out;
}

std::string Print(const std::vector<Series>& matrix) {
  std::string out;
  for (const Series& series : matrix) {
    out += series.labels.ToString();
    for (const auto& p : series.points) out += fmt::format(" {}@{}", p.v, p.t);
    out += '\n';
  }
  return out;
}

TEST(StepColumns, AnyCutAndPutTogetherIsTheSame) {
  std::mt19937 random(3);
  for (int round = 0; round < 200; ++round) {
    const int64_t step = 1 + random() % 100;
    const int steps = 3 + static_cast<int>(random() % 150);
    const Grid grid{-500, -500 + (steps - 1) * step, step};
    const auto matrix = RandomMatrix(random, grid);
    const int a = 1 + static_cast<int>(random() % (steps - 2)),
              b = a + 1 + static_cast<int>(random() % (steps - a - 1));
    const Grid left{grid.start, grid.at(a - 1), step}, right{grid.at(b), grid.end, step};
    const auto all = ToColumns(matrix, grid);
    const auto first = ToColumns(Within(matrix, left.start, left.end), left);
    const auto last = ToColumns(Within(matrix, right.start, right.end), right);
    ASSERT_TRUE(all && first && last);
    const StepsView parts[] = {{&*first, 0, a}, {&*all, a, b - a}, {&*last, 0, steps - b}};
    const StepColumns joined = Join(parts);
    EXPECT_EQ(joined.grid.start, grid.start);
    EXPECT_EQ(joined.grid.end, grid.end);
    EXPECT_EQ(Print(ToMatrix({&joined, 0, steps})), Print(matrix));
    EXPECT_EQ(Print(ToMatrix({&joined, a, b - a})),
              Print(Within(matrix, grid.at(a), grid.at(b - 1))));
    ASSERT_EQ(joined.rows.size(), all->rows.size());
    for (size_t i = 0; i < joined.rows.size(); ++i) {
      EXPECT_EQ(joined.rows[i].runs, all->rows[i].runs);  // No seams.
    }
  }
}

TEST(StepColumns, HistogramsAreNotTaken) {
  Series series;
  series.histograms.resize(1);
  EXPECT_FALSE(ToColumns({series}, {0, 10, 10}).has_value());
}

// Against a look at every step.
TEST(Reach, TheLongestRunThatNothingHasChanged) {
  std::mt19937 random(5);
  for (int round = 0; round < 2000; ++round) {
    StepColumns columns;
    columns.grid = {1000, 1000 + static_cast<int64_t>(random() % 40) * 10, 10};
    const int steps = columns.grid.size();
    Reach reach{static_cast<int64_t>(random() % 60), static_cast<int64_t>(random() % 30), {}};
    if (random() % 4 == 0) reach.fixed.push_back({500, 600});
    std::vector<model::TimeRange> changed;
    model::TimeMs at = 300 + static_cast<model::TimeMs>(random() % 900);
    for (int i = static_cast<int>(random() % 4); i > 0; --i) {
      changed.push_back({at, at + static_cast<model::TimeMs>(random() % 50)});
      at += 60 + static_cast<model::TimeMs>(random() % 300);
    }
    if (random() % 10 == 0) changed = {model::TimeRange()};
    const int from = static_cast<int>(random() % 50) - 5,
              to = from + static_cast<int>(random() % 50);
    std::vector<bool> right(steps);
    for (int i = 0; i < steps; ++i) {
      const model::TimeMs t = columns.grid.at(i);
      right[i] = true;
      for (const auto& range : changed) {
        if (range.Overlaps({t - reach.back_ms, t + reach.ahead_ms})) right[i] = false;
        for (const auto& fixed : reach.fixed) right[i] = right[i] && !range.Overlaps(fixed);
      }
    }
    int most = 0;
    for (int i = 0, inside = 0; i < steps; ++i) {
      inside = right[i] ? inside + (from <= i && i < to) : 0;
      most = std::max(most, inside);
    }
    const StepsView found = FindRight(columns, reach, changed, from, to);
    const int inside =
        std::min(to, found.first + found.count) - std::max(from, found.first);
    EXPECT_EQ(std::max(0, inside) * (found.count > 0), most);
    for (int i = found.first; i < found.first + found.count; ++i) EXPECT_TRUE(right[i]);
  }
}

ResultCache::Entry EntryOf(int values) {
  StepColumns columns;
  columns.grid = {0, 10, 10};
  columns.rows.push_back({Named("a"), {{0, 1}}, std::vector<double>(values)});
  ResultCache::Entry entry;
  entry.columns = std::make_shared<const StepColumns>(std::move(columns));
  return entry;
}

TEST(ResultCache, KeepsWhatWasUsedLastWithinItsLimit) {
  ResultCache cache(10'000);
  for (const char* key : {"a", "b", "c", "d"}) cache.Put(key, EntryOf(250), false);
  EXPECT_EQ(cache.stats().entries, 4);
  EXPECT_LE(cache.stats().bytes, 10'000);
  EXPECT_TRUE(cache.Find("a").has_value());
  cache.Put("e", EntryOf(250), false);
  EXPECT_FALSE(cache.Find("b").has_value());
  EXPECT_TRUE(cache.Find("a").has_value());
  EXPECT_EQ(cache.stats().evictions, 1u);
  cache.SetLimit(3000);
  EXPECT_EQ(cache.stats().entries, 1);
  EXPECT_TRUE(cache.Find("a").has_value());
  cache.SetLimit(0);
  EXPECT_EQ(cache.stats().bytes, 0);
  cache.Put("a", EntryOf(1), false);
  EXPECT_EQ(cache.stats().entries, 0);
}

TEST(ResultCache, OneAnswerDoesNotTakeItAll) {
  ResultCache cache(10'000);
  cache.Put("a", EntryOf(10), false);
  cache.Put("a", EntryOf(400), false);
  EXPECT_FALSE(cache.Find("a").has_value());  // The old one is none any more.
  EXPECT_EQ(cache.stats().bytes, 0);
}

}  // namespace
}  // namespace promql
