// "Did you mean": the known name that is the fewest slips away from a wrong one.
#pragma once

#include <span>
#include <string>
#include <string_view>

namespace server {

// "" when nothing is near enough to be meant.
std::string Nearest(std::string_view name, std::span<const std::string_view> known);

}  // namespace server
