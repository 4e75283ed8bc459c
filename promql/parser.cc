#include "promql/parser.h"

#include "promql/grammar.h"
#include "promql/type_check.h"
#include "storage/base/status.h"

namespace promql {

absl::StatusOr<ExprPtr> Parse(std::string_view text, const ParseOptions& options) {
  Grammar grammar(text, options);
  const Grammar::Node expr = grammar.WholeExpression();
  std::optional<ParseError> error = grammar.error();
  if (!error) error = CheckTypes(expr.get());
  if (error) return absl::InvalidArgumentError(Format(*error, text));
  return expr;
}

absl::StatusOr<std::vector<model::Matcher>> ParseMetricSelector(std::string_view text) {
  Grammar grammar(text, {});
  const Grammar::Node selector = grammar.WholeSelector();
  if (grammar.error()) return absl::InvalidArgumentError(Format(*grammar.error(), text));
  return selector->matchers;
}

}  // namespace promql
