// Every key that prometheus.yml, rule files and tests of rules know, with its type: strictness, "did you
// mean", and which values are secret. The table is in schema.cc; spec 5.
#pragma once

#include <string_view>
#include <vector>

#include "server/config/problems.h"
#include "server/config/yaml.h"

namespace server {

enum class UnknownKeys { kProblems, kIgnored };

// Adds a problem for each unknown key, each value of the wrong type and each required key that is
// missing in `node`, which `path` names ("scrape_configs[0]"; "" for the whole). A null node is an
// empty one. Schemas: "config", "scrape_config_file", "scrape_config", "http", ...
void CheckSchema(const YamlNode& node, std::string_view schema, std::string_view path,
                 Problems* problems, UnknownKeys unknown = UnknownKeys::kProblems);

// A copy with every non-empty secret as <secret>, and passwords in URLs as xxxxx.
YamlNode HideSecrets(const YamlNode& node, std::string_view schema);

// kubernetes_sd_configs, static_configs, ...: sorted.
const std::vector<std::string_view>& DiscoveryKeys();

}  // namespace server
