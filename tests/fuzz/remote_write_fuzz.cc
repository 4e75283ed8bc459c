// Bytes as a remote write body: first through snappy, then as the decoded message. Whatever they
// are, each series that reaches the Appender has canonical labels with a name, and memory stays
// within the limit.
#include <cstdint>
#include <memory>
#include <string_view>

#include "api/compress.h"
#include "api/remote_write.h"
#include "storage/base/check.h"

namespace {

class CheckingAppender final : public storage::Appender {
 public:
  storage::Appended Append(storage::SeriesRef hint, model::LabelsView labels,
                           model::Sample) override {
    CHECK(hint == storage::SeriesRef::kNone || hint == storage::SeriesRef{1});
    CHECK(model::Labels::Valid(labels.bytes()));
    CHECK(labels.Has(model::kMetricName));
    for (const model::Label& label : labels) {
      CHECK(model::IsValidUtf8(label.name) && model::IsValidUtf8(label.value));
    }
    ++appended;
    return {storage::SeriesRef{1}, storage::Outcome::kAccepted};
  }
  bool AppendExemplar(storage::SeriesRef ref, const model::Exemplar& exemplar) override {
    CHECK(ref == storage::SeriesRef{1});
    CHECK(model::Labels::Valid(exemplar.labels.bytes()));
    return true;
  }
  absl::Status Commit() override { return absl::OkStatus(); }
  uint64_t appended = 0;
};

void Read(std::string_view message) {
  CheckingAppender appender;
  api::WriteCounts counts;
  const auto status = api::AppendWriteRequest(message, INT64_MAX, &appender, &counts);
  CHECK(appender.appended == counts.samples);
  CHECK(status.ok() || status.code() == absl::StatusCode::kInvalidArgument);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  std::string decoded;
  if (api::SnappyUncompress(bytes, 1 << 20, &decoded).ok()) {
    CHECK(decoded.size() <= 1 << 20);
    Read(decoded);
  }
  Read(bytes);
  for (const api::Deflate format : {api::Deflate::kGzip, api::Deflate::kZlib}) {
    api::Uncompress(bytes, format, 1 << 20, &decoded).IgnoreError();
    CHECK(decoded.size() <= (1 << 20) + 1);
  }
  return 0;
}
