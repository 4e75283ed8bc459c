#include "server/rules/testing/rule_test_report.h"

#include <algorithm>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "promql/histogram/buckets.h"
#include "promql/testing/histogram_description.h"
#include "storage/model/number_text.h"

namespace server {
namespace {

constexpr std::string_view kRed = "\x1b[0;31m", kGreen = "\x1b[0;32m", kPlain = "\x1b[0m";

std::string XmlText(std::string_view s) {
  std::string out;
  for (const char c : s) {
    switch (c) {
      case '&': out += "&amp;"; break;
      case '<': out += "&lt;"; break;
      case '>': out += "&gt;"; break;
      case '"': out += "&#34;"; break;
      case '\'': out += "&#39;"; break;
      case '\n': out += "&#xA;"; break;
      case '\t': out += "&#x9;"; break;
      case '\r': out += "&#xD;"; break;
      default:
        // Other control characters may not stand in XML.
        if (static_cast<unsigned char>(c) < 0x20)
          out += "\uFFFD";
        else
          out += c;
    }
  }
  return out;
}

std::string SuiteXml(const RuleTestFileResult& file) {
  std::string cases;
  size_t failures = 0;
  for (const RuleTestResult& test : file.tests) {
    cases += fmt::format("<testcase name=\"{}\">", XmlText(test.name));
    for (const std::string& failure : test.failures) {
      cases += fmt::format("<failure>{}</failure>", XmlText(failure));
    }
    cases += "</testcase>";
    failures += test.failures.size();
  }
  const bool aborted = !file.error.empty();
  if (aborted) {
    cases +=
        fmt::format("<testcase name=\"unknown\"><error>{}</error></testcase>", XmlText(file.error));
  }
  return fmt::format(
      "<testsuite name=\"{}\" tests=\"{}\" failures=\"{}\" errors=\"{}\" skipped=\"0\" "
      "timestamp=\"{}\">{}"
      "</testsuite>",
      XmlText(file.path), file.tests.size() + aborted, failures, aborted ? 1 : 0, file.timestamp,
      cases);
}

std::vector<std::string_view> Lines(std::string_view text) {
  std::vector<std::string_view> lines;
  for (;;) {
    const size_t newline = text.find('\n');
    lines.push_back(text.substr(0, newline));
    if (newline == std::string_view::npos) return lines;
    text.remove_prefix(newline + 1);
  }
}

std::string GoFloat(double v) { return model::FormatFloat(v, 'g'); }

std::string Join(const std::vector<double>& values) {
  std::string out = "[";
  for (const double v : values) out += (out.size() > 1 ? " " : "") + GoFloat(v);
  return out + "]";
}

// One side's buckets as one span: without the empty ones around, with those between.
struct Dense {
  int64_t offset = 0;
  std::vector<double> counts;
};
Dense OneSpan(const std::vector<model::Span>& spans, const std::vector<double>& counts) {
  Dense out;
  promql::histogram::ForEachIndex(spans, counts.size(), [&](int64_t index, size_t i) {
    if (counts[i] == 0) return true;
    if (out.counts.empty()) out.offset = index;
    out.counts.resize(static_cast<size_t>(index - out.offset));
    out.counts.push_back(counts[i]);
    return true;
  });
  return out;
}

// How far apart buckets may lie to be written one by one.
constexpr int64_t kMostBuckets = 100'000;
bool IsWide(const std::vector<model::Span>& spans) {
  int64_t width = 0;
  for (size_t i = 0; i < spans.size(); ++i) {
    width += (i > 0 ? spans[i].offset : 0) + static_cast<int64_t>(spans[i].length);
  }
  return width > kMostBuckets;
}

}  // namespace

int RuleTestFileResult::passed() const {
  return static_cast<int>(std::count_if(tests.begin(), tests.end(), [](const RuleTestResult& test) {
    return test.failures.empty();
  }));
}

int RuleTestFileResult::failed() const {
  return static_cast<int>(tests.size()) - passed() + (error.empty() ? 0 : 1);
}

std::string ToJunitXml(const std::vector<RuleTestFileResult>& files) {
  std::string out = "<testsuites>";
  for (const RuleTestFileResult& file : files) out += SuiteXml(file);
  return out + "</testsuites>";
}

std::string IndentLines(std::string_view text, std::string_view indent) {
  std::string out;
  for (const std::string_view line : Lines(text)) {
    if (!out.empty() || line.data() != text.data()) out += fmt::format("\n{}", indent);
    out += line;
  }
  return out;
}

std::string ToString(const std::vector<ExpectedAlert>& alerts) {
  if (alerts.empty()) return "[]";
  std::string out = "[";
  for (size_t i = 0; i < alerts.size(); ++i) {
    out += fmt::format("{}\n{}:\n  Labels:{}\n  Annotations:{}", i > 0 ? "," : "", i,
                       ToString(alerts[i].labels), ToString(alerts[i].annotations));
  }
  return out + "\n]";
}

std::string ToString(const std::vector<ExpectedSample>& samples) {
  if (samples.empty()) return "nil";
  std::string out;
  for (const ExpectedSample& sample : samples) {
    if (!out.empty()) out += ", ";
    out += sample.labels.ToString() + " ";
    if (sample.histogram != nullptr) {
      out += TestExpression(*sample.histogram);
      continue;
    }
    std::string value = model::FormatFloat(sample.value, 'e');
    std::replace(value.begin(), value.end(), 'e', 'E');
    out += value;
  }
  return out;
}

std::string ColouredDiff(std::string_view expected, std::string_view got) {
  const auto a = Lines(expected), b = Lines(got);
  // common[i][j]: how many lines a[i..] and b[j..] have in common, in order.
  std::vector<std::vector<int>> common(a.size() + 1, std::vector<int>(b.size() + 1));
  for (size_t i = a.size(); i-- > 0;) {
    for (size_t j = b.size(); j-- > 0;) {
      common[i][j] =
          a[i] == b[j] ? common[i + 1][j + 1] + 1 : std::max(common[i + 1][j], common[i][j + 1]);
    }
  }
  std::string out;
  size_t i = 0, j = 0;
  while (i < a.size() || j < b.size()) {
    if (!out.empty()) out += '\n';
    if (i < a.size() && j < b.size() && a[i] == b[j]) {
      out += fmt::format("  {}", a[i++]);
      ++j;
    } else if (i < a.size() && (j == b.size() || common[i + 1][j] >= common[i][j + 1])) {
      out += fmt::format("{}- {}{}", kRed, a[i++], kPlain);
    } else {
      out += fmt::format("{}+ {}{}", kGreen, b[j++], kPlain);
    }
  }
  return out;
}

std::string TestExpression(const model::FloatHistogram& h) {
  if (IsWide(h.positive_spans) || IsWide(h.negative_spans)) return promql_test::Describe(h);
  std::vector<std::string> parts;
  const auto number = [&](std::string_view name, double v) {
    if (v != 0) parts.push_back(fmt::format("{}:{}", name, GoFloat(v)));
  };
  if (h.schema != 0) parts.push_back(fmt::format("schema:{}", h.schema));
  number("count", h.count);
  number("sum", h.sum);
  number("z_bucket", h.zero_count);
  number("z_bucket_w", h.zero_threshold);
  if (h.custom()) parts.push_back("custom_values:" + Join(h.custom_values));
  constexpr std::string_view kHints[] = {"", "reset", "not_reset", "gauge"};
  if (h.hint != model::ResetHint::kUnknown) {
    parts.push_back(fmt::format("counter_reset_hint:{}", kHints[static_cast<int>(h.hint)]));
  }
  const auto side = [&](std::string_view prefix, const Dense& dense) {
    if (dense.counts.empty()) return;
    if (dense.offset != 0) parts.push_back(fmt::format("{}offset:{}", prefix, dense.offset));
    parts.push_back(fmt::format("{}buckets:{}", prefix, Join(dense.counts)));
  };
  side("", OneSpan(h.positive_spans, h.positive_buckets));
  side("n_", OneSpan(h.negative_spans, h.negative_buckets));
  return fmt::format("{{{{{}}}}}", fmt::join(parts, " "));
}

}  // namespace server
