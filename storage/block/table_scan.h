// Reads the tables of a block in order of their keys, from the disk and past every cache, and steps
// over what cannot be read.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace rocksdb {
class Env;
class Iterator;
class SstFileReader;
}  // namespace rocksdb

namespace storage::block {

struct TableFile {
  std::string path;
  std::string smallest, largest;  // Keys.
};

// Files as RocksDB opens them, with what is read from them counted. Thread-safe.
class CountedFiles {
 public:
  CountedFiles();
  ~CountedFiles();
  rocksdb::Env* env() const { return env_.get(); }
  uint64_t bytes_read() const { return *bytes_read_; }

 private:
  const std::shared_ptr<std::atomic<uint64_t>> bytes_read_;
  const std::unique_ptr<rocksdb::Env> env_;
};

// Keys of a table that cannot be read: above `after`, and below `before` when that is not empty.
struct KeyGap {
  std::string after, before;
  std::string why;
  bool told = false;  // For whoever reports it.
  bool Has(std::string_view key) const {
    return key > after && (before.empty() || key < before);
  }
};

// Holds its tables open, and so readable, from the beginning; needs RocksDB no more. Each is read
// from its first byte to its last, as far as anything is in it. Not thread-safe.
class TableScan {
 public:
  // `tables`: all of one block that begin with a key of `kinds`, as "mp". `files` outlives it.
  TableScan(std::vector<TableFile> tables, std::string_view kinds, const CountedFiles& files);
  ~TableScan();

  bool Valid() const;
  std::string_view key() const;    // Both until the next move.
  std::string_view value() const;
  void Next();
  // To `key` or the next behind it, also backwards. Gaps met on the way are not kept: false when
  // there is one at `key`, with why() it cannot be read.
  bool Seek(std::string_view key);
  const std::string& why() const { return why_; }

  // What Next stepped over, by key.
  std::vector<KeyGap>& gaps() { return gaps_; }
  size_t num_gaps() const { return gaps_.size(); }

 private:
  struct Table;
  void Enter(size_t table);         // Stands on its first entry, or on that of a later one.
  void Settle();                    // After a move of the iterator.
  void StepOver(std::string why);   // The entries behind last_key_ cannot be read.
  bool SeekFirstReadable(std::string from);
  bool Try(std::string_view key);   // Whether the iterator can be put there.

  std::vector<std::unique_ptr<Table>> tables_;
  size_t current_ = 0;
  std::unique_ptr<rocksdb::Iterator> it_;  // Of the current table.
  std::string last_key_;                   // The last one read, or just before the first.
  uint64_t entries_ = 0;                   // Of the current table so far.
  bool gap_in_table_ = false;
  std::vector<KeyGap> gaps_;
  std::string why_;
};

}  // namespace storage::block
