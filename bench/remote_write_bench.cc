// How much does taking a remote write request apart cost, before the store sees a sample? Target:
// snappy and protobuf together in 150 ns a sample or less.
#include <protozero/pbf_writer.hpp>

#include "api/compress.h"
#include "api/remote_write.h"
#include "bench/bench.h"
#include "storage/base/check.h"
#include "storage/base/hash.h"

namespace {

// Reads the labels as a store would, and keeps nothing.
class HashingAppender final : public storage::Appender {
 public:
  storage::Appended Append(storage::SeriesRef, model::LabelsView labels,
                           model::Sample sample) override {
    sum += base::HashBytes128(labels.bytes(), 1).low + static_cast<uint64_t>(sample.t);
    return {storage::SeriesRef{1}, storage::Outcome::kAccepted};
  }
  bool AppendExemplar(storage::SeriesRef, const model::Exemplar&) override { return true; }
  absl::Status Commit() override { return absl::OkStatus(); }
  uint64_t sum = 0;
};

std::string MakeRequest(int series, bool sorted) {
  std::string bytes;
  protozero::pbf_writer request(bytes);
  for (int i = 0; i < series; ++i) {
    protozero::pbf_writer one(request, 1);
    std::vector<std::pair<std::string, std::string>> labels = {
        {"__name__", "node_network_receive_bytes_total"},
        {"cluster", "production-eu-west-1"},
        {"device", fmt::format("eth{}", i % 4)},
        {"instance", fmt::format("node-{}.example.internal:9100", i / 4)},
        {"job", "node-exporter"},
        {"namespace", "monitoring"}};
    if (!sorted) std::swap(labels[1], labels[4]);
    for (const auto& [name, value] : labels) {
      protozero::pbf_writer label(one, 1);
      label.add_string(1, name);
      label.add_string(2, value);
    }
    protozero::pbf_writer sample(one, 2);
    sample.add_double(1, i * 1.5);
    sample.add_int64(2, 1'700'000'000'000 + i);
  }
  return bytes;
}

void Measure(const char* name, int samples, bool sorted) {
  const std::string message = MakeRequest(samples, sorted);
  const std::string body = api::SnappyCompress(message);
  std::string decoded;
  HashingAppender appender;
  const bench::Timing unpack = bench::Measure([&] {
    CHECK(api::SnappyUncompress(body, 32 << 20, &decoded).ok());
  });
  const bench::Timing walk = bench::Measure([&] {
    api::WriteCounts counts;
    CHECK(api::AppendWriteRequest(message, INT64_MAX, &appender, &counts).ok());
    CHECK(counts.samples == static_cast<uint64_t>(samples));
  });
  bench::Keep(appender.sum);
  const std::string note = fmt::format("{} bytes a sample, {} compressed", message.size() / samples,
                                       body.size() / samples);
  bench::Print(fmt::format("remote_write_snappy_{}", name), unpack.median_s * 1e9 / samples,
               "ns/sample", note);
  bench::Print(fmt::format("remote_write_walk_{}", name), walk.median_s * 1e9 / samples,
               "ns/sample");
}

}  // namespace

int main() {
  Measure("sorted", 2000, true);
  Measure("unsorted", 2000, false);
}
