#include "storage/head/late_samples.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "storage/base/check.h"
#include "storage/head/time_rules.h"

namespace storage {
namespace {

constexpr CommitSnapshot kSeesAll{.newest = std::numeric_limits<CommitSeq>::max()};

// Bytes that the head wrote itself. Appends.
void Unpack(const SealedChunk& run, chunk::SampleColumns* out) {
  CHECK(chunk::Decode(run.view(), {}, out).ok());
}

ChunkPtr Pack(const chunk::SampleColumns& samples, size_t begin, size_t end) {
  chunk::XorEncoder encoder;
  for (size_t i = begin; i < end; ++i) {
    CHECK(encoder.Append({samples.times[i], samples.values[i]}));
  }
  auto chunk = std::make_shared<SealedChunk>();
  chunk->range = {samples.times[begin], samples.times[end - 1]};
  chunk->num_samples = static_cast<int>(end - begin);
  chunk->last_v = samples.values[end - 1];
  chunk->bytes = std::move(encoder).Seal();
  return chunk;
}

}  // namespace

void SortLate(std::vector<LateSample>::iterator begin, std::vector<LateSample>* samples) {
  std::stable_sort(begin, samples->end(), [](const LateSample& a, const LateSample& b) {
    return a.sample.t < b.sample.t;
  });
  samples->erase(std::unique(begin, samples->end(),
                             [](const LateSample& a, const LateSample& b) {
                               return a.sample.t == b.sample.t;
                             }),
                 samples->end());
}

void LateParts::Append(const LateParts& newer) {
  runs.insert(runs.end(), newer.runs.begin(), newer.runs.end());
  loose.insert(loose.end(), newer.loose.begin(), newer.loose.end());
}

void LateParts::Collect(const CommitSnapshot& snapshot, model::TimeRange range,
                        LateParts* out) const {
  for (const ChunkPtr& run : runs) {
    if (run->range.Overlaps(range)) out->runs.push_back(run);
  }
  for (const LateSample& l : loose) {
    if (range.Contains(l.sample.t) && snapshot.Sees(l.seq)) out->loose.push_back(l);
  }
}

void LateParts::Expand(model::TimeRange range, std::vector<LateSample>* out) const {
  out->clear();
  chunk::SampleColumns samples;
  for (const ChunkPtr& run : runs) {
    if (run->range.Overlaps(range)) Unpack(*run, &samples);
  }
  for (size_t i = 0; i < samples.size(); ++i) {
    const model::Sample sample{samples.times[i], samples.values[i]};
    if (range.Contains(sample.t)) out->push_back({sample, 0, nullptr, 0});
  }
  for (const LateSample& l : loose) {
    if (range.Contains(l.sample.t)) out->push_back(l);
  }
}

size_t LateSamples::size() const {
  size_t n = static_cast<size_t>(run_.num_samples());
  if (parts_ == nullptr) return n;
  for (const ChunkPtr& run : parts_->runs) n += static_cast<size_t>(run->num_samples);
  return n + parts_->loose.size();
}

size_t LateSamples::heap_bytes() const {
  size_t n = run_.heap_bytes();
  if (parts_ == nullptr) return n;
  for (const ChunkPtr& run : parts_->runs) n += sizeof(run) + run->memory_bytes();
  return n + sizeof(LateParts) + parts_->loose.capacity() * sizeof(LateSample);
}

LateParts* LateSamples::parts() {
  if (parts_ == nullptr) parts_ = std::make_unique<LateParts>();
  return parts_.get();
}

size_t LateSamples::Add(LateSample sample) {
  const bool first = run_.empty() && (parts_ == nullptr || parts_->runs.empty());
  const bool ascends = first || sample.sample.t > last_.t;
  if (sample.seq == 0 && sample.histogram == nullptr && sample.start == 0 && ascends) {
    return AddToRun(sample.sample);
  }
  const size_t made = parts_ == nullptr ? sizeof(LateParts) : 0;
  std::vector<LateSample>& loose = parts()->loose;
  const size_t before = loose.capacity();
  loose.push_back(std::move(sample));
  return made + (loose.capacity() - before) * sizeof(LateSample);
}

size_t LateSamples::AddToRun(model::Sample sample) {
  const size_t before = run_.heap_bytes();
  size_t grown = 0;
  if (!run_.Append(sample, last_)) {
    if (parts_ == nullptr) grown += sizeof(LateParts);
    const ChunkPtr& full = parts()->runs.emplace_back(CopyOfRun());
    grown += sizeof full + full->memory_bytes();
    run_ = chunk::XorAppender();
    CHECK(run_.Append(sample, last_));
  }
  last_ = sample;
  return grown + run_.heap_bytes() - before;  // The difference may be below 0, the sum is not.
}

ChunkPtr LateSamples::CopyOfRun() const {
  const chunk::ChunkView view = run_.view(last_.t);
  return std::make_shared<const SealedChunk>(
      SealedChunk{std::string(view.bytes), view.range, last_.v, view.num_samples, view.encoding});
}

void LateSamples::Collect(const CommitSnapshot& snapshot, model::TimeRange range,
                          LateParts* out) const {
  if (parts_ != nullptr) parts_->Collect(snapshot, range, out);
  if (!run_.empty() && run_.view(last_.t).range.Overlaps(range)) out->runs.push_back(CopyOfRun());
}

model::TimeRange LateSamples::times() const {
  model::TimeRange range = model::TimeRange::None();
  if (!run_.empty()) range.Extend(run_.view(last_.t).range);
  if (parts_ == nullptr) return range;
  for (const ChunkPtr& run : parts_->runs) range.Extend(run->range);
  for (const LateSample& l : parts_->loose) range.Extend(l.sample.t);
  return range;
}

model::Sample LateSamples::Newest(model::TimeMs horizon) const {
  LateParts all;
  Collect(kSeesAll, {kNoTime, horizon}, &all);
  std::vector<LateSample> samples;
  all.Expand({kNoTime, horizon}, &samples);
  model::Sample newest{kNoTime, 0};
  for (const LateSample& l : samples) {
    if (l.sample.t > newest.t) newest = l.sample;
  }
  return newest;
}

bool LateSamples::Give(const CommitSnapshot& cut) {
  given_run_ = static_cast<uint32_t>(run_.num_samples());
  given_loose_ = 0;
  if (parts_ == nullptr) return gives();
  for (const ChunkPtr& run : parts_->runs) given_run_ += static_cast<uint32_t>(run->num_samples);
  const std::vector<LateSample>& loose = parts_->loose;
  const auto after = std::find_if(loose.begin(), loose.end(),
                                  [&](const LateSample& l) { return !cut.Sees(l.seq); });
  given_loose_ = static_cast<uint32_t>(after - loose.begin());
  return gives();
}

LateParts LateSamples::given() const {
  LateParts given;
  Collect(kSeesAll, {}, &given);  // The runs, above all.
  given.loose.resize(given_loose_);
  size_t left = given_run_, n = 0;
  while (n < given.runs.size() && left >= static_cast<size_t>(given.runs[n]->num_samples)) {
    left -= static_cast<size_t>(given.runs[n++]->num_samples);
  }
  if (left > 0) {  // Of a chunk that has grown since.
    chunk::SampleColumns samples;
    Unpack(*given.runs[n], &samples);
    given.runs[n++] = Pack(samples, 0, left);
  }
  given.runs.resize(n);
  return given;
}

void LateSamples::DropGiven() {
  size_t left = given_run_;
  given_run_ = 0;
  if (parts_ != nullptr) {
    std::vector<ChunkPtr>& runs = parts_->runs;
    size_t whole = 0;
    while (whole < runs.size() && left >= static_cast<size_t>(runs[whole]->num_samples)) {
      left -= static_cast<size_t>(runs[whole++]->num_samples);
    }
    runs.erase(runs.begin(), runs.begin() + static_cast<std::ptrdiff_t>(whole));
    if (left > 0 && !runs.empty()) {
      chunk::SampleColumns samples;
      Unpack(*runs[0], &samples);
      runs[0] = Pack(samples, left, samples.size());
      left = 0;
    }
    parts_->loose.erase(parts_->loose.begin(), parts_->loose.begin() + given_loose_);
    parts_->loose.shrink_to_fit();
    if (parts_->empty()) parts_.reset();
  }
  given_loose_ = 0;
  if (left == 0) return;
  chunk::SampleColumns samples;
  Unpack(*CopyOfRun(), &samples);
  run_ = chunk::XorAppender();
  model::Sample before;
  for (size_t i = left; i < samples.size(); ++i) {
    const model::Sample sample{samples.times[i], samples.values[i]};
    CHECK(run_.Append(sample, before));
    before = sample;
  }
}

}  // namespace storage
