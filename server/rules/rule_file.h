// Rule files: groups of recording and alerting rules. Strict, and all that is wrong is told at
// once.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <absl/status/statusor.h>

#include "promql/parser.h"
#include "storage/model/labels.h"

namespace server {

// Sorted by name. Unlike in model::Labels values may be empty: a rule's empty label removes one.
using LabelTexts = std::vector<model::Labels::Pair>;

struct RuleConfig {
  std::string record, alert;  // One of them is set.
  std::string expr_text;
  promql::ExprPtr expr;
  int64_t for_ms = 0, keep_firing_for_ms = 0;
  LabelTexts labels, annotations;
  const std::string& name() const { return alert.empty() ? record : alert; }
};

struct RuleGroupConfig {
  std::string name, file;
  int64_t interval_ms = 0;  // 0: the global one.
  std::optional<int64_t> query_offset_ms;
  int64_t limit = 0;  // 0: none.
  LabelTexts labels;  // Of all its rules, under their own.
  std::vector<RuleConfig> rules;
};

struct RuleFile {
  std::vector<RuleGroupConfig> groups;
  size_t num_rules() const;
};

struct RuleFileOptions {
  bool ignore_unknown_fields = false;
  bool legacy_names = false;
  promql::ParseOptions features;  // Of the expressions.
};

// kInvalidArgument: one "file:line:column: what" a line, what Prometheus would say:
//   group "g", rule 1, "r": could not parse expression: 1:4: parse error: ...
absl::StatusOr<RuleFile> ParseRuleFile(std::string_view text, const std::string& file,
                                       const RuleFileOptions& options = {});
absl::StatusOr<RuleFile> LoadRuleFile(const std::string& path, const RuleFileOptions& options = {});

// What a pattern of rule_files names, sorted.
std::vector<std::string> FindRuleFiles(const std::string& pattern);

// `over` upon `under`.
LabelTexts Merged(const LabelTexts& under, const LabelTexts& over);
// {a="b", c=""}
std::string ToString(const LabelTexts& labels);

}  // namespace server
