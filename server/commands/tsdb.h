// tidemark tsdb verify|list|analyze|dump ...: looks into a data directory, also while a server has it.
#pragma once

#include <span>
#include <string>

namespace server {

// `args` after "tsdb". Prints, and gives the exit code: 0 all is well, 1 something is wrong, 2 it was
// asked wrongly. Never writes to the directory.
int RunTsdb(std::span<const std::string> args);

}  // namespace server
