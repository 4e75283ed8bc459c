#include "storage/block/hold.h"

#include <filesystem>
#include <limits>
#include <tuple>
#include <utility>

#include <rocksdb/db.h>
#include <rocksdb/metadata.h>
#include <rocksdb/options.h>

#include "storage/base/log.h"
#include "storage/base/status.h"

namespace storage::block {
namespace {

namespace fs = std::filesystem;

class Held final : public HeldFiles {
 public:
  explicit Held(std::shared_ptr<Db> db) : db_(std::move(db)) {}
  ~Held() override {
    if (!holding_) return;
    // Not by force: somebody else may hold them too.
    const rocksdb::Status status = db_->rocks()->EnableFileDeletions(/*force=*/false);
    if (!status.ok()) {
      base::Log(base::LogLevel::kWarn, "blocks", "Files that are needed no more stay until a restart",
                {{"err", status.ToString()}});
    }
  }

  absl::Status Take(const std::string& dir) {
    RETURN_IF_ERROR(FromRocks(db_->rocks()->DisableFileDeletions(), "holding the files of blocks"));
    holding_ = true;
    rocksdb::LiveFilesStorageInfoOptions options;
    // Its memtables are empty; nothing is to be written for this.
    options.wal_size_for_flush = std::numeric_limits<uint64_t>::max();
    std::vector<rocksdb::LiveFileStorageInfo> found;
    RETURN_IF_ERROR(FromRocks(db_->rocks()->GetLiveFilesStorageInfo(options, &found),
                              "listing the files of blocks"));
    for (rocksdb::LiveFileStorageInfo& info : found) {
      std::error_code error;
      if (info.file_type == rocksdb::kTableFile &&
          !fs::exists(dir + "/" + info.relative_filename, error)) {
        base::Log(base::LogLevel::kError, "blocks", "A table is missing, and is in no copy",
                  {{"file", dir + "/" + info.relative_filename}});
        continue;
      }
      files_.push_back({.name = std::move(info.relative_filename),
                        .bytes = info.size,
                        .fixed = info.file_type == rocksdb::kTableFile,
                        .contents = std::move(info.replacement_contents)});
    }
    return absl::OkStatus();
  }

  void Add(std::string name, std::string contents) {
    const uint64_t bytes = contents.size();
    files_.push_back({.name = std::move(name), .bytes = bytes, .contents = std::move(contents)});
  }

  const std::vector<StoreFile>& files() const override { return files_; }

 private:
  const std::shared_ptr<Db> db_;
  bool holding_ = false;
  std::vector<StoreFile> files_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<HeldFiles>> Hold(std::shared_ptr<Db> db, const std::string& dir,
                                                std::optional<LiveList> live) {
  // A MANIFEST that grows after this, or gives way to another, is newer than the list, and believed.
  if (live) {
    ASSIGN_OR_RETURN(std::tie(live->manifest, live->manifest_bytes), db->Manifest());
  }
  auto held = std::make_unique<Held>(std::move(db));
  RETURN_IF_ERROR(held->Take(dir));
  if (live) held->Add(fs::path(LiveListPath(dir)).filename(), FormatLiveList(*live));
  return held;
}

}  // namespace storage::block
