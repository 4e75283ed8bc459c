// What one running query carries: its grid, limits and annotations.
#pragma once

#include <atomic>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <absl/status/status.h>
#include <absl/time/time.h>

#include "promql/engine.h"
#include "promql/range_watch.h"
#include "promql/tally.h"
#include "promql/value.h"
#include "storage/base/hash.h"
#include "storage/querier.h"

namespace promql {

// Collects annotations, each text once, whatever its position: of several positions that stays which is
// evaluated last, operands from left to right and then what holds them. Not thread-safe.
class AnnotationSink {
 public:
  explicit AnnotationSink(std::string_view query) : query_(query) {}
  // `text` without the "PromQL warning: " prefix; `pos` becomes " (line:col)". spec 1.10.
  void Warn(std::string_view text, PositionRange pos);
  // One that happened so many times: of all its times together, and of several positions the first.
  void WarnOfSeveral(std::string_view text, int64_t times, PositionRange pos);
  void Info(std::string_view text, PositionRange pos);
  // A warning that does not come from the language: storage.
  void WarnPlain(std::string text);
  Annotations Take();

 private:
  class List {
   public:
    struct Item {
      std::string text;
      PositionRange position{-1, -1};  // So: has none.
      int64_t times = 1;
      void MoveTo(PositionRange place);  // If that is evaluated later.
    };
    // The item that has this text, and whether it is new.
    std::pair<Item*, bool> Add(std::string text, PositionRange position);
    std::vector<std::string> Take(std::string_view query);

   private:
    std::vector<Item> items_;
    base::StringMap<size_t> index_;
  };
  std::string query_;
  List warnings_, infos_;
};

// kResourceExhausted, in Prometheus' words and with the flag.
absl::Status TooManySamples();

// Handed down every call of one query (a subquery makes a child with a grid of its own).
struct Context {
  Grid grid;        // Of this node.
  Grid query_grid;  // The outermost: start(), end(), range(), step().
  int64_t lookback_ms = 300'000;
  bool delayed_name_removal = false;  // See Operator::drop_name.
  bool type_and_unit_labels = false;
  bool leave_out_unmatched = true;  // Whether Operator::LeaveOut is called.
  absl::Time deadline = absl::InfiniteFuture();
  const std::atomic<bool>* cancelled = nullptr;
  int64_t* samples_left = nullptr;   // Shared by the whole query: what it may still hold in memory.
  int64_t* least_left = nullptr;     // The lowest samples_left has been. May be null.
  SampleTally* samples = nullptr;    // Of the node's grid, for stats.
  AnnotationSink* annotations = nullptr;
  storage::Querier* querier = nullptr;
  class Helpers* helpers = nullptr;  // Null: one thread.
  RangeWatch* watch = nullptr;       // Null: nobody wants to know.

  // kDeadlineExceeded ("query timed out in expression evaluation"), kCancelled, or
  // kResourceExhausted (base::MemoryMeter). Call once per tile or per series, not per sample.
  absl::Status Check() const;
  // Takes `samples` from the budget: kResourceExhausted in Prometheus' words. Check()s too, with the
  // memory that they will take.
  absl::Status Charge(int64_t samples);
  // Before that many bytes are taken at once.
  absl::Status CheckRoom(size_t bytes) const;
  void Release(int64_t samples) { *samples_left += samples; }

  mutable uint32_t checks = 0;  // Of Check(): most calls do without a look at the clock.
};

}  // namespace promql
