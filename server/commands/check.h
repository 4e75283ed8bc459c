// tidemark check config FILE..., check backup BACKUP..., check healthy|ready [--url=...].
#pragma once

#include <span>
#include <string>

namespace server {

// `args` after "check". Prints, and gives the exit code: 0 all is well, 1 something is wrong, 2 it
// was asked wrongly.
int RunCheck(std::span<const std::string> args);

}  // namespace server
