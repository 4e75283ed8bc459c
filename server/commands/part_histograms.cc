#include "server/commands/part_histograms.h"

#include <algorithm>

#include <fmt/format.h>

#include "storage/chunk/histogram_columns.h"

namespace server {
namespace {

constexpr uint64_t kMaxStep = 100'000;

// Of all its samples. What cannot be read counts as far as it can.
uint64_t CountBuckets(const storage::PartContents& part, chunk::Encoding encoding) {
  chunk::ChunkView view;
  view.encoding = encoding;
  view.num_samples = static_cast<int>(part.samples);
  view.bytes = part.bytes;
  chunk::MixedColumns columns;
  chunk::Decode(view, model::TimeRange(), &columns).IgnoreError();
  uint64_t buckets = 0;
  for (const model::AnyHistogram& any : columns.histograms.values) {
    std::visit(
        [&](const auto& h) { buckets += h.positive_buckets.size() + h.negative_buckets.size(); },
        any);
  }
  return buckets;
}

}  // namespace

void PartHistograms::Add(const storage::PartContents& part) {
  ++parts_;
  chunk::Encoding encoding = chunk::Encoding::kNone;
  switch (static_cast<storage::SampleForm>(part.form)) {
    case storage::SampleForm::kHistogramChunk: encoding = chunk::Encoding::kHistogram; break;
    case storage::SampleForm::kFloatHistogramChunk:
      encoding = chunk::Encoding::kFloatHistogram;
      break;
    default: break;
  }
  if (encoding == chunk::Encoding::kNone) {
    ++float_samples_[part.samples];
    ++float_bytes_[part.bytes.size()];
    return;
  }
  ++histogram_samples_[part.samples];
  ++histogram_bytes_[part.bytes.size()];
  ++histogram_buckets_[CountBuckets(part, encoding)];
}

// To the character as promtool does: steps of a power of ten, at least ten.
void PartHistograms::Print(std::string_view what, const Numbers& numbers, std::string* out) const {
  if (numbers.empty()) {
    *out += fmt::format("{}: N/A\n\n", what);
    return;
  }
  const uint64_t min = numbers.begin()->first, max = numbers.rbegin()->first;
  uint64_t step = 10;
  while (step < (max - min) / 10 && step < kMaxStep) step *= 10;
  const uint64_t start = min - min % step, end = max - max % step + step;
  std::vector<uint64_t> buckets((end - start) / step + 1);
  uint64_t sum = 0, count = 0;
  for (const auto& [number, times] : numbers) {
    sum += number * times;
    count += times;
    buckets[(number - start) / step] += times;
  }
  *out += fmt::format("{} (min/avg/max): {}/{}/{}\n", what, min, sum / count, max);
  const auto width = [](uint64_t number) { return fmt::formatted_size("{}", number); };
  const size_t count_width = width(*std::max_element(buckets.begin(), buckets.end()));
  for (uint64_t i = 0; i < buckets.size(); ++i) {
    *out += fmt::format("[{:{}}, {:{}}]: {:{}} {}\n", i * step + start + 1, width(end),
                        (i + 1) * step + start, width(end + step), buckets[i], count_width,
                        std::string(100 * buckets[i] / parts_, '#'));
  }
  *out += '\n';
}

std::string PartHistograms::Text() const {
  std::string out = "\nCompaction analysis:\n\n";
  Print("samples per float chunk", float_samples_, &out);
  Print("bytes per float chunk", float_bytes_, &out);
  Print("samples per histogram chunk", histogram_samples_, &out);
  Print("bytes per histogram chunk", histogram_bytes_, &out);
  Print("buckets per histogram chunk", histogram_buckets_, &out);
  return out;
}

}  // namespace server
