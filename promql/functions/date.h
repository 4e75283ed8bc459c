// The date functions: hour(), month() ... of a time in seconds, UTC.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace promql {

enum class DatePart {
  kMinute, kHour, kDayOfWeek, kDayOfMonth, kDayOfYear, kDaysInMonth, kMonth, kYear,
};

std::optional<DatePart> FindDatePart(std::string_view function);
double GetDatePart(DatePart part, int64_t unix_seconds);

}  // namespace promql
