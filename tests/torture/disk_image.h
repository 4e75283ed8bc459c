// A file system in memory, which knows what of it would outlive a power cut.
#pragma once

#include <map>
#include <random>
#include <string>
#include <vector>

#include "tests/torture/file_trace.h"

namespace torture {

class DiskImage {
 public:
  // How names become durable. Strictly (POSIX): by a sync of their folder. Journaled (ext4, xfs): in
  // order, with any sync.
  explicit DiskImage(bool journaled) : journaled_(journaled) { nodes_[0].is_dir = true; }

  void Apply(const FileOp& op);  // `op` outlives the image.

  // What a process finds that is started after this one was killed. `dir` is created.
  void WriteTo(const std::string& dir) const;
  // What is found after a power cut: what was synced, and of the rest what chance leaves: nothing, a
  // part of the writes of a file in their order; some of the names in order; and in the log zeros in
  // place of bytes. (RocksDB's MANIFEST does not bear those; file systems that order sizes behind
  // data, as ext4 and xfs do, leave none.)
  void WriteAfterPowerCut(const std::string& dir, std::mt19937_64& random) const;

 private:
  struct Node {
    bool is_dir = false;
    bool is_log = false;
    std::map<std::string, int> now, durable;  // Of a folder: name -> node.
    std::string bytes, durable_bytes;         // Of a file.
    std::vector<const FileOp*> unsynced;      // Writes and truncations of a file since its sync.
  };
  struct Change {  // Of a name, not durable yet.
    uint64_t op;   // Changes of one operation come together.
    int dir;
    std::string name;
    int node;  // -1: the name goes.
  };

  int Find(const std::string& path) const;  // -1: not there.
  void Set(const std::string& path, int node);
  void MakeDurable(int dir);  // -1: all names.
  // What a write, `part` of its bytes, or a truncation makes of a file.
  static void Patch(std::string* bytes, const FileOp& op, size_t part);
  void Write(const std::string& dir, int node, const std::map<int, Node>& nodes, bool durable) const;

  const bool journaled_;
  std::map<int, Node> nodes_;  // 0 is the root; files by their number, folders below 0 from -2 on.
  int last_dir_ = -1;
  uint64_t ops_ = 0;
  std::vector<Change> pending_;
};

}  // namespace torture
