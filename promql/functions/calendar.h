// The proleptic Gregorian calendar in UTC. Times before the year -292277022400 wrap around, as in Go.
#pragma once

#include <cstdint>

namespace promql {

struct CivilTime {
  int64_t year = 1970;
  int month = 1, day = 1;            // From 1.
  int hour = 0, minute = 0, second = 0;
  int day_of_week = 4;               // Sunday is 0.
  int day_of_year = 1;               // From 1.
};

CivilTime CivilFromUnix(int64_t seconds);
bool IsLeapYear(int64_t year);
int DaysInMonth(int64_t year, int month);

// Whole seconds of a sample value, towards zero. What does not fit, and NaN, is the lowest number,
// as the conversion of x86-64 has it.
int64_t TruncateToSeconds(double value);

}  // namespace promql
