#include "tests/promql/random_query.h"

#include <algorithm>
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
    // Of metrics that stay apart without their names: a range function that makes two series equal
    // is an error for all steps, which the slow evaluator does not know.
    case 0:
      base = OneIn(2) ? "d" : "{__name__=~\"d|target_info\"}";
      base = "rate(" + base + "[3m]" + Shift() + ")";
      break;
    case 1: base = "last_over_time(" + base + "[4m:45s]" + Shift() + ")"; break;
    case 2: base = "(-" + base + Shift() + ")"; break;
    default: base += Shift(); break;
  }
  return "info(" + base + Pick(kSelectors) + ")";
}

void RandomQuery::FillData(promql_test::MemoryQueryable* data) {
  FillInfo(data);
  FillFloats(data);
  if (histograms_) FillHistograms(data);
  if (starts_) FillStarts(data);
}

// Of counters that begin anew now and then, of deltas, and whatever else somebody may send.
void RandomQuery::FillStarts(promql_test::MemoryQueryable* data) {
  for (const auto& [labels, series] : data->series()) {
    const int kind = Below(5);
    if (kind == 0) continue;
    std::vector<model::TimeMs> times = series.floats.times;
    times.insert(times.end(), series.histograms.times.begin(), series.histograms.times.end());
    std::sort(times.begin(), times.end());
    model::TimeMs before = times[0] - Below(20'000), start = before;
    for (const model::TimeMs t : times) {
      if (kind == 1 || OneIn(12)) start = before + (OneIn(3) ? Below(15'000) : 0);
      if (kind == 2 && OneIn(4)) start = t - Below(40'000) + 5'000;
      if (!OneIn(kind == 3 ? 3 : 20)) data->SetStart(labels, t, OneIn(25) ? t : start);
      before = t;
    }
  }
}

void RandomQuery::FillFloats(promql_test::MemoryQueryable* data) {
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
            value = OneIn(30) ? Below(1000) / 77.0 : value + Below(100) / 3.0;
            data->Add(labels, at, value);
          } else {
            data->Add(labels, at, (Below(200'000) - 100'000) / 77.0);
          }
        }
      }
    }
  }
}

void RandomQuery::FillHistograms(promql_test::MemoryQueryable* data) {
  for (const char metric : {'h', 'g', 'n', 'm'}) {
    for (const std::string x : {"1", "2", "3"}) {
      for (const std::string y : {"", "1", "2"}) {
        if (OneIn(4)) continue;
        FillHistogram(metric,
                      model::Labels{{"__name__", std::string(1, metric)}, {"x", x}, {"y", y}},
                      data);
      }
    }
  }
}

void RandomQuery::FillHistogram(char metric, const model::Labels& labels,
                                promql_test::MemoryQueryable* data) {
  static const std::vector<double> kBounds[] = {{0, 1, 2.5, 10}, {1, 2.5, 5, 10}, {-1, 0, 2.5}};
  model::FloatHistogram h;
  bool began = false;
  for (model::TimeMs t = Below(60'000); t < 1'800'000; t += 15'000 + Below(20)) {
    if (OneIn(40)) t += 400'000;
    if (OneIn(6)) continue;
    if (OneIn(50)) {
      model::FloatHistogram stale;
      stale.sum = model::StaleNan();
      data->AddHistogram(labels, t, stale);
      continue;
    }
    if (metric == 'm' && OneIn(3)) {
      data->Add(labels, t, Below(200'000) / 77.0);
      continue;
    }
    const bool anew = !began || metric == 'g' || OneIn(25);
    if (anew) {
      h = {};
      if (metric == 'n') {
        h.schema = model::kCustomBuckets;
        h.custom_values = kBounds[began && OneIn(2) ? Below(3) : 0];
        h.positive_spans = {{0, static_cast<uint32_t>(h.custom_values.size() + 1)}};
      } else {
        const bool one_width = labels.Get("x") == "1";
        h.schema = OneIn(3) && !one_width ? Below(6) - 2 : 1;
        // Buckets begin where the zero bucket ends.
        int first = Below(4) - 2;
        h.zero_threshold = 0.001;
        if (one_width) {
          // As it is.
        } else if (OneIn(4)) {
          h.zero_threshold = 1;
          first = 1 + Below(2);
        } else if (h.schema >= -1 && OneIn(4)) {
          h.zero_threshold = 0.25;
          first = (h.schema < 0 ? -1 : -(2 << h.schema)) + 1 + Below(3);
        }
        h.positive_spans = {{first, static_cast<uint32_t>(1 + Below(3))}};
        if (OneIn(2)) h.positive_spans.push_back({1 + Below(3), 2});
        if (OneIn(2)) h.negative_spans = {{first + Below(3), static_cast<uint32_t>(1 + Below(3))}};
      }
      for (const model::Span& s : h.positive_spans) {
        h.positive_buckets.resize(h.positive_buckets.size() + s.length);
      }
      for (const model::Span& s : h.negative_spans) {
        h.negative_buckets.resize(h.negative_buckets.size() + s.length);
      }
    }
    for (auto* buckets : {&h.positive_buckets, &h.negative_buckets}) {
      for (double& n : *buckets) n += OneIn(3) ? 0 : Below(6);
    }
    if (metric != 'n') h.zero_count += Below(3);
    h.count = h.zero_count;
    for (const double n : h.positive_buckets) h.count += n;
    for (const double n : h.negative_buckets) h.count += n;
    h.sum += (Below(80) - 20) / 4.0;
    h.hint = metric == 'g' ? model::ResetHint::kGauge
             : OneIn(2)    ? model::ResetHint::kUnknown
             : anew        ? model::ResetHint::kReset
                           : model::ResetHint::kNotReset;
    began = true;
    data->AddHistogram(labels, t, h);
  }
}

// Where hints and buckets tell the same: histogram_count and the like may look at hints only.
std::string RandomQuery::CounterHistograms() {
  static constexpr const char* kSelectors[] = {"h", "n", "m", "h{x=\"1\"}", "m{y=\"\"}"};
  static constexpr const char* kFunctions[] = {"rate", "increase", "irate", "sum_over_time",
                                               "last_over_time"};
  const std::string selector = Pick(kSelectors);
  switch (Below(3)) {
    case 0: return selector + Shift();
    case 1: return Pick(kFunctions) + "(" + selector + "[4m]" + Shift() + ")";
    default: return "sum " + Grouping() + " (rate(" + selector + "[3m]))";
  }
}

std::string RandomQuery::OfHistograms(int depth) {
  static constexpr const char* kTotals[] = {"histogram_count", "histogram_sum", "histogram_avg"};
  switch (Below(6)) {
    case 0: return Pick(kTotals) + "(" + CounterHistograms() + ")";
    case 1: return "histogram_fraction(" + Scalar(0) + ", " + Scalar(0) + ", " +
                   Vector(depth - 1) + ")";
    case 2: return (OneIn(2) ? "histogram_stddev(" : "histogram_stdvar(") + Vector(depth - 1) + ")";
    case 3: return "(" + Vector(depth - 1) + (OneIn(2) ? " </ " : " >/ ") + Scalar(0) + ")";
    default: return "histogram_quantile(0." + std::to_string(Below(10)) + ", " +
                    Vector(depth - 1) + ")";
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
  static constexpr const char* kHistograms[] = {"h", "h", "g", "n", "m", "{__name__=~\"h|n|a\"}"};
  if (!histograms_ || OneIn(3)) return Pick(kNames) + Pick(kMatchers);
  const std::string name = Pick(kHistograms);
  return name.starts_with('{') ? name : name + Pick(kMatchers);
}

// Between two samples there are fractions; with buckets of several widths it would hang on rounding
// whether one is empty.
std::string RandomQuery::SmoothSelector() {
  static constexpr const char* kOneWidth[] = {"n", "h{x=\"1\"}", "g{x=\"1\"}", "m{x=\"1\"}"};
  std::string selector = Selector();
  if (selector.find_first_of("hgnm{") == 0) selector = Pick(kOneWidth);
  return selector;
}

std::string RandomQuery::Matrix(int depth) {
  static constexpr const char* kRanges[] = {"1m", "90s", "5m", "12m", "15s", "7500ms"};
  static constexpr const char* kSteps[] = {"1m", "30s", "45s", "", "77s"};
  if (depth <= 0 || OneIn(2)) {
    // Of one name: a range function that makes two series equal is an error for all steps, which the
    // slow evaluator does not know.
    std::string selector = Selector();
    if (selector.starts_with('{')) selector = "h";
    return selector + "[" + Pick(kRanges) + "]" + Shift();
  }
  std::string inner;
  // Inside, whole numbers only: whether something fell must not hang on rounding.
  switch (histograms_ ? 1 + Below(3) : Below(4)) {
    case 0: inner = "rate(" + Matrix(0) + ")"; break;
    case 1: inner = Selector() + Shift(); break;
    case 2: inner = "(-" + Selector() + ")"; break;
    default:
      inner = "sum by (x) (" + (histograms_ ? Selector() + Shift() : Vector(depth - 1)) + ")";
      break;
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
  if (histograms_ && OneIn(4)) op = OneIn(2) ? "</" : ">/";
  if (OneIn(3)) return "(" + l + " " + op + " " + Scalar(depth - 1) + ")";
  if (OneIn(4) && !op.ends_with('/')) {
    return "(" + Scalar(depth - 1) + " " + op + " " + r + ")";
  }
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

std::string RandomQuery::Side(int depth) {
  static constexpr const char* kRates[] = {"rate", "increase", "changes", "last_over_time",
                                           "count_over_time", "max_over_time"};
  static constexpr const char* kFold[] = {"sum", "max", "count", "group"};
  static constexpr const char* kBy[] = {"by (x)", "by (x, y)", "without (y)", "without ()"};
  const std::string selector = Selector() + Shift();
  switch (Below(depth > 0 ? 8 : 7)) {
    case 0: return selector;
    case 1: return "(-" + selector + ")";
    case 2: return "(" + selector + " * 2)";
    case 3: return "(" + selector + " > 0)";
    case 4: return "abs(" + selector + ")";
    case 5: {
      std::string counter = Selector();
      if (counter.starts_with('{')) counter = "c_total";
      return Pick(kRates) + "(" + counter + "[4m])";
    }
    case 6: return Pick(kFold) + " " + Pick(kBy) + " (" + Side(0) + ")";
    default: return Join(depth - 1);
  }
}

std::string RandomQuery::Join(int depth) {
  static constexpr const char* kOps[] = {"and", "unless", "or", "*", "-", "> bool", "<"};
  static constexpr const char* kMatch[] = {"", "on (x)", "on (x, y)", "ignoring (y)"};
  static constexpr const char* kGroup[] = {"", "", "group_left ()", "group_right ()"};
  const std::string op = Pick(kOps);
  std::string match = Pick(kMatch);
  if (!match.empty() && op.find_first_of("*-<>") != std::string::npos) match += " " + Pick(kGroup);
  return "(" + Side(depth) + " " + op + " " + match + " " + Side(depth) + ")";
}

std::string RandomQuery::Names(int depth) {
  static constexpr const char* kShifts[] = {"", "", " offset 1m", " offset 7m", " @ 900"};
  static constexpr const char* kMatch[] = {"", "", "on (x)", "on (x, y)", "ignoring (y)"};
  static constexpr const char* kFold[] = {"sum", "max", "count", "group", "stddev"};
  static constexpr const char* kBy[] = {"by (__name__)", "by (__name__, x)", "without (x)",
                                        "by (y)"};
  if (depth <= 0) {
    const std::string selector = Selector() + Pick(kShifts);
    switch (Below(5)) {
      case 0: return "(" + selector + " > 0)";
      case 1: return "(-" + selector + ")";
      case 2: return "(-" + selector + " < 0)";
      case 3: return "(" + selector + " > bool 0)";
      default: return selector;
    }
  }
  const std::string l = Names(depth - 1);
  switch (Below(8)) {
    case 0: return "last_over_time(" + l + "[" + (OneIn(2) ? "5m" : "90s") + ":1m])";
    case 1: return Pick(kFold) + " " + Pick(kBy) + " (" + l + ")";
    case 2: return "quantile " + Pick(kBy) + " (0.5, " + l + ")";
    case 3: return "(" + l + (OneIn(2) ? " unless " : " and ") + Pick(kMatch) + " " +
                   Names(depth - 1) + ")";
    case 4: return "(" + l + " >= " + Scalar(0) + ")";
    default: return "(" + l + " or " + Pick(kMatch) + " " + Names(depth - 1) + ")";
  }
}

std::string RandomQuery::Repeated(int depth) {
  static constexpr const char* kFold[] = {"sum", "max", "count", "avg", "quantile by (x) (0.5,"};
  static constexpr const char* kOver[] = {"max_over_time", "sum_over_time", "count_over_time"};
  static constexpr const char* kMatch[] = {"", "on (x, y)", "ignoring (y)"};
  static constexpr const char* kArithmetic[] = {"+", "/", "-", "> bool", "<="};
  const std::string part = depth > 1 && OneIn(2) ? Repeated(depth - 1) : Vector(depth);
  const auto fold = [&](const std::string& of) {
    const std::string how = Pick(kFold);
    return how + (how.back() == ',' ? " " : " " + Grouping() + " (") + of + ")";
  };
  const auto over = [&](const char* range) {
    // Those that drop names have none to drop: see Matrix.
    const std::string window = std::string("[") + range + ":1m])";
    if (OneIn(2)) return "last_over_time((" + part + ")" + window;
    return Pick(kOver) + "((sum by (x, y) (" + part + "))" + window;
  };
  const std::string arithmetic = " " + Pick(kArithmetic) + " ";
  switch (Below(8)) {
    case 0: return "(" + part + arithmetic + part + ")";
    case 1: {
      const std::string folded = fold(part);
      return "(" + folded + arithmetic + Pick(kMatch) + " (" + folded + " + " + fold(part) + "))";
    }
    case 2: return "(" + fold(part) + " or " + fold("(" + part + ")") + ")";
    case 3: return "(" + part + " unless " + Pick(kMatch) + " (" + part + " > " + Scalar(0) + "))";
    case 4: return "(" + over("3m") + " or " + over(OneIn(2) ? "3m" : "4m") + ")";
    case 5: return "((" + part + " and " + Join(1) + ") or " + part + ")";
    case 6: return "(" + part + " + scalar(" + fold(part) + ") * scalar(" + part + "))";
    default: return "(" + Vector(depth - 1) + " or " + part + " or " + fold(part) + ")";
  }
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
    if (OneIn(10)) return SmoothSelector() + " smoothed" + Shift();
    return OneIn(4) ? "vector(" + Scalar(0) + ")" : Selector() + Shift();
  }
  if (histograms_ && OneIn(4)) return OfHistograms(depth);
  switch (Below(14)) {
    case 12: return Info();
    case 13: {
      const bool smoothed = OneIn(2);
      return std::string(kAnchored[Below(smoothed ? 3 : 5)]) + "(" +
             (smoothed ? SmoothSelector() : Selector()) + "[" +
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
      if (starts_ && OneIn(2)) {
        return "start_timestamp(" + (OneIn(4) ? Vector(depth - 1) : Selector() + Shift()) + ")";
      }
      static constexpr const char* kCells[] = {"abs", "sqrt", "timestamp"};
      return Pick(kCells) + "(" + Vector(depth - 1) + ")";
    }
    case 10: return "clamp(" + Vector(depth - 1) + ", " + Scalar(0) + ", " + Scalar(0) + ")";
    default: return Binary(depth);
  }
}

}  // namespace promql
