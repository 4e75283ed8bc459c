// The HTTP client block, which stands inline in jobs, discoveries and remotes. spec 5.2.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "server/config/config.h"
#include "server/config/fields.h"
#include "server/config/problems.h"

namespace server {

// Reads the client's keys out of `fields` and adds a problem for each rule they break. File names
// are resolved against `dir`. Keys that do nothing yet are appended to *without_effect.
HttpClientConfig LoadHttpClient(const Fields& fields, std::string_view dir, Problems* problems,
                                std::vector<std::string>* without_effect);

// Only the rules; for sections that are not read yet.
void CheckHttpClient(const Fields& fields, Problems* problems);

}  // namespace server
