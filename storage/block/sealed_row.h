// A sealed row: the float samples of one series in a merged block. Values lie in parts of 256; times
// are a stretch of a time column that many rows share. Bytes: README of this folder.
#pragma once

#include <algorithm>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "storage/block/part_notes.h"
#include "storage/chunk/sealed/value_codec.h"
#include "storage/chunk/thin.h"
#include "storage/model/sample.h"

namespace storage::block {

// A stretch of a time column.
struct TimeStretch {
  uint32_t column = 0, first = 0;
};

inline constexpr size_t kMaxRowSamples = 8192;
inline constexpr size_t kPart = chunk::sealed::kMaxValues;

// `values`: 1..kMaxRowSamples. `key` is the row's: a row in another's place does not check.
void AppendSealedRow(std::string_view key, TimeStretch times, std::span<const double> values,
                     std::string* row);

class SealedRow {
 public:
  // Keeps views of `row`. False when the checksum is wrong or it is no row.
  bool Parse(std::string_view key, std::string_view row);

  TimeStretch times() const { return times_; }
  size_t size() const { return size_; }
  // Appends values [begin, end) to *out, unpacking only the parts they lie in. False when damaged.
  bool Read(size_t begin, size_t end, std::vector<double>* out) const;
  // Appends what `windows` wants of the row, whose times are given, to *out: see AppendThin. Unpacks
  // only the parts that must be. False when damaged, *out is then as before.
  bool ReadThin(const model::TimeMs* times, const chunk::Windows& windows,
                chunk::SampleColumns* out) const;
  // Unpacks part `i`, kPart values or, of the last one, fewer. False when damaged.
  bool ReadPart(size_t i, double* out) const;
  size_t PartSize(size_t i) const { return std::min(kPart, size_ - i * kPart); }
  std::span<const PartNote> notes() const { return notes_; }  // Of each part, or of none.
  std::span<const std::string_view> parts() const { return parts_; }  // chunk/sealed/value_codec

 private:
  // Whether of part `i` only the number of samples matters, when the last one of the part before and
  // the first two of the one behind are in its cell.
  bool MayLeaveOut(size_t i, chunk::Want want) const;
  bool Is(size_t i, PartNote::Kind kind) const;
  bool HasNoMarkers(size_t i) const;  // As far as is seen without unpacking: no stale marker.

  TimeStretch times_;
  size_t size_ = 0;
  std::vector<std::string_view> parts_;
  std::vector<PartNote> notes_;
};

// The value of a time column's key.
void AppendTimeColumn(std::string_view key, std::string_view column, std::string* value);
bool ParseTimeColumn(std::string_view key, std::string_view value,
                     std::vector<model::TimeMs>* times);  // Replaces.

}  // namespace storage::block
