// One entry of scrape_configs. spec 5.2.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "server/config/config.h"
#include "server/config/fields.h"
#include "server/config/problems.h"

namespace server {

// What the global section lends to jobs that do not say otherwise.
struct ScrapeDefaults {
  ScrapeConfig job;  // Intervals, limits, protocols, names, histograms.
  bool protocols_set = false;
  std::string failure_log_file;
};

// Reads the keys that global and scrape_configs share out of `fields`, `otherwise` being what holds
// when they are absent.
ScrapeDefaults LoadScrapeDefaults(const Fields& global, std::string_view dir, Problems* problems);

// `fields` has been through CheckSchema without a problem. Sets yaml and fingerprint too.
ScrapeConfig LoadScrapeConfig(const Fields& fields, const ScrapeDefaults& defaults,
                              std::string_view dir, Problems* problems,
                              std::vector<std::string>* without_effect);

// A list of relabel rules, compiled.
std::vector<RelabelConfig> LoadRelabelConfigs(const std::vector<YamlNode>& list, bool legacy_names,
                                              Problems* problems);

// Label names and values as they stand in a mapping; a problem for each that is not valid.
model::Labels LoadLabels(const YamlNode& map, bool legacy_names, Problems* problems);

std::string_view ToString(ScrapeProtocol protocol);

}  // namespace server
