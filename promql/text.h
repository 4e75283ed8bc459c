// Runes, quotes and escapes as Go has them: the language and its messages are defined by these.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace promql {

inline constexpr int32_t kEndOfText = -1;
inline constexpr int32_t kRuneError = 0xFFFD;

// The first rune of `s` and its size in bytes; a broken byte is kRuneError of size 1, the end is
// kEndOfText of size 0.
int32_t DecodeRune(std::string_view s, int* size);
void AppendRune(std::string* out, int32_t rune);  // What is no rune becomes kRuneError.

std::string Quote(std::string_view s);         // %q: "a\n"
std::string QuoteRune(int32_t rune);           // %q: 'a'
std::string UnicodeName(int32_t rune);         // %#U: U+0061 'a'
// %.10q: quotes the first `runes` runes.
std::string QuotePrefix(std::string_view s, int runes);

// The value of a literal with its quotes: "..", '..' or `..`. Nullopt when it is none.
std::optional<std::string> Unquote(std::string_view literal);

// A number as the language writes it: 0x1f, 0755 (octal), 1_000, .5, 1e3, inf, nan.
struct NumberText {
  std::optional<double> value;
  std::string_view error;  // "invalid syntax", "value out of range": when there is no value.
};
NumberText ReadNumber(std::string_view text);

}  // namespace promql
