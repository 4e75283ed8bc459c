// The values of one series, up to kMaxValues at a time, as few bytes: whichever form of a small menu
// comes out smallest. Every bit of every double comes back. Bytes: README of storage, "Sealed values".
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace chunk::sealed {

inline constexpr size_t kMaxValues = 256;

// In the order of the README's table; part of the format.
enum class Form : uint8_t { kConstant, kDecimal, kNoisyDecimal, kOrdered, kSparse, kXor, kRaw };
inline constexpr int kNumForms = 7;

// `values`: 1..kMaxValues.
void AppendValues(std::span<const double> values, std::string* out);
// Reads all of `in`, which holds `n` values. False when it does not; `out` is then unspecified.
// Never reads past the end.
bool ReadValues(std::string_view in, size_t n, double* out);
// Whether all values are finite and none is -0, as far as that is seen without unpacking them.
bool OnlyNumbers(std::string_view in);
// The form of what AppendValues wrote; for statistics.
Form FormOf(std::string_view in);

}  // namespace chunk::sealed
