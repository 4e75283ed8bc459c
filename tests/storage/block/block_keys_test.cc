#include "storage/block/block_keys.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>
#include <random>

#include "storage/base/coding.h"
#include "storage/block/ulid.h"
#include "tests/testing/sample_model.h"

namespace storage::block {
namespace {

using ::testing::ElementsAre;

constexpr model::TimeMs kMinTime = std::numeric_limits<model::TimeMs>::min();
constexpr model::TimeMs kMaxTime = std::numeric_limits<model::TimeMs>::max();

TEST(BlockKeys, RowKeysSortByRefThenTimeAlsoBeforeTheEpoch) {
  std::vector<std::string> keys;
  for (uint32_t ref : {1u, 2u, 255u, 256u, kMaxRef}) {
    for (model::TimeMs t : std::vector<model::TimeMs>{kMinTime, -1, 0, 1, kMaxTime}) {
      keys.push_back(RowKey(ref, t));
      uint32_t got_ref;
      model::TimeMs got_t;
      ASSERT_TRUE(ParseRowKey(keys.back(), &got_ref, &got_t));
      EXPECT_EQ(got_ref, ref);
      EXPECT_EQ(got_t, t);
    }
  }
  EXPECT_TRUE(std::is_sorted(keys.begin(), keys.end()));
}

TEST(BlockKeys, PairKeysKeepNamesApartWhateverTheyHold) {
  using std::string;
  const std::vector<std::pair<string, string>> pairs = {
      {"a", ""},  {"a", string("\0b", 2)}, {"a", "b"}, {string("a\0", 2), "x"},
      {string("a\0\1", 3), "x"}, {string("a\0b", 3), "c"}, {"ab", "c"}, {"b", "\xff"}};
  std::vector<string> keys;
  for (const auto& [name, value] : pairs) {
    keys.push_back(PairKey(name, value));
    string got_name;
    std::string_view got_value;
    ASSERT_TRUE(ParsePairKey(keys.back(), &got_name, &got_value));
    EXPECT_EQ(got_name, name);
    EXPECT_EQ(got_value, value);
    EXPECT_TRUE(keys.back().starts_with(NamePrefix(name)));
    EXPECT_LT(keys.back(), AfterNamePrefix(name));
  }
  EXPECT_TRUE(std::is_sorted(keys.begin(), keys.end()));
}

TEST(BlockKeys, RowGivesBackItsChunksWithinTheRange) {
  std::mt19937 random(7);
  const auto model = testing_support::RandomModel(random, 4, 1'000'000, 15'000, 500);
  for (const auto& [labels, samples] : model) {
    const testing_support::Chunks chunks(samples);
    ASSERT_GE(chunks.views().size(), 4u);
    std::string row;
    AppendRow(chunks.views(), &row);
    std::vector<chunk::ChunkView> got;
    EXPECT_EQ(ParseRow(chunks.views().back().range.max, row, model::TimeRange(), &got), 0);
    ASSERT_EQ(got.size(), chunks.views().size());
    for (size_t i = 0; i < got.size(); ++i) {
      EXPECT_EQ(got[i].range, chunks.views()[i].range);
      EXPECT_EQ(got[i].num_samples, chunks.views()[i].num_samples);
      EXPECT_EQ(got[i].bytes, chunks.views()[i].bytes);
    }
    got.clear();
    const model::TimeMs t = chunks.views()[2].range.min;
    EXPECT_EQ(ParseRow(chunks.views().back().range.max, row, {t, t}, &got), 0);
    ASSERT_EQ(got.size(), 1u);
    EXPECT_EQ(got[0].range.min, t);
  }
}

TEST(BlockKeys, EveryFlippedBitOfARowIsNoticed) {
  testing_support::SeriesSamples samples;
  for (int i = 0; i < 30; ++i) samples[1000 + i * 10] = testing_support::Bits(i * 0.5);
  const testing_support::Chunks chunks(samples, 10);
  std::string row;
  AppendRow(chunks.views(), &row);
  for (size_t bit = 0; bit < row.size() * 8; ++bit) {
    std::string damaged = row;
    damaged[bit / 8] = static_cast<char>(damaged[bit / 8] ^ (1 << (bit % 8)));
    std::vector<chunk::ChunkView> got;
    const int count = ParseRow(1290, damaged, model::TimeRange(), &got);
    EXPECT_TRUE(count > 0 || got.size() < 3) << bit;
    for (const chunk::ChunkView& chunk : got) {  // What is given out is right.
      bool known = false;
      for (const chunk::ChunkView& whole : chunks.views()) {
        known |= whole.range == chunk.range && whole.bytes == chunk.bytes;
      }
      EXPECT_TRUE(known) << bit;
    }
  }
}

TEST(BlockKeys, SeriesEntryKnowsItsLabelsAndRows) {
  const model::Labels labels{{"__name__", "up"}, {"job", "x"}};
  const std::vector<model::TimeRange> rows = {{-5, 10}, {11, 11}, {500, kMaxTime}};
  std::string entry;
  AppendSeries(labels, rows, &entry);
  std::string_view bytes;
  std::vector<model::TimeRange> got;
  ASSERT_TRUE(ParseSeries(entry, &bytes, &got));
  EXPECT_EQ(bytes, labels.bytes());
  EXPECT_EQ(got, rows);
  for (size_t i = 0; i < entry.size(); ++i) {
    std::string damaged = entry;
    damaged[i] = static_cast<char>(damaged[i] ^ 4);
    EXPECT_FALSE(ParseSeries(damaged, &bytes, &got)) << i;
    EXPECT_FALSE(ParseSeries(std::string_view(entry).substr(0, i), &bytes, &got)) << i;
  }
}

TEST(BlockKeys, PostingsAscendAndFit32Bits) {
  std::string bytes;
  for (int delta : {3, 1, 500}) base::AppendVarint(&bytes, static_cast<uint64_t>(delta));
  Postings postings;
  ASSERT_TRUE(ParsePostings(bytes, &postings));
  EXPECT_THAT(postings, ElementsAre(SeriesRef{3}, SeriesRef{4}, SeriesRef{504}));
  EXPECT_FALSE(ParsePostings(std::string("\0", 1), &postings));  // Not ascending.
  bytes.clear();
  base::AppendVarint(&bytes, uint64_t{kMaxRef} + 1);
  EXPECT_FALSE(ParsePostings(bytes, &postings));
  EXPECT_FALSE(ParsePostings("\x80", &postings));
}

TEST(BlockKeys, MetaComesBackWhole) {
  BlockMeta meta;
  meta.level = 2;
  meta.range = {-7, 1'700'000'000'000};
  meta.parents = {NewUlid(1), NewUlid(2)};
  meta.num_series = 10, meta.num_chunks = 20, meta.num_samples = 3000, meta.damaged_chunks = 1;
  std::string value;
  AppendMeta(meta, &value);
  BlockMeta got;
  ASSERT_TRUE(ParseMeta(value, &got));
  EXPECT_EQ(got.level, 2);
  EXPECT_EQ(got.range, meta.range);
  EXPECT_EQ(got.parents, meta.parents);
  EXPECT_EQ(got.num_samples, 3000u);
  EXPECT_EQ(got.damaged_chunks, 1u);
  for (size_t i = 0; i < value.size(); ++i) {
    EXPECT_FALSE(ParseMeta(std::string_view(value).substr(0, i), &got));
  }
  EXPECT_EQ(got.num_exemplars, 0u);
  EXPECT_TRUE(got.exemplar_range.empty());

  meta.num_exemplars = 5;
  meta.exemplar_range = {-900, kMaxTime};
  std::string with_exemplars;
  AppendMeta(meta, &with_exemplars);
  EXPECT_EQ(with_exemplars.substr(0, value.size() - 4), value.substr(0, value.size() - 4));
  ASSERT_TRUE(ParseMeta(with_exemplars, &got));
  EXPECT_EQ(got.num_exemplars, 5u);
  EXPECT_EQ(got.exemplar_range, meta.exemplar_range);
  ASSERT_TRUE(ParseMeta(value, &got));
  EXPECT_EQ(got.num_exemplars, 0u);
}

TEST(Ulid, AscendsAndLooksLikeOne) {
  std::string last;
  for (int i = 0; i < 2000; ++i) {
    const std::string ulid = NewUlid(1'700'000'000'000 - i / 100);  // The clock runs backwards.
    EXPECT_TRUE(IsUlid(ulid)) << ulid;
    EXPECT_LT(last, ulid);
    last = ulid;
  }
  EXPECT_FALSE(IsUlid("default"));
  EXPECT_FALSE(IsUlid("8ZZZZZZZZZZZZZZZZZZZZZZZZZ"));
}

}  // namespace
}  // namespace storage::block
