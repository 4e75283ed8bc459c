// What must hold in the sections that come with later issues: they are checked as Prometheus checks
// them, so that a file does not turn out to be wrong on the day they begin to work.
#pragma once

#include <string_view>

#include "server/config/fields.h"
#include "server/config/problems.h"

namespace server {

// `config`, the whole file, has been through CheckSchema. legacy_names: of the global section.
void ValidateOtherSections(const Fields& config, bool legacy_names, Problems* problems);

// Patterns of rule_files and scrape_config_files may have a * only in their last part.
bool IsValidPattern(std::string_view path);

}  // namespace server
