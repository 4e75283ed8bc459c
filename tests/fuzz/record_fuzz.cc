// Any bytes are a record or an error with a place; whatever a record tells can be written again and
// then tells the same.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "storage/head/record.h"
#include "tests/storage/head/record_log.h"

namespace {

using storage::SeriesRef;

// Writes down and writes again.
class Rewriter final : public storage::RecordLog {
 public:
  void OnSeries(SeriesRef ref, model::LabelsView labels) override {
    RecordLog::OnSeries(ref, labels);
    pairs_.clear();
    for (const model::Label& label : labels) {
      pairs_.emplace_back();
      model::AppendLabel(&pairs_.back(), label.name, label.value);
    }
    writer.BeginSeries(1);
    writer.AddSeries(ref, {pairs_.begin(), pairs_.end()});
  }
  void OnSample(SeriesRef ref, model::Sample sample, model::TimeMs start) override {
    RecordLog::OnSample(ref, sample, start);
    AddStart(start);
    writer.BeginSamples(1);
    writer.AddSample(ref, sample);
  }
  void OnMaybeLate(SeriesRef ref, model::Sample sample, model::TimeMs start) override {
    RecordLog::OnMaybeLate(ref, sample, start);
    AddStart(start);
    writer.BeginMaybeLate(1);
    writer.AddSample(ref, sample);
  }
  void OnCut() override {
    RecordLog::OnCut();
    writer.AddCut();
  }
  void OnFlushed(SeriesRef ref, model::Sample sample) override {
    RecordLog::OnFlushed(ref, sample);
    writer.BeginFlushed(1);
    writer.AddSample(ref, sample);
  }
  void OnHistogram(SeriesRef ref, model::TimeMs t, model::AnyHistogram h,
                   model::TimeMs start) override {
    RecordLog::OnHistogram(ref, t, h, start);
    AddStart(start);
    writer.BeginHistograms(1);
    writer.AddHistogram(ref, t, h);
  }
  void OnMaybeLateHistogram(SeriesRef ref, model::TimeMs t, model::AnyHistogram h,
                            model::TimeMs start) override {
    RecordLog::OnMaybeLateHistogram(ref, t, h, start);
    AddStart(start);
    writer.BeginMaybeLateHistograms(1);
    writer.AddHistogram(ref, t, h);
  }
  void OnExemplar(SeriesRef ref, model::Exemplar exemplar) override {
    writer.BeginExemplars(1);
    writer.AddExemplar(ref, exemplar);
    RecordLog::OnExemplar(ref, std::move(exemplar));
  }
  void OnFlushedExemplar(SeriesRef ref, model::Exemplar exemplar) override {
    writer.BeginFlushedExemplars(1);
    writer.AddExemplar(ref, exemplar);
    RecordLog::OnFlushedExemplar(ref, std::move(exemplar));
  }
  void OnMetadata(model::FamilyMetadata entry) override {
    writer.BeginMetadata(1);
    writer.AddMetadata(entry);
    RecordLog::OnMetadata(std::move(entry));
  }
  storage::RecordWriter writer;

 private:
  void AddStart(model::TimeMs start) {
    const storage::PlacedStart placed{0, start};
    if (start != 0) writer.AddStarts({&placed, 1});
  }
  std::vector<std::string> pairs_;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size > 4096) return 0;  // Series that share long labels grow when written down.
  Rewriter first;
  storage::ReadRecord({reinterpret_cast<const char*>(data), size}, &first).IgnoreError();
  storage::RecordLog second;
  if (!storage::ReadRecord(first.writer.record(), &second).ok()) std::abort();
  if (first.lines != second.lines) std::abort();
  return 0;
}
