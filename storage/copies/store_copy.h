// A data directory made of a running one: <to>/tidemark with FORMAT, blocks/ and wal/.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include <absl/status/status.h>

#include "storage/block/held_files.h"
#include "wal/file.h"

namespace storage {

// What a snapshot is called until it is done.
inline constexpr std::string_view kUnfinishedSnapshot = ".tmp";

// Files that stay as they are become hard links, where there can be some, the others copies; all
// are on the disk when this returns, their names when the folders are synced. `to` must be there
// and new. The log's part comes first: a flush may remove it, unlike what is held.
absl::Status CopyCheckpoint(const std::string& wal_dir, uint32_t segment, const std::string& to,
                            wal::FileSystem* files = wal::FileSystem::Posix());
absl::Status CopyBlocks(const std::string& blocks_dir, const HeldFiles& held,
                        const std::string& to, wal::FileSystem* files = wal::FileSystem::Posix());

// Removes from <dir>/snapshots what a crash left unfinished. Nobody must be making one there.
void RemoveUnfinishedSnapshots(const std::string& dir);

}  // namespace storage
