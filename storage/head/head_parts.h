// What a Head consists of; for the files of this folder. Locks in order:
//   commit_mu -> a shard of `map` -> a stripe -> (listing_mu, views_mu, index, ring: last ones)
#pragma once

#include <array>
#include <atomic>
#include <limits>
#include <memory>
#include <vector>

#include <absl/base/thread_annotations.h>
#include <absl/container/flat_hash_map.h>
#include <absl/synchronization/mutex.h>

#include "storage/base/stats.h"
#include "storage/head/exemplar_ring.h"
#include "storage/head/gate.h"
#include "storage/head/head.h"
#include "storage/head/isolation.h"
#include "storage/head/label_order.h"
#include "storage/head/metadata_table.h"
#include "storage/head/series_limits.h"
#include "storage/head/series_map.h"
#include "storage/index/head_index.h"

namespace storage {

// Chunks that a flush dropped while queriers from before it lived. Each querier holds the one that
// was current when it was made, and so all that follow; without holders there is nothing to keep.
struct RetiredChunks {
  absl::Mutex mu;
  absl::flat_hash_map<SeriesRef, std::vector<ChunkPtr>> chunks ABSL_GUARDED_BY(mu);
  absl::flat_hash_map<SeriesRef, LateParts> late ABSL_GUARDED_BY(mu);
  absl::flat_hash_map<SeriesRef, model::StartRuns> starts ABSL_GUARDED_BY(mu);  // Of `chunks`.
  std::shared_ptr<RetiredChunks> next ABSL_GUARDED_BY(mu);
};

struct Head::Parts {
  explicit Parts(HeadOptions head_options);
  ~Parts();

  // A series with these labels, not yet findable or listed. `ref` is not in use.
  MemSeries* NewSeries(SeriesRef ref, const base::Hash128& hash, model::LabelsView labels);
  // Of the labels as remote write has them, so that a request is hashed as it comes.
  base::Hash128 Hash(model::LabelsView labels) const {
    thread_local std::string wire;
    wire.clear();
    model::AppendWireLabels(labels, &wire);
    return HashWire(wire);
  }
  base::Hash128 HashWire(std::string_view wire_labels) const {
    return base::HashBytes128(wire_labels, seed);
  }
  // Makes listed what is not; `series` by ref, ascending, without repeats.
  void List(std::span<MemSeries* const> series);

  absl::Mutex* StripeOf(SeriesRef ref) {
    // Neighbours share a stripe: they come in batches together.
    return &stripes[(static_cast<uint64_t>(ref) >> 6) % kStripes].mu;
  }
  void Count(const HeadDelta& delta) {
    samples.Add(delta.samples);
    chunks.Add(delta.chunks);
    chunk_bytes.Add(delta.bytes);
  }
  void SawTimes(model::TimeRange range);  // Of samples that entered the head.
  // For the next batch. A clock that runs ahead, of one target or for a while of this machine, must
  // not make all others late: times of the future do not move the bounds.
  TimeRules Rules() const {
    const model::TimeMs newest = max_time.load(), horizon = Horizon();
    TimeRules rules = TimeRules::For(std::min(newest, horizon),
                                     out_of_order_window_ms.load(std::memory_order_relaxed));
    if (newest > horizon) rules.horizon = horizon;
    return rules;
  }
  // Nobody takes what is newer, so it came when the clock was ahead of what it is now.
  model::TimeMs Horizon() const { return options.clock->NowMs() + kMaxAheadMs; }

  // Constant.
  const HeadOptions options;
  const uint64_t seed;

  // Own synchronization.
  HeadIndex index;
  SeriesMap map;
  Gate gate;
  Isolation isolation;
  LabelOrder order{&map, &index};
  SeriesLimits limits{options.limits, &index, options.admission};
  ExemplarRing exemplars;
  MetadataTable metadata{options.max_metadata_bytes};
  std::atomic<uint64_t> next_ref{1};
  std::atomic<bool> replaying{false};
  // Other refs by which the log being replayed speaks of series. A checkpoint must know them too.
  absl::Mutex aliases_mu;
  absl::flat_hash_map<SeriesRef, MemSeries*> aliases ABSL_GUARDED_BY(aliases_mu);
  std::atomic<wal::Writer*> log{nullptr};
  std::atomic<uint32_t> cut_segment{0};  // Series logged before it need not be logged in it again.
  std::atomic<int64_t> out_of_order_window_ms{0};
  std::atomic<model::TimeMs> max_time{kNoTime};  // Ever.
  std::atomic<model::TimeMs> min_time{std::numeric_limits<int64_t>::max()};  // In memory now.
  base::Gauge samples, chunks, chunk_bytes;
  base::Counter samples_appended, out_of_order, out_of_bounds, duplicates, too_old;
  base::Counter late_appended, series_created, series_removed, exemplars_appended;

  absl::Mutex commit_mu;   // Commits share it; the flush takes it alone to wait for them.
  absl::Mutex listing_mu;  // A series is listed once, and before its first commit is visible.

  absl::Mutex views_mu;
  std::shared_ptr<RetiredChunks> view ABSL_GUARDED_BY(views_mu);
  std::weak_ptr<RetiredChunks> previous_view ABSL_GUARDED_BY(views_mu);

  static constexpr int64_t kMaxAheadMs = 10 * 60 * 1000;
  static constexpr size_t kStripes = 256;
  struct alignas(64) Stripe {
    absl::Mutex mu;  // Of every MemSeries whose ref falls on it.
  };
  std::array<Stripe, kStripes> stripes;

  // Of the flush, which is one at a time.
  std::unique_ptr<HeldSnapshot> cut;    // The commits before the cut, until the cursor is gone.
  std::vector<MemSeries*> flush_order;  // All series when the cursor was made.
  struct Given {                        // In order, of one series.
    uint32_t samples = 0;
    uint32_t by_ref = 0;  // Of something else: the n-th series in order of ref stands there.
    model::Sample last;
  };
  std::vector<Given> flush_given;   // In the same order.
  std::vector<size_t> flush_late;   // Places of those that gave late samples.
  struct Limbo {  // Unlinked in `generation`, and perhaps still looked at.
    Generation generation;
    std::vector<MemSeries*> series;
    Garbage garbage;
  };
  std::vector<Limbo> limbo;
};

}  // namespace storage
