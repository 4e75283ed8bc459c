#include "storage/block/tombstones.h"

#include <algorithm>

#include "storage/base/coding.h"
#include "storage/model/reset_hints.h"
#include "wal/crc32c.h"

namespace storage::block {
namespace {

constexpr model::TimeRange kAllTime;

// Whether nothing lies between the two; `a` begins first.
bool Touch(model::TimeRange a, model::TimeRange b) {
  return a.max == kAllTime.max || b.min <= a.max + 1;
}

// Puts `span` among *spans, which ascend and do not touch.
void Insert(model::TimeRange span, std::vector<model::TimeRange>* spans) {
  spans->push_back(span);
  std::sort(spans->begin(), spans->end(), [](const auto& a, const auto& b) { return a.min < b.min; });
  size_t last = 0;
  for (size_t i = 1; i < spans->size(); ++i) {
    if (Touch((*spans)[last], (*spans)[i])) {
      (*spans)[last].max = std::max((*spans)[last].max, (*spans)[i].max);
    } else {
      (*spans)[++last] = (*spans)[i];
    }
  }
  spans->resize(last + 1);
}

}  // namespace

void Tombstones::Push(uint32_t ref, model::TimeRange span) {
  if (refs_.empty() || refs_.back() != ref) ++num_series_;
  refs_.push_back(ref);
  spans_.push_back(span);
  if (span == kAllTime) gone_.push_back(static_cast<SeriesRef>(ref));
}

Tombstones Tombstones::Add(const Tombstones& before, std::span<const DeletedSeries> more) {
  Tombstones sum;
  std::vector<model::TimeRange> spans;
  size_t i = 0;
  for (size_t k = 0; k < more.size();) {
    const uint32_t ref = more[k].ref;
    for (; i < before.refs_.size() && before.refs_[i] < ref; ++i) {
      sum.Push(before.refs_[i], before.spans_[i]);
    }
    spans.clear();
    for (; i < before.refs_.size() && before.refs_[i] == ref; ++i) {
      spans.push_back(before.spans_[i]);
    }
    const model::TimeRange all = more[k].all;
    for (; k < more.size() && more[k].ref == ref; ++k) Insert(more[k].span, &spans);
    if (Covers(spans, all)) {
      sum.Push(ref, kAllTime);
    } else {
      for (const model::TimeRange& span : spans) sum.Push(ref, span);
    }
  }
  for (; i < before.refs_.size(); ++i) sum.Push(before.refs_[i], before.spans_[i]);
  return sum;
}

Tombstones Tombstones::Union(const Tombstones& a, const Tombstones& b) {
  std::vector<DeletedSeries> more;
  for (size_t i = 0; i < b.refs_.size(); ++i) more.push_back({b.refs_[i], b.spans_[i], kAllTime});
  return Add(a, more);
}

std::span<const model::TimeRange> Tombstones::Of(uint32_t ref) const {
  const auto [begin, end] = std::equal_range(refs_.begin(), refs_.end(), ref);
  return std::span(spans_).subspan(static_cast<size_t>(begin - refs_.begin()),
                                   static_cast<size_t>(end - begin));
}

void Tombstones::AppendTo(std::string* value) const {
  const size_t begin = value->size();
  base::AppendVarint(value, num_series_);
  uint32_t ref = 0;
  for (size_t i = 0; i < refs_.size();) {
    base::AppendVarint(value, refs_[i] - ref);
    ref = refs_[i];
    if (spans_[i] == kAllTime) {
      base::AppendVarint(value, 0);
      ++i;
      continue;
    }
    size_t end = i;
    while (end < refs_.size() && refs_[end] == ref) ++end;
    base::AppendVarint(value, end - i);
    uint64_t time = 0;  // Differences wrap.
    for (; i < end; ++i) {
      const auto min = static_cast<uint64_t>(spans_[i].min);
      const auto max = static_cast<uint64_t>(spans_[i].max);
      base::AppendZigZag(value, static_cast<int64_t>(min - time));
      base::AppendVarint(value, max - min);
      time = max;
    }
  }
  base::AppendLittleEndian(value, wal::Crc32c(std::string_view(*value).substr(begin)));
}

std::optional<Tombstones> Tombstones::Parse(std::string_view value) {
  if (value.size() < 4) return std::nullopt;
  std::string_view tail = value.substr(value.size() - 4);
  value.remove_suffix(4);
  uint32_t checksum;
  uint64_t series, ref = 0;
  if (!base::GetLittleEndian(&tail, &checksum) || checksum != wal::Crc32c(value) ||
      !base::GetVarint(&value, &series)) {
    return std::nullopt;
  }
  Tombstones out;
  for (; series > 0; --series) {
    uint64_t delta, count;
    if (!base::GetVarint(&value, &delta) || delta == 0 || delta > UINT32_MAX - ref ||
        !base::GetVarint(&value, &count)) {
      return std::nullopt;
    }
    ref += delta;
    if (count == 0) out.Push(static_cast<uint32_t>(ref), kAllTime);
    uint64_t time = 0;
    for (uint64_t i = 0; i < count; ++i) {
      int64_t gap;
      uint64_t length;
      if (!base::GetZigZag(&value, &gap) || !base::GetVarint(&value, &length)) return std::nullopt;
      const uint64_t min = time + static_cast<uint64_t>(gap);
      time = min + length;
      const model::TimeRange span{static_cast<int64_t>(min), static_cast<int64_t>(time)};
      if (span.empty() || span == kAllTime) return std::nullopt;
      if (i > 0 && (out.spans_.back().max >= span.min || Touch(out.spans_.back(), span))) {
        return std::nullopt;
      }
      out.Push(static_cast<uint32_t>(ref), span);
    }
  }
  if (!value.empty()) return std::nullopt;
  return out;
}

bool Covers(std::span<const model::TimeRange> deleted, model::TimeRange range) {
  const auto it = std::lower_bound(
      deleted.begin(), deleted.end(), range.min,
      [](const model::TimeRange& span, model::TimeMs t) { return span.max < t; });
  return it != deleted.end() && it->min <= range.min && range.max <= it->max;
}

namespace {

void StandsBehindAGap(double*) {}
void StandsBehindAGap(model::AnyHistogram* h) { model::ForgetNotReset(h); }

template <class Columns>
void CutOutOfOne(std::span<const model::TimeRange> deleted, size_t from, Columns* columns) {
  std::vector<model::TimeMs>& times = columns->times;
  const auto place = [&](model::TimeMs t, bool after) {
    const auto begin = times.begin() + static_cast<std::ptrdiff_t>(from);
    const auto it = after ? std::upper_bound(begin, times.end(), t)
                          : std::lower_bound(begin, times.end(), t);
    return it - times.begin();
  };
  for (auto span = deleted.rbegin(); span != deleted.rend(); ++span) {
    const std::ptrdiff_t begin = place(span->min, false), end = place(span->max, true);
    if (begin == end) continue;
    times.erase(times.begin() + begin, times.begin() + end);
    columns->values.erase(columns->values.begin() + begin, columns->values.begin() + end);
    if (begin < std::ssize(times)) StandsBehindAGap(&columns->values[static_cast<size_t>(begin)]);
  }
}

}  // namespace

void CutOut(std::span<const model::TimeRange> deleted, size_t from,
            chunk::SampleColumns* columns) {
  CutOutOfOne(deleted, from, columns);
}

void CutOut(std::span<const model::TimeRange> deleted, chunk::MixedColumns* columns) {
  CutOutOfOne(deleted, 0, &columns->floats);
  CutOutOfOne(deleted, 0, &columns->histograms);
}

}  // namespace storage::block
