#include "storage/model/packed_labels.h"

#include <algorithm>
#include <bit>
#include <cstring>

#include "storage/base/coding.h"

namespace model {
namespace {

uint64_t Load(const char* p) {
  uint64_t word;
  std::memcpy(&word, p, sizeof(word));
  return word;
}

// How many bytes are the same from the beginning, of the first `n`.
size_t SamePrefix(const char* a, const char* b, size_t n) {
  size_t i = 0;
  if constexpr (std::endian::native == std::endian::little) {
    for (; i + sizeof(uint64_t) <= n; i += sizeof(uint64_t)) {
      const uint64_t differ = Load(a + i) ^ Load(b + i);
      if (differ != 0) return i + static_cast<size_t>(std::countr_zero(differ)) / 8;
    }
  }
  while (i < n && a[i] == b[i]) ++i;
  return i;
}

// How many bytes are the same before `a` and `b`, of `n`.
size_t SameSuffix(const char* a, const char* b, size_t n) {
  size_t i = 0;
  if constexpr (std::endian::native == std::endian::little) {
    for (; i + sizeof(uint64_t) <= n; i += sizeof(uint64_t)) {
      const uint64_t differ = Load(a - i - sizeof(uint64_t)) ^ Load(b - i - sizeof(uint64_t));
      if (differ != 0) return i + static_cast<size_t>(std::countl_zero(differ)) / 8;
    }
  }
  while (i < n && *(a - i - 1) == *(b - i - 1)) ++i;
  return i;
}

}  // namespace

void PackedLabels::Append(LabelsView labels) {
  const std::string_view bytes = labels.bytes();
  if (size_ % kPageSeries == 0) {
    if (!pages_.empty()) pages_.back().bytes.shrink_to_fit();
    pages_.emplace_back().runs.reserve(kPageSeries / kRunSeries);
  }
  Page& page = pages_.back();
  size_t prefix = 0, suffix = 0;
  if (size_ % kRunSeries == 0) {
    page.runs.push_back(static_cast<uint32_t>(page.bytes.size()));
  } else {
    const size_t n = std::min(bytes.size(), last_.size());
    prefix = SamePrefix(bytes.data(), last_.data(), n);
    suffix = SameSuffix(bytes.data() + bytes.size(), last_.data() + last_.size(), n - prefix);
  }
  const std::string_view between = bytes.substr(prefix, bytes.size() - prefix - suffix);
  base::AppendVarint(&page.bytes, prefix);
  base::AppendVarint(&page.bytes, suffix);
  base::AppendVarint(&page.bytes, between.size());
  page.bytes.append(between);
  last_.assign(bytes);
  ++size_;
}

size_t PackedLabels::heap_bytes() const {
  size_t bytes = pages_.capacity() * sizeof(Page) + last_.capacity();
  for (const Page& page : pages_) {
    bytes += page.bytes.capacity() + page.runs.capacity() * sizeof(uint32_t);
  }
  return bytes;
}

LabelsView PackedLabels::Reader::At(size_t i) {
  if (i + 1 == next_) return LabelsView(current_);
  // From where it stands, or from the beginning of the run, or of a run where both are the same.
  if (i < next_ || i % kRunSeries == 0 || next_ / kRunSeries != i / kRunSeries) {
    const Page& page = packed_->pages_[i / kPageSeries];
    rest_ = std::string_view(page.bytes).substr(page.runs[i % kPageSeries / kRunSeries]);
    next_ = i / kRunSeries * kRunSeries;
    current_.clear();
  }
  for (; next_ <= i; ++next_) {
    uint64_t prefix = 0, suffix = 0;
    std::string_view between;
    base::GetVarint(&rest_, &prefix);
    base::GetVarint(&rest_, &suffix);
    base::GetString(&rest_, &between);
    current_.replace(prefix, current_.size() - prefix - suffix, between);
  }
  return LabelsView(current_);
}

}  // namespace model
