// A folder that is there as a whole or not at all, also after a crash: it is filled under another
// name, and gets its own when everything in it is on the disk.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include <absl/status/statusor.h>

#include "wal/file.h"

namespace storage {

class NewFolder {  // Not thread-safe.
 public:
  // Will be `path`, which must not be there (an empty folder may), and is `path` + `suffix` until
  // then. What an earlier try left under that name is removed. kAlreadyExists.
  static absl::StatusOr<std::unique_ptr<NewFolder>> Begin(
      std::string path, std::string_view suffix,
      wal::FileSystem* files = wal::FileSystem::Posix());
  // Removes all of it, unless Finish came to its end.
  ~NewFolder();
  NewFolder(const NewFolder&) = delete;

  const std::string& aside() const { return aside_; }
  // Syncs the folders, which must hold synced files only, and gives it its name.
  absl::Status Finish();

 private:
  NewFolder(std::string path, std::string aside, wal::FileSystem* files)
      : path_(std::move(path)), aside_(std::move(aside)), files_(files) {}
  const std::string path_, aside_;
  wal::FileSystem* const files_;
  bool finished_ = false;
};

}  // namespace storage
