// The files of blocks as RocksDB sees them.
#pragma once

namespace rocksdb {
class Env;
}

namespace storage::block {

// RocksDB's default, but for tables of a publish that failed, which stay: a MANIFEST that could be
// written but not synced may name them, and RocksDB would remove them none the less. The next
// opening removes what it does not name. And a table is damaged, and not opened, when the last bit
// of its properties is set: RocksDB would come to an assertion over it, since it looks at that before
// the checksum. Lives for ever. Thread-safe.
rocksdb::Env* BlockFiles();

// While it lives this thread removes no table of a RocksDB directory.
class KeepTables {
 public:
  KeepTables();
  KeepTables(const KeepTables&) = delete;
  KeepTables& operator=(const KeepTables&) = delete;
  ~KeepTables();
};

}  // namespace storage::block
