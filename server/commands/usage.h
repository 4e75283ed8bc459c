// What the commands have in common: how they are asked and how they answer.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include "storage/base/hash.h"

namespace server {

// A flag that a command knows: --name=value or --name value, or where `is_switch` says so, --name alone.
struct CommandFlag {
  constexpr CommandFlag(std::string_view name) : name(name) {}  // NOLINT: most are but a name.
  constexpr CommandFlag(const char* name) : name(name) {}       // NOLINT
  constexpr CommandFlag& Repeated() { return repeated = true, *this; }
  constexpr CommandFlag& Short(char of) { return letter = of, *this; }
  constexpr CommandFlag& Switch(char of = 0) { return is_switch = true, letter = of, *this; }

  std::string_view name;
  bool repeated = false, is_switch = false;
  char letter = 0;  // Also -r.
};

// The arguments of a command: the flags it knows, anywhere, and the rest.
struct CommandArgs {
  bool help = false;  // -h, --help
  base::StringMap<std::vector<std::string>> flags;  // A switch has "true".
  std::vector<std::string> rest;

  // kInvalidArgument: a flag that is unknown, lacks its value or is given twice.
  static absl::StatusOr<CommandArgs> Parse(std::span<const std::string> args,
                                           std::span<const CommandFlag> known);
  std::optional<std::string> Flag(std::string_view name) const;
  std::vector<std::string> All(std::string_view name) const;  // Of a repeated one.
  // `otherwise` when it is not given; kInvalidArgument when it is no whole number.
  absl::StatusOr<int64_t> Int(std::string_view name, int64_t otherwise) const;
};

// Exit codes, as promtool's: all is well, something is wrong, it was asked wrongly.
inline constexpr int kGood = 0, kFailed = 1, kBadUsage = 2;

int BadUsage(std::string_view what, std::string_view usage);  // Prints both; kBadUsage.
int Failed(const absl::Status& status);                       // Prints "error: ..."; kFailed.
std::string Megabytes(uint64_t bytes);                        // "12.3 MB"

}  // namespace server
