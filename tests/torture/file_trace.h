// Every change that this process makes to files below one folder, in order; and failures on demand.
//
// The program defines open, write, fsync, rename and the others itself, in front of libc's, so that
// what RocksDB and the standard library do is seen as well. Without a trace they only pass on.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace torture {

struct FileOp {
  enum Kind : uint8_t {
    kCreate,    // path, file
    kWrite,     // file, offset, data
    kTruncate,  // file, offset: the new size
    kSyncFile,  // file
    kSyncDir,   // path
    kRename,    // path -> data
    kLink,      // path -> data
    kUnlink,    // path
    kMkdir,     // path
    kRmdir,     // path
    kSettled,   // all before was there when the trace began, and is on the disk
  };
  Kind kind;
  int file = 0;         // Names one file, whatever its path becomes. From 1.
  uint64_t offset = 0;
  std::string path, data;  // Paths are relative to the folder; "" is the folder itself.
};

// One at a time. Thread-safe.
class FileTrace {
 public:
  // Begins with what lies below `root` now. No file below it may be open for writing.
  static void Start(const std::string& root);
  static std::vector<FileOp> Stop();
  static size_t position();  // Operations so far.

  // After `after` more changes that go well the next `count` fail with `error` (an errno). A failing
  // write leaves half of its bytes. Removing never fails.
  static void Fail(int error, int after, int count);
  static int failed();  // Since Start.
};

}  // namespace torture
