// The order people expect of names with numbers in them: eth2 before eth10.
#pragma once

#include <compare>
#include <string_view>

namespace promql {

// By runs of digits and runs of others; two runs of digits by their number if it fits 63 bits, else
// as text. A prefix comes first. "1" and "01" are equivalent.
std::weak_ordering CompareNaturally(std::string_view a, std::string_view b);

}  // namespace promql
