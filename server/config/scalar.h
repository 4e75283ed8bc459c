// What a plain word in YAML means where a value of some type is wanted: Go's rules.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "server/config/yaml.h"

namespace server {

// true, yes, on, y and their opposites, unquoted.
std::optional<bool> YamlBool(const YamlNode& node);
// Decimal, 0x, 0o, 0b, a leading 0 for octal, '_' between digits, or a float without a fraction.
std::optional<int64_t> YamlInt(const YamlNode& node);
std::optional<uint64_t> YamlUint(const YamlNode& node);
std::optional<double> YamlFloat(const YamlNode& node);

// 512MB, 1.5GiB, 1GB512MB: powers of 1024 with or without the i; a unit is needed except for 0.
std::optional<uint64_t> ParseBytes(std::string_view text);
std::string FormatBytes(uint64_t bytes);  // 1GiB512MiB

}  // namespace server
