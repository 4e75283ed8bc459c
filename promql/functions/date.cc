#include "promql/functions/date.h"

#include <utility>

#include "promql/functions/calendar.h"

namespace promql {

std::optional<DatePart> FindDatePart(std::string_view function) {
  static constexpr std::pair<std::string_view, DatePart> kParts[] = {
      {"minute", DatePart::kMinute},
      {"hour", DatePart::kHour},
      {"day_of_week", DatePart::kDayOfWeek},
      {"day_of_month", DatePart::kDayOfMonth},
      {"day_of_year", DatePart::kDayOfYear},
      {"days_in_month", DatePart::kDaysInMonth},
      {"month", DatePart::kMonth},
      {"year", DatePart::kYear},
  };
  for (const auto& [name, part] : kParts) {
    if (name == function) return part;
  }
  return std::nullopt;
}

double GetDatePart(DatePart part, int64_t unix_seconds) {
  const CivilTime civil = CivilFromUnix(unix_seconds);
  switch (part) {
    case DatePart::kMinute: return civil.minute;
    case DatePart::kHour: return civil.hour;
    case DatePart::kDayOfWeek: return civil.day_of_week;
    case DatePart::kDayOfMonth: return civil.day;
    case DatePart::kDayOfYear: return civil.day_of_year;
    case DatePart::kDaysInMonth: return DaysInMonth(civil.year, civil.month);
    case DatePart::kMonth: return civil.month;
    case DatePart::kYear: return static_cast<double>(civil.year);
  }
  return 0;
}

}  // namespace promql
