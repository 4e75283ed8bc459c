#include "server/rules/template/humanize.h"

#include <cmath>
#include <limits>
#include <span>
#include <string_view>

#include "server/rules/template/go_format.h"
#include "server/rules/template/time_text.h"
#include "storage/base/status.h"
#include "storage/model/number_text.h"

namespace server::text_template {
namespace {

constexpr std::string_view kLarge[] = {"k", "M", "G", "T", "P", "E", "Z", "Y"};
constexpr std::string_view kLarge1024[] = {"ki", "Mi", "Gi", "Ti", "Pi", "Ei", "Zi", "Yi"};
constexpr std::string_view kSmall[] = {"m", "u", "n", "p", "f", "a", "z", "y"};

std::string FourDigits(double v) { return FormatNumber(v, 'g', 4); }

std::string Divided(double v, double by, std::span<const std::string_view> prefixes) {
  std::string_view prefix;
  for (const std::string_view p : prefixes) {
    if (std::fabs(v) < by) break;
    prefix = p;
    v /= by;
  }
  return FourDigits(v) + std::string(prefix);
}

std::string Multiplied(double v) {
  std::string_view prefix;
  for (const std::string_view p : kSmall) {
    if (std::fabs(v) >= 1) break;
    prefix = p;
    v *= 1000;
  }
  return FourDigits(v) + std::string(prefix);
}

}  // namespace

std::string Humanize(double v) {
  if (v == 0 || !std::isfinite(v)) return FourDigits(v);
  return std::fabs(v) >= 1 ? Divided(v, 1000, kLarge) : Multiplied(v);
}

std::string Humanize1024(double v) {
  if (std::fabs(v) <= 1 || !std::isfinite(v)) return FourDigits(v);
  return Divided(v, 1024, kLarge1024);
}

std::string HumanizeDuration(double v) {
  if (!std::isfinite(v)) return FourDigits(v);
  if (v == 0) return FourDigits(v) + "s";
  if (std::fabs(v) < 1) return Multiplied(v) + "s";
  const std::string sign = v < 0 ? "-" : "";
  v = std::fabs(v);
  // What is too large becomes the least integer, as in Go on this kind of machine.
  const int64_t s =
      v < 9.2233720368547758e18 ? static_cast<int64_t>(v) : std::numeric_limits<int64_t>::min();
  const int64_t seconds = s % 60, minutes = s / 60 % 60, hours = s / 3600 % 24, days = s / 86400;
  if (days != 0) return fmt::format("{}{}d {}h {}m {}s", sign, days, hours, minutes, seconds);
  if (hours != 0) return fmt::format("{}{}h {}m {}s", sign, hours, minutes, seconds);
  if (minutes != 0) return fmt::format("{}{}m {}s", sign, minutes, seconds);
  return sign + FourDigits(v) + "s";
}

std::string HumanizePercentage(double v) { return FourDigits(v * 100) + "%"; }

absl::StatusOr<Time> ToTime(double seconds) {
  if (!std::isfinite(seconds)) return base::InvalidArgument("value is NaN or Inf");
  const double nanos = seconds * 1e9;
  constexpr double kLimit = 9.2233720368547758e18;
  if (nanos > kLimit || nanos < -kLimit) {
    return base::InvalidArgument(
        "{} cannot be represented as a nanoseconds timestamp since it overflows int64",
        model::FormatFloat(seconds, 'g'));
  }
  const int64_t ms =
      (nanos >= kLimit ? std::numeric_limits<int64_t>::max() : static_cast<int64_t>(nanos)) /
      1'000'000;
  int64_t whole = ms / 1000, rest = ms % 1000;
  if (rest < 0) --whole, rest += 1000;
  return Time{whole, static_cast<int32_t>(rest * 1'000'000)};
}

absl::StatusOr<std::string> HumanizeTimestamp(double seconds) {
  if (!std::isfinite(seconds)) return FourDigits(seconds);
  ASSIGN_OR_RETURN(const Time time, ToTime(seconds));
  return ToString(time);
}

}  // namespace server::text_template
