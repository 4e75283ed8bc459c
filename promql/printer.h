// Canonical text of expressions. Parse(ToString(e)) gives e again.
#pragma once

#include <string>

#include "promql/ast.h"

namespace promql {

std::string ToString(const Expr& expr);        // One line.
std::string Prettify(const Expr& expr);        // /format_query: split beyond 100 characters.
std::string ToString(const DurationExpr& expr);
std::string SelectorToString(const Expr& selector);
std::string FormatAst(const Expr& expr);       // The AST as JSON: /parse_query, spec 3.2.

}  // namespace promql
