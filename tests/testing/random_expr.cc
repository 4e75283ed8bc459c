#include "tests/testing/random_expr.h"

#include <fmt/format.h>

namespace testing_support {
namespace {

constexpr std::string_view kVectorFunctions[] = {
    "abs", "absent", "acos", "acosh", "asin", "asinh", "atan", "atanh", "ceil", "cos", "cosh",
    "day_of_month", "day_of_week", "day_of_year", "days_in_month", "deg", "exp", "floor", "hour",
    "ln", "log10", "log2", "minute", "month", "rad", "round", "sgn", "sin", "sinh", "sort",
    "sort_desc", "sqrt", "tan", "tanh", "timestamp", "year"};
constexpr std::string_view kWindowFunctions[] = {
    "absent_over_time", "avg_over_time", "changes", "count_over_time", "delta", "deriv", "idelta",
    "increase", "irate", "last_over_time", "max_over_time", "min_over_time", "present_over_time",
    "rate", "resets", "stddev_over_time", "stdvar_over_time", "sum_over_time"};
constexpr std::string_view kNewWindowFunctions[] = {
    "first_over_time", "mad_over_time", "ts_of_first_over_time", "ts_of_last_over_time",
    "ts_of_max_over_time", "ts_of_min_over_time"};
constexpr std::string_view kAggregations[] = {"sum",   "avg",    "count", "min",
                                              "max",   "group",  "stddev", "stdvar"};
constexpr std::string_view kArithmetic[] = {"+", "-", "*", "/", "%", "^", "atan2"};
constexpr std::string_view kComparisons[] = {"==", "!=", "<", ">", "<=", ">="};
constexpr std::string_view kSetOperators[] = {"and", "or", "unless"};
constexpr std::string_view kDurations[] = {"30s", "1m", "90s", "5m", "7m30s", "1h", "1d"};
constexpr std::string_view kNumbers[] = {"0", "1", "2", "0.5", "10", "1e3", "100", "3.25", "1e-3"};

}  // namespace

std::string RandomExpr::Any() {
  switch (Below(6)) {
    case 0: return Scalar();
    case 1: return Matrix();
    case 2: return OneIn(4) ? Quoted(Pick(options_.values)) : Vector();
    default: return Vector();
  }
}

std::string RandomExpr::Vector(int depth) {
  if (depth <= 0) return OneIn(8) ? fmt::format("vector({})", Number()) : Selector();
  switch (Below(9)) {
    case 0: return Selector();
    case 1: return Call(depth - 1);
    case 2:
    case 3: return WindowCall(depth - 1);
    case 4:
    case 5: return Aggregation(depth - 1);
    case 6: return fmt::format("{}{}", OneIn(4) ? "+" : "-", Vector(depth - 1));
    case 7: return fmt::format("({})", SetOperation(depth - 1));
    default: return fmt::format("({})", Binary(depth - 1));
  }
}

std::string RandomExpr::Scalar(int depth) {
  if (depth <= 0 || OneIn(3)) return OneIn(5) ? "time()" : OneIn(6) ? "pi()" : Number();
  switch (Below(4)) {
    case 0: return fmt::format("scalar({})", Vector(depth - 1));
    case 1: return fmt::format("-({})", Scalar(depth - 1));
    case 2:
      return fmt::format("({} {} bool {})", Scalar(depth - 1), Pick(kComparisons),
                         Scalar(depth - 1));
    default:
      return fmt::format("({} {} {})", Scalar(depth - 1), Pick(kArithmetic), Scalar(depth - 1));
  }
}

std::string RandomExpr::Matrix(int depth) {
  if (depth <= 0 || !OneIn(3)) return fmt::format("{}[{}]{}", Selector(), Range(), Shift());
  const std::string step = OneIn(2) ? "" : Duration();
  return fmt::format("({})[{}:{}]{}", Vector(depth - 1), Range(), step, Shift());
}

std::string RandomExpr::Call(int depth) {
  switch (Below(8)) {
    case 0: return fmt::format("clamp({}, {}, {})", Vector(depth), Scalar(0), Scalar(depth));
    case 1: return fmt::format("clamp_max({}, {})", Vector(depth), Scalar(depth));
    case 2: return fmt::format("round({}, {})", Vector(depth), Scalar(0));
    case 3: return fmt::format("histogram_quantile({}, {})", Scalar(0), Vector(depth));
    case 4:
      return fmt::format("label_replace({}, {}, \"$1\", {}, {})", Vector(depth),
                         Quoted(Pick(options_.labels)), Quoted(Pick(options_.labels)),
                         Quoted(OneIn(2) ? "(.*)" : "(.).*"));
    case 5:
      return fmt::format("label_join({}, {}, \"-\", {})", Vector(depth),
                         Quoted(Pick(options_.labels)), Quoted(Pick(options_.labels)));
    default: return fmt::format("{}({})", Pick(kVectorFunctions), Vector(depth));
  }
}

std::string RandomExpr::WindowCall(int depth) {
  switch (Below(7)) {
    case 0: return fmt::format("quantile_over_time({}, {})", Scalar(0), Matrix(depth));
    case 1: return fmt::format("predict_linear({}, {})", Matrix(depth), Scalar(0));
    case 2:
      if (!options_.only_2_42) {
        return fmt::format("{}({})", Pick(kNewWindowFunctions), Matrix(depth));
      }
      [[fallthrough]];
    default: return fmt::format("{}({})", Pick(kWindowFunctions), Matrix(depth));
  }
}

std::string RandomExpr::Grouping() {
  if (OneIn(3)) return "";
  return fmt::format(" {} ({}) ", OneIn(3) ? "without" : "by", Labels());
}

std::string RandomExpr::Aggregation(int depth) {
  const std::string grouping = Grouping();
  switch (Below(8)) {
    case 0:
      if (options_.stable) break;
      return fmt::format("{}{}({}, {})", OneIn(2) ? "topk" : "bottomk", grouping, Scalar(0),
                         Vector(depth));
    case 1: return fmt::format("quantile{}({}, {})", grouping, Scalar(0), Vector(depth));
    case 2:
      return fmt::format("count_values{}({}, {})", grouping, Quoted(Pick(options_.labels)),
                         Vector(depth));
    case 3:
      if (options_.stable || options_.only_2_42) break;
      return fmt::format("limitk{}({}, {})", grouping, Scalar(0), Vector(depth));
    default: break;
  }
  return fmt::format("{}{}({})", Pick(kAggregations), grouping, Vector(depth));
}

std::string RandomExpr::Binary(int depth) {
  const bool compares = OneIn(3);
  std::string op = compares ? Pick(kComparisons) : Pick(kArithmetic);
  if (compares && OneIn(2)) op += " bool";
  switch (Below(4)) {
    case 0: return fmt::format("{} {} {}", Vector(depth), op, Scalar(depth));
    case 1: return fmt::format("{} {} {}", Scalar(depth), op, Vector(depth));
    default:
      return fmt::format("{} {}{}{} {}", Vector(depth), op, Matching(true), Fill(), Vector(depth));
  }
}

std::string RandomExpr::SetOperation(int depth) {
  return fmt::format("{} {}{} {}", Vector(depth), Pick(kSetOperators), Matching(false),
                     Vector(depth));
}

std::string RandomExpr::Matching(bool group_allowed) {
  if (OneIn(2)) return "";
  if (!group_allowed || OneIn(2)) {
    return fmt::format(" {} ({})", OneIn(2) ? "on" : "ignoring", Labels());
  }
  // A label may not be in both lists.
  const std::string label = Pick(options_.labels);
  const std::string side = OneIn(2) ? "group_left" : "group_right";
  const std::string other = Pick(options_.labels);
  return fmt::format(" {} ({}) {} ({})", OneIn(2) ? "on" : "ignoring", label, side,
                     other == label ? "" : other);
}

std::string RandomExpr::Fill() {
  if (options_.only_2_42 || !OneIn(8)) return "";
  switch (Below(3)) {
    case 0: return fmt::format(" fill ({})", Pick(kNumbers));
    case 1: return fmt::format(" fill_left (-{})", Pick(kNumbers));
    default: return fmt::format(" fill_right (1) fill_left ({})", Pick(kNumbers));
  }
}

std::string RandomExpr::Selector() {
  std::string matchers;
  for (int n = Below(3); n > 0; --n) matchers += (matchers.empty() ? "" : ", ") + Matcher();
  const std::string metric = Pick(options_.metrics);
  std::string selector;
  if (!options_.only_2_42 && OneIn(10)) {
    selector = fmt::format("{{{}{}{}}}", Quoted(metric), matchers.empty() ? "" : ", ", matchers);
  } else if (OneIn(10)) {
    selector = fmt::format("{{__name__=~{}{}{}}}", Quoted(metric), matchers.empty() ? "" : ", ",
                           matchers);
  } else {
    selector = metric + (matchers.empty() ? "" : "{" + matchers + "}");
  }
  return selector;
}

std::string RandomExpr::Matcher() {
  const std::string label = Pick(options_.labels), value = Pick(options_.values);
  switch (Below(5)) {
    case 0: return fmt::format("{}!={}", label, Quoted(value));
    case 1: return fmt::format("{}=~{}", label, Quoted(OneIn(2) ? ".*" : "1|2|api"));
    case 2: return fmt::format("{}!~{}", label, Quoted("a.+"));
    case 3: return fmt::format("{}={}", label, Quoted(""));
    default: return fmt::format("{}={}", label, Quoted(value));
  }
}

std::string RandomExpr::Shift() {
  std::string out;
  if (OneIn(5)) {
    const bool calculated = !options_.only_2_42 && OneIn(4);
    out += fmt::format(" offset {}{}", OneIn(3) ? "-" : "",
                       calculated ? "(" + DurationExpression(2) + ")" : Duration());
  }
  if (OneIn(6)) {
    out += OneIn(3) ? " @ start()" : OneIn(2) ? " @ end()" : fmt::format(" @ {}", Below(4000));
  }
  return out;
}

std::string RandomExpr::Range() {
  if (options_.only_2_42 || !OneIn(6)) return Duration();
  return fmt::format("1m + {}", DurationExpression(2));
}

std::string RandomExpr::DurationExpression(int depth) {
  if (depth <= 0) {
    return OneIn(5) ? "step()" : OneIn(5) ? "range()" : OneIn(4) ? Pick(kNumbers) : Duration();
  }
  const std::string a = DurationExpression(depth - 1), b = DurationExpression(depth - 1);
  switch (Below(5)) {
    case 0: return fmt::format("({} + {})", a, b);
    case 1: return fmt::format("min_of({}, {})", a, b);
    case 2: return fmt::format("max_of({}, {})", a, b);
    case 3: return fmt::format("{} * 2", a);
    default: return fmt::format("{} / 3", a);
  }
}

std::string RandomExpr::Duration() { return Pick(kDurations); }

std::string RandomExpr::Number() {
  if (!options_.only_2_42 && OneIn(10)) return Duration();
  if (OneIn(20)) return OneIn(2) ? "NaN" : "(Inf)";
  return (OneIn(5) ? "-" : "") + Pick(kNumbers);
}

std::string RandomExpr::Labels() {
  std::string out;
  for (int n = Below(3); n > 0; --n) out += (out.empty() ? "" : ", ") + Pick(options_.labels);
  return out;
}

std::string RandomExpr::Quoted(std::string_view text) { return fmt::format("\"{}\"", text); }

}  // namespace testing_support
