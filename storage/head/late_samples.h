// Samples that came after newer ones of their series. They wait in the order in which they came, each
// with its commit, and are sorted when somebody looks: taking one in costs the same however many
// there are. What a start reads behind new data is late too, and may be all of an old log: it comes
// ascending, and is packed as it comes.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "storage/chunk/xor_chunk.h"
#include "storage/head/isolation.h"
#include "storage/head/sealed_chunk.h"
#include "storage/model/histogram.h"
#include "storage/model/sample.h"

namespace storage {

using HistogramPtr = std::shared_ptr<const model::AnyHistogram>;

struct LateSample {
  model::Sample sample;    // Of a histogram its fingerprint.
  CommitSeq seq = 0;       // 0: everybody sees it.
  HistogramPtr histogram;  // Null for floats.
  model::TimeMs start = 0;
};

// By time; of several at one time the first that came stays, as in Prometheus.
void SortLate(std::vector<LateSample>::iterator begin, std::vector<LateSample>* samples);

// As they were at some moment. At equal times those of `runs` stay.
struct LateParts {
  std::vector<ChunkPtr> runs;     // Floats without starts that everybody sees.
  std::vector<LateSample> loose;  // The others, as they came.

  bool empty() const { return runs.empty() && loose.empty(); }
  void clear() { runs.clear(), loose.clear(); }
  void Append(const LateParts& newer);
  // Appends what `snapshot` sees and may lie in `range`.
  void Collect(const CommitSnapshot& snapshot, model::TimeRange range, LateParts* out) const;
  // Those in `range`, in the order that SortLate takes: what is to stay comes first. Replaces *out.
  void Expand(model::TimeRange range, std::vector<LateSample>* out) const;
};

class LateSamples {  // Of one series, guarded as that is. Small: a start may make one for each.
 public:
  bool empty() const { return run_.empty() && parts_ == nullptr; }
  size_t size() const;
  size_t heap_bytes() const;
  // Takes what a commit brought, or replay (with number 0); returns by how much heap_bytes() grew, which
  // by itself costs a look at all of them.
  size_t Add(LateSample sample);
  // As LateParts.
  void Collect(const CommitSnapshot& snapshot, model::TimeRange range, LateParts* out) const;
  model::TimeRange times() const;
  // The newest up to `horizon`; its time is kNoTime when there is none.
  model::Sample Newest(model::TimeMs horizon) const;

  // What `cut` sees goes with a flush, but for what came behind something that it does not see.
  // Whether there is any.
  bool Give(const CommitSnapshot& cut);
  bool gives() const { return given_run_ > 0 || given_loose_ > 0; }
  LateParts given() const;
  void DropGiven();  // The block is there.

 private:
  LateParts* parts();  // Made when there is none.
  size_t AddToRun(model::Sample sample);
  ChunkPtr CopyOfRun() const;

  std::unique_ptr<LateParts> parts_;  // Null: without any.
  chunk::XorAppender run_;  // What follows the runs, which ascend,
  model::Sample last_;      // and the newest of all these.
  uint32_t given_run_ = 0, given_loose_ = 0;  // So many of the first samples.
};

}  // namespace storage
