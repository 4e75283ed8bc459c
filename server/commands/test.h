// tidemark test: scripts that say what queries give.
#pragma once

#include <span>
#include <string>

namespace server {

// `args` come after "test". The exit code; see usage.h.
int RunTest(std::span<const std::string> args);

}  // namespace server
