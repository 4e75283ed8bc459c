#include "storage/block/census.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>

#include "tests/testing/sample_model.h"
#include "tests/testing/temp_dir.h"

namespace storage {
namespace {

using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr model::TimeMs kStart = 1'700'000'000'000;
constexpr auto kAlways = [] { return true; };
constexpr auto kNever = [] { return false; };

class CensusTest : public ::testing::Test {
 protected:
  void SetUp() override { store_ = *BlockStore::Open(temp_.path() + "/blocks", 8 << 20); }
  // `series` of metric a<k> for each k below `metrics`, of 100 noisy samples; one more in m.
  BlockMeta Write(int metrics, int series, model::TimeMs start) {
    auto writer = *store_->NewBlock({.level = 1});
    const auto add = [&](const model::Labels& labels) {
      chunk::SampleColumns columns;
      for (int i = 0; i < 100; ++i) {
        columns.times.push_back(start + i * 15'000);
        columns.values.push_back(std::generate_canonical<double, 53>(random_));
      }
      EXPECT_TRUE(writer->AddSamples(labels, columns).ok());
    };
    for (int k = 0; k < metrics; ++k) {
      for (int i = 0; i < series; ++i) {
        add({{"__name__", fmt::format("a{:05}", k)}, {"i", fmt::format("{:05}", i)}});
      }
    }
    add({{"__name__", "m"}});
    return *writer->Publish();
  }

  testing_support::TempDir temp_;
  std::mt19937 random_{7};
  std::unique_ptr<BlockStore> store_;
};

TEST_F(CensusTest, SumsBlocksByMetric) {
  const BlockMeta one = Write(2, 30, kStart), two = Write(1, 40, kStart + 10'000'000);
  Census census;
  EXPECT_THAT(census.Count(*store_, kNever), IsEmpty());
  const auto counted = census.Count(*store_, kAlways);
  ASSERT_THAT(counted, SizeIs(2));
  EXPECT_EQ(counted.at(one.ulid)->num_metrics, 3u);
  EXPECT_EQ(counted.at(one.ulid)->all.samples, one.num_samples);
  EXPECT_EQ(counted.at(one.ulid)->all.bytes, one.bytes);
  const CensusTotal total = Total(counted, 2);
  EXPECT_EQ(total.all.samples, one.num_samples + two.num_samples);
  EXPECT_EQ(total.all.bytes, one.bytes + two.bytes);
  EXPECT_EQ(total.all.series, 61u);  // Of the block that has most.
  ASSERT_THAT(total.metrics, SizeIs(2));
  EXPECT_EQ(total.metrics[0].first, "a00000");
  EXPECT_EQ(total.metrics[0].second.series, 40u);
  EXPECT_EQ(total.metrics[0].second.samples, 7000u);
  EXPECT_EQ(total.metrics[1].first, "a00001");
  EXPECT_EQ(total.metrics[1].second.samples, 3000u);
  uint64_t samples = 0;
  for (const uint64_t n : total.metrics[0].second.by_form) samples += n;
  EXPECT_EQ(samples, 7000u);
  // The parts of the disk's bytes come to the whole, but for fractions.
  uint64_t bytes = 0;
  for (const auto& [name, metric] : Total(counted, 100).metrics) bytes += metric.bytes;
  EXPECT_NEAR(static_cast<double>(bytes), static_cast<double>(one.bytes + two.bytes), 10);

  ASSERT_TRUE(store_->Drop(one.ulid).ok());
  EXPECT_THAT(census.Count(*store_, kNever), SizeIs(1));
}

TEST_F(CensusTest, GoesOnWhereItHadToStopAndCountsEachBlockOnce) {
  Write(20, 2000, kStart);  // Some 30 MB.
  Census at_once, in_steps;
  const auto expected = Total(at_once.Count(*store_, kAlways), 100);
  int steps = 0;
  Census::Counted counted;
  while (counted.empty()) {
    ASSERT_LT(++steps, 1000);
    int looks = 0;
    counted = in_steps.Count(*store_, [&] { return ++looks < 2; });
  }
  EXPECT_GT(steps, 3);
  const auto total = Total(counted, 100);
  EXPECT_EQ(total.all.samples, expected.all.samples);
  EXPECT_EQ(total.all.by_form, expected.all.by_form);
  ASSERT_EQ(total.metrics.size(), expected.metrics.size());
  for (size_t i = 0; i < total.metrics.size(); ++i) {
    EXPECT_EQ(total.metrics[i].first, expected.metrics[i].first);
    EXPECT_EQ(total.metrics[i].second.samples, expected.metrics[i].second.samples);
    EXPECT_EQ(total.metrics[i].second.bytes, expected.metrics[i].second.bytes);
  }
  // Nothing is asked, so nothing is read.
  EXPECT_EQ(in_steps.Count(*store_, [] { ADD_FAILURE(); return false; }).size(), 1u);
}

TEST_F(CensusTest, RemembersTheLargestMetricsOfABlock) {
  const BlockMeta meta = Write(1500, 1, kStart);
  Census census;
  const auto counted = census.Count(*store_, kAlways);
  EXPECT_THAT(counted.at(meta.ulid)->metrics, SizeIs(Census::kMaxMetrics));
  EXPECT_EQ(counted.at(meta.ulid)->num_metrics, 1501u);
  EXPECT_EQ(Total(counted, 10).all.samples, meta.num_samples);
}

}  // namespace
}  // namespace storage
