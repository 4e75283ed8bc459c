#include "storage/head/metadata_table.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace storage {
namespace {

using model::Metadata;
using model::MetricType;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr model::TimeMs kHour = 3'600'000;
const Metadata kUp{MetricType::kGauge, "Whether it is up.", ""};
const Metadata kOther{MetricType::kGauge, "Up or not.", ""};

std::vector<std::string> Text(const MetadataTable& table, std::string_view family = "",
                              bool shown = true) {
  std::vector<std::string> lines;
  for (const auto& entry : table.List(family, shown)) {
    lines.push_back(fmt::format("{} {} {} @{}", entry.family, ToString(entry.metadata.type),
                                entry.metadata.help, entry.seen));
  }
  return lines;
}

TEST(MetadataTable, TellsByFamilyWhatWasHeardLastFirst) {
  MetadataTable table(1 << 20);
  EXPECT_FALSE(table.Heard("up", kUp.view(), 5));
  table.Add({"up", kUp, 5});
  table.Add({"up", kOther, 7});
  table.Add({"a", {MetricType::kCounter, "A.", "seconds"}, 6});
  EXPECT_THAT(Text(table), ElementsAre("a counter A. @6", "up gauge Up or not. @7",
                                       "up gauge Whether it is up. @5"));
  EXPECT_TRUE(table.Heard("up", kUp.view(), 9));
  EXPECT_FALSE(table.Heard("up", {MetricType::kCounter, kUp.help, ""}, 9));
  EXPECT_THAT(Text(table, "up"),
              ElementsAre("up gauge Whether it is up. @9", "up gauge Up or not. @7"));
  EXPECT_THAT(Text(table, "none"), IsEmpty());
  table.Add({"up", kOther, 3});  // Of an older checkpoint.
  EXPECT_EQ(table.num_entries(), 3u);
  EXPECT_THAT(Text(table, "up").back(), "up gauge Up or not. @7");
}

TEST(MetadataTable, ShowsNotWhatNewerEntriesHaveReplaced) {
  MetadataTable table(1 << 20);
  table.Add({"up", kUp, 0});
  table.Add({"up", kOther, MetadataTable::kShownMs});
  EXPECT_EQ(Text(table, "up").size(), 2u);
  table.Heard("up", kOther.view(), MetadataTable::kShownMs + 1);
  EXPECT_EQ(Text(table, "up").size(), 1u);
  EXPECT_EQ(Text(table, "up", /*shown=*/false).size(), 2u);
}

TEST(MetadataTable, ForgetsWhatWasNotHeardAndFamiliesThatNobodyHas) {
  MetadataTable table(1 << 20);
  table.Add({"up", kUp, kHour});
  table.Add({"up", kOther, 3 * kHour});
  table.Add({"gone", kUp, 2 * kHour});
  table.Add({"kept", kUp, 2 * kHour});
  table.Add({"fresh", kUp, 5 * kHour});
  std::vector<std::string> asked;
  table.Forget(2 * kHour, 4 * kHour, [&](std::string_view family) {
    asked.emplace_back(family);
    return family != "gone";
  });
  EXPECT_THAT(asked, ::testing::UnorderedElementsAre("up", "gone", "kept"));
  EXPECT_THAT(Text(table), ElementsAre("fresh gauge Whether it is up. @18000000",
                                       "kept gauge Whether it is up. @7200000",
                                       "up gauge Up or not. @10800000"));
  EXPECT_EQ(table.num_entries(), 3u);
  table.Forget(6 * kHour, 0, [](auto) { return true; });
  EXPECT_THAT(Text(table), IsEmpty());
  EXPECT_EQ(table.num_entries(), 0u);
  EXPECT_EQ(table.bytes(), 0u);
}

TEST(MetadataTable, KeepsWithinItsBytesAndWhatWasHeardLast) {
  MetadataTable table(100'000);
  for (int i = 0; i < 5000; ++i) {
    table.Add({fmt::format("metric_{}", i), kUp, i / 3});  // Many at the same time.
    ASSERT_LE(table.bytes(), 100'000u);
    ASSERT_EQ(Text(table, fmt::format("metric_{}", i)).size(), 1u);
  }
  EXPECT_GT(table.bytes(), 80'000u);
  EXPECT_THAT(Text(table, "metric_0"), IsEmpty());
  EXPECT_EQ(table.List("", true).size(), table.num_entries());
  EXPECT_FALSE(table.MayHold("big", {MetricType::kGauge, std::string(2000, 'x'), ""}));
  table.Add({"big", {MetricType::kGauge, std::string(2000, 'x'), ""}, 9000});
  EXPECT_THAT(Text(table, "big"), IsEmpty());
  EXPECT_FALSE(table.MayHold("", kUp.view()));
  EXPECT_FALSE(table.MayHold("up", {}));
}

TEST(MetadataTable, OfOneFamilyOnlySoManyStay) {
  MetadataTable table(1 << 20);
  for (int i = 0; i < 40; ++i) table.Add({"up", {MetricType::kGauge, fmt::format("{}", i), ""}, i});
  const auto left = Text(table, "up");
  ASSERT_EQ(left.size(), MetadataTable::kMaxOfFamily);
  EXPECT_EQ(left.front(), "up gauge 39 @39");
  EXPECT_EQ(table.num_entries(), MetadataTable::kMaxOfFamily);
}

TEST(FamilyOf, CutsWhatTheTypeAddsToTheName) {
  EXPECT_EQ(model::FamilyOf("x_bucket", MetricType::kHistogram), "x");
  EXPECT_EQ(model::FamilyOf("x_sum", MetricType::kHistogram), "x");
  EXPECT_EQ(model::FamilyOf("x_count", MetricType::kSummary), "x");
  EXPECT_EQ(model::FamilyOf("x", MetricType::kSummary), "x");
  EXPECT_EQ(model::FamilyOf("x_gsum", MetricType::kGaugeHistogram), "x");
  EXPECT_EQ(model::FamilyOf("x_bucket", MetricType::kGauge), "x_bucket");
  EXPECT_EQ(model::FamilyOf("x_total", MetricType::kCounter), "x_total");
  EXPECT_EQ(model::FamilyOf("_sum", MetricType::kSummary), "_sum");
}

}  // namespace
}  // namespace storage
