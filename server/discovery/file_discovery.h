// Targets listed in JSON or YAML files, whose names may end in a pattern. spec 5.11.
#pragma once

#include <absl/status/statusor.h>

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "server/config/config.h"
#include "server/discovery/discoverer.h"

namespace server {

// [{"targets": ["host:port", ...], "labels": {...}}, ...] as groups with __meta_filepath and
// sources "path:index". JSON when the name says so. Errors name file, line and column.
absl::StatusOr<std::vector<TargetGroup>> ParseTargetFile(const std::string& path,
                                                         std::string_view text);

struct FileDiscoveryStats {
  uint64_t read_errors = 0;               // Since the start.
  std::map<std::string, double> mtime_s;  // By file.
};

// Every poll looks for new, changed and vanished files; whether one changed is seen by its size,
// inode and time. Everything is read anew each refresh interval. A file that cannot be read or
// parsed keeps its last good groups, is counted, and said once in the log until it changes.
class FileDiscovery final : public Discoverer {
 public:
  explicit FileDiscovery(FileSdConfig config);
  bool Poll(int64_t now_ms) override;
  const std::vector<TargetGroup>& groups() const override { return groups_; }

  const FileSdConfig& config() const { return config_; }
  const FileDiscoveryStats& stats() const { return stats_; }

 private:
  struct Signature {
    int64_t mtime_ns = -1, size = 0;
    uint64_t inode = 0;
    friend bool operator==(const Signature&, const Signature&) = default;
  };
  struct File {
    Signature signature;
    std::vector<TargetGroup> groups;
    std::string error;  // "" when the last reading went well.
  };
  static Signature Look(const std::string& path);
  void Read(const std::string& path, Signature signature, int64_t now_ms, File* file);

  const FileSdConfig config_;
  std::map<std::string, File> files_;
  std::vector<TargetGroup> groups_;
  FileDiscoveryStats stats_;
  int64_t next_refresh_ms_ = 0;
  bool seen_ = false;
};

}  // namespace server
