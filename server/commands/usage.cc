#include "server/commands/usage.h"

#include <algorithm>
#include <cstdio>

#include "storage/base/status.h"

namespace server {

absl::StatusOr<CommandArgs> CommandArgs::Parse(std::span<const std::string> args,
                                               std::span<const std::string_view> names) {
  CommandArgs out;
  for (size_t i = 0; i < args.size(); ++i) {
    const std::string& arg = args[i];
    if (arg == "-h" || arg == "--help") {
      out.help = true;
      continue;
    }
    if (!arg.starts_with("-") || arg == "-") {
      out.rest.push_back(arg);
      continue;
    }
    const size_t equals = arg.find('=');
    const std::string name = arg.substr(0, equals).substr(std::min<size_t>(2, arg.size()));
    if (!arg.starts_with("--") || std::find(names.begin(), names.end(), name) == names.end()) {
      return base::InvalidArgument("unknown flag {}", arg.substr(0, equals));
    }
    std::string value;
    if (equals != std::string::npos) {
      value = arg.substr(equals + 1);
    } else if (++i < args.size()) {
      value = args[i];
    }
    if (value.empty()) return base::InvalidArgument("--{} needs a value", name);
    if (!out.flags.emplace(name, value).second) {
      return base::InvalidArgument("--{} is given twice", name);
    }
  }
  return out;
}

std::optional<std::string> CommandArgs::Flag(std::string_view name) const {
  const auto it = flags.find(name);
  if (it == flags.end()) return std::nullopt;
  return it->second;
}

int BadUsage(std::string_view what, std::string_view usage) {
  std::fprintf(stderr, "error: %.*s\n%.*s", static_cast<int>(what.size()), what.data(),
               static_cast<int>(usage.size()), usage.data());
  return kBadUsage;
}

int Failed(const absl::Status& status) {
  std::fprintf(stderr, "error: %s\n", std::string(base::message(status)).c_str());
  return kFailed;
}

std::string Megabytes(uint64_t bytes) {
  return fmt::format("{:.1f} MB", static_cast<double>(bytes) / 1e6);
}

}  // namespace server
