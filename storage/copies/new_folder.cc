#include "storage/copies/new_folder.h"

#include <filesystem>

#include "storage/base/log.h"
#include "storage/base/status.h"

namespace storage {
namespace {

namespace fs = std::filesystem;

std::string ParentOf(const std::string& path) {
  const std::string parent = fs::path(path).parent_path();
  return parent.empty() ? "." : parent;
}

}  // namespace

absl::StatusOr<std::unique_ptr<NewFolder>> NewFolder::Begin(std::string path,
                                                            std::string_view suffix,
                                                            wal::FileSystem* files) {
  while (path.size() > 1 && path.ends_with('/')) path.pop_back();
  std::error_code error;
  if (fs::exists(path, error) && !fs::is_empty(path, error)) {
    return base::AlreadyExists("{} is there already", path);
  }
  std::string aside = path + std::string(suffix);
  // An empty one stays without a gap: it may tell somebody what is about to be made.
  if (!fs::is_directory(aside, error) || !fs::is_empty(aside, error)) {
    RETURN_IF_ERROR(files->RemoveTree(aside));
  }
  RETURN_IF_ERROR(files->CreateDirs(aside));
  return std::unique_ptr<NewFolder>(new NewFolder(std::move(path), std::move(aside), files));
}

NewFolder::~NewFolder() {
  if (finished_) return;
  if (const absl::Status status = files_->RemoveTree(aside_); !status.ok()) {
    base::Log(base::LogLevel::kWarn, "storage", "What was left unfinished could not be removed",
              {{"path", aside_}, {"err", std::string(base::message(status))}});
  }
}

absl::Status NewFolder::Finish() {
  std::error_code error;
  for (fs::recursive_directory_iterator it(aside_, error), end; !error && it != end;
       it.increment(error)) {
    if (it->is_directory()) RETURN_IF_ERROR(files_->SyncDir(it->path()));
  }
  if (error) return base::Unavailable("{}: {}", aside_, error.message());
  RETURN_IF_ERROR(files_->SyncDir(aside_));
  RETURN_IF_ERROR(files_->Rename(aside_, path_));
  finished_ = true;  // From here on it is whole, if perhaps not after a power cut.
  return files_->SyncDir(ParentOf(path_));
}

}  // namespace storage
