#include "promql/testing/series_description.h"

#include <charconv>
#include <optional>
#include <string>

#include "promql/histogram/arithmetic.h"
#include "promql/text.h"
#include "storage/base/status.h"
#include "storage/model/number_text.h"
#include "storage/model/sample.h"
#include "promql/testing/histogram_description.h"

namespace promql_test {
namespace {

using Kind = SequenceValue::Kind;

constexpr size_t kMaxValues = 1'000'000;

bool IsSpace(char c) { return c == ' ' || c == '\t'; }
bool IsDigit(char c) { return c >= '0' && c <= '9'; }
bool IsWord(char c) {
  return IsDigit(c) || c == '_' || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

// What is left of the line.
class Scanner {
 public:
  explicit Scanner(std::string_view text) : rest_(text) {}

  bool done() const { return rest_.empty(); }
  char peek() const { return rest_.empty() ? '\0' : rest_[0]; }
  std::string_view rest() const { return rest_; }
  bool Skip(std::string_view what) {
    if (!rest_.starts_with(what)) return false;
    rest_.remove_prefix(what.size());
    return true;
  }
  void SkipSpace() {
    while (!done() && IsSpace(peek())) rest_.remove_prefix(1);
  }
  template <class Test>
  std::string_view TakeWhile(Test test) {
    size_t n = 0;
    while (n < rest_.size() && test(rest_[n])) ++n;
    return Take(n);
  }
  std::string_view Take(size_t n) {
    const std::string_view taken = rest_.substr(0, n);
    rest_.remove_prefix(n);
    return taken;
  }
  std::optional<std::string> TakeString() {
    const char quote = peek();
    size_t n = 1;
    while (n < rest_.size() && rest_[n] != quote) n += rest_[n] == '\\' && quote != '`' ? 2 : 1;
    if (n >= rest_.size()) return std::nullopt;
    return promql::Unquote(Take(n + 1));
  }
  bool AtString() const { return peek() == '"' || peek() == '\'' || peek() == '`'; }

 private:
  std::string_view rest_;
};

// name="value", "name"="value", or "metric.name".
absl::Status ReadLabel(Scanner* in, std::vector<model::Labels::Pair>* labels) {
  std::string name;
  const bool quoted = in->AtString();
  if (quoted) {
    auto text = in->TakeString();
    if (!text) return base::InvalidArgument("bad string at {}", in->rest());
    name = *std::move(text);
  } else {
    name = in->TakeWhile(IsWord);
    if (name.empty()) return base::InvalidArgument("expected a label name at {}", in->rest());
  }
  in->SkipSpace();
  if (!in->Skip("=")) {
    if (!quoted) return base::InvalidArgument("expected = at {}", in->rest());
    labels->emplace_back(model::kMetricName, std::move(name));
    return absl::OkStatus();
  }
  in->SkipSpace();
  auto value = in->AtString() ? in->TakeString() : std::nullopt;
  if (!value) return base::InvalidArgument("expected a string at {}", in->rest());
  labels->emplace_back(std::move(name), *std::move(value));
  return absl::OkStatus();
}

absl::StatusOr<model::Labels> ReadMetric(Scanner* in) {
  std::vector<model::Labels::Pair> labels;
  const std::string_view name = in->TakeWhile([](char c) { return IsWord(c) || c == ':'; });
  if (!name.empty()) labels.emplace_back(model::kMetricName, name);
  Scanner behind = *in;
  behind.SkipSpace();
  if (behind.peek() != '{' || behind.rest().starts_with("{{")) {
    return model::Labels::FromPairs(labels);
  }
  *in = behind;
  in->Skip("{");
  for (;;) {
    in->SkipSpace();
    if (in->Skip("}")) break;
    RETURN_IF_ERROR(ReadLabel(in, &labels));
    in->SkipSpace();
    if (in->Skip("}")) break;
    if (!in->Skip(",")) return base::InvalidArgument("expected , or }} at {}", in->rest());
  }
  return model::Labels::FromPairs(std::move(labels));
}

// 1, -2.5, .5, 1e3, Inf, NaN, stale. The sign must be there when `signed_only`.
std::optional<double> ReadNumber(Scanner* in, bool signed_only) {
  std::string text;
  if (in->peek() == '+' || in->peek() == '-') {
    text = in->Take(1);
  } else if (signed_only) {
    return std::nullopt;
  }
  const std::string word(in->rest().substr(0, 3));
  if (text.empty() && in->Skip("stale")) return model::StaleNan();
  if (!IsDigit(in->peek()) && in->peek() != '.') {
    text += in->Take(word.size());
    return model::ParseFloat(text);
  }
  text += in->TakeWhile([](char c) { return IsDigit(c) || c == '.' || c == '_'; });
  if (in->peek() == 'e' || in->peek() == 'E') {
    text += in->Take(1);
    if (in->peek() == '+' || in->peek() == '-') text += in->Take(1);
    text += in->TakeWhile(IsDigit);
  }
  return model::ParseFloat(text, /*underscores=*/true);
}

// The N of xN.
std::optional<size_t> ReadTimes(Scanner* in) {
  const std::string_view digits = in->TakeWhile(IsDigit);
  size_t n = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), n);
  if (digits.empty() || error != std::errc() || n > kMaxValues) return std::nullopt;
  return n;
}

absl::StatusOr<HistogramDescription> ReadDescription(Scanner* in) {
  if (!in->Skip("{{")) return base::InvalidArgument("expected {{{{ at {}", in->rest());
  const size_t end = in->rest().find("}}");
  if (end == std::string_view::npos) return base::InvalidArgument("histogram is not closed");
  auto histogram = ParseHistogramDescription(in->Take(end));
  in->Take(2);
  return histogram;
}

// {{..}}, {{..}}xN, {{..}}+{{..}}xN, {{..}}-{{..}}xN
absl::Status ReadHistogram(Scanner* in, std::vector<SequenceValue>* values) {
  ASSIGN_OR_RETURN(HistogramDescription now, ReadDescription(in));
  const bool plus = in->Skip("+"), minus = !plus && in->Skip("-");
  model::FloatHistogram by;
  if (plus || minus) {
    ASSIGN_OR_RETURN(HistogramDescription step, ReadDescription(in));
    by = std::move(step.histogram);
    now.hint_set = step.hint_set;
  }
  size_t n = 0;
  if (in->Skip("x")) {
    const auto times = ReadTimes(in);
    if (!times) return base::InvalidArgument("bad repetition");
    n = *times;
  }
  for (size_t i = 0; i <= n; ++i) {
    SequenceValue value;
    value.kind = Kind::kHistogram;
    value.histogram = promql::Share(now.histogram);
    value.hint_set = now.hint_set;
    values->push_back(std::move(value));
    if (i == n || (!plus && !minus)) continue;
    if (now.histogram.schema > by.schema) {
      return base::InvalidArgument("cannot merge from schema {} to {}", by.schema,
                                   now.histogram.schema);
    }
    const promql::histogram::AddOutcome outcome =
        plus ? promql::histogram::Add(by, &now.histogram)
             : promql::histogram::Subtract(by, &now.histogram);
    if (!outcome.compatible) return base::InvalidArgument("histograms do not fit together");
  }
  return absl::OkStatus();
}

absl::Status ReadItem(Scanner* in, std::vector<SequenceValue>* values) {
  if (in->rest().starts_with("{{")) return ReadHistogram(in, values);
  if (in->Skip("_")) {
    size_t n = 1;
    if (in->Skip("x")) {
      const auto times = ReadTimes(in);
      if (!times) return base::InvalidArgument("bad repetition");
      n = *times;
    }
    values->insert(values->end(), n, SequenceValue{Kind::kOmitted});
    return absl::OkStatus();
  }
  const auto number = ReadNumber(in, /*signed_only=*/false);
  if (!number) return base::InvalidArgument("expected a value at {}", in->rest());
  double value = *number, step = 0;
  size_t n = 0;
  if (in->peek() == '+' || in->peek() == '-') {
    const auto by = ReadNumber(in, /*signed_only=*/true);
    if (!by || in->peek() != 'x') {
      return base::InvalidArgument("expected x<times> at {}", in->rest());
    }
    step = *by;
  }
  const bool stepped = step != 0;
  if (in->Skip("x")) {
    const auto times = ReadTimes(in);
    if (!times) return base::InvalidArgument("bad repetition");
    n = *times;
  }
  for (size_t i = 0; i <= n; ++i) {
    values->push_back({.value = value});
    if (stepped) value += step;  // Step by step, as sums go.
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<SeriesDescription> ParseSeriesDescription(std::string_view line) {
  Scanner in(line);
  in.SkipSpace();
  SeriesDescription series;
  ASSIGN_OR_RETURN(series.labels, ReadMetric(&in));
  for (;;) {
    const std::string_view before = in.rest();
    in.SkipSpace();
    if (in.done()) break;
    if (before == in.rest()) return base::InvalidArgument("expected a space at {}", in.rest());
    RETURN_IF_ERROR(ReadItem(&in, &series.values));
    if (series.values.size() > kMaxValues) return base::InvalidArgument("too many values");
  }
  return series;
}

}  // namespace promql_test
