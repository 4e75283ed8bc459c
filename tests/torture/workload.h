// A server's life in a minute: scrapes, exemplars, start times, metadata, late samples, deletes, flushes,
// merges; and what it was told.
#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "storage/base/clock.h"
#include "storage/database.h"
#include "storage/model/labels.h"
#include "storage/model/matcher.h"

namespace torture {

using Samples = std::map<model::TimeMs, uint64_t>;  // Values as bits.
using Contents = std::map<model::Labels, Samples>;  // Without empty series.

class ManualClock : public base::Clock {
 public:
  int64_t NowMs() const override { return now_ms; }
  std::atomic<int64_t> now_ms{1'700'006'400'000};
};

// One batch or one delete.
struct Act {
  size_t begun = 0, done = SIZE_MAX;  // Positions in the trace.
  bool failed = false;                // It came to an error: it may have happened, whole, or not.
  Contents samples;                   // Of a batch.
  std::vector<model::Matcher> matchers;  // Of a delete, with `range`.
  model::TimeRange range;
  bool is_delete() const { return !matchers.empty(); }
  bool Deletes(const model::Labels& labels, model::TimeMs t) const;
};

struct WorkloadOptions {
  std::string dir;
  wal::Sync sync = wal::Sync::kAlways;
  int batches = 150;
  bool faults = false;         // Of the file operations, in between.
  bool close = false;          // At the end, in order.
  int64_t window_ms = 3 * 3'600'000;  // For late samples.
};

// Runs it on what lies in the directory. Traced positions are of the trace that is under way.
// The error is of Open without an injected fault, or of a step that must not fail.
absl::Status RunWorkload(const WorkloadOptions& options, std::mt19937_64& random,
                         ManualClock* clock, std::vector<Act>* acts);

// Opens the directory, reads all that is there and closes it without flushing what it cannot. With
// `verify` and nothing to report, all blocks are verified, as `tidemark tsdb verify` does it.
struct Found {
  Contents contents;
  std::vector<std::string> reports;   // Query warnings and counted damage.
  std::vector<std::string> verified;  // What verifying found.
};
absl::StatusOr<Found> ReadDirectory(const std::string& dir, ManualClock* clock, bool verify = false);

// What is wrong with `found` when the acts happened to `before`, those done until
// `position` surely, unless `doubtful_batches`: then each of them, whole, or not; with `torn_batches`
// perhaps in part. Empty: nothing.
std::string Judge(const Contents& found, const Contents& before, const std::vector<Act>& acts,
                  size_t position, bool doubtful_batches, bool torn_batches);

}  // namespace torture
