// Text to a typed syntax tree.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include <absl/status/statusor.h>

#include "promql/ast.h"

namespace promql {

struct ParseOptions {  // What --enable-feature gates.
  bool experimental_functions = false;
  bool extended_range_selectors = false;
  bool binop_fill = false;
};

// Parses and checks types. kInvalidArgument carries the first error in Prometheus' words and with
// its position: `1:7: parse error: unexpected end of input`. Stack use is bounded: expressions
// nested deeper than kMaxDepth are an error.
inline constexpr int kMaxDepth = 1000;
absl::StatusOr<ExprPtr> Parse(std::string_view text, const ParseOptions& options = {});

// `{job="x", y=~"z"}` or `up{job="x"}`: the match[] parameter. Same errors; "parse error:" prefix
// too.
absl::StatusOr<std::vector<model::Matcher>> ParseMetricSelector(std::string_view text);

}  // namespace promql
