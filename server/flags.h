// The command line: one table of flags with Prometheus' names and defaults (spec 4.1) plus ours,
// read as Prometheus reads it: --flag=value, --flag value, --flag and --no-flag, -h.
#pragma once

#include <absl/status/statusor.h>

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "storage/base/hash.h"

namespace server {

enum class FlagType : uint8_t { kString, kBool, kInt, kFloat, kDuration, kBytes };

struct FlagSpec {
  std::string_view name, value;  // The default as text.
  FlagType type = FlagType::kString;
  std::string_view help;
  std::string_view choices = "";  // "a|b": one of these.
  bool repeated = false;          // May be given more than once.
  bool hidden = false;            // Not in --help.
  bool works = true;              // False: accepted, and a warning says that it does nothing yet.
  bool agent_only = false;
};

std::span<const FlagSpec> FlagTable();

class Flags {  // Immutable once parsed; thread-safe.
 public:
  // `args` without the program's name. kInvalidArgument in words that name the flag, and the
  // nearest one for a flag nobody knows.
  static absl::StatusOr<Flags> Parse(std::span<const std::string> args);

  bool help() const { return help_; }
  bool version() const { return version_; }

  // The names are of the table (CHECKed), the values have been validated.
  const std::string& String(std::string_view name) const;
  const std::vector<std::string>& List(std::string_view name) const;
  bool Bool(std::string_view name) const;
  int64_t Int(std::string_view name) const;
  double Float(std::string_view name) const;
  int64_t DurationMs(std::string_view name) const;
  uint64_t Bytes(std::string_view name) const;
  bool given(std::string_view name) const;  // On the command line.

  // What --enable-feature names, commas split.
  std::vector<std::string> Features() const;
  bool HasFeature(std::string_view name) const;
  // Flags and features given that do nothing yet, as whole sentences.
  std::vector<std::string> Warnings() const;

  // Every flag with its value in effect, for /api/v1/status/flags.
  std::map<std::string, std::string> All() const;

 private:
  bool help_ = false, version_ = false;
  base::StringMap<std::vector<std::string>> values_;  // Every flag of the table.
  base::StringSet given_;
};

std::string HelpText();
std::string VersionText();

inline constexpr std::string_view kVersion = "0.1.0";
// What clients may take this server for: they look at the version to know what it can do.
inline constexpr std::string_view kCompatibleVersion = "3.14.0";

}  // namespace server
