#pragma once

#include <string>
#include <string_view>

namespace api {

// Another parser's opinion: the JSON again without insignificant space, keys in their order and
// escapes resolved; "ERROR: ..." for what is not JSON.
std::string Reparse(std::string_view json);

}  // namespace api
