#include "storage/block/exemplar_row.h"

#include <limits>
#include <random>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "storage/base/coding.h"
#include "wal/crc32c.h"

namespace storage::block {
namespace {

using model::Exemplar;
using ::testing::IsEmpty;

Exemplar At(model::TimeMs t, double value, std::string_view trace) {
  return {model::Labels({{"trace_id", trace}}), value, t, false};
}

bool Same(const std::vector<Exemplar>& a, const std::vector<Exemplar>& b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](const Exemplar& x, const Exemplar& y) { return Compare(x, y) == 0; });
}

TEST(ExemplarRow, KeysSortByRefThenTimeBetweenSealedRowsAndTheMeta) {
  std::vector<std::string> keys = {"d\xff"};
  for (uint32_t ref : {1u, 256u, UINT32_MAX}) {
    for (model::TimeMs t : {std::numeric_limits<model::TimeMs>::min(), model::TimeMs{-1},
                            model::TimeMs{0}, std::numeric_limits<model::TimeMs>::max()}) {
      keys.push_back(ExemplarRowKey(ref, t));
      uint32_t got_ref;
      model::TimeMs got_t;
      ASSERT_TRUE(ParseExemplarRowKey(keys.back(), &got_ref, &got_t));
      EXPECT_EQ(got_ref, ref);
      EXPECT_EQ(got_t, t);
    }
  }
  keys.push_back("m");
  EXPECT_TRUE(std::is_sorted(keys.begin(), keys.end()));
  uint32_t ref;
  model::TimeMs t;
  EXPECT_FALSE(ParseExemplarRowKey("", &ref, &t));
  EXPECT_FALSE(ParseExemplarRowKey("m", &ref, &t));
}

// What lies on disks of version 3; see the README.
TEST(ExemplarRow, BytesAreThoseOfTheReadme) {
  const std::string key = ExemplarRowKey(7, 2000);
  EXPECT_EQ(key, std::string("e\0\0\0\7\x80\0\0\0\0\0\x07\xd0", 13));
  const std::vector<Exemplar> exemplars = {At(1990, 1, "a"), {{}, -2, 2000, false}};
  std::string row;
  AppendExemplarRow(key, exemplars, &row);
  std::string want("\x02"                          // Two.
                   "\x13\0\0\0\0\0\0\xf0\x3f"      // 10 before the last; 1.
                   "\x0b\x08trace_id\x01" "a"
                   "\x14\0\0\0\0\0\0\0\xc0"        // 10 later; -2.
                   "\0", 1 + 9 + 12 + 9 + 1);
  base::AppendLittleEndian(&want, wal::Crc32c(want, wal::Crc32c(key)));
  EXPECT_EQ(row, want);
  EXPECT_EQ(row.substr(row.size() - 4), std::string("1A\x1cM", 4));
}

TEST(ExemplarRow, ComesBackWholeAndEveryFlippedBitIsNoticed) {
  std::vector<Exemplar> exemplars = {
      {{}, 5, -7, false}, At(10, 0.1, "a"), At(10, 0.1, "b"), At(10, model::StaleNan(), "b"),
      At(std::numeric_limits<model::TimeMs>::max(), -0.0, "")};
  SortUnique(&exemplars);
  const std::string key = ExemplarRowKey(3, exemplars.back().t);
  std::string row;
  AppendExemplarRow(key, exemplars, &row);
  std::vector<Exemplar> got = {At(1, 1, "kept")};
  ASSERT_TRUE(ParseExemplarRow(key, row, &got));
  got.erase(got.begin());
  EXPECT_TRUE(Same(got, exemplars));
  got.clear();
  EXPECT_FALSE(ParseExemplarRow(ExemplarRowKey(4, exemplars.back().t), row, &got));
  for (size_t bit = 0; bit < row.size() * 8; ++bit) {
    std::string damaged = row;
    damaged[bit / 8] = static_cast<char>(damaged[bit / 8] ^ (1 << (bit % 8)));
    EXPECT_FALSE(ParseExemplarRow(key, damaged, &got)) << bit;
  }
  for (size_t n = 0; n < row.size(); ++n) {
    EXPECT_FALSE(ParseExemplarRow(key, std::string_view(row).substr(0, n), &got)) << n;
  }
  EXPECT_THAT(got, IsEmpty());
}

TEST(ExemplarRow, RowsEndWhereTheTimeChanges) {
  std::mt19937 random(1);
  std::vector<Exemplar> exemplars;
  for (int i = 0; i < 20'000; ++i) {
    const bool crowd = i > 5000 && i < 10'000;  // More than fill a row, at one time.
    exemplars.push_back(At(crowd ? 5000 : i, i, std::to_string(random())));
  }
  SortUnique(&exemplars);
  std::span<const Exemplar> rest = exemplars;
  std::set<std::string> keys;
  while (!rest.empty()) {
    const size_t n = ExemplarRowSize(rest);
    ASSERT_GT(n, 0u);
    EXPECT_TRUE(keys.insert(ExemplarRowKey(1, rest[n - 1].t)).second);
    if (n < rest.size()) {
      EXPECT_LT(rest[n - 1].t, rest[n].t);
      EXPECT_GT(n, 100u);
    }
    rest = rest.subspan(n);
  }
  EXPECT_GT(keys.size(), 20u);
}

}  // namespace
}  // namespace storage::block
