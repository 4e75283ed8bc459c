#include <bit>
#include <cmath>
#include <limits>
#include <numbers>

#include "promql/functions/calendar.h"
#include "promql/functions/date.h"
#include "promql/functions/extremum.h"
#include "promql/functions/functions.h"
#include "storage/base/hash.h"

namespace promql {
namespace {

constexpr double kInf = std::numeric_limits<double>::infinity();

// Runs f over the cells, absent ones too: a full row is the common case, and what an absent cell
// holds is nobody's business.
template <class F>
void Each(Row row, F f) {
  for (int i = 0; i < row.steps; ++i) row.values[i] = f(row.values[i]);
}

// The same over present cells only, for functions that take their time; f(i, value).
template <class F>
void EachPresent(Row row, F f) {
  for (int base = 0, w = 0; base < row.steps; base += 64, ++w) {
    for (uint64_t rest = row.present[w]; rest != 0; rest &= rest - 1) {
      const int i = base + std::countr_zero(rest);
      row.values[i] = f(i, row.values[i]);
    }
  }
}

template <double (*kFunction)(double)>
void Apply(Row row, const Grid&, ScalarParams) {
  EachPresent(row, [](int, double v) { return kFunction(v); });
}

template <double (*kFunction)(double)>
void ApplyFast(Row row, const Grid&, ScalarParams) {
  Each(row, kFunction);
}

double Sign(double v) { return v < 0 ? -1 : v > 0 ? 1 : v; }
double Degrees(double v) { return v * 180 / std::numbers::pi; }
double Radians(double v) { return v * std::numbers::pi / 180; }

void Round(Row row, const Grid&, ScalarParams params) {
  EachPresent(row, [&](int i, double v) {
    const double inverse = 1.0 / (params.empty() ? 1.0 : params[0][i]);
    return std::floor(v * inverse + 0.5) / inverse;
  });
}

void ClampTo(Row row, const double* low, const double* high) {
  for (int i = 0; i < row.steps; ++i) {
    const double min = low == nullptr ? -kInf : low[i];
    const double max = high == nullptr ? kInf : high[i];
    row.values[i] = Larger(min, Smaller(max, row.values[i]));
    if (max < min) row.Drop(i);
  }
}

void Clamp(Row row, const Grid&, ScalarParams params) { ClampTo(row, params[0], params[1]); }
void ClampMin(Row row, const Grid&, ScalarParams params) { ClampTo(row, params[0], nullptr); }
void ClampMax(Row row, const Grid&, ScalarParams params) { ClampTo(row, nullptr, params[0]); }

void Timestamp(Row row, const Grid& eval, ScalarParams) {
  for (int i = 0; i < row.steps; ++i) row.values[i] = static_cast<double>(eval.at(i)) / 1000;
  if (row.histograms != nullptr) std::fill_n(row.histograms, row.steps, nullptr);
}

// What was calculated began at no time: nothing. Of a plain selector it is the caller's.
void StartTimestamp(Row row, const Grid&, ScalarParams) {
  for (int i = 0; i < row.steps; ++i) row.Drop(i);
}

template <DatePart kPart>
void Date(Row row, const Grid&, ScalarParams) {
  EachPresent(row, [](int, double v) { return GetDatePart(kPart, TruncateToSeconds(v)); });
}

const base::StringMap<CellFunction>& Table() {
  static const auto& table = *new base::StringMap<CellFunction>{
      {"abs", ApplyFast<std::fabs>},
      {"acos", Apply<std::acos>},
      {"acosh", Apply<std::acosh>},
      {"asin", Apply<std::asin>},
      {"asinh", Apply<std::asinh>},
      {"atan", Apply<std::atan>},
      {"atanh", Apply<std::atanh>},
      {"ceil", ApplyFast<std::ceil>},
      {"clamp", Clamp},
      {"clamp_max", ClampMax},
      {"clamp_min", ClampMin},
      {"cos", Apply<std::cos>},
      {"cosh", Apply<std::cosh>},
      {"day_of_month", Date<DatePart::kDayOfMonth>},
      {"day_of_week", Date<DatePart::kDayOfWeek>},
      {"day_of_year", Date<DatePart::kDayOfYear>},
      {"days_in_month", Date<DatePart::kDaysInMonth>},
      {"deg", ApplyFast<Degrees>},
      {"exp", Apply<std::exp>},
      {"floor", ApplyFast<std::floor>},
      {"hour", Date<DatePart::kHour>},
      {"ln", Apply<std::log>},
      {"log10", Apply<std::log10>},
      {"log2", Apply<std::log2>},
      {"minute", Date<DatePart::kMinute>},
      {"month", Date<DatePart::kMonth>},
      {"rad", ApplyFast<Radians>},
      {"round", Round},
      {"sgn", ApplyFast<Sign>},
      {"sin", Apply<std::sin>},
      {"sinh", Apply<std::sinh>},
      {"sqrt", ApplyFast<std::sqrt>},
      {"start_timestamp", StartTimestamp},
      {"tan", Apply<std::tan>},
      {"tanh", Apply<std::tanh>},
      {"timestamp", Timestamp},
      {"year", Date<DatePart::kYear>},
  };
  return table;
}

}  // namespace

CellFunction FindCellFunction(std::string_view name) {
  const auto it = Table().find(name);
  return it == Table().end() ? nullptr : it->second;
}

}  // namespace promql
