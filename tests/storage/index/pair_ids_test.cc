#include "storage/index/pair_ids.h"

#include <random>
#include <vector>

#include <gtest/gtest.h>

namespace storage {
namespace {

TEST(PairIds, GiveBackWhatWasEncoded) {
  std::mt19937_64 random(19);
  std::string bytes;
  for (int round = 0; round < 2000; ++round) {
    std::vector<PairId> ids(round % 100 == 0 ? 100 + random() % 300 : random() % 20);
    for (PairId& id : ids) id = PairId{static_cast<uint32_t>(random() >> (32 + random() % 32))};
    PairIds::Encode(ids, &bytes);
    const PairIds view(bytes.data());
    std::vector<PairId> back;
    for (const PairId id : view) back.push_back(id);
    ASSERT_EQ(back, ids);
    ASSERT_EQ(view.size(), ids.size());
    ASSERT_EQ(view.empty(), ids.empty());
    ASSERT_EQ(view.bytes(), bytes);
  }
}

TEST(PairIds, AreNoneByThemselves) {
  const PairIds none;
  EXPECT_TRUE(none.empty());
  EXPECT_EQ(none.size(), 0u);
  for (const PairId id : none) FAIL() << static_cast<uint32_t>(id);
}

TEST(PairIds, TakeAByteForASmallId) {
  std::string bytes;
  PairIds::Encode(std::vector<PairId>{PairId{1}, PairId{127}, PairId{128}, PairId{16383}}, &bytes);
  EXPECT_EQ(bytes.size(), 7u);
}

}  // namespace
}  // namespace storage
