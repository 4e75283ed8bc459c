#include "storage/block/sealed_row.h"

#include <algorithm>

#include "storage/base/coding.h"
#include "storage/chunk/sealed/time_column.h"
#include "storage/chunk/sealed/value_codec.h"
#include "wal/crc32c.h"

namespace storage::block {
namespace {

constexpr size_t kPart = chunk::sealed::kMaxValues;

uint32_t Checksum(std::string_view key, std::string_view bytes) {
  return wal::Crc32c(bytes, wal::Crc32c(key));
}

bool TakeChecksum(std::string_view key, std::string_view* bytes) {
  if (bytes->size() < 4) return false;
  std::string_view tail = bytes->substr(bytes->size() - 4);
  bytes->remove_suffix(4);
  uint32_t checksum;
  return base::GetLittleEndian(&tail, &checksum) && checksum == Checksum(key, *bytes);
}

bool GetNumber(std::string_view* in, uint64_t limit, uint64_t* number) {
  return base::GetVarint(in, number) && *number <= limit;
}

}  // namespace

void AppendSealedRow(std::string_view key, TimeStretch times, std::span<const double> values,
                     std::string* row) {
  const size_t begin = row->size();
  base::AppendVarint(row, times.column);
  base::AppendVarint(row, times.first);
  base::AppendVarint(row, values.size());
  std::string parts;
  for (size_t i = 0; i < values.size(); i += kPart) {
    const size_t before = parts.size();
    chunk::sealed::AppendValues(values.subspan(i, std::min(kPart, values.size() - i)), &parts);
    base::AppendVarint(row, parts.size() - before);
  }
  row->append(parts);
  base::AppendLittleEndian(row, Checksum(key, std::string_view(*row).substr(begin)));
}

bool SealedRow::Parse(std::string_view key, std::string_view row) {
  parts_.clear();
  uint64_t column, first, size;
  if (!TakeChecksum(key, &row) || !GetNumber(&row, UINT32_MAX, &column) ||
      !GetNumber(&row, UINT32_MAX, &first) || !GetNumber(&row, kMaxRowSamples, &size) ||
      size == 0) {
    return false;
  }
  times_ = {static_cast<uint32_t>(column), static_cast<uint32_t>(first)};
  size_ = size;
  uint64_t sizes[kMaxRowSamples / kPart];
  const size_t num_parts = (size_ + kPart - 1) / kPart;
  for (size_t i = 0; i < num_parts; ++i) {
    if (!GetNumber(&row, row.size(), &sizes[i])) return false;
  }
  for (size_t i = 0; i < num_parts; ++i) {
    if (sizes[i] > row.size()) return false;
    parts_.push_back(row.substr(0, sizes[i]));
    row.remove_prefix(sizes[i]);
  }
  return row.empty();
}

bool SealedRow::Read(size_t begin, size_t end, std::vector<double>* out) const {
  if (begin >= end) return true;
  const size_t first_part = begin / kPart, last_part = (end - 1) / kPart;
  const size_t base = out->size();
  // Whole parts are unpacked where they go; what stands before `begin` is then moved away.
  const size_t read_end = std::min(size_, (last_part + 1) * kPart);
  out->resize(base + read_end - first_part * kPart);
  for (size_t part = first_part; part <= last_part; ++part) {
    const size_t n = std::min(kPart, size_ - part * kPart);
    double* const to = out->data() + base + (part - first_part) * kPart;
    if (!chunk::sealed::ReadValues(parts_[part], n, to)) {
      out->resize(base);
      return false;
    }
  }
  const auto from = out->begin() + static_cast<std::ptrdiff_t>(base);
  out->erase(from, from + static_cast<std::ptrdiff_t>(begin - first_part * kPart));
  out->resize(base + end - begin);
  return true;
}

void AppendTimeColumn(std::string_view key, std::string_view column, std::string* value) {
  const size_t begin = value->size();
  value->append(column);
  base::AppendLittleEndian(value, Checksum(key, std::string_view(*value).substr(begin)));
}

bool ParseTimeColumn(std::string_view key, std::string_view value,
                     std::vector<model::TimeMs>* times) {
  return TakeChecksum(key, &value) && chunk::sealed::ReadTimes(value, times);
}

}  // namespace storage::block
