// Which block is to be read whole next, to find damage before anybody needs what it holds.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "storage/block/block_store.h"

namespace compaction {

struct ScrubOptions {
  int64_t interval_ms = 7 * 24 * 60 * 60 * 1000LL;  // Each block once in this time. 0: never.
  int64_t bytes_per_second = 1 << 20;               // At most, from the disk.
};

struct ScrubStats {  // Totals, but for the first two.
  uint64_t blocks_due = 0;      // Of the last look.
  model::TimeMs oldest = 0;     // When the block was verified, or written, for which that is longest ago.
  uint64_t blocks = 0, bytes = 0, damaged = 0;  // Verified; read; places met in them.
};

// Remembers in a file when which block was verified, so that blocks have their turn although the
// server is started every day. Without the file, or with one that is damaged, a block counts as
// verified when it was written. Not thread-safe.
class Scrub {
 public:
  // `file` need not exist. Damage goes to the store's list.
  Scrub(storage::BlockStore* blocks, std::string file, ScrubOptions options);

  // Reads on, about `bytes`, in the block whose turn it is. Gives how many were read; nothing when
  // no block is due.
  std::optional<uint64_t> Step(uint64_t bytes, model::TimeMs now);
  const ScrubStats& stats() const { return stats_; }

 private:
  bool Begin(model::TimeMs now);  // With the block that waits longest. False: none is due.
  void End(model::TimeMs now);

  storage::BlockStore* const blocks_;
  const std::string file_;
  const ScrubOptions options_;
  std::map<std::string, model::TimeMs> verified_;  // By block, when.
  std::unique_ptr<storage::BlockVerifier> verifier_;
  std::string block_;           // Of the verifier.
  uint64_t bytes_before_ = 0, damaged_before_ = 0;  // Of it, as counted already.
  ScrubStats stats_;
};

// The file's text: a line "<ULID> <ms>" per block, then "crc32c <8 hex digits>" of the lines before.
std::string ScrubText(const std::map<std::string, model::TimeMs>& verified);
std::optional<std::map<std::string, model::TimeMs>> ParseScrubText(std::string_view text);

}  // namespace compaction
