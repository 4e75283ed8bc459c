// A sealed row: the float samples of one series in a merged block. Values lie in parts of 256; times
// are a stretch of a time column that many rows share. Bytes: README of this folder.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "storage/model/sample.h"

namespace storage::block {

// A stretch of a time column.
struct TimeStretch {
  uint32_t column = 0, first = 0;
};

inline constexpr size_t kMaxRowSamples = 8192;

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
  std::span<const std::string_view> parts() const { return parts_; }  // chunk/sealed/value_codec

 private:
  TimeStretch times_;
  size_t size_ = 0;
  std::vector<std::string_view> parts_;
};

// The value of a time column's key.
void AppendTimeColumn(std::string_view key, std::string_view column, std::string* value);
bool ParseTimeColumn(std::string_view key, std::string_view value,
                     std::vector<model::TimeMs>* times);  // Replaces.

}  // namespace storage::block
