#include "tests/promql/random_query.h"

#include <cmath>

#include <fmt/format.h>

namespace promql {

void RandomQuery::FillInfo(promql_test::MemoryQueryable* data) {
  int number = 0;  // Info series never have a time in common: which is newer must be clear.
  for (const std::string instance : {"i1", "i2", "i3"}) {
    for (const std::string job : {"j1", "j2"}) {
      const model::Labels target{{"instance", instance}, {"job", job}};
      for (const std::string name : {"d", "target_info", "build_info"}) {
        if (OneIn(5)) continue;
        model::TimeMs t = 0;
        for (const std::string version : {"1", "2"}) {
          model::LabelsBuilder builder(target);
          builder.Set("__name__", name).Set(name == "d" ? "x" : "v", version);
          if (OneIn(3)) builder.Set("w", OneIn(5) ? "2" : "1");
          const model::Labels labels = builder.Build();
          t = std::max<model::TimeMs>(t - t % 30'000, 0) + ++number;
          const model::TimeMs end = t + 60'000 * Below(20);
          for (; t < end; t += 30'000) data->Add(labels, t, Below(50));
          if (OneIn(2)) data->Add(labels, t, model::StaleNan());
          t += 90'000 * (Below(6) - 2);
        }
      }
    }
  }
}

std::string RandomQuery::Info() {
  static constexpr const char* kBases[] = {
      "d", "d{x=\"1\"}", "{__name__=~\"d|target_info\"}", "build_info", "{job=~\"j.\"}"};
  static constexpr const char* kSelectors[] = {
      "", "", ", {v=~\".+\"}", ", {v=~\".*\"}", ", {__name__=\"build_info\"}",
      ", {__name__=~\".+_info\"}", ", {__name__!=\"target_info\"}",
      ", {__name__=~\".+_info\", w=\"1\"}", ", {__name__=~\".+_info\", v!=\"1\"}"};
  std::string base = Pick(kBases);
  switch (Below(5)) {
    case 0: base = "rate(" + base + "[3m]" + Shift() + ")"; break;
    case 1: base = "last_over_time(" + base + "[4m:45s]" + Shift() + ")"; break;
    case 2: base = "(-" + base + Shift() + ")"; break;
    default: base += Shift(); break;
  }
  return "info(" + base + Pick(kSelectors) + ")";
}

void RandomQuery::FillData(promql_test::MemoryQueryable* data) {
  FillInfo(data);
  for (const std::string name : {"a", "b", "c_total"}) {
    for (const std::string x : {"1", "2", "3"}) {
      for (const std::string y : {"", "1", "2"}) {
        if (OneIn(4)) continue;
        const model::Labels labels{{"__name__", name}, {"x", x}, {"y", y}};
        double value = Below(1000) / 7.0;
        for (model::TimeMs t = Below(60'000); t < 1'800'000; t += 15'000) {
          if (OneIn(40)) t += 400'000;  // A gap longer than the lookback.
          if (OneIn(6)) continue;
          const model::TimeMs at = t + Below(20);
          if (OneIn(50)) {
            data->Add(labels, at, model::StaleNan());
          } else if (OneIn(60)) {
            data->Add(labels, at, OneIn(2) ? model::NormalNan() : OneIn(2) ? INFINITY : -INFINITY);
          } else if (name == "c_total") {
            value = OneIn(30) ? Below(10) : value + Below(100) / 3.0;
            data->Add(labels, at, value);
          } else {
            data->Add(labels, at, (Below(200'000) - 100'000) / 77.0);
          }
        }
      }
    }
  }
}

std::string RandomQuery::Shift() {
  static constexpr const char* kShifts[] = {" offset 1m",       " offset -90s",   " @ 900",
                                            " @ 900 offset 1m", " @ start()",     " @ end()",
                                            " offset 7m",       " offset -11m @ 333.125"};
  return OneIn(3) ? Pick(kShifts) : "";
}

std::string RandomQuery::Selector() {
  static constexpr const char* kMatchers[] = {
      "", "{x=\"1\"}", "{y!=\"\"}", "{x=~\"1|2\"}", "{y=\"\"}", "{x!~\"3\",y=\"1\"}"};
  static constexpr const char* kNames[] = {"a", "b", "c_total"};
  return Pick(kNames) + Pick(kMatchers);
}

std::string RandomQuery::Matrix(int depth) {
  static constexpr const char* kRanges[] = {"1m", "90s", "5m", "12m", "15s", "7500ms"};
  static constexpr const char* kSteps[] = {"1m", "30s", "45s", "", "77s"};
  if (depth <= 0 || OneIn(2)) return Selector() + "[" + Pick(kRanges) + "]" + Shift();
  std::string inner;
  switch (Below(4)) {
    case 0: inner = "rate(" + Matrix(0) + ")"; break;
    case 1: inner = Selector() + Shift(); break;
    case 2: inner = "(-" + Selector() + ")"; break;
    default: inner = "sum by (x) (" + Vector(depth - 1) + ")"; break;
  }
  return inner + "[" + Pick(kRanges) + ":" + Pick(kSteps) + "]" + Shift();
}

std::string RandomQuery::Scalar(int depth) {
  switch (Below(depth > 0 ? 6 : 3)) {
    case 0: return fmt::format("{}", Below(100) / 4.0);
    case 1: return "time()";
    case 2: return "-" + std::to_string(Below(5));
    case 3: return "scalar(" + Vector(depth - 1) + ")";
    case 4: return "(" + Scalar(depth - 1) + " * " + Scalar(depth - 1) + ")";
    default: return "(" + Scalar(depth - 1) + " >= bool " + Scalar(depth - 1) + ")";
  }
}

std::string RandomQuery::Grouping() {
  static constexpr const char* kGroupings[] = {
      "", "by (x)", "by (y, x)", "without (x)", "without ()", "by (__name__)", "by (nope)",
      "without (y, nope)"};
  return Pick(kGroupings);
}

std::string RandomQuery::Binary(int depth) {
  static constexpr const char* kArithmetic[] = {"+", "-", "*", "/", "^", "atan2"};
  static constexpr const char* kComparison[] = {"==", "!=", ">", "<", ">=", "<="};
  static constexpr const char* kSets[] = {"and", "or", "unless"};
  static constexpr const char* kMatch[] = {"", "on (x)", "on (x, y)", "ignoring (y)", "on ()",
                                           "ignoring (x, y)"};
  static constexpr const char* kGroup[] = {"", "", "group_left ()", "group_left (y)",
                                           "group_right ()", "group_right (y)"};
  const std::string l = Vector(depth - 1), r = Vector(depth - 1);
  if (OneIn(3)) return "(" + l + " " + Pick(kSets) + " " + Pick(kMatch) + " " + r + ")";
  std::string op = OneIn(2) ? Pick(kArithmetic) : Pick(kComparison) + (OneIn(2) ? " bool" : "");
  if (OneIn(3)) return "(" + l + " " + op + " " + Scalar(depth - 1) + ")";
  if (OneIn(4)) return "(" + Scalar(depth - 1) + " " + op + " " + r + ")";
  std::string match = Pick(kMatch), group = Pick(kGroup);
  // A label may not stand in both lists.
  if (match.empty() || (match.starts_with("on") && match.find('y') != std::string::npos)) {
    group.clear();
  }
  static constexpr const char* kFills[] = {"fill (0)", "fill_left (1.5)", "fill_right (-2)",
                                           "fill_left (3) fill_right (0)"};
  const std::string fill = OneIn(3) ? Pick(kFills) : "";
  return "(" + l + " " + op + " " + match + " " + group + " " + fill + " " + r + ")";
}

std::string RandomQuery::Vector(int depth) {
  static constexpr const char* kWindow[] = {
      "rate",           "increase",        "delta",         "irate",         "idelta",
      "sum_over_time",  "avg_over_time",   "changes",       "resets",        "count_over_time",
      "last_over_time", "first_over_time", "min_over_time", "max_over_time", "present_over_time",
      "mad_over_time",  "ts_of_min_over_time", "ts_of_max_over_time", "ts_of_last_over_time",
      "ts_of_first_over_time"};
  static constexpr const char* kFold[] = {"sum", "avg",   "count",  "min",
                                          "max", "group", "stddev", "stdvar"};
  static constexpr const char* kAnchored[] = {"rate", "increase", "delta", "changes", "resets"};
  if (depth <= 0) {
    if (OneIn(12)) return Info();
    if (OneIn(10)) return Selector() + " smoothed" + Shift();
    return OneIn(4) ? "vector(" + Scalar(0) + ")" : Selector() + Shift();
  }
  switch (Below(14)) {
    case 12: return Info();
    case 13: {
      const bool smoothed = OneIn(2);
      return std::string(kAnchored[Below(smoothed ? 3 : 5)]) + "(" + Selector() + "[" +
             std::to_string(Below(300) + 1) + "s] " + (smoothed ? "smoothed" : "anchored") +
             Shift() + ")";
    }
    case 0: return Selector() + Shift();
    case 1:
    case 2: return Pick(kWindow) + "(" + Matrix(depth - 1) + ")";
    case 3: return "quantile_over_time(" + Scalar(0) + ", " + Matrix(depth - 1) + ")";
    case 4: return Pick(kFold) + " " + Grouping() + " (" + Vector(depth - 1) + ")";
    case 5: return "quantile " + Grouping() + " (0." + std::to_string(Below(10)) + ", " +
                   Vector(depth - 1) + ")";
    case 6: return (OneIn(2) ? "topk " : "bottomk ") + Grouping() + " (" +
                   std::to_string(Below(4)) + ", " + Selector() + Shift() + ")";
    case 7: return "count_values " + Grouping() + " (\"y\", " + Selector() + ")";
    case 8: return "-" + Vector(depth - 1);
    case 9: {
      static constexpr const char* kCells[] = {"abs", "sqrt", "timestamp"};
      return Pick(kCells) + "(" + Vector(depth - 1) + ")";
    }
    case 10: return "clamp(" + Vector(depth - 1) + ", " + Scalar(0) + ", " + Scalar(0) + ")";
    default: return Binary(depth);
  }
}

}  // namespace promql
