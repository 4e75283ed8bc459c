// tidemark query: asks a server, as promtool query does.
#pragma once

#include <span>
#include <string>

namespace server {

// `args` come after "query". The exit code; see usage.h.
int RunQuery(std::span<const std::string> args);

}  // namespace server
