// Numbers as Go's fmt formats them.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

namespace server::text_template {

// What stands between the % and the verb, and the verb.
struct Spec {
  bool plus = false, minus = false, sharp = false, space = false, zero = false;
  bool names = false, go_syntax = false;  // %+v, %#v
  std::optional<int> width, precision;
  char32_t verb = 'v';
};

// With spaces, or zeros, up to the width.
std::string Padded(std::string text, const Spec& spec);

// v e E f F g G x X b
std::string FormatFloatVerb(double v, const Spec& spec);
std::string FormatInteger(uint64_t magnitude, bool negative, int base, bool upper,
                          const Spec& spec);

}  // namespace server::text_template
