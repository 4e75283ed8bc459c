// What became of tests of rules, and how promtool tells it.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "promql/value.h"
#include "server/rules/testing/rule_test_file.h"

namespace server {

struct RuleTestResult {
  std::string name;                   // unnamed#2 when it has none.
  std::vector<std::string> failures;  // Each of several lines, indented.
};

struct RuleTestFileResult {
  std::string path;
  std::string error;                  // The file could not be read: no test ran.
  std::string timestamp;              // When it began: 2026-08-07T10:00:00
  std::vector<RuleTestResult> tests;  // Those that ran.

  int passed() const;
  int failed() const;  // A file that cannot be read is one.
};

// The document of --junit.
std::string ToJunitXml(const std::vector<RuleTestFileResult>& files);

// [\n0:\n  Labels:{...}\n  Annotations:{...}\n]
std::string ToString(const std::vector<ExpectedAlert>& alerts);
std::string ToString(
    const std::vector<ExpectedSample>& samples);  // {a="b"} 1E+00, {} 2E+00; or nil

// Lines of one only in red and with a minus, of the other only in green and with a plus.
std::string ColouredDiff(std::string_view expected, std::string_view got);

// Every line but the first behind `indent`.
std::string IndentLines(std::string_view text, std::string_view indent);

// As series are written: {{schema:1 count:3 buckets:[1 2]}}; equal texts are equal histograms.
std::string TestExpression(const model::FloatHistogram& h);

}  // namespace server
