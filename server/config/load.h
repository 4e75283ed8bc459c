// prometheus.yml -> Config. Strict: an unknown key, a value of the wrong type or a broken rule is
// an error, and all of them are reported at once.
#pragma once

#include <absl/status/statusor.h>

#include <functional>
#include <string>
#include <string_view>

#include "server/config/config.h"

namespace server {

// Reads the file and the files of scrape_config_files. Paths inside are relative to the file they
// stand in. kNotFound / kUnavailable: the file cannot be read. kInvalidArgument: what is wrong, one
// "file:line:column: what" a line. Environment variables are read for external_labels.
absl::StatusOr<Config> LoadConfigFile(const std::string& path);

// The same from text; `path` names it and says where relative paths start.
absl::StatusOr<Config> LoadConfig(std::string_view text, const std::string& path);

// $NAME and ${NAME} by `environment` (null: the process's), "$$" as "$".
std::string ExpandEnvironment(std::string_view text,
                              const std::function<std::string(const std::string&)>& environment);

// The whole file as a string; at most 64 MiB.
absl::StatusOr<std::string> ReadFile(const std::string& path);

}  // namespace server
