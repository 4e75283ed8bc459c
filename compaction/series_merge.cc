#include "compaction/series_merge.h"

#include <algorithm>

#include "storage/base/status.h"
#include "storage/merge.h"

namespace compaction {
namespace {

constexpr size_t kFull = chunk::XorEncoder::kMaxSamples;

}  // namespace

absl::Status SeriesMerger::Merge(std::vector<SourceChunk>* chunks,
                                 std::vector<chunk::ChunkView>* merged) {
  merged->clear();
  merged_ = merged;
  waiting_.clear();
  encoded_.clear();
  places_.clear();
  std::stable_sort(chunks->begin(), chunks->end(), [](const auto& a, const auto& b) {
    return std::tie(a.chunk.range.min, a.source) < std::tie(b.chunk.range.min, b.source);
  });
  for (size_t i = 0; i < chunks->size();) {
    model::TimeMs max = (*chunks)[i].chunk.range.max;
    size_t end = i + 1;
    for (; end < chunks->size() && (*chunks)[end].chunk.range.min <= max; ++end) {
      max = std::max(max, (*chunks)[end].chunk.range.max);
    }
    RETURN_IF_ERROR(end == i + 1 ? AddSingle((*chunks)[i].chunk)
                                 : AddOverlapping(chunks->data() + i, chunks->data() + end));
    i = end;
  }
  Encode(waiting_.size());
  for (size_t i = 0; i < encoded_.size(); ++i) (*merged)[places_[i]].bytes = encoded_[i];
  return absl::OkStatus();
}

absl::Status SeriesMerger::DecodeTo(const chunk::ChunkView& chunk, chunk::SampleColumns* out) {
  const size_t before = out->size();
  RETURN_IF_ERROR(chunk::Decode(chunk, model::TimeRange(), out));
  if (out->size() - before != static_cast<size_t>(chunk.num_samples)) {
    return base::DataLoss("a chunk holds {} samples, not {}", out->size() - before,
                          chunk.num_samples);
  }
  return absl::OkStatus();
}

absl::Status SeriesMerger::AddSingle(const chunk::ChunkView& chunk) {
  const bool is_float = chunk.encoding == chunk::Encoding::kXor;
  const auto size = static_cast<size_t>(chunk.num_samples);
  const bool is_short = is_float && size < kShort;
  // A long chunk is taken apart only to help a short one before it, or to fill one up.
  const bool helps = is_float && !waiting_.times.empty() &&
                     (waiting_.size() < kShort || waiting_.size() + size <= kFull);
  if (!is_short && !helps) {
    Encode(waiting_.size());
    merged_->push_back(chunk);
    return absl::OkStatus();
  }
  RETURN_IF_ERROR(DecodeTo(chunk, &waiting_));
  if (is_short) {
    EncodeFull();
  } else if (waiting_.size() > kFull) {
    const size_t half = waiting_.size() / 2;
    Encode(half);
    Encode(waiting_.size());
  }
  return absl::OkStatus();
}

absl::Status SeriesMerger::AddOverlapping(const SourceChunk* first, const SourceChunk* last) {
  // By source, as later sources win; within one, chunks ascend.
  std::vector<SourceChunk> group(first, last);
  std::stable_sort(group.begin(), group.end(),
                   [](const auto& a, const auto& b) { return a.source < b.source; });
  chunk::SampleColumns all;
  for (size_t i = 0; i < group.size();) {
    scratch_.clear();
    const uint32_t source = group[i].source;
    for (; i < group.size() && group[i].source == source; ++i) {
      if (group[i].chunk.encoding != chunk::Encoding::kXor) {
        return base::Unimplemented("overlapping chunks of native histograms cannot be merged yet");
      }
      RETURN_IF_ERROR(DecodeTo(group[i].chunk, &scratch_));
    }
    storage::MergeColumns(scratch_, &all);
  }
  storage::MergeColumns(all, &waiting_);
  EncodeFull();
  return absl::OkStatus();
}

void SeriesMerger::EncodeFull() {
  if (waiting_.size() >= kFull) Encode(waiting_.size() - waiting_.size() % kFull);
}

void SeriesMerger::Encode(size_t end) {
  if (end == 0) return;
  chunk::XorEncoder encoder;
  for (size_t i = 0; i < end; ++i) {
    const model::Sample sample{waiting_.times[i], waiting_.values[i]};
    if (encoder.Append(sample)) continue;
    Emit(&encoder);
    static_cast<void>(encoder.Append(sample));  // Fits: it is empty.
  }
  Emit(&encoder);
  const auto n = static_cast<std::ptrdiff_t>(end);
  waiting_.times.erase(waiting_.times.begin(), waiting_.times.begin() + n);
  waiting_.values.erase(waiting_.values.begin(), waiting_.values.begin() + n);
}

void SeriesMerger::Emit(chunk::XorEncoder* encoder) {
  places_.push_back(merged_->size());
  merged_->push_back(encoder->view());
  encoded_.push_back(std::move(*encoder).Seal());
  *encoder = chunk::XorEncoder();
}

}  // namespace compaction
