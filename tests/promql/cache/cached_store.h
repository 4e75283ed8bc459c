// A Database and an engine that keeps answers, and a way to ask that compares each answer with one
// that was not kept, to the bit.
#pragma once

#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "promql/cache/result_cache.h"
#include "promql/engine.h"
#include "storage/database.h"
#include "tests/testing/temp_dir.h"

namespace promql {

// "" when equal to the bit: status, labels, times, values, histograms, annotations.
std::string Difference(const absl::StatusOr<Result>& a, const absl::StatusOr<Result>& b);

class CachedStore {
 public:
  CachedStore();

  // One sample, one batch. Times in seconds; the clock follows.
  void Append(std::string_view series, double t_s, double v);
  // A sample of each every `gap_s`, from `from_s` to `to_s`, in one batch: `first`, then one more each;
  // of the next series 50 more.
  void Fill(std::vector<std::string_view> series, int from_s, int to_s, int gap_s = 15,
            double first = 0);
  void Fill(const char* series, int from_s, int to_s, int gap_s = 15, double first = 0) {
    Fill(std::vector<std::string_view>{series}, from_s, to_s, gap_s, first);
  }
  void Delete(std::string_view selector, double from_s, double to_s);
  void Flush() { ASSERT_TRUE(db->FlushHead().ok()); }
  void Reopen();  // In order, with a new engine.

  // What the cache did. The answer is compared with that of an evaluation without it.
  CacheOutcome Ask(std::string_view query, double from_s, double to_s, double step_s);
  CacheOutcome Ask(std::string_view query, const Grid& grid);

  class Clock : public base::Clock {
   public:
    int64_t NowMs() const override { return now_ms; }
    std::atomic<int64_t> now_ms{0};
  };
  testing_support::TempDir temp;
  Clock clock;
  std::unique_ptr<storage::Database> db;
  std::unique_ptr<Engine> engine;
  Result last;                 // Of Ask, from the cache.
  std::string last_error;      // Its, or "".

 private:
  void Open();
};

}  // namespace promql
