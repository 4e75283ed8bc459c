// Text of a template to its tree: the whole grammar of Go's text/template.
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include <absl/status/statusor.h>

#include "server/rules/template/node.h"

namespace server::text_template {

// Brackets and blocks may be nested this deep (10,000 in Go, whose stack grows).
inline constexpr int kMaxNesting = 500;

// `has_function` says which functions there are. kInvalidArgument in Go's words, with the line:
//   template: NAME:3: unexpected "}" in operand
absl::StatusOr<Template> ParseTemplate(std::string name, std::string text,
                                       const std::function<bool(std::string_view)>& has_function);

}  // namespace server::text_template
