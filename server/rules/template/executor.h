// Runs a parsed template, as Go's text/template does.
#pragma once

#include <string>

#include <absl/status/statusor.h>

#include "server/rules/template/function.h"
#include "server/rules/template/node.h"

namespace server::text_template {

// A template may make this much text, may call itself this deep, and may take this many steps; Go
// knows only a depth of 100,000.
inline constexpr size_t kMaxOutputBytes = 16 << 20;
inline constexpr int kMaxDepth = 2000;
inline constexpr int64_t kMaxSteps = 10'000'000;

// A key that a map lacks gives the zero value of its type. kAborted, in Go's words, with the place:
//   template: NAME:1:12: executing "NAME" at <humanize "x">: error calling humanize: ...
absl::StatusOr<std::string> Execute(const Template& parsed, const Value& data,
                                    const Surroundings& surroundings);

}  // namespace server::text_template
