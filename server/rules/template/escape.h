// Text made safe for where it will stand.
#pragma once

#include <string>
#include <string_view>

namespace server::text_template {

std::string EscapeHtml(std::string_view s);
std::string EscapeJs(std::string_view s);
std::string EscapeUrlQuery(std::string_view s);  // Go's url.QueryEscape: a space is a plus.
std::string TitleCase(
    std::string_view s);  // Each word's first letter upper case, the rest as it is.

}  // namespace server::text_template
