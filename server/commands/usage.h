// What the commands have in common: how they are asked and how they answer.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include "storage/base/hash.h"

namespace server {

// The arguments of a command: --name=value or --name value for the names it knows, and the rest.
struct CommandArgs {
  bool help = false;  // -h, --help
  base::StringMap<std::string> flags;
  std::vector<std::string> rest;

  // kInvalidArgument: a flag that is unknown, lacks its value or is given twice.
  static absl::StatusOr<CommandArgs> Parse(std::span<const std::string> args,
                                           std::span<const std::string_view> names);
  std::optional<std::string> Flag(std::string_view name) const;
};

// Exit codes, as promtool's: all is well, something is wrong, it was asked wrongly.
inline constexpr int kGood = 0, kFailed = 1, kBadUsage = 2;

int BadUsage(std::string_view what, std::string_view usage);  // Prints both; kBadUsage.
int Failed(const absl::Status& status);                       // Prints "error: ..."; kFailed.
std::string Megabytes(uint64_t bytes);                        // "12.3 MB"

}  // namespace server
