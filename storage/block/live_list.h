// What the store holds, a second time and in our own words: a file LIVE beside RocksDB's MANIFEST.
// RocksDB takes a MANIFEST that ends early for the whole, and cannot open with one that is damaged;
// with this list neither costs a block. Format: README of this folder.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <absl/status/status.h>

namespace storage::block {

struct LiveList {
  std::string manifest;         // Its name when the list was written,
  uint64_t manifest_bytes = 0;  // and how much of it was on the disk.
  uint32_t watermark = 0;
  struct Entry {
    std::string ulid;
    std::vector<std::string> tables;  // "000012.sst"
    bool operator==(const Entry&) const = default;
  };
  std::vector<Entry> blocks;
  bool operator==(const LiveList&) const = default;
};

std::string FormatLiveList(const LiveList& list);
std::optional<LiveList> ParseLiveList(std::string_view text);

std::string LiveListPath(const std::string& dir);
// Nothing when there is none, or a damaged one.
std::optional<LiveList> ReadLiveList(const std::string& dir);
// In one step, and on the disk. After an error there is the one before, or none.
absl::Status WriteLiveList(const std::string& dir, const LiveList& list);
// The MANIFEST in use, beside the list. A newer one may know more than the list, or less.
enum class ManifestState { kWhole, kNewer, kDamaged };  // Damaged: gone, or shorter than it was.
ManifestState LookAtManifest(const std::string& dir, const LiveList& list);

}  // namespace storage::block
