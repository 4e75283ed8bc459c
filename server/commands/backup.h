// tidemark backup [--url=... | --storage.tsdb.path=DIR] DESTINATION
// tidemark restore BACKUP --storage.tsdb.path=DIR
#pragma once

#include <span>
#include <string>

namespace server {

// `args` after the command's name. Print, and give the exit code: 0 it is done, 1 it is not, and
// nothing is left of it, 2 it was asked wrongly.
int RunBackup(std::span<const std::string> args);
int RunRestore(std::span<const std::string> args);

}  // namespace server
