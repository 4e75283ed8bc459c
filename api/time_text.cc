#include "api/time_text.h"

#include <fmt/format.h>

namespace api {
namespace {

// Civil calendar arithmetic: days since 1970-01-01, proleptic Gregorian.
int64_t DaysFromCivil(int64_t y, int m, int d) {
  y -= m <= 2;
  const int64_t era = (y >= 0 ? y : y - 399) / 400;
  const int64_t yoe = y - era * 400;
  const int64_t doy = (153 * (m + (m > 2 ? -3 : 9)) + 2) / 5 + d - 1;
  return era * 146097 + yoe * 365 + yoe / 4 - yoe / 100 + doy - 719468;
}

struct Civil {
  int64_t year;
  int month, day;
};

Civil CivilFromDays(int64_t z) {
  z += 719468;
  const int64_t era = (z >= 0 ? z : z - 146096) / 146097;
  const int64_t doe = z - era * 146097;
  const int64_t yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
  const int64_t doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
  const int64_t mp = (5 * doy + 2) / 153;
  const int month = static_cast<int>(mp < 10 ? mp + 3 : mp - 9);
  return {yoe + era * 400 + (month <= 2), month, static_cast<int>(doy - (153 * mp + 2) / 5 + 1)};
}

bool IsLeap(int64_t y) { return (y % 4 == 0 && y % 100 != 0) || y % 400 == 0; }
int DaysIn(int64_t y, int m) {
  constexpr int kDays[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
  return m == 2 && IsLeap(y) ? 29 : kDays[m - 1];
}

// Takes exactly `n` digits from the front.
bool TakeNumber(std::string_view* s, int n, int* out) {
  if (s->size() < static_cast<size_t>(n)) return false;
  int v = 0;
  for (int i = 0; i < n; ++i) {
    const char c = (*s)[i];
    if (c < '0' || c > '9') return false;
    v = v * 10 + (c - '0');
  }
  s->remove_prefix(n);
  *out = v;
  return true;
}

// Go lets an hour have one digit.
bool TakeHour(std::string_view* s, int* out) {
  return TakeNumber(s, 2, out) || TakeNumber(s, 1, out);
}

bool Take(std::string_view* s, char c) {
  if (s->empty() || (*s)[0] != c) return false;
  s->remove_prefix(1);
  return true;
}

// "Z", "+02:00" to the end of the text.
bool TakeZone(std::string_view* s, int* seconds_east) {
  *seconds_east = 0;
  if (Take(s, 'Z')) return s->empty();
  const bool west = !s->empty() && (*s)[0] == '-';
  int h, m;
  if (!Take(s, west ? '-' : '+') || !TakeNumber(s, 2, &h) || !Take(s, ':') ||
      !TakeNumber(s, 2, &m) || !s->empty() || h > 24 || m > 60) {
    return false;
  }
  *seconds_east = (h * 3600 + m * 60) * (west ? -1 : 1);
  return true;
}

}  // namespace

std::optional<model::TimeMs> ParseRfc3339(std::string_view s) {
  int year, month, day, hour, minute, second, east;
  if (!TakeNumber(&s, 4, &year) || !Take(&s, '-') || !TakeNumber(&s, 2, &month) ||
      !Take(&s, '-') || !TakeNumber(&s, 2, &day) || !Take(&s, 'T') || !TakeHour(&s, &hour) ||
      !Take(&s, ':') || !TakeNumber(&s, 2, &minute) || !Take(&s, ':') ||
      !TakeNumber(&s, 2, &second)) {
    return std::nullopt;
  }
  if (month < 1 || month > 12 || day < 1 || day > DaysIn(year, month) || hour > 23 ||
      minute > 59 || second > 59) {
    return std::nullopt;
  }
  int ms = 0;
  if (Take(&s, '.') || Take(&s, ',')) {
    int digits = 0;
    for (; !s.empty() && s[0] >= '0' && s[0] <= '9'; s.remove_prefix(1), ++digits) {
      if (digits < 3) ms = ms * 10 + (s[0] - '0');
    }
    if (digits == 0) return std::nullopt;
    for (; digits < 3; ++digits) ms *= 10;
  }
  if (!TakeZone(&s, &east)) return std::nullopt;
  const int64_t seconds =
      DaysFromCivil(year, month, day) * 86400 + hour * 3600 + minute * 60 + second - east;
  return seconds * 1000 + ms;
}

std::string FormatRfc3339Nano(int64_t unix_seconds, int nanoseconds) {
  int64_t days = unix_seconds / 86400;
  int64_t rest = unix_seconds % 86400;
  if (rest < 0) rest += 86400, --days;
  const Civil c = CivilFromDays(days);
  std::string out = fmt::format("{}{:04}-{:02}-{:02}T{:02}:{:02}:{:02}", c.year < 0 ? "-" : "",
                                c.year < 0 ? -c.year : c.year, c.month, c.day, rest / 3600,
                                rest / 60 % 60, rest % 60);
  if (nanoseconds != 0) {
    std::string decimals = fmt::format("{:09}", nanoseconds);
    while (decimals.back() == '0') decimals.pop_back();
    out += '.';
    out += decimals;
  }
  out += 'Z';
  return out;
}

std::string FormatRfc3339Ns(int64_t unix_ns) {
  int64_t seconds = unix_ns / 1'000'000'000;
  int64_t ns = unix_ns % 1'000'000'000;
  if (ns < 0) ns += 1'000'000'000, --seconds;
  return FormatRfc3339Nano(seconds, static_cast<int>(ns));
}

}  // namespace api
