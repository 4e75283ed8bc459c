// The methods of Go's times and durations, and of histograms, which templates call as fields.
#include <algorithm>

#include "server/rules/template/function.h"
#include "server/rules/template/time_text.h"
#include "storage/base/status.h"
#include "storage/model/histogram_text.h"

namespace server::text_template {
namespace {

using Args = std::span<const Value>;
using Result = absl::StatusOr<Value>;

constexpr int64_t kSecond = 1'000'000'000;

const Time& TimeOf(Args args, size_t i = 0) { return *args[i].If<Time>(); }
Duration DurationOf(Args args, size_t i = 0) { return *args[i].If<Duration>(); }
Result Int(int64_t n) { return Value(int64_t{n}); }

int64_t UnixNanos(const Time& t) {  // Wraps where it does not fit.
  return static_cast<int64_t>(static_cast<uint64_t>(t.seconds) * kSecond + t.nanos);
}

template <auto kPart>  // An int64_t of a Time.
Result TimePart(const Surroundings&, Args args) {
  return Int(kPart(TimeOf(args)));
}
template <int64_t kUnit>
Result DurationInt(const Surroundings&, Args args) {
  return Int(DurationOf(args).nanos / kUnit);
}
template <int64_t kUnit>
Result DurationFloat(const Surroundings&, Args args) {
  const int64_t n = DurationOf(args).nanos;
  return Value(static_cast<double>(n / kUnit) +
               static_cast<double>(n % kUnit) / static_cast<double>(kUnit));
}

Result Add(const Surroundings&, Args args) {
  const Time& t = TimeOf(args);
  const int64_t nanos = DurationOf(args, 1).nanos;
  int64_t seconds = t.seconds + nanos / kSecond, rest = t.nanos + nanos % kSecond;
  if (rest >= kSecond) ++seconds, rest -= kSecond;
  if (rest < 0) --seconds, rest += kSecond;
  return Value(Time{seconds, static_cast<int32_t>(rest)});
}
Result Sub(const Surroundings&, Args args) {
  const Time &a = TimeOf(args), &b = TimeOf(args, 1);
  const __int128 nanos = static_cast<__int128>(a.seconds - b.seconds) * kSecond + a.nanos - b.nanos;
  const __int128 low = INT64_MIN, high = INT64_MAX;
  return Value(Duration{static_cast<int64_t>(std::clamp(nanos, low, high))});
}
Result AddDate(const Surroundings&, Args args) {
  CivilTime c = ToCivil(TimeOf(args));
  const int64_t years = *args[1].If<int64_t>(), months = *args[2].If<int64_t>();
  const int64_t days = *args[3].If<int64_t>();
  constexpr int64_t kMost = 1'000'000;
  if (std::max({std::abs(years), std::abs(months), std::abs(days)}) > kMost) {
    return base::InvalidArgument("date out of range");
  }
  c.year += years;
  c.month += static_cast<int>(months);
  c.day += static_cast<int>(days);
  return Value(FromCivil(c, TimeOf(args).nanos));
}

using enum ParamType;

std::span<const Function> TimeMethods() {
  static const auto* const kTable = new std::vector<Function>{
      {"Add", {kDuration}, false, Add},
      {"AddDate", {kInt, kInt, kInt}, false, AddDate},
      {"After",
       {kTime},
       false,
       [](const Surroundings&, Args a) -> Result { return Value(TimeOf(a) > TimeOf(a, 1)); }},
      {"Before",
       {kTime},
       false,
       [](const Surroundings&, Args a) -> Result { return Value(TimeOf(a) < TimeOf(a, 1)); }},
      {"Day", {}, false, TimePart<[](const Time& t) { return int64_t{ToCivil(t).day}; }>},
      {"Equal",
       {kTime},
       false,
       [](const Surroundings&, Args a) -> Result { return Value(TimeOf(a) == TimeOf(a, 1)); }},
      {"Format",
       {kString},
       false,
       [](const Surroundings&, Args a) -> Result {
         return Value(FormatTime(TimeOf(a), *a[1].If<std::string>()));
       }},
      {"Hour", {}, false, TimePart<[](const Time& t) { return int64_t{ToCivil(t).hour}; }>},
      {"IsZero",
       {},
       false,
       [](const Surroundings&, Args a) -> Result {
         return Value(TimeOf(a) == Time{-62135596800, 0});
       }},
      {"Minute", {}, false, TimePart<[](const Time& t) { return int64_t{ToCivil(t).minute}; }>},
      {"Month",
       {},
       false,
       [](const Surroundings&, Args a) -> Result {
         return Value(Month{ToCivil(TimeOf(a)).month});
       }},
      {"Nanosecond", {}, false, TimePart<[](const Time& t) { return int64_t{t.nanos}; }>},
      {"Second", {}, false, TimePart<[](const Time& t) { return int64_t{ToCivil(t).second}; }>},
      {"String",
       {},
       false,
       [](const Surroundings&, Args a) -> Result { return Value(ToString(TimeOf(a))); }},
      {"Sub", {kTime}, false, Sub},
      {"UTC",
       {},
       false,
       [](const Surroundings&, Args a) -> Result { return Value(Time(TimeOf(a))); }},
      {"Unix", {}, false, TimePart<[](const Time& t) { return t.seconds; }>},
      {"UnixMicro",
       {},
       false,
       TimePart<[](const Time& t) { return t.seconds * 1'000'000 + t.nanos / 1000; }>},
      {"UnixMilli",
       {},
       false,
       TimePart<[](const Time& t) { return t.seconds * 1000 + t.nanos / 1'000'000; }>},
      {"UnixNano", {}, false, TimePart<UnixNanos>},
      {"Weekday",
       {},
       false,
       [](const Surroundings&, Args a) -> Result {
         return Value(Weekday{ToCivil(TimeOf(a)).weekday});
       }},
      {"Year", {}, false, TimePart<[](const Time& t) { return ToCivil(t).year; }>},
      {"YearDay", {}, false, TimePart<[](const Time& t) { return int64_t{ToCivil(t).year_day}; }>},
  };
  return *kTable;
}

std::span<const Function> DurationMethods() {
  static const auto* const kTable = new std::vector<Function>{
      {"Abs",
       {},
       false,
       [](const Surroundings&, Args a) -> Result {
         const int64_t n = DurationOf(a).nanos;
         return Value(Duration{n == INT64_MIN ? INT64_MAX : std::abs(n)});
       }},
      {"Hours", {}, false, DurationFloat<3600 * kSecond>},
      {"Microseconds", {}, false, DurationInt<1000>},
      {"Milliseconds", {}, false, DurationInt<1'000'000>},
      {"Minutes", {}, false, DurationFloat<60 * kSecond>},
      {"Nanoseconds", {}, false, DurationInt<1>},
      {"Round",
       {kDuration},
       false,
       [](const Surroundings&, Args a) -> Result {
         return Value(Round(DurationOf(a), DurationOf(a, 1)));
       }},
      {"Seconds", {}, false, DurationFloat<kSecond>},
      {"String",
       {},
       false,
       [](const Surroundings&, Args a) -> Result { return Value(ToString(DurationOf(a))); }},
      {"Truncate",
       {kDuration},
       false,
       [](const Surroundings&, Args a) -> Result {
         return Value(Truncate(DurationOf(a), DurationOf(a, 1)));
       }},
  };
  return *kTable;
}

std::span<const Function> MonthMethods() {
  static const auto* const kTable =
      new std::vector<Function>{{"String", {}, false, [](const Surroundings&, Args a) -> Result {
                                   return Value(ToString(*a[0].If<Month>()));
                                 }}};
  return *kTable;
}

std::span<const Function> WeekdayMethods() {
  static const auto* const kTable =
      new std::vector<Function>{{"String", {}, false, [](const Surroundings&, Args a) -> Result {
                                   return Value(ToString(*a[0].If<Weekday>()));
                                 }}};
  return *kTable;
}

std::span<const Function> HistogramMethods() {
  static const auto* const kTable = new std::vector<Function>{
      {"String", {}, false, [](const Surroundings&, Args a) -> Result {
         return Value(model::ToString(model::AnyHistogram(**a[0].If<promql::HistogramPtr>())));
       }}};
  return *kTable;
}

}  // namespace

const Function* FindMethod(const Value& receiver, std::string_view name) {
  std::span<const Function> table;
  if (receiver.If<Time>() != nullptr) table = TimeMethods();
  if (receiver.If<Duration>() != nullptr) table = DurationMethods();
  if (receiver.If<Month>() != nullptr) table = MonthMethods();
  if (receiver.If<Weekday>() != nullptr) table = WeekdayMethods();
  const auto* h = receiver.If<promql::HistogramPtr>();
  if (h != nullptr && *h != nullptr) table = HistogramMethods();
  const auto found = std::ranges::find(table, name, &Function::name);
  return found == table.end() ? nullptr : &*found;
}

}  // namespace server::text_template
