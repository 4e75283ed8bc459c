// A configuration back as YAML, in Prometheus' order of keys, with what was left out filled in.
#pragma once

#include "server/config/config.h"
#include "server/config/load_scrape.h"
#include "server/config/yaml.h"

namespace server {

// With secrets: see HideSecrets. What is accepted but not held by the struct is taken over from
// `source`, the section as it was written.
YamlNode ToYaml(const ScrapeConfig& job, const YamlNode& source);
YamlNode ToYaml(const GlobalConfig& global, const ScrapeDefaults& defaults, const YamlNode& source);
YamlNode ToYaml(const RelabelConfig& rule);

}  // namespace server
