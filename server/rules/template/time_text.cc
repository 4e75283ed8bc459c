#include "server/rules/template/time_text.h"

#include <array>
#include <limits>

#include <fmt/format.h>

namespace server::text_template {
namespace {

constexpr std::array<std::string_view, 12> kMonths = {
    "January", "February", "March",     "April",   "May",      "June",
    "July",    "August",   "September", "October", "November", "December"};
constexpr std::array<std::string_view, 7> kDays = {"Sunday",   "Monday", "Tuesday", "Wednesday",
                                                   "Thursday", "Friday", "Saturday"};
constexpr int64_t kDaySeconds = 86400, kSecondNanos = 1'000'000'000;

int64_t FloorDiv(int64_t a, int64_t b) { return a / b - (a % b < 0 ? 1 : 0); }

// Days since 1970-01-01 of a day of the Gregorian calendar, and back: with years that begin in
// March.
int64_t DaysFromCivil(int64_t year, int64_t month, int64_t day) {
  year -= month <= 2;
  const int64_t era = FloorDiv(year, 400), of_era = year - era * 400;
  const int64_t of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
  return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719468;
}

void CivilFromDays(int64_t days, CivilTime* out) {
  days += 719468;
  const int64_t era = FloorDiv(days, 146097), of_era = days - era * 146097;
  const int64_t year = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
  const int64_t of_year = of_era - (365 * year + year / 4 - year / 100);
  const int64_t m = (5 * of_year + 2) / 153;
  out->day = static_cast<int>(of_year - (153 * m + 2) / 5 + 1);
  out->month = static_cast<int>(m < 10 ? m + 3 : m - 9);
  out->year = year + era * 400 + (out->month <= 2);
}

// .5 of half a second: the nanoseconds without the zeros at the end.
std::string Fraction(int64_t nanos, int digits) {
  std::string out = fmt::format("{:09}", nanos).substr(0, digits);
  return out;
}

std::string TrimmedFraction(int64_t nanos, std::string_view point) {
  if (nanos == 0) return "";
  std::string out = fmt::format("{:09}", nanos);
  out.resize(out.find_last_not_of('0') + 1);
  return std::string(point) + out;
}

// The element of a layout at its front, longest first, and what it stands for.
struct Element {
  std::string_view layout;
  std::string text;
};

std::string YearText(int64_t year) {
  return year >= 0 ? fmt::format("{:04}", year) : fmt::format("-{:04}", -year);
}

}  // namespace

std::string_view MonthName(int month) { return kMonths[month - 1]; }
std::string_view WeekdayName(int weekday) { return kDays[weekday]; }

std::string ToString(Month m) {
  return m.number >= 1 && m.number <= 12 ? std::string(MonthName(m.number))
                                         : fmt::format("%!Month({})", m.number);
}
std::string ToString(Weekday d) { return std::string(WeekdayName(d.number)); }

CivilTime ToCivil(const Time& t) {
  const int64_t days = FloorDiv(t.seconds, kDaySeconds);
  const int second = static_cast<int>(t.seconds - days * kDaySeconds);
  CivilTime out;
  CivilFromDays(days, &out);
  out.hour = second / 3600, out.minute = second / 60 % 60, out.second = second % 60;
  out.weekday = static_cast<int>(((days + 4) % 7 + 7) % 7);
  out.year_day = static_cast<int>(days - DaysFromCivil(out.year, 1, 1)) + 1;
  return out;
}

Time FromCivil(const CivilTime& c, int32_t nanos) {
  const int64_t month0 = c.month - 1, year = c.year + FloorDiv(month0, 12);
  const int64_t days = DaysFromCivil(year, month0 - FloorDiv(month0, 12) * 12 + 1, 1) + c.day - 1;
  return {days * kDaySeconds + c.hour * 3600 + c.minute * 60 + c.second, nanos};
}

std::string ToString(const Time& t) {
  return FormatTime(t, "2006-01-02 15:04:05.999999999 -0700 MST");
}

std::string ToString(Duration d) {
  if (d.nanos == 0) return "0s";
  const bool negative = d.nanos < 0;
  const uint64_t nanos = negative ? 0 - static_cast<uint64_t>(d.nanos) : d.nanos;
  std::string out = negative ? "-" : "";
  if (nanos < kSecondNanos) {
    const uint64_t unit = nanos < 1000 ? 1 : nanos < 1'000'000 ? 1000 : 1'000'000;
    const std::string_view name = unit == 1 ? "ns" : unit == 1000 ? "µs" : "ms";
    const int64_t rest =
        static_cast<int64_t>(nanos % unit) * (kSecondNanos / static_cast<int64_t>(unit));
    return out + std::to_string(nanos / unit) + TrimmedFraction(rest, ".") + std::string(name);
  }
  const uint64_t seconds = nanos / kSecondNanos, minutes = seconds / 60, hours = minutes / 60;
  if (hours > 0) out += fmt::format("{}h", hours);
  if (minutes > 0) out += fmt::format("{}m", minutes % 60);
  return out + std::to_string(seconds % 60) + TrimmedFraction(nanos % kSecondNanos, ".") + "s";
}

std::string FormatTime(const Time& t, std::string_view layout) {
  const CivilTime c = ToCivil(t);
  const int hour12 = c.hour % 12 == 0 ? 12 : c.hour % 12;
  const std::string_view month = MonthName(c.month), day = WeekdayName(c.weekday);
  const std::string am_pm = c.hour >= 12 ? "PM" : "AM";
  // Times are in UTC.
  const Element elements[] = {{"January", std::string(month)},
                              {"Jan", std::string(month.substr(0, 3))},
                              {"Monday", std::string(day)},
                              {"Mon", std::string(day.substr(0, 3))},
                              {"MST", "UTC"},
                              {"2006", YearText(c.year)},
                              {"__2", fmt::format("{:3}", c.year_day)},
                              {"002", fmt::format("{:03}", c.year_day)},
                              {"_2006", "_" + YearText(c.year)},
                              {"_2", fmt::format("{:2}", c.day)},
                              {"01", fmt::format("{:02}", c.month)},
                              {"02", fmt::format("{:02}", c.day)},
                              {"03", fmt::format("{:02}", hour12)},
                              {"04", fmt::format("{:02}", c.minute)},
                              {"05", fmt::format("{:02}", c.second)},
                              {"06", fmt::format("{:02}", c.year % 100)},
                              {"15", fmt::format("{:02}", c.hour)},
                              {"PM", am_pm},
                              {"pm", c.hour >= 12 ? "pm" : "am"},
                              {"-07:00:00", "+00:00:00"},
                              {"-070000", "+000000"},
                              {"-07:00", "+00:00"},
                              {"-0700", "+0000"},
                              {"-07", "+00"},
                              {"Z07:00:00", "Z"},
                              {"Z070000", "Z"},
                              {"Z07:00", "Z"},
                              {"Z0700", "Z"},
                              {"Z07", "Z"},
                              {"1", std::to_string(c.month)},
                              {"2", std::to_string(c.day)},
                              {"3", std::to_string(hour12)},
                              {"4", std::to_string(c.minute)},
                              {"5", std::to_string(c.second)}};
  std::string out;
  while (!layout.empty()) {
    // .000 and .999, which no digit follows.
    const char first = layout[0];
    if ((first == '.' || first == ',') && layout.size() > 1 &&
        (layout[1] == '0' || layout[1] == '9')) {
      size_t end = 1;
      while (end < layout.size() && layout[end] == layout[1]) ++end;
      const bool digit = end < layout.size() && layout[end] >= '0' && layout[end] <= '9';
      if (!digit) {
        const int digits = static_cast<int>(std::min<size_t>(end - 1, 9));
        std::string fraction = Fraction(t.nanos, digits);
        if (layout[1] == '9') fraction.resize(fraction.find_last_not_of('0') + 1);
        if (!fraction.empty()) out += first + fraction;
        layout.remove_prefix(end);
        continue;
      }
    }
    const Element* best = nullptr;
    for (const Element& e : elements) {
      if (layout.starts_with(e.layout) &&
          (best == nullptr || e.layout.size() > best->layout.size())) {
        best = &e;
      }
    }
    // "Jan" is no element in "January" misspelt, as "Jane": Go wants no lower letter behind it.
    if (best != nullptr && best->layout == "Jan" && layout.size() > 3 && layout[3] >= 'a' &&
        layout[3] <= 'z') {
      best = nullptr;
    }
    if (best != nullptr && best->layout == "Mon" && layout.size() > 3 && layout[3] >= 'a' &&
        layout[3] <= 'z') {
      best = nullptr;
    }
    if (best == nullptr) {
      out += first;
      layout.remove_prefix(1);
    } else {
      out += best->text;
      layout.remove_prefix(best->layout.size());
    }
  }
  return out;
}

Duration Truncate(Duration d, Duration unit) {
  return unit.nanos <= 0 ? d : Duration{d.nanos - d.nanos % unit.nanos};
}

Duration Round(Duration d, Duration unit) {
  if (unit.nanos <= 0) return d;
  const int64_t rest = d.nanos % unit.nanos;
  constexpr int64_t kMax = std::numeric_limits<int64_t>::max();
  const uint64_t abs = rest < 0 ? 0 - static_cast<uint64_t>(rest) : rest;
  const bool up = abs >= static_cast<uint64_t>(unit.nanos) - abs;
  const int64_t cut = d.nanos - rest;
  if (!up) return {cut};
  if (d.nanos >= 0) return {cut > kMax - unit.nanos ? kMax : cut + unit.nanos};
  return {cut < -kMax + unit.nanos ? std::numeric_limits<int64_t>::min() : cut - unit.nanos};
}

}  // namespace server::text_template
