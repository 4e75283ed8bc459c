#include "storage/base/byte_pool.h"

#include <random>
#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace base {
namespace {

TEST(BytePool, PiecesKeepTheirBytesWhileOthersComeAndGo) {
  BytePool pool;
  std::mt19937_64 random(17);
  struct Piece {
    char* bytes;
    std::string want;
  };
  std::vector<Piece> pieces;
  for (int step = 0; step < 50'000; ++step) {
    if (pieces.empty() || random() % 5 < 3) {
      const size_t size = random() % 50 == 0 ? random() % 5000 : random() % 60;
      char* const bytes = pool.Take(size);
      std::string want(size, static_cast<char>(random()));
      want.copy(bytes, size);
      pieces.push_back({bytes, std::move(want)});
    } else {
      std::swap(pieces[random() % pieces.size()], pieces.back());
      const Piece& last = pieces.back();
      ASSERT_EQ(std::string_view(last.bytes, last.want.size()), last.want) << step;
      pool.GiveBack(last.bytes, last.want.size());
      pieces.pop_back();
    }
  }
  for (const Piece& piece : pieces) {
    ASSERT_EQ(std::string_view(piece.bytes, piece.want.size()), piece.want);
    pool.GiveBack(piece.bytes, piece.want.size());
  }
  EXPECT_EQ(pool.bytes_in_use(), 0u);
}

TEST(BytePool, GivesOutAgainWhatCameBack) {
  BytePool pool;
  char* const first = pool.Take(17);
  pool.GiveBack(first, 17);
  EXPECT_EQ(pool.Take(20), first);
  EXPECT_NE(pool.Take(20), first);
}

TEST(BytePool, RoundsToFourBytes) {
  BytePool pool;
  pool.Take(17);
  EXPECT_EQ(pool.bytes_in_use(), 20u);
  pool.Take(300);
  EXPECT_EQ(pool.bytes_in_use(), 320u);
  pool.Take(0);
  EXPECT_EQ(pool.bytes_in_use(), 328u);
}

}  // namespace
}  // namespace base
