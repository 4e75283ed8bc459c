// The way out. First who (labels), then what (samples).
#pragma once

#include <limits>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <absl/status/statusor.h>

#include "storage/chunk/chunk.h"
#include "storage/chunk/histogram_columns.h"
#include "storage/chunk/thin.h"
#include "storage/model/exemplar.h"
#include "storage/model/labels.h"
#include "storage/model/matcher.h"
#include "storage/model/sample.h"
#include "storage/model/start_times.h"

namespace storage {

class ChangeLog;

using Matchers = std::span<const model::Matcher>;

// Goes through the labels of a Selection, which outlives it, without keeping them. Not thread-safe.
class LabelsReader {
 public:
  virtual ~LabelsReader() = default;
  virtual model::LabelsView At(int i) = 0;  // Until the next call. Cheapest where `i` ascends.
};

// The series a Select found, in label order if that was not waived, each label set once. Who they are
// is known already; what they hold is read one series at a time, by index, from any thread. Keeps
// alive what it reads, also after its Querier is gone; not after the store is.
class Selection {
 public:
  virtual ~Selection() = default;
  virtual int size() const = 0;
  // As long as the Selection lives. After a Select for few labels they are made when asked for, and
  // take memory: whoever looks at those of all, one after the other, takes a LabelsReader.
  virtual model::LabelsView labels(int i) const = 0;
  virtual std::unique_ptr<LabelsReader> ReadLabels() const;
  // After such a Select: makes the labels of all at once. Before other threads know of it.
  virtual absl::Status KeepLabels() { return absl::OkStatus(); }
  // Replaces *groups with a number for each series, the same for those that have the same values of
  // `names` (ascending, distinct): from 0, in the order in which they first come. False when looking
  // at the labels of all is the only way, which is then the caller's.
  virtual bool GroupBy(std::span<const std::string> names, std::vector<int>* groups) const {
    static_cast<void>(names), static_cast<void>(groups);
    return false;
  }
  // Replaces *out with the samples of series `i` inside `range` (which lies inside the range of the
  // Select), head and blocks merged in time order, repeats removed. Reuses the capacity of *out.
  // Histograms are passed over; out->histograms says whether there may be any in `range`.
  virtual absl::Status Read(int i, model::TimeRange range, chunk::SampleColumns* out) const = 0;
  // The same with histograms.
  virtual absl::Status ReadMixed(int i, model::TimeRange range, chunk::MixedColumns* out) const {
    out->clear();  // Of a Selection that has floats only.
    return Read(i, range, &out->floats);
  }
  // As Read, for somebody who looks at no more than `windows` says, all of which lie in `range`: what
  // is not wanted may be left out, out->through then counts it, and no stale marker is among the
  // rest but for Want::kLast.
  virtual absl::Status ReadThin(int i, model::TimeRange range, const chunk::Windows& windows,
                                chunk::SampleColumns* out) const {
    static_cast<void>(windows);
    return Read(i, range, out);
  }
  // Many at once, of a Select for the newest sample only: out[k] becomes that of series begin + k.
  // One at kUnread is to be asked for by Read.
  virtual void ReadNewest(int begin, std::span<model::Sample> out) const {
    static_cast<void>(begin);
    for (model::Sample& sample : out) sample.t = kUnread;
  }
  static constexpr model::TimeMs kUnread = std::numeric_limits<model::TimeMs>::min();
  // Where its samples lie in time, at the widest; known without reading any.
  virtual model::TimeRange Extent(int i) const {
    static_cast<void>(i);
    return {};
  }
  // Replaces *out with the start times of the samples that ReadMixed gives for the same `range`:
  // model::StartAt tells that of each. Of a Select that did not ask for them some may be missing.
  virtual absl::Status ReadStarts(int, model::TimeRange, model::StartRuns* out) const {
    out->clear();
    return absl::OkStatus();
  }
};

inline std::unique_ptr<LabelsReader> Selection::ReadLabels() const {
  class Reader final : public LabelsReader {
   public:
    explicit Reader(const Selection* selection) : selection_(selection) {}
    model::LabelsView At(int i) override { return selection_->labels(i); }

   private:
    const Selection* const selection_;
  };
  return std::make_unique<Reader>(this);
}

// One selector and the span of time it will be read in. Series without a chunk that overlaps `range`
// may be left out.
struct SelectRequest {
  Matchers matchers;
  model::TimeRange range;
  bool starts = false;  // ReadStarts will be asked.
  bool newest = false;  // No more than the newest sample of `range` will be looked at.
  bool few_labels = false;  // The labels of few series will be: they may be made when asked for.
  bool any_order = false;   // The series may come in any order.
};

// One moment's view of head and blocks: whatever was committed when it was made, whole batches only,
// and nothing later. Drop it soon: it holds back truncation. Thread-compatible.
class Querier {
 public:
  virtual ~Querier() = default;
  virtual absl::StatusOr<std::unique_ptr<Selection>> Select(const SelectRequest& request) = 0;
  // Sorted. Without matchers: of everything that overlaps the Querier's range. `limit` 0: none.
  virtual absl::StatusOr<std::vector<std::string>> LabelNames(Matchers matchers, size_t limit) = 0;
  virtual absl::StatusOr<std::vector<std::string>> LabelValues(std::string_view name,
                                                               Matchers matchers, size_t limit) = 0;
  // Things the reader should know, such as damaged chunks that were left out; grows while reading.
  virtual std::vector<std::string> Warnings() const { return {}; }
};

class Queryable {  // Thread-safe.
 public:
  virtual ~Queryable() = default;
  virtual absl::StatusOr<std::unique_ptr<Querier>> NewQuerier(model::TimeRange range) = 0;
  // What changed when, for whoever keeps answers. Null: nobody knows, so nothing may be kept. It
  // lives as long as the data does.
  virtual ChangeLog* changes() { return nullptr; }
};

struct ExemplarSeries {
  model::Labels labels;
  std::vector<model::Exemplar> exemplars;  // As model::SortUnique leaves them.
};

// Series and their chunks as bytes, in label order: for flushing, compaction and remote read, which
// move chunks without opening them. Not thread-safe.
class SeriesCursor {
 public:
  virtual ~SeriesCursor() = default;
  virtual absl::StatusOr<bool> Next() = 0;                         // False at the end.
  virtual model::LabelsView labels() const = 0;                    // Until the next Next().
  virtual std::span<const chunk::ChunkView> chunks() const = 0;    // Likewise; by time.
  // Likewise, in order, each once. A series may have these only.
  virtual std::span<const model::Exemplar> exemplars() const { return {}; }
  virtual std::span<const model::StartRun> starts() const { return {}; }  // Likewise; of `chunks`.
};

}  // namespace storage
