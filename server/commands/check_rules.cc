#include "server/commands/check_rules.h"

#include <algorithm>
#include <cstdio>
#include <iostream>
#include <iterator>
#include <tuple>

#include "server/commands/usage.h"
#include "server/rules/rule_file.h"
#include "storage/base/status.h"

namespace server {
namespace {

constexpr char kUsage[] =
    "usage: tidemark check rules [flags] [FILE...]\n"
    "\n"
    "  --lint=all|duplicate-rules|none   what is no error but doubtful (duplicate-rules)\n"
    "  --lint-fatal                      exit code 3 for that\n"
    "  --ignore-unknown-fields\n";

constexpr int kLintFailed = 3;

const CommandFlag kFlags[] = {"lint", CommandFlag("lint-fatal").Switch(0),
                              CommandFlag("ignore-unknown-fields").Switch(0)};

using Target = std::pair<std::string, LabelTexts>;  // What a rule writes.

// Rules that write the same series, each once.
std::vector<Target> Duplicates(const RuleFile& file) {
  std::vector<Target> all, out;
  for (const RuleGroupConfig& group : file.groups) {
    for (const RuleConfig& rule : group.rules) {
      all.emplace_back(rule.name(), Merged(group.labels, rule.labels));
    }
  }
  std::sort(all.begin(), all.end());
  for (size_t i = 1; i < all.size(); ++i) {
    if (all[i] == all[i - 1] && (out.empty() || out.back() != all[i])) out.push_back(all[i]);
  }
  return out;
}

enum class Verdict { kGood, kDoubtful, kBad };

Verdict Check(const absl::StatusOr<RuleFile>& file, bool lint) {
  if (!file.ok()) {
    std::fprintf(stderr, "  FAILED:\n%s\n\n", std::string(base::message(file.status())).c_str());
    return Verdict::kBad;
  }
  const std::vector<Target> duplicates = lint ? Duplicates(*file) : std::vector<Target>();
  if (duplicates.empty()) {
    std::printf("  SUCCESS: %zu rules found\n\n", file->num_rules());
    return Verdict::kGood;
  }
  std::fprintf(stderr, "  FAILED:\n%zu duplicate rule(s) found.\n", duplicates.size());
  for (const auto& [name, labels] : duplicates) {
    std::fprintf(stderr, "Metric: %s\nLabel(s):\n", name.c_str());
    for (const auto& [label, value] : labels) {
      std::fprintf(stderr, "\t%s: %s\n", label.c_str(), value.c_str());
    }
  }
  std::fprintf(stderr, "Might cause inconsistency while recording expressions\n\n");
  return Verdict::kDoubtful;
}

Verdict CheckNamed(const std::string& name, const absl::StatusOr<RuleFile>& file, bool lint) {
  std::printf("Checking %s\n", name.c_str());
  std::fflush(stdout);
  return Check(file, lint);
}

}  // namespace

bool CheckRuleFiles(std::span<const std::string> patterns) {
  bool good = true;
  for (const std::string& pattern : patterns) {
    const std::vector<std::string> found = FindRuleFiles(pattern);
    if (found.empty() && pattern.find('*') == std::string::npos) {
      std::fprintf(stderr, "  FAILED: \"%s\" does not point to an existing file\n\n",
                   pattern.c_str());
      good = false;
    }
    for (const std::string& path : found) {
      const auto file = LoadRuleFile(path);
      good &= CheckNamed(path, file, /*lint=*/true) != Verdict::kBad;
    }
  }
  return good;
}

int RunCheckRules(std::span<const std::string> args) {
  const auto read = CommandArgs::Parse(args, kFlags);
  if (!read.ok()) return BadUsage(base::message(read.status()), kUsage);
  if (read->help) {
    std::fputs(kUsage, stdout);
    return kGood;
  }
  const std::string lint = read->Flag("lint").value_or("duplicate-rules");
  if (lint != "all" && lint != "duplicate-rules" && lint != "none") {
    return BadUsage("unknown lint " + lint, kUsage);
  }
  RuleFileOptions options;
  options.ignore_unknown_fields = read->Flag("ignore-unknown-fields").has_value();
  Verdict worst = Verdict::kGood;
  const auto check = [&](const std::string& name, const absl::StatusOr<RuleFile>& file) {
    worst = std::max(worst, CheckNamed(name, file, lint != "none"));
  };
  for (const std::string& path : read->rest) check(path, LoadRuleFile(path, options));
  if (read->rest.empty()) {
    const std::string text((std::istreambuf_iterator<char>(std::cin)), {});
    check("standard input", ParseRuleFile(text, "stdin", options));
  }
  if (worst == Verdict::kBad) return kFailed;
  return worst == Verdict::kDoubtful && read->Flag("lint-fatal") ? kLintFailed : kGood;
}

}  // namespace server
