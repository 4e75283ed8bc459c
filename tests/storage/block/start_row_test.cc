#include "storage/block/start_row.h"

#include <random>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "storage/base/coding.h"
#include "wal/crc32c.h"

namespace storage::block {
namespace {

bool Same(const std::vector<SeriesStarts>& a, const std::vector<SeriesStarts>& b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](const auto& x, const auto& y) {
    return x.ref == y.ref && x.runs == y.runs;
  });
}

TEST(StartRow, KeysSortByRefBeforeAllOthers) {
  EXPECT_LT(StartRowKey(255), StartRowKey(256));
  EXPECT_LT(StartRowKey(UINT32_MAX), "c");
  uint32_t last = 0;
  ASSERT_TRUE(ParseStartRowKey(StartRowKey(777), &last));
  EXPECT_EQ(last, 777u);
  EXPECT_FALSE(ParseStartRowKey("", &last));
  EXPECT_FALSE(ParseStartRowKey("s\0\0\0\1", &last));
}

// What lies on disks of version 5; see the README.
TEST(StartRow, BytesAreThoseOfTheReadme) {
  StartRowWriter writer;
  writer.Add(3, {{1000, 500}, {1030, 0}});
  writer.Add(4, {{1000, 500}, {1030, 0}});
  writer.Add(9, {{1001, 503}});
  const std::string key = writer.key();
  EXPECT_EQ(key, std::string("b\0\0\0\x09", 5));
  std::string want("\x03"                              // Three series.
                   "\x03\x02\xd0\x0f\xe8\x07"          // 3: two runs, 1000: 500,
                   "\x3c\xe7\x07"                      // 30 later: 500 less.
                   "\x01\x00"                          // 4: as the one before.
                   "\x05\x01\x02\x06",                 // 9: one run, 1 later, 3 more than the first of 4.
                   1 + 6 + 3 + 2 + 4);
  base::AppendLittleEndian(&want, wal::Crc32c(want, wal::Crc32c(key)));
  EXPECT_EQ(writer.Finish(), want);
  EXPECT_TRUE(writer.empty());
}

TEST(StartRow, ComesBackWholeAndEveryFlippedBitIsNoticed) {
  for (uint32_t seed = 0; seed < 50; ++seed) {
    std::mt19937_64 random(seed);
    std::vector<SeriesStarts> want;
    StartRowWriter writer;
    uint32_t ref = 0;
    do {
      ref += 1 + random() % 3;
      model::StartRuns runs;
      model::TimeMs t = static_cast<model::TimeMs>(random() % 1000) - 500;
      for (size_t n = random() % 4; runs.empty() || n > 0; n -= n > 0) {
        t += 1 + static_cast<model::TimeMs>(random() % 100'000);
        model::NoteStart(t, random() % 5 == 0 ? 0 : t - static_cast<model::TimeMs>(random() >> 2), &runs);
      }
      if (!want.empty() && random() % 2) runs = want.back().runs;
      want.push_back({ref, runs});
      writer.Add(ref, runs);
    } while (!writer.full() && random() % 50 != 0);
    const std::string key = writer.key();
    std::string row = writer.Finish();
    std::vector<SeriesStarts> got;
    ASSERT_TRUE(ParseStartRow(key, row, &got)) << seed;
    ASSERT_TRUE(Same(got, want)) << seed;
    EXPECT_FALSE(ParseStartRow(StartRowKey(ref + 1), row, &got));
    for (int i = 0; i < 100; ++i) {
      const size_t bit = random() % (row.size() * 8);
      row[bit / 8] ^= static_cast<char>(1 << bit % 8);
      ASSERT_FALSE(ParseStartRow(key, row, &got)) << seed;
      row[bit / 8] ^= static_cast<char>(1 << bit % 8);
    }
  }
}

TEST(StartRow, ASeriesCostsTwoBytesWhereAllBeganTogetherAndFewOtherwise) {
  StartRowWriter together, apart;
  std::mt19937 random(1);
  const model::TimeMs began = 1'700'000'000'000;
  for (uint32_t ref = 1; ref <= 200; ++ref) {
    together.Add(ref, {{began + 1000, began}});
    apart.Add(ref, {{began + 1000, began + static_cast<int64_t>(random() % 100)}});
  }
  EXPECT_LT(together.Finish().size(), 430u);
  EXPECT_LT(apart.Finish().size(), 1100u);
}

TEST(StartRow, OneIsFullBeforeItIsLargeAlsoUnpacked) {
  model::StartRuns many;
  for (model::TimeMs t = 1; t <= 6000; ++t) model::NoteStart(t * 15'000, t * 15'000 - 15'000 + t % 2, &many);
  StartRowWriter writer;
  uint32_t ref = 0;
  while (!writer.full()) writer.Add(++ref, many);
  EXPECT_LE(ref, 3u);
  const std::string key = writer.key();
  std::vector<SeriesStarts> got;
  ASSERT_TRUE(ParseStartRow(key, writer.Finish(), &got));
  EXPECT_EQ(got.size(), ref);
  EXPECT_EQ(got.back().runs, many);
}

}  // namespace
}  // namespace storage::block
