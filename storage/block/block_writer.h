// Turns series in label order into the table files of one block. RocksDB is inside.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <absl/container/flat_hash_map.h>
#include <absl/status/statusor.h>

#include "storage/base/hash.h"
#include "storage/block/block_store.h"
#include "storage/block/deletes.h"

namespace storage::block {

// One sequence of table files with ascending keys, cut at about 128 MB. Not thread-safe.
// Destroyed, it removes its files, unless they were moved away.
class TableFiles {
 public:
  // Files are called <prefix>0, <prefix>1, ...
  TableFiles(std::string prefix, int level, bool index);
  ~TableFiles();
  absl::Status Put(std::string_view key, std::string_view value);
  absl::Status Finish();  // Call once, at the end. A sequence without keys has no file.
  std::vector<std::string> Release() { return std::exchange(files_, {}); }  // To the caller's care.
  uint64_t bytes() const { return bytes_; }

 private:
  struct Writer;
  absl::Status FinishFile();

  const std::string prefix_;
  const int level_;
  const bool index_;
  std::unique_ptr<Writer> writer_;
  std::vector<std::string> files_;
  uint64_t bytes_ = 0;
};

// A finished block that is not published yet. Destroyed, it removes its files, unless they were moved
// away.
struct Unpublished {
  Unpublished() = default;
  Unpublished(Unpublished&&) = default;
  ~Unpublished();
  BlockMeta meta;
  std::vector<std::string> files;
};

// Commits finished blocks; the store implements it.
class Publisher {
 public:
  virtual ~Publisher() = default;
  // Of the same parents; perhaps none: then only the watermark moves. Gives them their ulids. What was
  // deleted after `since` is deleted of blocks with parents.
  virtual absl::Status Commit(std::span<Unpublished> blocks, std::optional<uint32_t> watermark,
                              const DeleteLink& since) = 0;
};

// `path` is free, in the store's directory; the files' names begin with it. `publisher` must
// outlive the writer. Memory: the postings (postings_builder.h).
std::unique_ptr<BlockWriter> NewWriter(std::string path, BlockMeta meta, Publisher* publisher,
                                       std::shared_ptr<const DeleteLink> since);

// A file that sets these keys, or removes those without a value.
using KeyChanges = std::map<std::string, std::optional<std::string>>;
absl::Status WriteTable(const std::string& path, const KeyChanges& changes);

}  // namespace storage::block
