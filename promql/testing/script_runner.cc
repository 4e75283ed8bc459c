#include "promql/testing/script_runner.h"

#include <algorithm>
#include <array>
#include <optional>

#include <fmt/format.h>

#include "promql/parser.h"
#include "promql/printer.h"
#include "promql/signatures.h"
#include "storage/base/status.h"
#include "promql/testing/custom_buckets.h"
#include "promql/testing/script_compare.h"

namespace promql_test {
namespace {

using promql::Expr;
using promql::ExprKind;
using promql::ExprPtr;

// Functions whose answer depends on when they are asked, although their argument does not.
bool DependsOnTime(std::string_view function) {
  constexpr std::array<std::string_view, 15> kNames = {
      "days_in_month", "day_of_month", "day_of_week", "day_of_year", "end",   "hour",
      "minute",        "month",        "year",        "predict_linear", "range", "start",
      "step",          "time",         "timestamp"};
  return std::ranges::find(kNames, function) != kNames.end();
}

template <class F>
void ForEachChild(const Expr& e, F&& f) {
  for (const ExprPtr& child : {e.lhs, e.rhs, e.param}) {
    if (child != nullptr) f(*child);
  }
  for (const ExprPtr& arg : e.args) f(*arg);
}

// A subquery is pinned itself, so what is inside it does not matter.
bool CanBePinned(const Expr& e) {
  if (e.kind == ExprKind::kSubquery) return true;
  bool can = e.kind != ExprKind::kCall || !DependsOnTime(e.function->name);
  ForEachChild(e, [&](const Expr& child) { can = can && CanBePinned(child); });
  return can;
}

// A copy in which selectors and subqueries look at the time `at`, whenever it is evaluated.
ExprPtr Pinned(const ExprPtr& e, model::TimeMs at) {
  if (e == nullptr) return e;
  auto copy = std::make_shared<Expr>(*e);
  if ((e->kind == ExprKind::kVectorSelector || e->kind == ExprKind::kSubquery) &&
      e->shift.at != promql::AtKind::kTime) {
    copy->shift.at = promql::AtKind::kTime;
    copy->shift.at_ms = at;
  }
  if (e->kind == ExprKind::kSubquery) return copy;
  copy->lhs = Pinned(e->lhs, at);
  copy->rhs = Pinned(e->rhs, at);
  copy->param = Pinned(e->param, at);
  for (ExprPtr& arg : copy->args) arg = Pinned(arg, at);
  return copy;
}

std::vector<model::TimeMs> TimesForPinned(model::TimeMs at) {
  if (at == 0) return {-1000, 0, 1000};
  return {-10 * at, 0, at / 5, at, 10 * at};
}

// start(), end(), range() and step() mean something else in another grid.
bool DependsOnGrid(std::string_view query) {
  for (const std::string_view word : {"start()", "end()", "range()", "step()"}) {
    if (query.find(word) != std::string_view::npos) return true;
  }
  return false;
}

}  // namespace

promql::ParseOptions ScriptParseOptions() {
  return {.experimental_functions = true, .extended_range_selectors = true, .binop_fill = true};
}

promql::Engine::Options ScriptEngineOptions() {
  promql::Engine::Options options;
  options.features = ScriptParseOptions();
  options.delayed_name_removal = true;
  options.use_start_timestamps = true;
  return options;
}

void ScriptResult::Add(const ScriptResult& other) {
  passed += other.passed;
  failed += other.failed;
  skipped += other.skipped;
  failures.insert(failures.end(), other.failures.begin(), other.failures.end());
  for (const auto& [reason, n] : other.skip_reasons) skip_reasons[reason] += n;
}

std::string ScriptResult::Summary(std::string_view name) const {
  std::string out =
      fmt::format("{}: {} passed, {} failed, {} skipped", name, passed, failed, skipped);
  for (const auto& [reason, n] : skip_reasons) out += fmt::format("; {} {}", n, reason);
  return out;
}

ScriptResult ScriptRunner::Run(std::string_view script) {
  ScriptResult result;
  const auto fail = [&](const absl::Status& status) {
    ++result.failed;
    result.failures.emplace_back(base::message(status));
    return result;
  };
  const auto commands = ParseScript(script);
  if (!commands.ok()) return fail(commands.status());
  if (const absl::Status s = store_->Clear(); !s.ok()) return fail(s);
  for (const Command& command : *commands) {
    if (const auto* eval = std::get_if<EvalCommand>(&command)) {
      Count(*eval, Eval(*eval), &result);
    } else if (const auto* load = std::get_if<LoadCommand>(&command)) {
      if (const absl::Status s = Load(*load); !s.ok()) return fail(s);
    } else {
      if (const absl::Status s = store_->Clear(); !s.ok()) return fail(s);
    }
  }
  return result;
}

void ScriptRunner::Count(const EvalCommand& eval, const Outcome& outcome, ScriptResult* result) {
  if (outcome.passed()) {
    ++result->passed;
  } else if (!outcome.skip_reason.empty()) {
    ++result->skipped;
    ++result->skip_reasons[outcome.skip_reason];
  } else {
    ++result->failed;
    result->failures.push_back(
        fmt::format("line {}: {}: {}", eval.line, eval.query, outcome.failure));
  }
}

absl::Status ScriptRunner::Load(const LoadCommand& load) {
  std::map<model::Labels, ScriptStore::Series> all;
  ClassicSeries classic;
  for (const LoadCommand::Line& line : load.lines) {
    const model::Labels& labels = line.series.labels;
    ScriptStore::Series& series = all[labels] = {labels, {}, {}, {}};
    model::TimeMs t = 0;
    for (size_t i = 0; i < line.series.values.size(); ++i, t += load.gap_ms) {
      const SequenceValue& value = line.series.values[i];
      if (value.kind == SequenceValue::Kind::kOmitted) continue;
      if (value.kind == SequenceValue::Kind::kFloat) series.samples.push_back({t, value.value});
      if (value.kind == SequenceValue::Kind::kHistogram) {
        series.histograms.push_back({t, value.histogram});
      }
      const bool started = i < line.starts.size() && line.starts[i].has_value();
      model::NoteStart(t, started ? t + *line.starts[i] : 0, &series.starts);
    }
    if (load.with_nhcb) classic[labels] = series.samples;
  }
  ASSIGN_OR_RETURN(const NativeSeries native, ToCustomBuckets(classic));
  for (const auto& [labels, histograms] : native) {
    ScriptStore::Series& series = all[labels];
    series.labels = labels;
    series.histograms.insert(series.histograms.end(), histograms.begin(), histograms.end());
  }
  std::vector<ScriptStore::Series> series;
  for (auto& [labels, samples] : all) {
    if (!samples.samples.empty() || !samples.histograms.empty()) {
      series.push_back(std::move(samples));
    }
  }
  return store_->Load(series);
}

ScriptRunner::Outcome ScriptRunner::Eval(const EvalCommand& eval) {
  const auto expr = promql::Parse(eval.query, ScriptParseOptions());
  if (!expr.ok()) return {std::string(base::message(expr.status())), ""};
  if (eval.is_range) return EvalRange(eval);
  Outcome outcome = EvalInstant(eval, eval.query, eval.at);
  if (!outcome.passed() || !CanBePinned(**expr)) return outcome;
  const std::string pinned = promql::ToString(*Pinned(*expr, eval.at));
  for (const model::TimeMs at : TimesForPinned(eval.at)) {
    outcome = EvalInstant(eval, pinned, at);
    if (outcome.failure.empty()) continue;
    return {fmt::format("as {} at {}: {}", pinned, at, outcome.failure), ""};
  }
  return outcome;
}

ScriptRunner::Outcome ScriptRunner::OnError(const EvalCommand& eval,
                                            const absl::Status& status) const {
  const std::string message(base::message(status));
  if (status.code() == absl::StatusCode::kUnimplemented) return {"", "not supported yet"};
  const auto fail = eval.expect.find(Expectation::kFail);
  if (fail == eval.expect.end()) return {"error: " + message, ""};
  const Expected& expected = fail->second[0];
  if (expected.Matches(message)) return {};
  return {fmt::format("want the error {}, got {}", expected.Describe(), message), ""};
}

ScriptRunner::Outcome ScriptRunner::EvalRange(const EvalCommand& eval) {
  const auto result = evaluate_(eval.query, eval.grid, store_->queryable());
  if (!result.ok()) return OnError(eval, result.status());
  if (eval.expects(Expectation::kFail)) return {"error wanted, got none", ""};
  std::string difference = CompareAnnotations(eval, result->annotations);
  if (difference.empty()) difference = CompareValue(eval, result->value);
  return {difference, ""};
}

ScriptRunner::Outcome ScriptRunner::EvalInstant(const EvalCommand& eval, const std::string& query,
                                                model::TimeMs at) {
  const auto result = evaluate_(query, {at, at, 0}, store_->queryable());
  if (!result.ok()) return OnError(eval, result.status());
  if (eval.expects(Expectation::kFail)) return {"error wanted, got none", ""};
  std::string difference = CompareAnnotations(eval, result->annotations);
  if (difference.empty()) difference = CompareValue(eval, result->value);
  if (!difference.empty()) return {difference, ""};
  if (eval.instant_only || DependsOnGrid(query)) return {};
  return CheckInRange(eval, query, at, result->value.type == promql::ValueType::kScalar);
}

// A minute before, now, a minute after: now must be as the instant query says.
ScriptRunner::Outcome ScriptRunner::CheckInRange(const EvalCommand& eval, const std::string& query,
                                                 model::TimeMs at, bool scalar) {
  constexpr int64_t kMinute = 60'000;
  const auto result = evaluate_(query, {at - kMinute, at + kMinute, kMinute}, store_->queryable());
  if (!result.ok()) {
    return {fmt::format("in a range: error: {}", base::message(result.status())), ""};
  }
  // Ranges come in label order, whatever the script wants.
  if (eval.expects(Expectation::kOrdered)) return {};
  promql::Value value;
  value.type = scalar ? promql::ValueType::kScalar : promql::ValueType::kVector;
  for (const promql::Series& series : result->value.matrix) {
    for (const model::Sample& point : series.points) {
      if (point.t != at) continue;
      value.vector.push_back({series.labels, point, nullptr});
      value.scalar = point;
    }
    for (const promql::HistogramSample& point : series.histograms) {
      if (point.t == at) value.vector.push_back({series.labels, {at, 0}, point.h});
    }
  }
  if (scalar && value.vector.empty()) return {"in a range: no value", ""};
  const std::string difference = CompareValue(eval, value);
  return {difference.empty() ? "" : "in a range: " + difference, ""};
}

}  // namespace promql_test
