#include "storage/block/sealed_row.h"

#include <algorithm>

#include "storage/base/coding.h"
#include "storage/chunk/sealed/time_column.h"
#include "wal/crc32c.h"

namespace storage::block {
namespace {

// Parts of a row from which on notes can spare much: only a part inside can be left out unseen.
constexpr size_t kWorthNotes = 4;

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
  std::string parts, notes;
  std::vector<uint64_t> sizes;
  for (size_t i = 0; i < values.size(); i += kPart) {
    const size_t before = parts.size();
    chunk::sealed::AppendValues(values.subspan(i, std::min(kPart, values.size() - i)), &parts);
    sizes.push_back(parts.size() - before);
  }
  if (sizes.size() >= kWorthNotes) AppendNotes(MakeNotes(values, kPart, sizes), &notes);
  if (std::count(notes.begin(), notes.end(), '\0') == static_cast<std::ptrdiff_t>(notes.size())) {
    notes.clear();  // Nothing to say.
  }
  base::AppendVarint(row, values.size() + (notes.empty() ? 0 : kMaxRowSamples));
  for (const uint64_t size : sizes) base::AppendVarint(row, size);
  row->append(parts);
  row->append(notes);
  base::AppendLittleEndian(row, Checksum(key, std::string_view(*row).substr(begin)));
}

bool SealedRow::Parse(std::string_view key, std::string_view row) {
  parts_.clear();
  notes_.clear();
  uint64_t column, first, size;
  if (!TakeChecksum(key, &row) || !GetNumber(&row, UINT32_MAX, &column) ||
      !GetNumber(&row, UINT32_MAX, &first) || !GetNumber(&row, 2 * kMaxRowSamples, &size) ||
      size == 0) {
    return false;
  }
  const bool has_notes = size > kMaxRowSamples;
  if (has_notes) size -= kMaxRowSamples;
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
  if (has_notes && !TakeNotes(&row, num_parts, &notes_)) return false;
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
    if (!ReadPart(part, out->data() + base + (part - first_part) * kPart)) {
      out->resize(base);
      return false;
    }
  }
  const auto from = out->begin() + static_cast<std::ptrdiff_t>(base);
  out->erase(from, from + static_cast<std::ptrdiff_t>(begin - first_part * kPart));
  out->resize(base + end - begin);
  return true;
}

bool SealedRow::Is(size_t i, PartNote::Kind kind) const {
  return !notes_.empty() && notes_[i].kind == kind;
}

bool SealedRow::HasNoMarkers(size_t i) const {
  return Is(i, PartNote::Kind::kRising) || chunk::sealed::OnlyNumbers(parts_[i]);
}

bool SealedRow::MayLeaveOut(size_t i, chunk::Want want) const {
  using chunk::Want;
  switch (want) {
    case Want::kAll: return false;
    case Want::kLast: return true;
    case Want::kCount:
    case Want::kEnds: return HasNoMarkers(i - 1) && HasNoMarkers(i) && HasNoMarkers(i + 1);
    case Want::kFalls:
    case Want::kMin:
    case Want::kMax: return Is(i, PartNote::Kind::kRising);
    case Want::kChanges:
      return chunk::sealed::FormOf(parts_[i]) == chunk::sealed::Form::kConstant && HasNoMarkers(i) &&
             parts_[i - 1] == parts_[i] && parts_[i + 1] == parts_[i];
  }
  return false;
}

bool SealedRow::ReadThin(const model::TimeMs* times, const chunk::Windows& windows,
                         chunk::SampleColumns* out) const {
  using chunk::Want;
  const size_t before = out->size();
  const bool extremes = windows.want == Want::kMin || windows.want == Want::kMax;
  double values[kPart];
  for (size_t i = 0; i < parts_.size(); ++i) {
    const std::span part(times + i * kPart, PartSize(i));
    const chunk::Windows::Cell cell = windows.CellOf(part.front());
    const bool whole = part.back() <= cell.last;
    if (whole && !cell.touched) continue;
    // With the sample before it and two behind it in the same cell.
    const bool inside = whole && i > 0 && (i + 1) * kPart + 1 < size_ &&
                        windows.CellOf(part.data()[-1]).last >= part.data()[kPart + 1];
    if (inside && out->size() > before && MayLeaveOut(i, windows.want)) {
      out->through.back() += static_cast<uint32_t>(part.size());
    } else if (whole && extremes && Is(i, PartNote::Kind::kExtremes)) {
      const PartNote& note = notes_[i];
      chunk::AppendStandIn(part.front(), windows.want == Want::kMin ? note.least : note.greatest,
                           part.size(), out);
    } else if (windows.want == Want::kCount && HasNoMarkers(i)) {
      chunk::AppendThin(part, nullptr, windows, out);
    } else if (ReadPart(i, values)) {
      chunk::AppendThin(part, values, windows, out);
    } else {
      out->Resize(before);
      return false;
    }
  }
  return true;
}

bool SealedRow::ReadPart(size_t i, double* out) const {
  return chunk::sealed::ReadValues(parts_[i], PartSize(i), out);
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
