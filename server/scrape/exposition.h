// What both text formats share: kinds of entries, tokens and their names in errors, numbers, and
// the text of a series taken apart into labels. spec 6.4.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "storage/model/labels.h"
#include "storage/model/metadata.h"

namespace server {

enum class Entry : uint8_t { kSeries, kType, kHelp, kUnit, kComment, kEnd, kError };

enum class Token : uint8_t {
  kInvalid, kEof, kLinebreak, kWhitespace, kHelp, kType, kUnit, kEofWord, kText, kComment,
  kMetricName, kQuoted, kBraceOpen, kBraceClose, kLabelName, kLabelValue, kComma, kEqual,
  kTimestamp, kValue,
};
std::string_view ToString(Token token);  // As errors name it: "INVALID", "MNAME".

// Classes of bytes, for scanning.
inline constexpr uint8_t kNameStart = 1, kNameByte = 2, kLabelStart = 4, kLabelByte = 8;
inline constexpr uint8_t kPlainValue = 16;  // May stand in a quoted value without a second look.
constexpr std::array<uint8_t, 256> MakeByteClasses() {
  std::array<uint8_t, 256> classes{};
  for (int c = 0; c < 256; ++c) {
    const bool alpha = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
    uint8_t cls = 0;
    if (alpha) cls |= kNameStart | kNameByte | kLabelStart | kLabelByte;
    if (c == ':') cls |= kNameStart | kNameByte;
    if (c >= '0' && c <= '9') cls |= kNameByte | kLabelByte;
    if (c > 0 && c < 0x80 && c != '"' && c != '\\' && c != '\n') cls |= kPlainValue;
    classes[c] = cls;
  }
  return classes;
}
inline constexpr std::array<uint8_t, 256> kByteClass = MakeByteClasses();
inline bool Is(char c, uint8_t cls) { return (kByteClass[static_cast<uint8_t>(c)] & cls) != 0; }

// Go-quoted, as %q.
std::string Quoted(std::string_view s);

// The number at `p`, up to a space, tab or newline before `end`, when it is a plain decimal number;
// null otherwise (NaN, Inf, hex, garbage), and then ParseValue decides. `end` must be readable: the
// page holds a newline there or later.
const char* ScanNumber(const char* p, const char* end, double* value);

// A sample value as text. On failure the error in Go's words: strconv.ParseFloat: parsing "x": ...
// NaN of any kind becomes the normal NaN.
std::optional<double> ParseValue(std::string_view text, std::string* error);

// Labels as they were exposed, in the order of the text, name first, empty values included. Cleared
// and refilled, so that capacities are reused.
using ExposedLabels = std::vector<model::Labels::Pair>;

// Takes apart `name{a="b"}` or `{"name",a="b"}`, text that one of the parsers has accepted.
// Escapes are resolved; le of a histogram and quantile of a summary become OpenMetrics floats.
void ParseSeriesText(std::string_view series, model::MetricType type, ExposedLabels* out);

// 1 -> 1.0, 0.50 -> 0.5, 1000000 -> 1e+06; what is no number stays.
std::string NormalizeFloatLabel(std::string_view value);

// \\ \" \n resolved (`quotes`) or \\ \n only; other backslashes stay.
std::string Unescape(std::string_view text, bool quotes);

}  // namespace server
