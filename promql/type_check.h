// Whether the parts of an expression fit together.
#pragma once

#include <optional>

#include "promql/grammar.h"

namespace promql {

// The first error of the tree in Prometheus' order (promql/parser/parse.go, checkAST). Completes
// the tree as it goes: set operators become many-to-many, and only two vectors keep their matching.
// `expr` must not have been handed out yet.
std::optional<ParseError> CheckTypes(Expr* expr);

}  // namespace promql
