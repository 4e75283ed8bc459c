#include "promql/functions/calendar.h"

#include <limits>

namespace promql {
namespace {

constexpr uint64_t kSecondsPerDay = 86'400;
constexpr uint64_t kDaysPerEra = 146'097;  // 400 years.

// Time is counted without sign from here, as Go does it, so that every 64-bit number has a date:
// the few before this moment wrap around to the far end.
constexpr int64_t kFirstYear = -292'277'022'400;  // From 1 March; a multiple of 400.
constexpr uint64_t kFirstDaysToEpoch = uint64_t{292'277'022'400} / 400 * kDaysPerEra + 719'468;

}  // namespace

bool IsLeapYear(int64_t year) { return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0); }

int DaysInMonth(int64_t year, int month) {
  if (month == 2) return IsLeapYear(year) ? 29 : 28;
  return month == 4 || month == 6 || month == 9 || month == 11 ? 30 : 31;
}

// Years are counted from March, so that the day a leap year adds is its last (Hinnant,
// "chrono-Compatible Low-Level Date Algorithms").
CivilTime CivilFromUnix(int64_t seconds) {
  const uint64_t since_first =
      static_cast<uint64_t>(seconds) + kFirstDaysToEpoch * kSecondsPerDay;
  const uint64_t days = since_first / kSecondsPerDay;
  const int second_of_day = static_cast<int>(since_first % kSecondsPerDay);
  const uint64_t era = days / kDaysPerEra;
  const int day_of_era = static_cast<int>(days % kDaysPerEra);
  const int year_of_era =
      (day_of_era - day_of_era / 1460 + day_of_era / 36'524 - day_of_era / 146'096) / 365;
  const int day_from_march =
      day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
  const int month_from_march = (5 * day_from_march + 2) / 153;

  CivilTime civil;
  civil.day = day_from_march - (153 * month_from_march + 2) / 5 + 1;
  civil.month = month_from_march < 10 ? month_from_march + 3 : month_from_march - 9;
  civil.year = kFirstYear + static_cast<int64_t>(era) * 400 + year_of_era +
               (civil.month <= 2 ? 1 : 0);
  civil.hour = second_of_day / 3600;
  civil.minute = second_of_day / 60 % 60;
  civil.second = second_of_day % 60;
  civil.day_of_week = static_cast<int>((days + 3) % 7);  // The first day is a Wednesday.
  // Counting from March, January and February are the last 59 or 60 days.
  civil.day_of_year = civil.month <= 2 ? day_from_march - 305
                                       : day_from_march + 60 + (IsLeapYear(civil.year) ? 1 : 0);
  return civil;
}

int64_t TruncateToSeconds(double value) {
  if (!(value >= -0x1p63 && value < 0x1p63)) return std::numeric_limits<int64_t>::min();
  return static_cast<int64_t>(value);
}

}  // namespace promql
