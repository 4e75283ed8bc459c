#include "storage/model/duration_text.h"

#include <limits>

#include "storage/base/status.h"
#include "storage/model/labels.h"

namespace model {
namespace {

struct Unit {
  std::string_view name;
  uint64_t ms;
};
constexpr Unit kUnits[] = {{"y", 365ull * 24 * 3600 * 1000}, {"w", 7ull * 24 * 3600 * 1000},
                           {"d", 24ull * 3600 * 1000},       {"h", 3600ull * 1000},
                           {"m", 60ull * 1000},              {"s", 1000},
                           {"ms", 1}};
constexpr uint64_t kMaxMs = std::numeric_limits<int64_t>::max() / 1'000'000;  // Go counts nanoseconds.

std::string Quoted(std::string_view s) {
  std::string out;
  AppendQuoted(&out, s);
  return out;
}

}  // namespace

absl::StatusOr<int64_t> ParseDurationMs(std::string_view text) {
  if (text == "0") return 0;
  if (text.empty()) return base::InvalidArgument("empty duration string");
  const auto is_digit = [](char c) { return c >= '0' && c <= '9'; };
  uint64_t total = 0;
  std::string_view rest = text;
  const Unit* last = nullptr;
  while (!rest.empty()) {
    if (!is_digit(rest[0])) {
      return base::InvalidArgument("not a valid duration string: {}", Quoted(text));
    }
    uint64_t n = 0;
    bool overflow = false;
    size_t i = 0;
    for (; i < rest.size() && is_digit(rest[i]); ++i) {
      if (n > (std::numeric_limits<uint64_t>::max() - 9) / 10) overflow = true;
      if (!overflow) n = n * 10 + (rest[i] - '0');
    }
    size_t j = i;
    while (j < rest.size() && !is_digit(rest[j])) ++j;
    if (j == i) return base::InvalidArgument("not a valid duration string: {}", Quoted(text));
    const std::string_view name = rest.substr(i, j - i);
    const Unit* unit = nullptr;
    for (const Unit& u : kUnits) {
      if (u.name == name) unit = &u;
    }
    if (unit == nullptr) {
      return base::InvalidArgument("unknown unit {} in duration {}", Quoted(name), Quoted(text));
    }
    if (last != nullptr && unit <= last) {
      return base::InvalidArgument("not a valid duration string: {}", Quoted(text));
    }
    if (overflow || n > kMaxMs / unit->ms || total + n * unit->ms > kMaxMs) {
      return base::InvalidArgument("duration out of range");
    }
    total += n * unit->ms;
    last = unit;
    rest.remove_prefix(j);
  }
  return static_cast<int64_t>(total);
}

std::string FormatDurationMs(int64_t ms) {
  if (ms == 0) return "0s";
  std::string out;
  uint64_t rest = static_cast<uint64_t>(ms);
  if (ms < 0) {
    out += '-';
    rest = 0 - rest;
  }
  for (const Unit& unit : kUnits) {
    const bool only_exact = unit.name == "y" || unit.name == "w";
    if (only_exact && rest % unit.ms != 0) continue;
    if (const uint64_t n = rest / unit.ms; n > 0) {
      out += std::to_string(n);
      out += unit.name;
      rest -= n * unit.ms;
    }
  }
  return out;
}

}  // namespace model
