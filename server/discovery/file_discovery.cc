#include "server/discovery/file_discovery.h"

#include <glob.h>
#include <sys/stat.h>

#include <set>
#include <utility>

#include "server/config/fields.h"
#include "server/config/load.h"
#include "server/config/schema.h"
#include "storage/base/log.h"

namespace server {
namespace {

std::set<std::string> FilesOf(const std::vector<std::string>& patterns) {
  std::set<std::string> out;
  for (const std::string& pattern : patterns) {
    glob_t found{};
    if (glob(pattern.c_str(), 0, nullptr, &found) == 0) {
      for (size_t i = 0; i < found.gl_pathc; ++i) out.emplace(found.gl_pathv[i]);
    }
    globfree(&found);
  }
  return out;
}

TargetGroup ReadGroup(const YamlNode& node, std::string source, const std::string& path,
                      Problems* problems) {
  const Fields fields(node);
  TargetGroup group;
  group.source = std::move(source);
  for (const std::string& target : fields.Strings("targets")) {
    group.targets.push_back(model::Labels::FromPairs({{"__address__", target}}));
  }
  std::vector<model::Labels::Pair> labels;
  const YamlNode& map = fields.Section("labels").node();
  for (size_t i = 0; i < map.keys.size(); ++i) {
    if (!model::IsValidUtf8(map.items[i].text)) problems->Add(map.items[i], "a value is not UTF-8");
    labels.emplace_back(map.keys[i].name, map.items[i].text);
  }
  labels.emplace_back("__meta_filepath", path);
  group.labels = model::Labels::FromPairs(std::move(labels));
  return group;
}

}  // namespace

absl::StatusOr<std::vector<TargetGroup>> ParseTargetFile(const std::string& path,
                                                         std::string_view text) {
  const bool json = path.ends_with(".json") || path.ends_with(".JSON");
  if (json && text.find_first_not_of(" \t\r\n") == std::string_view::npos) {
    return base::InvalidArgument("{}:1:1: unexpected end of JSON input", path);
  }
  ASSIGN_OR_RETURN(const YamlNode root,
                   ParseYaml(text, path, json ? YamlSyntax::kJson : YamlSyntax::kYaml));
  Problems problems(path);
  std::vector<TargetGroup> groups;
  if (!root.is_null() && !root.is_sequence()) {
    problems.Add(root, "must be a list of target groups");
  }
  for (size_t i = 0; root.is_sequence() && i < root.items.size(); ++i) {
    const YamlNode& item = root.items[i];
    if (item.is_null()) {
      problems.Add(item, "nil target group item found (index {})", i);
      continue;
    }
    CheckSchema(item, "static_configs", fmt::format("[{}]", i), &problems);
    groups.push_back(ReadGroup(item, fmt::format("{}:{}", path, i), path, &problems));
  }
  RETURN_IF_ERROR(problems.status());
  return groups;
}

FileDiscovery::FileDiscovery(FileSdConfig config) : config_(std::move(config)) {}

FileDiscovery::Signature FileDiscovery::Look(const std::string& path) {
  struct stat info {};
  if (stat(path.c_str(), &info) != 0) return {};
  return {.mtime_ns = info.st_mtim.tv_sec * 1'000'000'000 + info.st_mtim.tv_nsec,
          .size = info.st_size,
          .inode = info.st_ino};
}

void FileDiscovery::Read(const std::string& path, Signature signature, int64_t now_ms, File* file) {
  // A file written to in this very moment may change again within the clock's grain.
  const bool settled = now_ms - signature.mtime_ns / 1'000'000 > 50;
  file->signature = settled ? signature : Signature{};
  absl::StatusOr<std::string> text = ReadFile(path);
  absl::StatusOr<std::vector<TargetGroup>> groups =
      text.ok() ? ParseTargetFile(path, *text) : text.status();
  stats_.mtime_s[path] = static_cast<double>(signature.mtime_ns) / 1e9;
  if (groups.ok()) {
    file->groups = *std::move(groups);
    file->error.clear();
    return;
  }
  ++stats_.read_errors;
  const std::string error(base::message(groups.status()));
  if (error == std::exchange(file->error, error)) return;
  base::Log(base::LogLevel::kError, "discovery", "Error reading file",
            {{"path", path}, {"err", error}});
}

bool FileDiscovery::Poll(int64_t now_ms) {
  const bool all = now_ms >= next_refresh_ms_;
  if (all) next_refresh_ms_ = now_ms + config_.refresh_interval_ms;
  const std::set<std::string> found = FilesOf(config_.files);
  bool read = false;
  for (const std::string& path : found) {
    const Signature signature = Look(path);
    const auto [file, added] = files_.try_emplace(path);
    if (!all && !added && signature == file->second.signature) continue;
    Read(path, signature, now_ms, &file->second);
    read = true;
  }
  const size_t vanished =
      std::erase_if(files_, [&](const auto& file) { return !found.contains(file.first); });
  std::erase_if(stats_.mtime_s, [&](const auto& file) { return !found.contains(file.first); });
  if (!read && vanished == 0) return !std::exchange(seen_, true);
  std::vector<TargetGroup> groups;
  for (const auto& [path, file] : files_) {
    groups.insert(groups.end(), file.groups.begin(), file.groups.end());
  }
  const bool changed = groups != groups_;
  groups_ = std::move(groups);
  return !std::exchange(seen_, true) || changed;
}

}  // namespace server
