#include "server/rules/testing/rule_test_runner.h"

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <map>
#include <set>

#include <absl/time/clock.h>

#include "server/config/fields.h"
#include "server/config/load.h"
#include "server/rules/template/time_text.h"
#include "storage/base/status.h"
#include "storage/model/duration_text.h"

namespace server {
namespace {

using Kind = promql_test::SequenceValue::Kind;

promql::Engine::Options EngineOptions(const RuleTestOptions& options) {
  promql::Engine::Options out;
  out.features = options.features;
  out.delayed_name_removal = options.delayed_name_removal;
  out.timeout = absl::Seconds(100);
  return out;
}

bool SameFloat(double a, double b, bool fuzzy) {
  return a == b ||
         (fuzzy && (std::nextafter(a, -INFINITY) == b || std::nextafter(a, INFINITY) == b));
}

bool SameSample(const ExpectedSample& a, const ExpectedSample& b, bool fuzzy) {
  if (a.labels != b.labels || (a.histogram == nullptr) != (b.histogram == nullptr)) return false;
  return a.histogram == nullptr ? SameFloat(a.value, b.value, fuzzy)
                                : TestExpression(*a.histogram) == TestExpression(*b.histogram);
}

void SortByLabels(std::vector<ExpectedSample>* samples) {
  std::stable_sort(samples->begin(), samples->end(),
                   [](const auto& a, const auto& b) { return (a.labels <=> b.labels) < 0; });
}

void SortAlerts(std::vector<ExpectedAlert>* alerts) {
  std::stable_sort(alerts->begin(), alerts->end(), [](const auto& a, const auto& b) {
    return std::tie(a.labels, a.annotations) < std::tie(b.labels, b.annotations);
  });
}

// As Go prints durations.
std::string SinceEpoch(model::TimeMs t) {
  return text_template::ToString(text_template::Duration{t * 1'000'000});
}

LabelTexts Texts(model::LabelsView labels) {
  LabelTexts out;
  for (const model::Label& label : labels) out.emplace_back(label.name, label.value);
  return out;
}

}  // namespace

struct RuleTestRunner::Loaded {
  RuleTestFile file;
  std::vector<RuleGroupConfig> groups;  // In the order they are evaluated in.
  std::string error;                    // What is wrong with a rule file: every test fails.
};

struct RuleTestRunner::Play {
  Play(promql::Engine* engine, const RuleTest& test)
      : test(test), query(engine, store.queryable()), next(test.input.size()) {}

  void Fail(std::string failure) { failures.push_back(std::move(failure)); }

  const RuleTest& test;
  TestStore store;
  RuleQuery query;
  std::vector<size_t> next;  // Of each input series, which value comes.
  std::vector<std::unique_ptr<RuleGroup>> groups;
  std::vector<std::string> failures;
  bool broken = false;  // A rule failed: it makes no sense to go on.
};

RuleTestRunner::RuleTestRunner(RuleTestOptions options)
    : options_(std::move(options)), engine_(EngineOptions(options_)) {}

RuleTestFileResult RuleTestRunner::Run(const std::string& path) {
  RuleTestFileResult result;
  result.path = path;
  const auto text = ReadFile(path);
  auto file =
      text.ok() ? ParseRuleTestFile(*text, path) : absl::StatusOr<RuleTestFile>(text.status());
  if (!file.ok()) {
    result.error = base::message(file.status());
    return result;
  }
  result.timestamp = absl::FormatTime("%Y-%m-%dT%H:%M:%S", absl::Now(), absl::LocalTimeZone());
  Loaded loaded;
  loaded.file = *std::move(file);
  LoadRules(path, &loaded);
  engine_.set_default_subquery_step(absl::Milliseconds(loaded.file.evaluation_interval_ms));
  for (size_t i = 0; i < loaded.file.tests.size(); ++i) {
    const RuleTest& test = loaded.file.tests[i];
    if (options_.run && !options_.run->FoundIn(test.name)) continue;
    RuleTestResult one;
    one.name = test.name.empty() ? fmt::format("unnamed#{}", i) : test.name;
    const absl::Time begun = absl::Now();
    if (options_.debug) options_.debug(fmt::format("DEBUG: Starting test {}", one.name));
    one.failures = RunTest(loaded, test);
    if (options_.debug) {
      options_.debug(fmt::format("DEBUG: Test {} finished, took {:.3f}s", one.name,
                                 absl::ToDoubleSeconds(absl::Now() - begun)));
    }
    result.tests.push_back(std::move(one));
  }
  return result;
}

void RuleTestRunner::LoadRules(const std::string& path, Loaded* loaded) const {
  const std::string dir = std::filesystem::path(path).parent_path().string();
  RuleFileOptions options;
  options.ignore_unknown_fields = options_.ignore_unknown_fields;
  options.features = options_.features;
  std::set<std::pair<std::string, std::string>> seen;  // A file may be found by two patterns.
  for (const std::string& written : loaded->file.rule_files) {
    const std::string pattern = ResolvePath(dir, written);
    const std::vector<std::string> found = FindRuleFiles(pattern);
    if (found.empty() && options_.warn) {
      options_.warn("  WARNING: no file match pattern " + pattern);
    }
    for (const std::string& rules : found) {
      auto file = LoadRuleFile(rules, options);
      if (!file.ok()) {
        loaded->error +=
            (loaded->error.empty() ? "" : "\n") + std::string(base::message(file.status()));
        continue;
      }
      for (RuleGroupConfig& group : file->groups) {
        if (seen.emplace(group.file, group.name).second) loaded->groups.push_back(std::move(group));
      }
    }
  }
  // Groups that the order does not name come with the first that it does.
  std::map<std::string, size_t> order;
  for (const std::string& name : loaded->file.group_eval_order) order.emplace(name, order.size());
  const auto place = [&](const RuleGroupConfig& group) {
    const auto it = order.find(group.name);
    return it == order.end() ? 0 : it->second;
  };
  std::stable_sort(loaded->groups.begin(), loaded->groups.end(),
                   [&](const auto& a, const auto& b) { return place(a) < place(b); });
}

std::vector<std::string> RuleTestRunner::RunTest(const Loaded& loaded, const RuleTest& test) {
  if (!test.error.empty()) return {test.error};
  if (!loaded.error.empty()) return {loaded.error};
  Play play(&engine_, test);
  RuleGroupEnvironment environment;
  environment.query = &play.query;
  environment.storage = &play.store;
  environment.default_interval_ms = test.interval_ms;
  environment.alert_surroundings = {test.external_labels, test.external_url};
  for (const RuleGroupConfig& group : loaded.groups) {
    play.groups.push_back(std::make_unique<RuleGroup>(group, environment));
    for (AlertingRule* rule : play.groups.back()->alerting_rules()) rule->set_restored();
  }
  std::vector<const AlertCheck*> checks;
  for (const AlertCheck& check : test.alert_checks) checks.push_back(&check);
  std::stable_sort(checks.begin(), checks.end(), [](const AlertCheck* a, const AlertCheck* b) {
    return a->eval_time_ms < b->eval_time_ms;
  });
  const int64_t interval = loaded.file.evaluation_interval_ms, last = test.last_eval_time_ms();
  size_t next = 0;
  for (int64_t at = 0; at <= last; at += interval) {
    Step(test.start + at, &play);
    if (play.broken) return play.failures;
    // Between two evaluations alerts are as the first left them.
    for (; next < checks.size() && checks[next]->eval_time_ms < at + interval; ++next) {
      CheckAlerts(loaded, *checks[next], &play);
    }
  }
  for (const ExpressionCheck& check : test.expression_checks) CheckExpression(loaded, check, &play);
  if (options_.debug) {
    options_.debug(fmt::format("DEBUG: Dump of all data (input_series and rules) at {}:\n{}",
                               model::FormatDurationMs(last), play.store.Dump()));
  }
  return play.failures;
}

// Loads what there is up to `at`, then evaluates every group.
void RuleTestRunner::Step(model::TimeMs at, Play* play) const {
  const auto appender = play->store.NewAppender();
  for (size_t i = 0; i < play->next.size(); ++i) {
    const promql_test::SeriesDescription& series = play->test.input[i];
    for (size_t& n = play->next[i]; n < series.values.size(); ++n) {
      const model::TimeMs t = play->test.start + static_cast<int64_t>(n) * play->test.interval_ms;
      if (t > at) break;
      const promql_test::SequenceValue& value = series.values[n];
      if (value.kind == Kind::kOmitted) continue;
      const storage::Appended appended =
          value.kind == Kind::kFloat
              ? appender->Append({}, series.labels, {t, value.value})
              : appender->AppendHistogram({}, series.labels, t, *value.histogram);
      if (appended.outcome == storage::Outcome::kAccepted) continue;
      play->broken = true;
      return play->Fail(fmt::format("    input series {}, time: {}: {}", series.labels.ToString(),
                                    model::FormatDurationMs(t),
                                    storage::ToString(appended.outcome)));
    }
  }
  if (const absl::Status s = appender->Commit(); !s.ok()) {
    return play->Fail(fmt::format("    {}", base::message(s)));
  }
  for (const auto& group : play->groups) {
    group->Evaluate(at);
    for (const auto& rule : group->rules()) {
      if (rule->last_error().ok()) continue;
      play->Fail(fmt::format("    rule: {}, time: {}, err: {}", rule->name(), SinceEpoch(at),
                             base::message(rule->last_error())));
      play->broken = true;
    }
  }
}

void RuleTestRunner::CheckAlerts(const Loaded&, const AlertCheck& check, Play* play) const {
  std::vector<ExpectedAlert> expected = check.alerts, got;
  for (const auto& group : play->groups) {
    for (const AlertingRule* rule : group->alerting_rules()) {
      if (rule->name() != check.alertname) continue;
      for (const Alert& alert : rule->ActiveAlerts()) {
        if (alert.state == AlertState::kFiring)
          got.push_back({Texts(alert.labels), alert.annotations});
      }
    }
  }
  SortAlerts(&expected);
  SortAlerts(&got);
  const bool same = std::ranges::equal(expected, got, [](const auto& a, const auto& b) {
    return a.labels == b.labels && a.annotations == b.annotations;
  });
  if (same) return;
  constexpr std::string_view kIndent = "            ";
  const std::string name =
      play->test.name.empty() ? "" : fmt::format("    name: {},\n", play->test.name);
  const std::string where = fmt::format("{}    alertname: {}, time: {}, \n", name, check.alertname,
                                        model::FormatDurationMs(check.eval_time_ms));
  if (options_.diff) {
    return play->Fail(where + "        diff: " +
                      IndentLines(ColouredDiff(ToString(expected), ToString(got)), kIndent));
  }
  play->Fail(fmt::format("{}        exp:{}, \n        got:{}", where,
                         IndentLines(ToString(expected), kIndent),
                         IndentLines(ToString(got), kIndent)));
}

void RuleTestRunner::CheckExpression(const Loaded& loaded, const ExpressionCheck& check,
                                     Play* play) const {
  const std::string where = fmt::format("    expr: {}, time: {},", Quote(check.expr),
                                        model::FormatDurationMs(check.eval_time_ms));
  const auto samples = play->query.Evaluate(check.expr, play->test.start + check.eval_time_ms);
  if (!samples.ok()) {
    return play->Fail(fmt::format("{} err: {}", where, base::message(samples.status())));
  }
  if (!check.error.empty()) return play->Fail(fmt::format("{} err: {}", where, check.error));
  std::vector<ExpectedSample> expected = check.samples, got;
  for (const promql::VectorSample& s : *samples) got.push_back({s.labels, s.sample.v, s.histogram});
  SortByLabels(&expected);
  SortByLabels(&got);
  const bool fuzzy = loaded.file.fuzzy_compare;
  const bool same = std::ranges::equal(
      expected, got, [&](const auto& a, const auto& b) { return SameSample(a, b, fuzzy); });
  if (same) return;
  play->Fail(fmt::format("{}\n        exp: {}\n        got: {}", where, ToString(expected),
                         ToString(got)));
}

}  // namespace server
