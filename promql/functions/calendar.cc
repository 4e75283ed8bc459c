#include "promql/functions/calendar.h"

#include <limits>

namespace promql {
namespace {

constexpr int64_t kSecondsPerDay = 86'400;
constexpr int64_t kDaysPerEra = 146'097;        // 400 years.
constexpr int64_t kEpochFromMarch0000 = 719'468;  // Days from 0000-03-01 to 1970-01-01.

int64_t FloorDiv(int64_t a, int64_t b) { return a / b - (a % b < 0 ? 1 : 0); }

}  // namespace

bool IsLeapYear(int64_t year) { return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0); }

int DaysInMonth(int64_t year, int month) {
  if (month == 2) return IsLeapYear(year) ? 29 : 28;
  return month == 4 || month == 6 || month == 9 || month == 11 ? 30 : 31;
}

// Years are counted from March, so that the day a leap year adds is its last (Hinnant,
// "chrono-Compatible Low-Level Date Algorithms").
CivilTime CivilFromUnix(int64_t seconds) {
  const int64_t days = FloorDiv(seconds, kSecondsPerDay);
  const int second_of_day = static_cast<int>(seconds - days * kSecondsPerDay);
  const int64_t shifted = days + kEpochFromMarch0000;
  const int64_t era = FloorDiv(shifted, kDaysPerEra);
  const int64_t day_of_era = shifted - era * kDaysPerEra;
  const int64_t year_of_era =
      (day_of_era - day_of_era / 1460 + day_of_era / 36'524 - day_of_era / 146'096) / 365;
  const int64_t day_from_march =
      day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
  const int64_t month_from_march = (5 * day_from_march + 2) / 153;

  CivilTime civil;
  civil.day = static_cast<int>(day_from_march - (153 * month_from_march + 2) / 5 + 1);
  civil.month = static_cast<int>(month_from_march < 10 ? month_from_march + 3
                                                       : month_from_march - 9);
  civil.year = year_of_era + era * 400 + (civil.month <= 2 ? 1 : 0);
  civil.hour = second_of_day / 3600;
  civil.minute = second_of_day / 60 % 60;
  civil.second = second_of_day % 60;
  civil.day_of_week = static_cast<int>(days + 4 - 7 * FloorDiv(days + 4, 7));
  // January and February are the last 59 or 60 days when counting from March.
  civil.day_of_year = static_cast<int>(
      civil.month <= 2 ? day_from_march - 305
                       : day_from_march + 60 + (IsLeapYear(civil.year) ? 1 : 0));
  return civil;
}

int64_t TruncateToSeconds(double value) {
  if (!(value >= -0x1p63 && value < 0x1p63)) return std::numeric_limits<int64_t>::min();
  return static_cast<int64_t>(value);
}

}  // namespace promql
