#include "storage/block/live_list.h"

#include <charconv>
#include <filesystem>
#include <fstream>
#include <sstream>

#include <absl/strings/str_split.h>
#include <fmt/format.h>

#include "storage/base/log.h"
#include "storage/base/status.h"
#include "storage/block/ulid.h"
#include "wal/crc32c.h"
#include "wal/file.h"

namespace storage::block {
namespace {

constexpr std::string_view kHead = "tidemark blocks 1";

std::optional<std::string> ReadFile(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) return std::nullopt;
  std::ostringstream text;
  text << file.rdbuf();
  return std::move(text).str();
}

template <class Number>
bool GetNumber(std::string_view text, int base, Number* n) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), *n, base);
  return error == std::errc() && end == text.data() + text.size();
}

// A name in the store's folder, not a way out of it.
bool IsName(std::string_view text) {
  return !text.empty() && text.find('/') == std::string_view::npos && text[0] != '.';
}

}  // namespace

std::string FormatLiveList(const LiveList& list) {
  std::string text = fmt::format("{}\nmanifest {} {}\nwatermark {}\n", kHead, list.manifest,
                                 list.manifest_bytes, list.watermark);
  for (const LiveList::Entry& block : list.blocks) {
    text += "block " + block.ulid;
    for (const std::string& table : block.tables) text += " " + table;
    text += '\n';
  }
  text += fmt::format("crc32c {:08x}\n", wal::Crc32c(text));
  return text;
}

std::optional<LiveList> ParseLiveList(std::string_view text) {
  const size_t last = text.rfind("crc32c ");
  uint32_t checksum = 0;
  if (last == std::string_view::npos || text.back() != '\n' ||
      !GetNumber(text.substr(last + 7, text.size() - last - 8), 16, &checksum) ||
      checksum != wal::Crc32c(text.substr(0, last))) {
    return std::nullopt;
  }
  LiveList list;
  bool first = true;
  for (const auto part : absl::StrSplit(absl::string_view(text.data(), last), '\n')) {
    const std::vector<std::string> words = absl::StrSplit(part, ' ');
    if (first) {
      if (std::string_view(part.data(), part.size()) != kHead) return std::nullopt;
      first = false;
    } else if (words[0] == "manifest" && words.size() == 3 && IsName(words[1]) &&
               GetNumber(words[2], 10, &list.manifest_bytes)) {
      list.manifest = words[1];
    } else if (words[0] == "watermark" && words.size() == 2 &&
               GetNumber(words[1], 10, &list.watermark)) {
      continue;
    } else if (words[0] == "block" && words.size() > 2 && IsUlid(words[1])) {
      list.blocks.push_back({words[1], {words.begin() + 2, words.end()}});
      for (const std::string& table : list.blocks.back().tables) {
        if (!IsName(table)) return std::nullopt;
      }
    } else if (!part.empty()) {
      return std::nullopt;
    }
  }
  if (list.manifest.empty()) return std::nullopt;
  return list;
}

std::string LiveListPath(const std::string& dir) { return dir + "/LIVE"; }

std::optional<LiveList> ReadLiveList(const std::string& dir) {
  const std::optional<std::string> text = ReadFile(LiveListPath(dir));
  if (!text) return std::nullopt;
  std::optional<LiveList> list = ParseLiveList(*text);
  if (!list) {
    base::Log(base::LogLevel::kWarn, "blocks", "The second list of blocks is damaged, and written anew",
              {{"file", LiveListPath(dir)}});
  }
  return list;
}

absl::Status WriteLiveList(const std::string& dir, const LiveList& list) {
  wal::FileSystem* const files = wal::FileSystem::Posix();
  const std::string aside = LiveListPath(dir) + ".tmp";
  std::error_code ignored;
  std::filesystem::remove(aside, ignored);
  ASSIGN_OR_RETURN(const auto file, files->Create(aside));
  RETURN_IF_ERROR(file->Append(FormatLiveList(list)));
  RETURN_IF_ERROR(file->Sync());
  RETURN_IF_ERROR(files->Rename(aside, LiveListPath(dir)));
  return files->SyncDir(dir);
}

ManifestState LookAtManifest(const std::string& dir, const LiveList& list) {
  const std::optional<std::string> current = ReadFile(dir + "/CURRENT");
  if (!current) return ManifestState::kDamaged;
  if (*current != list.manifest + "\n") return ManifestState::kNewer;
  std::error_code error;
  const uintmax_t bytes = std::filesystem::file_size(dir + "/" + list.manifest, error);
  return error || bytes < list.manifest_bytes ? ManifestState::kDamaged : ManifestState::kWhole;
}

}  // namespace storage::block
