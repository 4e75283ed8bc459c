#include "storage/copies/store_copy.h"

#include <filesystem>

#include "storage/base/log.h"
#include "storage/base/status.h"
#include "storage/copies/copy_file.h"
#include "storage/copies/copy_name.h"
#include "wal/checkpoint.h"

namespace storage {
namespace fs = std::filesystem;

absl::Status CopyCheckpoint(const std::string& wal_dir, uint32_t segment, const std::string& to,
                            wal::FileSystem* files) {
  const std::string copy_dir = to + "/tidemark/wal";
  RETURN_IF_ERROR(files->CreateDirs(copy_dir));
  ASSIGN_OR_RETURN(const auto checkpoint, wal::FindCheckpoint(wal_dir, segment));
  if (!checkpoint) return absl::OkStatus();
  const std::string copy = copy_dir + "/" + fs::path(checkpoint->dir).filename().string();
  RETURN_IF_ERROR(files->CreateDirs(copy));
  std::error_code error;
  for (fs::directory_iterator it(checkpoint->dir, error), end; !error && it != end;
       it.increment(error)) {
    const std::string target = copy + "/" + it->path().filename().string();
    if (LinkFile(it->path(), target)) continue;
    RETURN_IF_ERROR(CopyFile(it->path(), target, std::nullopt, files).status());
  }
  if (error) return base::Unavailable("{}: {}", checkpoint->dir, error.message());
  return absl::OkStatus();
}

absl::Status CopyBlocks(const std::string& blocks_dir, const HeldFiles& held,
                        const std::string& to, wal::FileSystem* files) {
  const std::string copy = to + "/tidemark/blocks";
  RETURN_IF_ERROR(files->CreateDirs(copy));
  for (const StoreFile& file : held.files()) {
    const std::string from = blocks_dir + "/" + file.name, target = copy + "/" + file.name;
    if (!file.contents.empty()) {
      RETURN_IF_ERROR(WriteFile(target, file.contents, files));
    } else if (file.fixed) {
      // Of one that is damaged in length the copy is as damaged as the store.
      if (LinkFile(from, target)) continue;
      RETURN_IF_ERROR(CopyFile(from, target, std::nullopt, files).status());
    } else {
      RETURN_IF_ERROR(CopyFile(from, target, file.bytes, files).status());
    }
  }
  return absl::OkStatus();
}

void RemoveUnfinishedSnapshots(const std::string& dir) {
  std::error_code error;
  for (fs::directory_iterator it(dir + "/snapshots", error), end; !error && it != end;
       it.increment(error)) {
    std::string name = it->path().filename().string();
    if (!name.ends_with(kUnfinishedSnapshot)) continue;
    name.resize(name.size() - kUnfinishedSnapshot.size());
    if (!IsCopyName(name)) continue;
    base::Log(base::LogLevel::kInfo, "storage", "Removing a snapshot that was never finished",
              {{"path", it->path().string()}});
    std::error_code failed;
    fs::remove_all(it->path(), failed);
  }
}

}  // namespace storage
