#include "promql/operators/exchange.h"

#include <gtest/gtest.h>

#include <atomic>
#include <optional>

#include "promql/helpers.h"
#include "storage/base/status.h"

namespace promql {
namespace {

class ExchangeTest : public ::testing::Test {
 protected:
  ExchangeTest() {
    context_.grid = {0, 99'000, 1000};
    context_.samples = &samples_;
    context_.helpers = &helpers_;
  }

  // Every third series has nothing.
  static absl::Status FillWithIndex(Context& context, int begin, int end, ExchangePart* part) {
    for (int i = begin; i < end; ++i) {
      if (i % 3 == 2) continue;
      Row row = part->tile.AddRow(i);
      for (int step = 0; step < context.grid.size(); ++step) row.Set(step, i);
      part->samples_read.AddToAll(context.grid.size(), 1);
    }
    return absl::OkStatus();
  }

  Helpers helpers_{3};
  SampleTally samples_;
  Context context_;
};

TEST_F(ExchangeTest, RowsComeInOrderAndOnce) {
  for (const int n : {0, 1, 63, 64, 1000, 20'000}) {
    samples_.Reset(0);
    Exchange exchange(n, FillWithIndex);
    Tile tile;
    int next = 0;
    for (;;) {
      const auto more = exchange.Next(context_, &tile);
      ASSERT_TRUE(more.ok());
      if (!*more) break;
      ASSERT_GT(tile.size(), 0);
      for (int i = 0; i < tile.size(); ++i) {
        if (next % 3 == 2) ++next;
        ASSERT_EQ(tile.rows[i], next);
        ASSERT_EQ(tile.row(i).values[99], next);
        ASSERT_TRUE(tile.row(i).has(99));
        ++next;
      }
    }
    EXPECT_EQ(next, n % 3 == 0 && n > 0 ? n - 1 : n);
    EXPECT_EQ(samples_.looked_at(), (n - n / 3) * 100);
    EXPECT_EQ(samples_.read(), n - n / 3);
  }
}

TEST_F(ExchangeTest, AnErrorComesInItsPlaceAndEndsIt) {
  Exchange exchange(10'000, [](Context& context, int begin, int end, ExchangePart* part) {
    if (begin <= 5000 && 5000 < end) return base::DataLoss("series 5000");
    return FillWithIndex(context, begin, end, part);
  });
  Tile tile;
  for (;;) {
    const auto more = exchange.Next(context_, &tile);
    if (!more.ok()) {
      EXPECT_EQ(base::message(more.status()), "series 5000");
      break;
    }
    ASSERT_TRUE(*more);
    ASSERT_LT(tile.rows.back(), 5000);
  }
}

TEST_F(ExchangeTest, MayBeGivenUpAtAnyTime) {
  std::atomic<int> filling = 0;
  for (int stop = 0; stop < 50; ++stop) {
    std::optional<Exchange> exchange;
    exchange.emplace(5000, [&](Context& context, int begin, int end, ExchangePart* part) {
      ++filling;
      const absl::Status status = FillWithIndex(context, begin, end, part);
      --filling;
      return status;
    });
    Tile tile;
    for (int i = 0; i < stop; ++i) ASSERT_TRUE(exchange->Next(context_, &tile).ok());
    exchange.reset();
    EXPECT_EQ(filling, 0);  // Nobody works for what is gone.
  }
}

TEST_F(ExchangeTest, SeveralShareTheHelpers) {
  std::vector<std::unique_ptr<Exchange>> all;
  for (int i = 0; i < 10; ++i) all.push_back(std::make_unique<Exchange>(3000, FillWithIndex));
  Tile tile;
  int rows = 0;
  bool any = true;
  while (any) {
    any = false;
    for (const auto& exchange : all) {
      const auto more = exchange->Next(context_, &tile);
      ASSERT_TRUE(more.ok());
      any |= *more;
      rows += tile.size();
    }
  }
  EXPECT_EQ(rows, 10 * 2000);
}

}  // namespace
}  // namespace promql
