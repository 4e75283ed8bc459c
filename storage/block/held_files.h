// The files of a block store as of one moment, kept on the disk for somebody who copies them. No
// RocksDB name crosses this header.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace storage {

struct StoreFile {
  std::string name;      // Inside the store's folder; no folder in it.
  uint64_t bytes = 0;    // What belongs to that moment; the file may have become longer since.
  bool fixed = false;    // Nobody writes to it again: a hard link is as good as a copy.
  std::string contents;  // When not empty the copy holds this, whatever the file says now.
};

// While it lives none of the files goes away, whatever is merged, dropped or deleted, and the store
// cannot open again after a failed write. Thread-safe.
class HeldFiles {
 public:
  virtual ~HeldFiles() = default;
  virtual const std::vector<StoreFile>& files() const = 0;
};

}  // namespace storage
