#include "promql/testing/histogram_description.h"

#include <charconv>
#include <map>
#include <optional>
#include <vector>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "promql/histogram/arithmetic.h"
#include "promql/histogram/buckets.h"
#include "storage/base/status.h"
#include "storage/model/number_text.h"
#include "promql/testing/script_compare.h"

namespace promql_test {
namespace {

constexpr std::string_view kSpace = " \t";

std::vector<std::string_view> Words(std::string_view text) {
  std::vector<std::string_view> words;
  for (;;) {
    const size_t begin = text.find_first_not_of(kSpace);
    if (begin == std::string_view::npos) return words;
    const size_t end = std::min(text.find_first_of(kSpace, begin), text.size());
    words.push_back(text.substr(begin, end - begin));
    text.remove_prefix(end);
  }
}

absl::StatusOr<double> Number(std::string_view text) {
  const std::optional<double> v = model::ParseFloat(text, /*underscores=*/true);
  if (!v.has_value()) return base::InvalidArgument("bad number in a histogram: {}", text);
  return *v;
}

absl::StatusOr<int32_t> Integer(std::string_view text) {
  int32_t v = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), v);
  if (error != std::errc() || end != text.data() + text.size()) {
    return base::InvalidArgument("bad integer in a histogram: {}", text);
  }
  return v;
}

absl::StatusOr<std::vector<double>> Numbers(std::string_view text) {
  if (!text.starts_with('[') || !text.ends_with(']')) {
    return base::InvalidArgument("expected [..] in a histogram: {}", text);
  }
  std::vector<double> numbers;
  for (const std::string_view word : Words(text.substr(1, text.size() - 2))) {
    ASSIGN_OR_RETURN(const double v, Number(word));
    numbers.push_back(v);
  }
  return numbers;
}

absl::StatusOr<model::ResetHint> Hint(std::string_view text) {
  if (text == "unknown") return model::ResetHint::kUnknown;
  if (text == "reset") return model::ResetHint::kReset;
  if (text == "not_reset") return model::ResetHint::kNotReset;
  if (text == "gauge") return model::ResetHint::kGauge;
  return base::InvalidArgument("bad counter_reset_hint {}", text);
}

// key:value pairs; a value may be a list in brackets.
absl::StatusOr<std::map<std::string_view, std::string_view>> Fields(std::string_view text) {
  std::map<std::string_view, std::string_view> fields;
  for (;;) {
    const size_t begin = text.find_first_not_of(kSpace);
    if (begin == std::string_view::npos) return fields;
    text.remove_prefix(begin);
    const size_t colon = text.find(':');
    if (colon == std::string_view::npos) {
      return base::InvalidArgument("expected key:value in a histogram: {}", text);
    }
    const std::string_view key = text.substr(0, colon);
    text.remove_prefix(colon + 1);
    size_t end = text.starts_with('[') ? text.find(']') : text.find_first_of(kSpace);
    if (text.starts_with('[') && end != std::string_view::npos) ++end;
    end = std::min(end, text.size());
    if (!fields.emplace(key, text.substr(0, end)).second) {
      return base::InvalidArgument("duplicate key \"{}\" in histogram", key);
    }
    text.remove_prefix(end);
  }
}

void Span(int32_t offset, size_t length, std::vector<model::Span>* spans) {
  if (length > 0) spans->push_back({offset, static_cast<uint32_t>(length)});
}

bool SameSide(const std::vector<model::Span>& spans_a, const std::vector<double>& a,
              const std::vector<model::Span>& spans_b, const std::vector<double>& b) {
  if (a.size() != b.size()) return false;
  std::vector<int64_t> indices;
  const auto remember = [&](int64_t index, size_t) {
    indices.push_back(index);
    return true;
  };
  promql::histogram::ForEachIndex(spans_a, a.size(), remember);
  promql::histogram::ForEachIndex(spans_b, b.size(), remember);
  for (size_t i = 0; i < a.size(); ++i) {
    if (indices[i] != indices[a.size() + i] || !AlmostEqual(a[i], b[i])) return false;
  }
  return true;
}

}  // namespace

absl::StatusOr<HistogramDescription> ParseHistogramDescription(std::string_view text) {
  HistogramDescription out;
  model::FloatHistogram& h = out.histogram;
  ASSIGN_OR_RETURN(const auto fields, Fields(text));
  int32_t offset = 0, negative_offset = 0;
  for (const auto& [key, value] : fields) {
    if (key == "schema") {
      ASSIGN_OR_RETURN(h.schema, Integer(value));
    } else if (key == "offset") {
      ASSIGN_OR_RETURN(offset, Integer(value));
    } else if (key == "n_offset") {
      ASSIGN_OR_RETURN(negative_offset, Integer(value));
    } else if (key == "sum") {
      ASSIGN_OR_RETURN(h.sum, Number(value));
    } else if (key == "count") {
      ASSIGN_OR_RETURN(h.count, Number(value));
    } else if (key == "z_bucket") {
      ASSIGN_OR_RETURN(h.zero_count, Number(value));
    } else if (key == "z_bucket_w") {
      ASSIGN_OR_RETURN(h.zero_threshold, Number(value));
    } else if (key == "buckets") {
      ASSIGN_OR_RETURN(h.positive_buckets, Numbers(value));
    } else if (key == "n_buckets") {
      ASSIGN_OR_RETURN(h.negative_buckets, Numbers(value));
    } else if (key == "custom_values") {
      ASSIGN_OR_RETURN(h.custom_values, Numbers(value));
    } else if (key == "counter_reset_hint") {
      ASSIGN_OR_RETURN(h.hint, Hint(value));
      out.hint_set = true;
    } else {
      return base::InvalidArgument("bad histogram descriptor found: \"{}\"", key);
    }
  }
  Span(offset, h.positive_buckets.size(), &h.positive_spans);
  Span(negative_offset, h.negative_buckets.size(), &h.negative_spans);
  return out;
}

std::string Describe(const model::FloatHistogram& h) {
  const auto side = [](std::string_view name, const std::vector<model::Span>& spans,
                       const std::vector<double>& counts) {
    std::string out;
    for (const model::Span& span : spans) {
      out += fmt::format(" {}offset:{}+{}", name, span.offset, span.length);
    }
    return counts.empty() ? out : out + fmt::format(" {}buckets:[{}]", name, fmt::join(counts, " "));
  };
  constexpr std::string_view kHints[] = {"unknown", "reset", "not_reset", "gauge"};
  std::string out = fmt::format("{{{{schema:{} count:{} sum:{} z_bucket:{} z_bucket_w:{}", h.schema,
                                h.count, h.sum, h.zero_count, h.zero_threshold);
  if (h.custom()) out += fmt::format(" custom_values:[{}]", fmt::join(h.custom_values, " "));
  out += side("", h.positive_spans, h.positive_buckets);
  out += side("n_", h.negative_spans, h.negative_buckets);
  return out + fmt::format(" counter_reset_hint:{}}}}}", kHints[static_cast<int>(h.hint)]);
}

bool AlmostEqual(model::FloatHistogram a, model::FloatHistogram b, bool compare_hints) {
  promql::histogram::Compact(&a);
  promql::histogram::Compact(&b);
  if (compare_hints && a.hint != b.hint) return false;
  if (a.schema != b.schema || !AlmostEqual(a.count, b.count) || !AlmostEqual(a.sum, b.sum)) {
    return false;
  }
  if (a.custom() && a.custom_values != b.custom_values) return false;
  return a.zero_threshold == b.zero_threshold && AlmostEqual(a.zero_count, b.zero_count) &&
         SameSide(a.negative_spans, a.negative_buckets, b.negative_spans, b.negative_buckets) &&
         SameSide(a.positive_spans, a.positive_buckets, b.positive_spans, b.positive_buckets);
}

}  // namespace promql_test
