// One series in memory: who it is, its newest sample, its open chunk and the sealed ones that no
// block holds yet.
#pragma once

#include <atomic>
#include <cstdint>
#include <limits>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "storage/appender.h"
#include "storage/base/hash.h"
#include "storage/chunk/histogram_chunk.h"
#include "storage/chunk/xor_chunk.h"
#include "storage/head/gate.h"
#include "storage/head/isolation.h"
#include "storage/head/late_samples.h"
#include "storage/head/sealed_chunk.h"
#include "storage/head/time_rules.h"
#include "storage/index/head_index.h"
#include "storage/model/start_times.h"

namespace storage {

// What changed in the head by an append or a seal; summed per batch.
struct HeadDelta {
  int64_t samples = 0, chunks = 0, bytes = 0;
  int64_t late = 0;  // Of `samples`.
};

// What the rules say about a sample.
struct Verdict {
  Outcome outcome = Outcome::kAccepted;
  bool late = false;    // Accepted, but not in order.
  bool repeat = false;  // Accepted, and there is nothing to do.
};

// The last few commits of a series: `count` samples each, oldest first. What nobody tells apart is
// one, with the highest number of them.
struct CommitRun {
  CommitSeq seq = 0;
  uint32_t count = 0;
};

// The older samples of a series, for a flush.
struct OlderSamples {
  size_t num = 0;
  model::Sample last;  // Of them; of a histogram its fingerprint.
  std::vector<chunk::ChunkView> chunks;
  // What the views point into.
  std::vector<ChunkPtr> sealed;
  std::string copy;
};

// What few series have.
struct Seldom {
  LateSamples late;
  std::unique_ptr<chunk::HistogramEncoder> histograms;  // Not null: the newest sample is one.
  model::StartRuns starts;  // Of what came in order and is in memory.
};

struct alignas(64) MemSeries {  // Two lines of the processor's cache.
  // Constant once the series can be found.
  base::Hash128 hash;  // Of the canonical labels, seeded; taken for the labels themselves.
  SeriesRef ref = SeriesRef::kNone;

  // Own synchronization. `last_t` is written under the stripe's lock and read without it.
  std::atomic<model::TimeMs> last_t{kNoTime};
  std::atomic<Generation> touched{0};    // Newest generation of an Appender that used it.
  std::atomic<uint32_t> logged_in{0};    // Segment of its newest series record, plus 1; 0: none.
  std::atomic<bool> dead{false};         // Unlinked, or about to be.
  std::atomic<bool> listed{false};       // In the index.

  uint32_t rank = 0;                     // In label order, 0: none yet. Guarded by LabelOrder.
  PairIds pairs;                         // Constant. Of the HeadIndex.

  // Guarded by the stripe's lock. `last_t` and `last_v` are the last sample of `open` as well, when that
  // has any.
  uint32_t emptied : 1 = 1;    // Since the last DropFlushed there was no chunk.
  uint32_t histogram : 1 = 0;  // The newest sample is one: seldom->histograms, and `open` is empty.
  uint32_t has_starts : 1 = 0; // seldom->starts has any.
  uint32_t last_count = 0;     // Samples of the last commit,
  CommitSeq last_seq = 0;      // and its number.
  double last_v = 0;           // Of a histogram its fingerprint.
  std::unique_ptr<std::vector<CommitRun>> older_commits;
  std::unique_ptr<std::vector<ChunkPtr>> sealed;
  chunk::XorAppender open;
  std::unique_ptr<Seldom> seldom;  // Null for nearly all.

  // The rest needs the stripe's lock.

  LateSamples* late() const {  // Null when there are none.
    return seldom == nullptr || seldom->late.empty() ? nullptr : &seldom->late;
  }
  bool HasOpen() const {
    return !open.empty() || (histogram && !seldom->histograms->empty());
  }
  chunk::ChunkView OpenView() const {
    return histogram ? seldom->histograms->view() : open.view(last_t.load(std::memory_order_relaxed));
  }

  // Whether a commit brought samples since the start, not only replay.
  bool HasCommits() const { return last_seq != 0 || older_commits != nullptr; }
  // What the rules (spec 8) say about `sample`.
  Verdict Judge(model::Sample sample, const TimeRules& rules) const;
  // Appends what is newer than all, and says whether it was.
  // `seq` 0: visible to everybody. `horizon`: Isolation::horizon(). Behind a histogram the float
  // stale marker becomes a stale histogram.
  bool Append(model::Sample sample, CommitSeq seq, const CommitHorizon& horizon, HeadDelta* delta);
  // The same for a histogram; `sample` has its time and fingerprint.
  bool AppendHistogram(model::Sample sample, const model::AnyHistogram& value, CommitSeq seq,
                       const CommitHorizon& horizon, HeadDelta* delta);
  // The sample appended last has this start; to be called when it has one or `has_starts`.
  void NoteStart(model::TimeMs start, HeadDelta* delta);
  std::span<const model::StartRun> starts() const {
    return has_starts ? std::span<const model::StartRun>(seldom->starts)
                      : std::span<const model::StartRun>();
  }
  // After TakeOldest: keeps those of samples that are left, and appends the others to *out, which
  // may be null.
  void TrimStarts(model::StartRuns* out, HeadDelta* delta);
  void AppendLate(LateSample sample, HeadDelta* delta);
  // The open chunk becomes a sealed one; nothing happens when it is empty.
  void Seal(HeadDelta* delta);
  // All but the newest `n` samples, as they are now. Replaces *out.
  void CopyBefore(size_t n, OlderSamples* out) const;
  // Removes the oldest `n` samples, and appends them to *out, which may be null.
  void TakeOldest(size_t n, std::vector<ChunkPtr>* out, HeadDelta* delta);
  // All but the newest `n` samples come to lie in sealed chunks without any of these; returns how
  // many such chunks there are.
  size_t SealBefore(size_t n, HeadDelta* delta);
  // Removes the first `n` sealed chunks and appends them to *out, which may be null.
  void TakeSealed(size_t n, std::vector<ChunkPtr>* out, HeadDelta* delta);
  size_t num_in_order() const;  // Samples, without the late ones.
  size_t num_sealed() const { return sealed == nullptr ? 0 : sealed->size(); }
  // Removes the late samples that went with the flush. Requires late().
  void DropGivenLate(HeadDelta* delta);
  // A block has samples up to `newest`. An open chunk ends with the newest sample, so one that commits
  // began before this was known is sealed.
  void KnowFlushed(model::Sample newest, HeadDelta* delta);
  // After a flush: when its newest sample is beyond `horizon` and out of memory, the newest late
  // one that is not stands in for it, and without any the series begins anew.
  void ComeBack(model::TimeMs horizon);
  bool HasSamples() const { return num_sealed() > 0 || HasOpen() || late() != nullptr; }
  model::TimeRange times() const;  // Of what is in memory; empty when nothing is.
  model::TimeRange times_in_order() const;  // Likewise, without late samples.

 private:
  int64_t OpenBytes() const {
    return static_cast<int64_t>(histogram ? seldom->histograms->heap_bytes() : open.heap_bytes());
  }
  // `sample` is the newest now.
  void Took(model::Sample sample, CommitSeq seq, const CommitHorizon& horizon, HeadDelta* delta);
  void EndHistograms(HeadDelta* delta);
  // Appends the samples of `view`, and seals before the one at `split`; returns the chunks until then.
  size_t TakeOver(const chunk::ChunkView& view, size_t split, HeadDelta* delta);
  void DropSeldom();  // When there is nothing in it.
  void NoteCommit(CommitSeq seq, const CommitHorizon& horizon);
};
static_assert(sizeof(MemSeries) == 128);

// Samples of a series that `snapshot` must not see: `tail` of the newest. When hidden ones lie
// among visible ones (two commits reached the series the other way round), `scattered` lists each
// of the newest samples, oldest first, as visible or not, and `tail` is 0. Needs the stripe's lock.
struct Hidden {
  size_t tail = 0;
  std::vector<bool> scattered;
};
Hidden FindHidden(const MemSeries& series, const CommitSnapshot& snapshot);

}  // namespace storage
