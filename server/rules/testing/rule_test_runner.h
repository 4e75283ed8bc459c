// Runs tests of rules: plays their input, evaluates their rules step by step, compares.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "promql/engine.h"
#include "server/rules/rule_group.h"
#include "server/rules/testing/rule_test_report.h"
#include "server/rules/testing/test_store.h"
#include "storage/model/regex_template.h"

namespace server {

struct RuleTestOptions {
  promql::ParseOptions features;
  bool delayed_name_removal = false;
  bool ignore_unknown_fields = false;  // Of rule files.
  bool diff = false;                   // Alerts that are not as expected: as a coloured diff.
  // Only tests whose names match somewhere; all when there is none.
  std::optional<model::RegexTemplate> run;
  // Lines about what is done and, after each test, all of its series. Null: nothing.
  std::function<void(const std::string&)> debug;
  std::function<void(const std::string&)> warn;  // A pattern that no file matches. Null: nothing.
};

class RuleTestRunner {
 public:
  explicit RuleTestRunner(RuleTestOptions options);

  RuleTestFileResult Run(const std::string& path);

 private:
  struct Loaded;  // A test file with its rules.
  struct Play;    // A test being run.

  void LoadRules(const std::string& path, Loaded* loaded) const;
  std::vector<std::string> RunTest(const Loaded& loaded, const RuleTest& test);
  void Step(model::TimeMs at, Play* play) const;
  void CheckAlerts(const Loaded& loaded, const AlertCheck& check, Play* play) const;
  void CheckExpression(const Loaded& loaded, const ExpressionCheck& check, Play* play) const;

  const RuleTestOptions options_;
  promql::Engine engine_;
};

}  // namespace server
