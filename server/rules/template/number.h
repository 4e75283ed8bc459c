// Number constants of templates.
#pragma once

#include <absl/status/status.h>

#include "server/rules/template/lexer.h"
#include "server/rules/template/node.h"

namespace server::text_template {

// Reads node->text, which was an item of `kind`: kNumber, kCharConstant or kComplex. As in Go an
// integer is a float as well, and a float without a fraction an integer. kInvalidArgument; also for
// imaginary numbers, which no function takes.
absl::Status ReadNumber(ItemKind kind, Node* node);

}  // namespace server::text_template
