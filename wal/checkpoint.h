// A checkpoint stands in for all segments before its number: a directory "checkpoint.00000012" of
// segments of its own inside the log's directory, written aside and put in place by one rename.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <absl/status/statusor.h>

#include "wal/writer.h"

namespace wal {

// Writes one. Destroyed before Finish it leaves nothing but a ".tmp" that the next one removes.
class CheckpointWriter {
 public:
  static absl::StatusOr<std::unique_ptr<CheckpointWriter>> Create(
      const std::string& log_dir, uint32_t segment, FileSystem* files = FileSystem::Posix());
  ~CheckpointWriter();
  absl::Status Append(std::span<const std::string_view> records);
  absl::Status Finish();  // Synced, renamed, the directory synced.

 private:
  struct Impl;
  explicit CheckpointWriter(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

struct Checkpoint {
  uint32_t segment = 0;  // Read the checkpoint, then segments from this number on.
  std::string dir;       // Open it with wal::Reader::Open(dir, 0).
};

// All complete ones, by number.
absl::StatusOr<std::vector<Checkpoint>> ListCheckpoints(const std::string& log_dir);
// The newest complete one, the oldest, and the one of an exact number.
absl::StatusOr<std::optional<Checkpoint>> LastCheckpoint(const std::string& log_dir);
absl::StatusOr<std::optional<Checkpoint>> OldestCheckpoint(const std::string& log_dir);
absl::StatusOr<std::optional<Checkpoint>> FindCheckpoint(const std::string& log_dir, uint32_t segment);
// Removes every other checkpoint, and what unfinished ones left.
absl::Status RemoveCheckpointsExcept(const std::string& log_dir, uint32_t segment,
                                     FileSystem* files = FileSystem::Posix());

}  // namespace wal
