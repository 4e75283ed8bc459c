#include "server/commands/usage.h"

#include <algorithm>
#include <charconv>
#include <cstdio>

#include "storage/base/status.h"

namespace server {

absl::StatusOr<CommandArgs> CommandArgs::Parse(std::span<const std::string> args,
                                               std::span<const CommandFlag> known) {
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
    const std::string given = arg.substr(0, equals);
    const auto flag = std::find_if(known.begin(), known.end(), [&](const CommandFlag& f) {
      return given == fmt::format("--{}", f.name) ||
             (f.letter != 0 && given == fmt::format("-{}", f.letter));
    });
    if (flag == known.end()) return base::InvalidArgument("unknown flag {}", given);
    std::string value;
    if (flag->is_switch) {
      if (equals != std::string::npos) return base::InvalidArgument("{} takes no value", given);
      value = "true";
    } else if (equals != std::string::npos) {
      value = arg.substr(equals + 1);
    } else if (++i < args.size()) {
      value = args[i];
    }
    if (value.empty()) return base::InvalidArgument("--{} needs a value", flag->name);
    std::vector<std::string>& values = out.flags[std::string(flag->name)];
    if (!values.empty() && !flag->repeated) {
      return base::InvalidArgument("--{} is given twice", flag->name);
    }
    values.push_back(std::move(value));
  }
  return out;
}

std::optional<std::string> CommandArgs::Flag(std::string_view name) const {
  const auto it = flags.find(name);
  if (it == flags.end()) return std::nullopt;
  return it->second.front();
}

std::vector<std::string> CommandArgs::All(std::string_view name) const {
  const auto it = flags.find(name);
  return it == flags.end() ? std::vector<std::string>() : it->second;
}

absl::StatusOr<int64_t> CommandArgs::Int(std::string_view name, int64_t otherwise) const {
  const auto text = Flag(name);
  if (!text) return otherwise;
  int64_t value = 0;
  const auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), value);
  if (error != std::errc() || end != text->data() + text->size()) {
    return base::InvalidArgument("--{}: expected a whole number, got \"{}\"", name, *text);
  }
  return value;
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
