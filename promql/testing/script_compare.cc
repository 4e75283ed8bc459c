#include "promql/testing/script_compare.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "promql/testing/histogram_description.h"

namespace promql_test {
namespace {

constexpr double kEpsilon = 1e-6;

using Kind = SequenceValue::Kind;

std::string Points(const promql::Series& series) {
  std::string out;
  for (const model::Sample& p : series.points) out += fmt::format(" {}@{}", p.v, p.t);
  for (const promql::HistogramSample& p : series.histograms) {
    out += fmt::format(" {}@{}", Describe(*p.h), p.t);
  }
  return out;
}

std::string NotFound(const EvalCommand& expected, const std::map<model::Labels, bool>& seen) {
  for (const auto& [labels, series] : expected.series) {
    if (!seen.contains(labels)) return fmt::format("{} is missing", labels.ToString());
  }
  return "";
}

std::string CompareSeries(const EvalCommand& expected, const EvalCommand::Series& want,
                          const promql::Series& got) {
  const std::string labels = got.labels.ToString();
  promql::Series points;
  std::vector<bool> hints;  // Of histograms: to be compared.
  for (size_t i = 0; i < want.values.size(); ++i) {
    const model::TimeMs t = expected.grid.start + static_cast<int64_t>(i) * expected.grid.step_ms;
    if (t > expected.grid.end) return labels + ": the script expects points past the end";
    const SequenceValue& value = want.values[i];
    if (value.kind == Kind::kFloat) points.points.push_back({t, value.value});
    if (value.kind != Kind::kHistogram) continue;
    points.histograms.push_back({t, value.histogram});
    hints.push_back(value.hint_set);
  }
  bool same = std::ranges::equal(points.points, got.points, [](const auto& a, const auto& b) {
    return a.t == b.t && AlmostEqual(a.v, b.v);
  });
  same = same && points.histograms.size() == got.histograms.size();
  for (size_t i = 0; same && i < hints.size(); ++i) {
    const promql::HistogramSample &a = points.histograms[i], &b = got.histograms[i];
    same = a.t == b.t && AlmostEqual(*a.h, *b.h, hints[i]);
  }
  if (same) return "";
  return fmt::format("{}: want{}; got{}", labels, Points(points), Points(got));
}

std::string CompareCell(const SequenceValue& want, const promql::VectorSample& got) {
  if (want.kind == Kind::kHistogram) {
    if (got.histogram == nullptr) {
      return fmt::format("want {}, got {}", Describe(*want.histogram), got.sample.v);
    }
    if (AlmostEqual(*want.histogram, *got.histogram, want.hint_set)) return "";
    return fmt::format("want {}, got {}", Describe(*want.histogram), Describe(*got.histogram));
  }
  if (got.histogram != nullptr) {
    return fmt::format("want {}, got {}", want.value, Describe(*got.histogram));
  }
  if (AlmostEqual(want.value, got.sample.v)) return "";
  return fmt::format("want {}, got {}", want.value, got.sample.v);
}

std::string CompareMatrix(const EvalCommand& expected, const promql::Value& value) {
  if (expected.expects(Expectation::kOrdered)) return "ordered result wanted, got a matrix";
  std::map<model::Labels, bool> seen;
  const model::Labels* before = nullptr;
  for (const promql::Series& series : value.matrix) {
    if (before != nullptr && *before > series.labels) return "the matrix is not in label order";
    before = &series.labels;
    const auto want = expected.series.find(series.labels);
    if (want == expected.series.end()) {
      return fmt::format("unexpected {}:{}", series.labels.ToString(), Points(series));
    }
    seen[series.labels] = true;
    if (std::string difference = CompareSeries(expected, want->second, series);
        !difference.empty()) {
      return difference;
    }
  }
  return NotFound(expected, seen);
}

std::string CompareVector(const EvalCommand& expected, const promql::Value& value) {
  std::map<model::Labels, bool> seen;
  int position = 0;
  for (const promql::VectorSample& sample : value.vector) {
    ++position;
    const std::string labels = sample.labels.ToString();
    const auto want = expected.series.find(sample.labels);
    if (want == expected.series.end()) {
      return fmt::format("unexpected {} {}", labels,
                         sample.histogram == nullptr ? fmt::format("{}", sample.sample.v)
                                                     : Describe(*sample.histogram));
    }
    if (seen[sample.labels]) return labels + " comes twice";
    seen[sample.labels] = true;
    if (expected.expects(Expectation::kOrdered) && want->second.position != position) {
      return fmt::format("{} is number {} instead of {}", labels, position, want->second.position);
    }
    if (want->second.values.empty() || want->second.values[0].kind == Kind::kOmitted) {
      return fmt::format("the script has no value for {}", labels);
    }
    const std::string difference = CompareCell(want->second.values[0], sample);
    if (!difference.empty()) return labels + ": " + difference;
  }
  return NotFound(expected, seen);
}

std::string CompareKind(const EvalCommand& expected, Expectation some, Expectation none,
                        bool any, std::string_view name, const std::vector<std::string>& actual) {
  const std::string found = fmt::format("{}", fmt::join(actual, "; "));
  if (any && actual.empty()) return fmt::format("no {} given", name);
  if (expected.expects(none) && !actual.empty()) {
    return fmt::format("unexpected {}: {}", name, found);
  }
  const auto wanted = expected.expect.find(some);
  if (wanted == expected.expect.end()) return "";
  for (const Expected& e : wanted->second) {
    if (std::ranges::none_of(actual, [&](const std::string& a) { return e.Matches(a); })) {
      return fmt::format("no {} like {}, only: {}", name, e.Describe(), found);
    }
  }
  for (const std::string& a : actual) {
    if (std::ranges::none_of(wanted->second, [&](const Expected& e) { return e.Matches(a); })) {
      return fmt::format("unexpected {}: {}", name, a);
    }
  }
  return "";
}

}  // namespace

bool AlmostEqual(double a, double b) {
  if (model::IsStaleNan(a) || model::IsStaleNan(b)) {
    return model::IsStaleNan(a) && model::IsStaleNan(b);
  }
  if ((std::isnan(a) && std::isnan(b)) || a == b) return true;
  constexpr double kLeast = std::numeric_limits<double>::min();
  const double sum = std::fabs(a) + std::fabs(b), difference = std::fabs(a - b);
  if (a == 0 || b == 0 || sum < kLeast) return difference < kEpsilon * kLeast;
  return difference / std::min(sum, std::numeric_limits<double>::max()) < kEpsilon;
}

std::string CompareValue(const EvalCommand& expected, const promql::Value& value) {
  switch (value.type) {
    case promql::ValueType::kScalar:
      if (!expected.scalar) return "unexpected scalar";
      if (AlmostEqual(*expected.scalar, value.scalar.v)) return "";
      return fmt::format("want {}, got {}", *expected.scalar, value.scalar.v);
    case promql::ValueType::kString:
      if (expected.text.value_or("") == value.text) return "";
      return fmt::format("want \"{}\", got \"{}\"", expected.text.value_or(""), value.text);
    case promql::ValueType::kVector:
      return expected.scalar ? "scalar wanted, got a vector" : CompareVector(expected, value);
    case promql::ValueType::kMatrix:
      return expected.scalar ? "scalar wanted, got a matrix" : CompareMatrix(expected, value);
    case promql::ValueType::kNone: break;
  }
  return "there is no value";
}

std::string CompareAnnotations(const EvalCommand& expected,
                               const promql::Annotations& annotations) {
  std::string difference = CompareKind(expected, Expectation::kWarn, Expectation::kNoWarn,
                                       expected.any_warning, "warning", annotations.warnings);
  if (!difference.empty()) return difference;
  return CompareKind(expected, Expectation::kInfo, Expectation::kNoInfo, expected.any_info, "info",
                     annotations.infos);
}

}  // namespace promql_test
