#include "promql/functions/messages.h"

#include <cmath>

#include <fmt/format.h>

#include "promql/functions/calendar.h"
#include "promql/plan.h"
#include "storage/model/number_text.h"

namespace promql {
namespace {

// Go's words for what has no digits; empty for a number.
std::string_view SpecialText(double v) {
  if (std::isnan(v)) return "NaN";
  if (std::isinf(v)) return v > 0 ? "+Inf" : "-Inf";
  return {};
}

}  // namespace

PositionRange ArgumentPosition(const Expr& arg) { return StripParens(arg).pos; }

std::string_view TextArgument(const Expr& arg) { return StripParens(arg).text; }

void WarnOfQuantile(double q, const Expr& arg, AnnotationSink* annotations) {
  if (q >= 0 && q <= 1) return;
  annotations->Warn(fmt::format("quantile value should be between 0 and 1, got {}",
                                model::FormatFloat(q, 'g')),
                    ArgumentPosition(arg));
}

std::string FixedText(double v) {
  const std::string_view special = SpecialText(v);
  return special.empty() ? fmt::format("{:f}", v) : std::string(special);
}

std::string RoughText(double v) {
  const std::string_view special = SpecialText(v);
  return special.empty() ? fmt::format("{:.2g}", v) : std::string(special);
}

std::string OpenMetricsText(double v) {
  std::string text = model::FormatFloat(v, 'g');
  if (std::isfinite(v) && text.find_first_of("e.") == std::string::npos) text += ".0";
  return text;
}

std::string Rfc3339(model::TimeMs t) {
  const int64_t seconds = t / 1000;
  const CivilTime civil = CivilFromUnix(seconds);
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}Z", civil.year, civil.month, civil.day,
                     civil.hour, civil.minute, civil.second);
}

}  // namespace promql
