#include "storage/block/part_notes.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>

#include "storage/base/coding.h"

namespace storage::block {
namespace {

// Of a part below it little is saved by not unpacking it, and the note would cost more than a tenth.
constexpr uint64_t kWorthExtremes = 48;
constexpr int kMaxExponent = 9, kShiftBits = 4, kMaxShift = 15;
constexpr int64_t kExact = int64_t{1} << 53;
constexpr std::array<double, kMaxExponent + 1> kPowers = {1e0, 1e1, 1e2, 1e3, 1e4,
                                                          1e5, 1e6, 1e7, 1e8, 1e9};

uint64_t Bits(double v) { return std::bit_cast<uint64_t>(v); }

double FromNumber(int64_t number, int exponent) {
  return static_cast<double>(number) / kPowers[static_cast<size_t>(exponent)];
}

// False when `v` is not number / 10^exponent to the bit.
bool ToNumber(double v, int exponent, int64_t* number) {
  const double scaled = std::round(v * kPowers[static_cast<size_t>(exponent)]);
  if (!(std::fabs(scaled) < static_cast<double>(kExact))) return false;
  *number = static_cast<int64_t>(scaled);
  return Bits(FromNumber(*number, exponent)) == Bits(v);
}

// -1: none.
int ExponentOf(double v) {
  int64_t number;
  for (int exponent = 0; exponent <= kMaxExponent; ++exponent) {
    if (ToNumber(v, exponent, &number)) return exponent;
  }
  return -1;
}

bool IsMinusZero(double v) { return Bits(v) == Bits(-0.0); }
bool IsNumber(double v) { return std::isfinite(v) && !IsMinusZero(v); }

PartNote NoteOf(std::span<const double> values, size_t begin, size_t end, bool extremes) {
  PartNote note;
  const size_t first = begin == 0 ? 0 : begin - 1;  // With the neighbours.
  bool rising = !IsMinusZero(values[first]);
  for (size_t i = first + 1; i < std::min(end + 1, values.size()); ++i) {
    rising &= values[i - 1] <= values[i] && !IsMinusZero(values[i]);
  }
  if (rising) {
    note.kind = PartNote::Kind::kRising;
    return note;
  }
  const auto part = values.subspan(begin, end - begin);
  if (!extremes || !std::all_of(part.begin(), part.end(), IsNumber)) return note;
  const auto [least, greatest] = std::minmax_element(part.begin(), part.end());
  return {PartNote::Kind::kExtremes, *least, *greatest};
}

}  // namespace

std::vector<PartNote> MakeNotes(std::span<const double> values, size_t part_size,
                                std::span<const uint64_t> sizes) {
  std::vector<PartNote> notes;
  for (size_t begin = 0; begin < values.size(); begin += part_size) {
    const size_t end = std::min(values.size(), begin + part_size);
    PartNote note = NoteOf(values, begin, end, sizes[notes.size()] >= kWorthExtremes);
    if (note.kind == PartNote::Kind::kExtremes &&
        (ExponentOf(note.least) < 0 || ExponentOf(note.greatest) < 0)) {
      note = {};
    }
    notes.push_back(note);
  }
  return notes;
}

bool NotesAreTrue(std::span<const PartNote> notes, std::span<const double> values,
                  size_t part_size) {
  for (size_t i = 0; i < notes.size(); ++i) {
    if (notes[i].kind == PartNote::Kind::kNone) continue;
    const size_t begin = i * part_size, end = std::min(values.size(), begin + part_size);
    const PartNote found = NoteOf(values, begin, end, true);
    if (notes[i].kind == PartNote::Kind::kRising) {
      if (found.kind != PartNote::Kind::kRising) return false;
      continue;
    }
    const auto part = values.subspan(begin, end - begin);
    if (!std::all_of(part.begin(), part.end(), IsNumber)) return false;
    const auto [least, greatest] = std::minmax_element(part.begin(), part.end());
    if (Bits(*least) != Bits(notes[i].least) || Bits(*greatest) != Bits(notes[i].greatest)) {
      return false;
    }
  }
  return true;
}

void AppendNotes(std::span<const PartNote> notes, std::string* out) {
  int exponent = 0;
  for (const PartNote& note : notes) {
    if (note.kind != PartNote::Kind::kExtremes) continue;
    exponent = std::max({exponent, ExponentOf(note.least), ExponentOf(note.greatest)});
  }
  std::vector<std::pair<int64_t, int64_t>> extremes;
  int64_t all_bits = int64_t{1} << kMaxShift;
  const size_t begin = out->size();
  out->append((notes.size() + 3) / 4, '\0');
  for (size_t i = 0; i < notes.size(); ++i) {
    auto kind = notes[i].kind;
    if (kind == PartNote::Kind::kExtremes) {
      int64_t least, greatest;
      if (ToNumber(notes[i].least, exponent, &least) &&
          ToNumber(notes[i].greatest, exponent, &greatest)) {
        extremes.emplace_back(least, greatest);
        all_bits |= least | greatest;
      } else {
        kind = PartNote::Kind::kNone;
      }
    }
    (*out)[begin + i / 4] = static_cast<char>(static_cast<uint8_t>((*out)[begin + i / 4]) |
                                              static_cast<uint8_t>(kind) << i % 4 * 2);
  }
  if (extremes.empty()) return;
  const int shift = std::countr_zero(static_cast<uint64_t>(all_bits));
  out->push_back(static_cast<char>(exponent | shift << kShiftBits));
  int64_t before = 0;
  for (const auto& [least, greatest] : extremes) {
    base::AppendZigZag(out, (least - before) >> shift);
    base::AppendVarint(out, static_cast<uint64_t>(greatest - least) >> shift);
    before = least;
  }
}

bool TakeNotes(std::string_view* in, size_t n, std::vector<PartNote>* notes) {
  notes->assign(n, {});
  const size_t size = (n + 3) / 4;
  if (in->size() < size) return false;
  bool extremes = false;
  for (size_t i = 0; i < n; ++i) {
    const int kind = static_cast<uint8_t>((*in)[i / 4]) >> i % 4 * 2 & 3;
    if (kind > static_cast<int>(PartNote::Kind::kExtremes)) return false;
    (*notes)[i].kind = static_cast<PartNote::Kind>(kind);
    extremes |= (*notes)[i].kind == PartNote::Kind::kExtremes;
  }
  in->remove_prefix(size);
  if (!extremes) return true;
  if (in->empty()) return false;
  const auto scale = static_cast<uint8_t>(in->front());
  const int exponent = scale & ((1 << kShiftBits) - 1), shift = scale >> kShiftBits;
  if (exponent > kMaxExponent) return false;
  in->remove_prefix(1);
  const int64_t limit = kExact >> shift;
  int64_t least = 0;
  for (PartNote& note : *notes) {
    if (note.kind != PartNote::Kind::kExtremes) continue;
    int64_t difference;
    uint64_t span;
    if (!base::GetZigZag(in, &difference) || !base::GetVarint(in, &span) ||
        difference <= -2 * limit || difference >= 2 * limit ||
        span >= 2 * static_cast<uint64_t>(limit)) {
      return false;
    }
    least += difference;
    const int64_t greatest = least + static_cast<int64_t>(span);
    if (least <= -limit || greatest >= limit) return false;
    note.least = FromNumber(least * (int64_t{1} << shift), exponent);
    note.greatest = FromNumber(greatest * (int64_t{1} << shift), exponent);
  }
  return true;
}

}  // namespace storage::block
