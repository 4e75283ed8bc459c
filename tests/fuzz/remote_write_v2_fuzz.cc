// Any bytes are a Request, or malformed: what is appended has valid labels, and what is counted was.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "api/remote_write_v2.h"

namespace {

class CheckingAppender final : public storage::Appender {
 public:
  storage::Appended Append(storage::SeriesRef, model::LabelsView labels, model::Sample) override {
    Check(labels);
    ++samples;
    return {storage::SeriesRef{1}, storage::Outcome::kAccepted};
  }
  storage::Appended AppendHistogram(storage::SeriesRef, model::LabelsView labels, model::TimeMs,
                                    model::AnyHistogram h) override {
    Check(labels);
    if (!model::Validate(h).ok()) {
      return {storage::SeriesRef::kNone, storage::Outcome::kInvalidHistogram};
    }
    ++histograms;
    return {storage::SeriesRef{1}, storage::Outcome::kAccepted};
  }
  bool AppendExemplar(storage::SeriesRef, const model::Exemplar& exemplar) override {
    if (!model::Labels::Valid(exemplar.labels.bytes())) std::abort();
    return true;
  }
  absl::Status Commit() override { return absl::OkStatus(); }
  uint64_t samples = 0, histograms = 0;

 private:
  static void Check(model::LabelsView labels) {
    if (!model::Labels::Valid(labels.bytes()) || labels.MetricName().empty()) std::abort();
  }
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  CheckingAppender appender;
  api::WriteV2Counts counts;
  const api::WriteV2Options options{INT64_MAX, /*type_and_unit_labels=*/size % 2 == 1};
  const absl::Status status = api::AppendWriteV2Request(
      {reinterpret_cast<const char*>(data), size}, options, &appender, &counts);
  if (counts.samples != appender.samples || counts.histograms != appender.histograms) std::abort();
  if (status.ok() && (counts.refusals > 0) == counts.text.empty()) std::abort();
  return 0;
}
