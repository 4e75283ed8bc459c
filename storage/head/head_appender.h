// The Appender behind storage/appender.h: gathers a batch, then log, head, visible.
#pragma once

#include <array>
#include <memory>
#include <vector>

#include <absl/container/flat_hash_map.h>
#include <absl/container/flat_hash_set.h>

#include "storage/head/head_parts.h"
#include "storage/head/record.h"

namespace storage {

class HeadAppender final : public Appender {
 public:
  explicit HeadAppender(Head::Parts* parts);
  ~HeadAppender() override;

  Appended Append(SeriesRef hint, model::LabelsView labels, model::Sample sample) override;
  SeriesKey Key(std::string_view wire_labels) override;
  Appended AppendKnown(const SeriesKey& key, model::Sample sample) override;
  void SetStart(model::TimeMs start) override { start_ = keeps_starts_ ? start : 0; }
  Appended AppendHistogram(SeriesRef hint, model::LabelsView labels, model::TimeMs t,
                           model::AnyHistogram value) override;
  SeriesRef Find(model::LabelsView labels) override;
  bool AppendExemplar(SeriesRef ref, const model::Exemplar& exemplar) override;
  bool UpdateMetadata(std::string_view family, const model::MetadataView& metadata) override;
  absl::Status Commit() override;

 private:
  struct Pending {
    MemSeries* series;
    model::Sample sample;
  };
  struct PendingHistogram {
    MemSeries* series;
    model::Sample sample;  // Time and fingerprint.
    HistogramPtr value;
  };
  // Floats are logged and applied before histograms. Where a series has a float behind a histogram
  // the batch is parted; most batches are one part.
  struct Part {
    size_t floats_end, histograms_end;
  };
  struct PendingExemplar {
    MemSeries* series;
    model::Exemplar exemplar;
  };
  struct Rejected {
    uint32_t out_of_order = 0, out_of_bounds = 0, duplicates = 0, too_old = 0;
    void Add(Outcome outcome);
  };

  bool Touch(MemSeries* series);
  // Null with *refused saying why.
  MemSeries* Resolve(SeriesRef hint, model::LabelsView labels, Outcome* refused);
  MemSeries* Create(const base::Hash128& hash, model::LabelsView labels, Outcome* refused);

  bool MayBeTaken(model::Sample sample);
  bool InOrder(const MemSeries* series, model::TimeMs t);
  // As MemSeries::Judge, and counts. Of a histogram `sample` has the fingerprint.
  Verdict Judge(MemSeries* series, model::Sample sample);
  Appended AppendTo(MemSeries* series, model::Sample sample);
  void EndPart();
  // For a sample at `t` that began at start_: whether a zero is to be put there.
  bool WantsZero(const MemSeries* series, model::TimeMs t);
  // Notes start_ for the sample that is appended next, the `place`-th of its kind.
  void NoteStart(const MemSeries* series, model::TimeMs t, size_t place,
                 std::vector<PlacedStart>* starts);

  bool empty() const {
    return samples_.empty() && histograms_.empty() && exemplars_.empty() && metadata_.empty();
  }
  // Series whose labels the log must be told, by ref, each once.
  std::vector<MemSeries*> ToBeLogged(uint32_t segment) const;
  absl::Status WriteLog(wal::Writer* log, std::span<MemSeries* const> series);
  model::TimeRange Times() const;  // Of all samples in the batch.
  void Apply();
  void ApplySamples(CommitSeq seq);

  Head::Parts* const parts_;
  const GatePass pass_;  // Keeps alive what the batch points to.
  TimeRules rules_;
  std::vector<Pending> samples_;
  std::vector<PendingHistogram> histograms_;
  std::vector<PlacedStart> starts_, histogram_starts_;  // By place in these two.
  const bool keeps_starts_;  // In either way.
  model::TimeMs start_ = 0;
  // With starts as zeros: the newest sample with a start of each series in this batch.
  absl::flat_hash_map<const MemSeries*, model::TimeMs> newest_started_;
  std::vector<Part> parts_of_batch_;
  absl::flat_hash_set<const MemSeries*> with_histogram_;  // In the last part.
  std::vector<PendingExemplar> exemplars_;
  std::vector<model::FamilyMetadata> metadata_;
  Rejected rejected_;
  bool done_ = false;

  // Keys given out last: what Key fetches first is where the series lies, and then the series.
  static constexpr size_t kKeysAhead = 8;
  std::array<base::Hash128, kKeysAhead> keys_{};
  size_t num_keys_ = 0;
};

}  // namespace storage
