// What the log's records mean. One record is one batch: a version byte, then sections. Every record
// can be read by itself; only the refs in it need the series records before it. Bytes: README of
// storage, "Log records".
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <absl/functional/function_ref.h>
#include <absl/status/status.h>

#include "storage/index/postings.h"
#include "storage/model/exemplar.h"
#include "storage/model/histogram.h"
#include "storage/model/labels.h"
#include "storage/model/metadata.h"
#include "storage/model/sample.h"

namespace storage {

inline constexpr uint8_t kRecordVersion = 1;

// The start time of the sample at `place` in its section, counting from 0.
struct PlacedStart {
  uint32_t place;
  model::TimeMs start;
};

// Builds one record. Reusable.
class RecordWriter {
 public:
  RecordWriter() { Clear(); }
  void Clear();
  bool empty() const { return record_.size() <= 1; }
  size_t size() const { return record_.size(); }
  std::string_view record() const { return record_; }

  // A section is begun with the number of entries that follow.
  void BeginSeries(size_t count);
  // `pairs`: each as in canonical labels, in name order.
  void AddSeries(SeriesRef ref, const std::vector<std::string_view>& pairs);
  // Of the section of samples or histograms that is begun next; by place, and not empty.
  void AddStarts(std::span<const PlacedStart> starts);
  void BeginSamples(size_t count) { BeginNumbers(kSamples, count); }
  // Of batches that may bring late samples: what is not newer than its series' newest is one.
  void BeginMaybeLate(size_t count) { BeginNumbers(kMaybeLate, count); }
  // For checkpoints: the newest sample that lies in a block.
  void BeginFlushed(size_t count) { BeginNumbers(kFlushed, count); }
  // For checkpoints: no block has anything of the segments that follow.
  void AddCut() { record_.push_back(static_cast<char>(kCut)); }
  void AddSample(SeriesRef ref, model::Sample sample);
  void BeginHistograms(size_t count) { BeginNumbers(kHistograms, count); }
  void BeginMaybeLateHistograms(size_t count) { BeginNumbers(kMaybeLateHistograms, count); }
  void AddHistogram(SeriesRef ref, model::TimeMs t, const model::AnyHistogram& h);
  void BeginExemplars(size_t count) { BeginExemplars(kExemplars, count); }
  // For checkpoints: the newest exemplar that lies in a block.
  void BeginFlushedExemplars(size_t count) { BeginExemplars(kFlushedExemplars, count); }
  void AddExemplar(SeriesRef ref, const model::Exemplar& exemplar);
  void BeginMetadata(size_t count);
  void AddMetadata(const model::FamilyMetadata& entry);

 private:
  friend absl::Status ReadRecord(std::string_view record, class RecordReader* reader);
  enum Section : uint8_t {
    kSeries = 1, kSamples = 2, kExemplars = 3, kFlushed = 4, kHistograms = 5,
    kFlushedExemplars = 6, kMetadata = 7, kMaybeLate = 8, kMaybeLateHistograms = 9, kCut = 10, kStarts = 11
  };
  void BeginNumbers(Section section, size_t count);
  void BeginExemplars(Section section, size_t count);

  std::string record_;
  uint64_t last_ref_ = 0, last_bits_ = 0;
  model::TimeMs last_t_ = 0;
  std::vector<std::string> last_pairs_;
};

// Is told what a record holds, in order.
class RecordReader {
 public:
  virtual ~RecordReader() = default;
  // `labels` are canonical; until the call returns.
  virtual void OnSeries(SeriesRef ref, model::LabelsView labels) = 0;
  // `start`: 0 when there is none.
  virtual void OnSample(SeriesRef ref, model::Sample sample, model::TimeMs start) = 0;
  virtual void OnMaybeLate(SeriesRef ref, model::Sample sample, model::TimeMs start) = 0;
  virtual void OnFlushed(SeriesRef ref, model::Sample newest) = 0;
  virtual void OnCut() = 0;
  virtual void OnHistogram(SeriesRef ref, model::TimeMs t, model::AnyHistogram h,
                           model::TimeMs start) = 0;
  virtual void OnMaybeLateHistogram(SeriesRef ref, model::TimeMs t, model::AnyHistogram h,
                                    model::TimeMs start) = 0;
  virtual void OnExemplar(SeriesRef ref, model::Exemplar exemplar) = 0;
  virtual void OnFlushedExemplar(SeriesRef ref, model::Exemplar newest) = 0;
  virtual void OnMetadata(model::FamilyMetadata entry) = 0;
};

// kDataLoss for bytes that are no record, kFailedPrecondition for a version this program does not
// know. What came before the fault has been told.
absl::Status ReadRecord(std::string_view record, RecordReader* reader);

}  // namespace storage
