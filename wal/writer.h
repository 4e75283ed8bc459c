// Appends opaque records to numbered segment files. Format: README of this room.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include "wal/file.h"

namespace wal {

enum class Sync {
  kAlways,    // Append returns when its bytes are on the disk; writers that wait share one fdatasync.
  kInterval,  // A thread of the Writer syncs every sync_interval_ms.
  kOs,        // The kernel decides; rotation and Close still sync.
};

struct WriterOptions {
  uint32_t segment_bytes = 128u << 20;
  Sync sync = Sync::kInterval;
  int sync_interval_ms = 1000;
  bool compress = true;  // Snappy per record, kept only where it is smaller.
  FileSystem* files = FileSystem::Posix();
};

struct WriterStats {  // Totals since Open.
  uint64_t records = 0, bytes = 0, syncs = 0, sync_ns = 0, append_failures = 0, sync_failures = 0;
  uint32_t segment = 0;  // The one written to.
};

// Thread-safe. Owns its descriptors and, for kInterval, one thread.
class Writer {
 public:
  // Starts a new segment in `dir`, above every existing one and not below `min_segment`; never
  // appends after a possibly torn tail. Creates `dir`.
  static absl::StatusOr<std::unique_ptr<Writer>> Open(std::string dir, WriterOptions options,
                                                      uint32_t min_segment = 0);
  ~Writer();  // Closes; drops what Close() would have reported.

  // Puts all `records` in the log, in order, with nobody else's between them, and none of them
  // split over two segments. kUnavailable (disk full, I/O error): none of them is in the log (the
  // file is cut back to where it was, or the segment is given up and a new one started); a later
  // Append may succeed. Under kInterval and kOs bytes have reached the kernel, not the disk.
  absl::Status Append(std::span<const std::string_view> records);

  absl::Status Sync();                    // Bytes so far reach the disk.
  absl::StatusOr<uint32_t> CutSegment();  // Syncs and ends the segment; number of the new, empty one.
  absl::Status RemoveBefore(uint32_t segment);
  absl::Status Close();
  WriterStats stats() const;

 private:
  class Impl;
  explicit Writer(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace wal
