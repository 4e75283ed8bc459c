// Letters of any script, as the C library knows Unicode.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace server {

bool IsLetter(int32_t rune);
bool IsDigit(int32_t rune);  // Decimal digits.
bool IsCased(int32_t rune);  // A letter that has another case, or is upper case itself.
int32_t ToUpper(int32_t rune);
// Letter by letter; bytes that are not UTF-8 stay.
std::string ChangeCase(std::string_view s, bool upper);

}  // namespace server
