// Go's package fmt over template values.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "server/rules/template/value.h"

namespace server::text_template {

std::string Sprint(std::span<const Value> args);    // A space between two that are no strings.
std::string Sprintln(std::span<const Value> args);  // A space between all, a newline at the end.
// Verbs, flags, width, precision and argument indexes as Go has them; what is wrong is told in the
// text, as %!d(string=x). Widths beyond a million are wrong.
std::string Sprintf(std::string_view format, std::span<const Value> args);

// `s` in back quotes, where they can hold it; else as promql::Quote.
std::string QuoteRaw(std::string_view s);

// %.4g and the like.
std::string FormatNumber(double v, char verb, int precision);

}  // namespace server::text_template
