// What a sealed row says of its parts, so that they need not be unpacked for it.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace storage::block {

struct PartNote {
  enum class Kind : uint8_t {
    kNone,
    // From the last value of the part before to the first of the part behind none is lower than the
    // one before it, and none is NaN or -0.
    kRising,
    // `least` and `greatest` are, to the bit, what is lowest and highest, and all are finite.
    kExtremes,
  };
  Kind kind = Kind::kNone;
  double least = 0, greatest = 0;
  friend bool operator==(const PartNote&, const PartNote&) = default;
};

// Notes on the parts of `values`, each of `part_size` values but the last. `sizes`: the bytes each
// part takes; of small ones only what costs nothing is noted. Exact.
std::vector<PartNote> MakeNotes(std::span<const double> values, size_t part_size,
                                std::span<const uint64_t> sizes);
// Whether what they say is so.
bool NotesAreTrue(std::span<const PartNote> notes, std::span<const double> values,
                  size_t part_size);

//   2 bits per part, lowest first: 0 nothing, 1 rising, 2 extremes
//   | with extremes: byte: exponent 0..9, 16 * shift; then of each such part z least - least of the
//   one before (the first: - 0), v greatest - least; both times 10^exponent / 2^shift
// Extremes that are no such decimals are left out.
void AppendNotes(std::span<const PartNote> notes, std::string* out);
// Takes the notes on `n` parts off the front of *in; replaces *notes. False when they are none.
bool TakeNotes(std::string_view* in, size_t n, std::vector<PartNote>* notes);

}  // namespace storage::block
