// tidemark tsdb verify.
#pragma once

#include <memory>
#include <string>

#include "storage/read_only_dir.h"

namespace server {

// Prints each damaged place and a summary; the exit code.
int VerifyDir(const std::string& dir, std::unique_ptr<storage::ReadOnlyDir> data);

}  // namespace server
