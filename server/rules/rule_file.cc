#include "server/rules/rule_file.h"

#include <glob.h>

#include <algorithm>
#include <map>
#include <set>

#include "server/config/fields.h"
#include "server/config/load.h"
#include "server/config/schema.h"
#include "server/rules/template/alert_template.h"
#include "storage/base/status.h"

namespace server {
namespace {

bool IsLabelName(std::string_view name, bool legacy) {
  return legacy ? model::IsLegacyLabelName(name) : !name.empty() && model::IsValidUtf8(name);
}

bool IsMetricName(std::string_view name, bool legacy) {
  return legacy ? model::IsLegacyMetricName(name) : !name.empty() && model::IsValidUtf8(name);
}

LabelTexts ReadTexts(const YamlNode& map) {
  LabelTexts out;
  for (size_t i = 0; i < map.keys.size(); ++i) {
    out.emplace_back(map.keys[i].name, map.items[i].is_scalar() ? map.items[i].text : "");
  }
  std::sort(out.begin(), out.end());
  return out;
}

// One file being read.
class Reader {
 public:
  Reader(const RuleFileOptions& options, Problems* problems)
      : options_(options), problems_(problems) {}

  RuleFile Read(const YamlNode& root) {
    RuleFile file;
    for (const YamlNode& node : Fields(root).List("groups")) {
      file.groups.push_back(ReadGroup(Fields(node)));
    }
    return file;
  }

 private:
  RuleGroupConfig ReadGroup(const Fields& fields) {
    RuleGroupConfig group;
    group.name = fields.String("name");
    group.file = problems_->file();
    if (group.name.empty()) problems_->Add(fields.node(), "Groupname must not be empty");
    if (!names_.insert(group.name).second) {
      problems_->Add(fields.node(), "groupname: \"{}\" is repeated in the same file", group.name);
    }
    group.interval_ms = fields.DurationMs("interval", 0);
    if (fields.Has("query_offset")) group.query_offset_ms = fields.DurationMs("query_offset", 0);
    group.limit = fields.Int("limit", 0);
    where_.clear();
    CheckLabels(fields.Section("labels").node());
    group.labels = ReadTexts(fields.Section("labels").node());
    for (const YamlNode& node : fields.List("rules")) {
      group.rules.push_back(ReadRule(Fields(node), group.name, group.rules.size() + 1));
    }
    return group;
  }

  RuleConfig ReadRule(const Fields& fields, std::string_view group, size_t number) {
    RuleConfig rule;
    rule.record = fields.String("record");
    rule.alert = fields.String("alert");
    where_ = fmt::format("group {}, rule {}, {}: ", Quote(group), number, Quote(rule.name()));
    if (!rule.record.empty() && !rule.alert.empty()) {
      Problem(fields.At("record"), "only one of 'record' and 'alert' must be set");
    }
    if (rule.record.empty() && rule.alert.empty()) {
      Problem(fields.node(), "one of 'record' or 'alert' must be set");
    }
    ReadExpression(fields, &rule);
    rule.for_ms = fields.DurationMs("for", 0);
    rule.keep_firing_for_ms = fields.DurationMs("keep_firing_for", 0);
    rule.labels = ReadTexts(fields.Section("labels").node());
    rule.annotations = ReadTexts(fields.Section("annotations").node());
    if (!rule.record.empty()) CheckRecord(fields, rule);
    CheckLabels(fields.Section("labels").node());
    for (const YamlNode::Key& key : fields.Section("annotations").node().keys) {
      if (!IsLabelName(key.name, options_.legacy_names)) {
        problems_->Add(key.line, key.column, "{}invalid annotation name: {}", where_, key.name);
      }
    }
    if (!rule.alert.empty()) {
      CheckTemplates("label", rule.alert, fields.Section("labels").node());
      CheckTemplates("annotation", rule.alert, fields.Section("annotations").node());
    }
    return rule;
  }

  void Problem(const YamlNode& at, std::string_view what) {
    problems_->Add(at, "{}{}", where_, what);
  }

  void ReadExpression(const Fields& fields, RuleConfig* rule) {
    rule->expr_text = fields.String("expr");
    if (rule->expr_text.empty()) {
      return Problem(fields.At("expr"), "field 'expr' must be set in rule");
    }
    auto expr = promql::Parse(rule->expr_text, options_.features);
    if (!expr.ok()) {
      return Problem(fields.At("expr"),
                     fmt::format("could not parse expression: {}", base::message(expr.status())));
    }
    rule->expr = *std::move(expr);
  }

  void CheckRecord(const Fields& fields, const RuleConfig& rule) {
    const auto forbid = [&](std::string_view key, bool there) {
      if (there) {
        Problem(fields.At(key), fmt::format("invalid field '{}' in recording rule", key));
      }
    };
    forbid("annotations", !rule.annotations.empty());
    forbid("for", rule.for_ms != 0);
    forbid("keep_firing_for", rule.keep_firing_for_ms != 0);
    const YamlNode& record = fields.At("record");
    if (!IsMetricName(rule.record, options_.legacy_names)) {
      Problem(record, "invalid recording rule name: " + rule.record);
    }
    if (rule.record.find_first_of("{}") != std::string::npos) {
      Problem(record,
              "braces present in the recording rule name; should it be in expr?: " + rule.record);
    }
  }

  void CheckLabels(const YamlNode& labels) {
    for (size_t i = 0; i < labels.keys.size(); ++i) {
      const YamlNode::Key& key = labels.keys[i];
      if (!IsLabelName(key.name, options_.legacy_names) || key.name == model::kMetricName) {
        problems_->Add(key.line, key.column, "{}invalid label name: {}", where_, key.name);
      }
      if (!model::IsValidUtf8(labels.items[i].text)) {
        Problem(labels.items[i], "invalid label value: " + labels.items[i].text);
      }
    }
  }

  void CheckTemplates(std::string_view kind, const std::string& alert, const YamlNode& texts) {
    for (size_t i = 0; i < texts.keys.size(); ++i) {
      const text_template::AlertTemplate parsed(alert, texts.items[i].text);
      if (parsed.status().ok()) continue;
      Problem(texts.items[i], fmt::format("{} {}: {}", kind, Quote(texts.keys[i].name),
                                          base::message(parsed.status())));
    }
  }

  const RuleFileOptions& options_;
  Problems* const problems_;
  std::set<std::string> names_;
  std::string where_;  // Which rule; "" in a group's own part.
};

}  // namespace

size_t RuleFile::num_rules() const {
  size_t n = 0;
  for (const RuleGroupConfig& group : groups) n += group.rules.size();
  return n;
}

absl::StatusOr<RuleFile> ParseRuleFile(std::string_view text, const std::string& file,
                                       const RuleFileOptions& options) {
  ASSIGN_OR_RETURN(const YamlNode root, ParseYaml(text, file));
  Problems problems(file);
  CheckSchema(root, "rule_file", "", &problems,
              options.ignore_unknown_fields ? UnknownKeys::kIgnored : UnknownKeys::kProblems);
  // What is of the wrong type has been told, and reads as if it were not there.
  RETURN_IF_ERROR(problems.status());
  RuleFile rules = Reader(options, &problems).Read(root);
  RETURN_IF_ERROR(problems.status());
  return rules;
}

absl::StatusOr<RuleFile> LoadRuleFile(const std::string& path, const RuleFileOptions& options) {
  ASSIGN_OR_RETURN(const std::string text, ReadFile(path));
  return ParseRuleFile(text, path, options);
}

std::vector<std::string> FindRuleFiles(const std::string& pattern) {
  glob_t found;
  std::vector<std::string> paths;
  if (glob(pattern.c_str(), 0, nullptr, &found) == 0) {
    paths.assign(found.gl_pathv, found.gl_pathv + found.gl_pathc);
  }
  globfree(&found);
  return paths;
}

LabelTexts Merged(const LabelTexts& under, const LabelTexts& over) {
  std::map<std::string, std::string> all(over.begin(), over.end());
  all.insert(under.begin(), under.end());
  return {all.begin(), all.end()};
}

std::string ToString(const LabelTexts& labels) {
  std::string out = "{";
  for (const auto& [name, value] : labels) {
    if (out.size() > 1) out += ", ";
    out += model::IsLegacyLabelName(name) ? name : Quote(name);
    out += '=';
    out += Quote(value);
  }
  return out + "}";
}

}  // namespace server
