#include "storage/merge.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>

#include "storage/base/status.h"
#include "tests/testing/sample_model.h"

namespace storage {
namespace {

using ::testing::ElementsAre;
using testing_support::Difference;
using testing_support::RandomModel;
using testing_support::ReadAll;
using testing_support::SampleModel;
using testing_support::Within;

class ModelSelection final : public Selection {
 public:
  explicit ModelSelection(const SampleModel& model) {
    for (const auto& [labels, samples] : model) series_.emplace_back(labels, samples);
  }
  int size() const override { return static_cast<int>(series_.size()); }
  model::LabelsView labels(int i) const override { return series_[static_cast<size_t>(i)].first; }
  absl::Status Read(int i, model::TimeRange range, chunk::SampleColumns* out) const override {
    out->clear();
    for (const auto& [t, bits] : series_[static_cast<size_t>(i)].second) {
      if (!range.Contains(t)) continue;
      out->times.push_back(t);
      out->values.push_back(std::bit_cast<double>(bits));
    }
    return absl::OkStatus();
  }
  model::TimeRange Extent(int i) const override {
    const auto& samples = series_[static_cast<size_t>(i)].second;
    if (samples.empty()) return model::TimeRange::None();
    return {samples.begin()->first, samples.rbegin()->first};
  }

 private:
  std::vector<std::pair<model::Labels, testing_support::SeriesSamples>> series_;
};

class ModelQuerier final : public Querier {
 public:
  explicit ModelQuerier(SampleModel model, std::string warning = "")
      : model_(std::move(model)), warning_(std::move(warning)) {}
  absl::StatusOr<std::unique_ptr<Selection>> Select(const SelectRequest&) override {
    return std::make_unique<ModelSelection>(model_);
  }
  absl::StatusOr<std::vector<std::string>> LabelNames(Matchers, size_t) override {
    return base::Unavailable("no names here");
  }
  absl::StatusOr<std::vector<std::string>> LabelValues(std::string_view name, Matchers,
                                                       size_t limit) override {
    std::set<std::string> values;
    for (const auto& [labels, samples] : model_) values.emplace(labels.Get(name));
    std::vector<std::string> list(values.begin(), values.end());
    if (limit != 0 && list.size() > limit) list.resize(limit);
    return list;
  }
  std::vector<std::string> Warnings() const override { return {warning_}; }

 private:
  const SampleModel model_;
  const std::string warning_;
};

// Blocks come by their first sample, but the head comes last, with late samples of any time.
TEST(Merge, ThinReadsSeePartsInAnyOrder) {
  for (uint32_t seed = 0; seed < 200; ++seed) {
    std::mt19937 random(seed);
    const model::Labels labels = testing_support::TestLabels(0);
    std::vector<std::unique_ptr<Selection>> parts;
    std::map<model::TimeMs, double> want;
    for (uint32_t n = 1 + random() % 6; n > 0; --n) {
      SampleModel part;
      const auto start = static_cast<model::TimeMs>(random() % 1000);
      const auto length = static_cast<model::TimeMs>(random() % 300);
      for (model::TimeMs t = start; t <= start + length; t += 1 + random() % 40) {
        const double value = static_cast<double>(random() % 1000);
        part[labels][t] = testing_support::Bits(value);
        want[t] = value;  // The later part wins.
      }
      parts.push_back(std::make_unique<ModelSelection>(part));
    }
    const auto merged = MergeSelections(std::move(parts));
    ASSERT_EQ(merged->size(), 1);
    chunk::SampleColumns columns;
    const chunk::Windows windows{0, 100, 20, 100, chunk::Want::kAll};
    ASSERT_TRUE(merged->ReadThin(0, {}, windows, &columns).ok());
    std::map<model::TimeMs, double> got;
    for (size_t i = 0; i < columns.size(); ++i) got[columns.times[i]] = columns.values[i];
    EXPECT_EQ(got, want) << "seed " << seed;
    EXPECT_TRUE(std::is_sorted(columns.times.begin(), columns.times.end())) << "seed " << seed;
  }
}

TEST(Merge, AgreesWithMapsOnAnyNumberOfParts) {
  for (uint32_t seed = 0; seed < 60; ++seed) {
    std::mt19937 random(seed);
    std::vector<std::unique_ptr<Querier>> parts;
    SampleModel want;
    const int num_parts = 1 + static_cast<int>(random() % 9);
    for (int p = 0; p < num_parts; ++p) {
      const int start = p * 5000 + static_cast<int>(random() % 20'000);
      SampleModel part = RandomModel(random, 30, start, 100, 60);
      std::erase_if(part, [&](const auto&) { return random() % 3 == 0; });
      testing_support::AddTo(&want, part);  // Later parts win.
      parts.push_back(std::make_unique<ModelQuerier>(std::move(part)));
    }
    const auto merged = MergeQueriers(std::move(parts));
    EXPECT_EQ(Difference(ReadAll(*merged, {}), want), "") << "seed " << seed;
    const model::TimeRange range{8000, 15'000};
    EXPECT_EQ(Difference(ReadAll(*merged, range), Within(want, range)), "") << "seed " << seed;
  }
}

TEST(Merge, NothingIsEmpty) {
  EXPECT_EQ(MergeSelections({})->size(), 0);
  const auto querier = MergeQueriers({});
  EXPECT_EQ((*querier->Select({}))->size(), 0);
  EXPECT_TRUE(querier->LabelNames({}, 0)->empty());
}

TEST(Merge, NamesAreUnitedErrorsAndWarningsPassedOn) {
  SampleModel a, b;
  a[testing_support::TestLabels(0)][1] = 1;
  a[testing_support::TestLabels(14)][1] = 1;
  b[testing_support::TestLabels(7)][1] = 1;
  b[testing_support::TestLabels(14)][1] = 1;
  std::vector<std::unique_ptr<Querier>> parts;
  parts.push_back(std::make_unique<ModelQuerier>(a, "first"));
  parts.push_back(std::make_unique<ModelQuerier>(b, "second"));
  const auto merged = MergeQueriers(std::move(parts));
  EXPECT_THAT(*merged->LabelValues("instance", {}, 0),
              ElementsAre("host-000", "host-001", "host-002"));
  EXPECT_THAT(*merged->LabelValues("instance", {}, 2), ElementsAre("host-000", "host-001"));
  EXPECT_EQ(merged->LabelNames({}, 0).status().code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(merged->Warnings(), ElementsAre("first", "second"));
}

TEST(MergeColumns, LaterWinsWhereTimesAreEqual) {
  chunk::SampleColumns columns{{1, 3, 5, 7}, {1, 3, 5, 7}};
  MergeColumns({{4, 5, 6}, {40, 50, 60}}, &columns);
  EXPECT_THAT(columns.times, ElementsAre(1, 3, 4, 5, 6, 7));
  EXPECT_THAT(columns.values, ElementsAre(1, 3, 40, 50, 60, 7));
  MergeColumns({{0}, {9}}, &columns);
  EXPECT_THAT(columns.times, ElementsAre(0, 1, 3, 4, 5, 6, 7));
  MergeColumns({{8}, {8}}, &columns);
  EXPECT_EQ(columns.times.back(), 8);
}

using Hint = model::ResetHint;

chunk::HistogramColumns Hinted(const std::vector<std::pair<model::TimeMs, Hint>>& samples) {
  chunk::HistogramColumns columns;
  for (const auto& [t, hint] : samples) {
    model::Histogram h;
    h.hint = hint;
    columns.Add(t, std::move(h));
  }
  return columns;
}

std::vector<std::pair<model::TimeMs, Hint>> Hints(const chunk::MixedColumns& columns) {
  std::vector<std::pair<model::TimeMs, Hint>> hints;
  for (size_t i = 0; i < columns.histograms.size(); ++i) {
    hints.emplace_back(columns.histograms.times[i], model::HintOf(columns.histograms.values[i]));
  }
  return hints;
}

TEST(MergeMixed, WhoStandsBehindAnotherThanItWasComparedWithDoesNotSayThatThereWasNoReset) {
  constexpr Hint kNo = Hint::kNotReset, kUnknown = Hint::kUnknown;
  chunk::MixedColumns columns;
  columns.histograms = Hinted({{1, kUnknown}, {2, kNo}, {4, kNo}, {5, kNo}, {8, kNo}});
  chunk::MixedColumns later;
  later.histograms = Hinted({{3, kNo}, {5, kNo}, {6, kNo}});
  MergeMixed(later, &columns);
  EXPECT_THAT(Hints(columns),
              ElementsAre(std::pair(1, kUnknown), std::pair(2, kNo), std::pair(3, kUnknown),
                          std::pair(4, kUnknown), std::pair(5, kUnknown), std::pair(6, kNo),
                          std::pair(8, kUnknown)));
  later.histograms = Hinted({{9, kNo}, {10, kNo}});  // Read from the middle of a chunk.
  MergeMixed(later, &columns);
  EXPECT_EQ(Hints(columns)[7], std::pair(model::TimeMs{9}, kUnknown));
  EXPECT_EQ(Hints(columns)[8], std::pair(model::TimeMs{10}, kNo));
  columns.histograms = Hinted({{1, Hint::kGauge}, {3, Hint::kGauge}});
  later.histograms = Hinted({{2, Hint::kGauge}});
  MergeMixed(later, &columns);
  EXPECT_THAT(Hints(columns), ElementsAre(std::pair(1, Hint::kGauge), std::pair(2, Hint::kGauge),
                                          std::pair(3, Hint::kGauge)));
}

}  // namespace
}  // namespace storage
