// A directory as a crash at this moment would leave it.
#pragma once

#include <filesystem>
#include <string>

namespace testing_support {

// Replaces `to`. RocksDB removes files it needs no more on a thread of its own: when one goes while
// the copy is made, it is made again.
inline void CopyDir(const std::string& from, const std::string& to) {
  for (;;) {
    std::error_code error;
    std::filesystem::remove_all(to, error);
    std::filesystem::copy(from, to, std::filesystem::copy_options::recursive, error);
    if (!error || error != std::errc::no_such_file_or_directory) return;
  }
}

}  // namespace testing_support
