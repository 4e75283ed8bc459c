// Go's times and durations: as text and in parts.
#pragma once

#include <string>
#include <string_view>

#include "server/rules/template/value.h"

namespace server::text_template {

struct CivilTime {
  int64_t year = 1970;
  int month = 1, day = 1, hour = 0, minute = 0, second = 0;
  int weekday = 4, year_day = 1;  // Sunday is 0; January the first is 1.
};

CivilTime ToCivil(const Time& t);
Time FromCivil(const CivilTime& c, int32_t nanos);  // Parts may exceed their range.

std::string ToString(const Time& t);  // 2015-06-23 13:19:44.128 +0000 UTC
std::string ToString(Duration d);     // 1h2m3.5s
std::string_view MonthName(int month);
std::string_view WeekdayName(int weekday);
std::string ToString(Month m);
std::string ToString(Weekday d);

// By a layout of Go: "2006-01-02 15:04:05.000 Z07:00".
std::string FormatTime(const Time& t, std::string_view layout);

// Rounded away from zero at half, or cut, to a multiple of `unit`; itself when `unit` <= 0.
Duration Round(Duration d, Duration unit);
Duration Truncate(Duration d, Duration unit);

}  // namespace server::text_template
