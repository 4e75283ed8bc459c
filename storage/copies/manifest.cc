#include "storage/copies/manifest.h"

#include <algorithm>
#include <charconv>
#include <optional>

#include "storage/base/status.h"
#include "storage/copies/copy_name.h"
#include "wal/crc32c.h"

namespace storage {
namespace {

constexpr std::string_view kTitle = "tidemark backup ";
constexpr int kVersion = 1;
constexpr uint64_t kMaxBytes = 1 << 30;
constexpr size_t kHashDigits = 32;

absl::Status Bad(std::string_view what) { return base::DataLoss("damaged: {}", what); }

// Takes the text before `end` off `rest`.
std::optional<std::string_view> Take(std::string_view* rest, char end) {
  const size_t at = rest->find(end);
  if (at == std::string_view::npos) return std::nullopt;
  const std::string_view taken = rest->substr(0, at);
  rest->remove_prefix(at + 1);
  return taken;
}

template <class N>
bool ParseNumber(std::string_view text, N* n, int base = 10) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), *n, base);
  return error == std::errc() && end == text.data() + text.size();
}

bool IsLowerHex(std::string_view text) {
  return text.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

// Stays below its folder, and fits into a line.
bool IsGoodPath(std::string_view path) {
  if (path.empty() || path.ends_with('/')) return false;
  for (const char c : path) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) return false;
  }
  while (!path.empty()) {
    const size_t end = path.find('/');
    const std::string_view part = path.substr(0, end);
    if (part.empty() || part == "." || part == "..") return false;
    path.remove_prefix(end == std::string_view::npos ? path.size() : end + 1);
  }
  return true;
}

absl::Status ParseFile(std::string_view line, BackupFile* file) {
  const auto bytes = Take(&line, ' '), hash = Take(&line, ' '), id = Take(&line, ' ');
  if (!bytes || !hash || !id) return Bad("a file's line is short");
  if (!ParseNumber(*bytes, &file->sum.bytes)) return Bad("a file's size");
  if (hash->size() != kHashDigits ||
      !ParseNumber(hash->substr(0, 16), &file->sum.hash.high, 16) ||
      !ParseNumber(hash->substr(16), &file->sum.hash.low, 16)) {
    return Bad("a file's checksum");
  }
  if (*id != "-") {
    if (id->empty() || !IsLowerHex(*id)) return Bad("a table's id");
    file->table_id = *id;
  }
  if (!IsGoodPath(line)) return Bad("a file's path");
  file->path = line;
  return absl::OkStatus();
}

}  // namespace

uint64_t BackupManifest::bytes() const {
  uint64_t bytes = 0;
  for (const BackupFile& file : files) bytes += file.sum.bytes;
  return bytes;
}

std::string BackupManifest::ToText() const {
  std::string text = fmt::format("{}{}\nname {}\ntime {}\n", kTitle, kVersion, name, time_ms);
  for (const BackupFile& file : files) {
    text += fmt::format("file {} {:016x}{:016x} {} {}\n", file.sum.bytes, file.sum.hash.high,
                        file.sum.hash.low, file.table_id.empty() ? "-" : file.table_id, file.path);
  }
  text += fmt::format("end {} {:08x}\n", files.size(), wal::Crc32c(text));
  return text;
}

absl::StatusOr<BackupManifest> BackupManifest::Parse(std::string_view text) {
  std::string_view rest = text;
  const auto title = Take(&rest, '\n');
  int version = 0;
  if (!title || !title->starts_with(kTitle) ||
      !ParseNumber(title->substr(kTitle.size()), &version) || version < 1) {
    return Bad(fmt::format("it does not begin with \"{}<number>\"", kTitle));
  }
  if (version > kVersion) {
    return base::FailedPrecondition(
        "backup format {} is newer than {}, the newest this version of tidemark knows", version,
        kVersion);
  }
  BackupManifest manifest;
  for (;;) {
    const std::string_view before = text.substr(0, text.size() - rest.size());
    auto line = Take(&rest, '\n');
    if (!line) return Bad("its end is missing");
    const auto key = Take(&*line, ' ');
    if (!key) return Bad("a line without a value");
    if (*key == "file") {
      RETURN_IF_ERROR(ParseFile(*line, &manifest.files.emplace_back()));
    } else if (*key == "name") {
      manifest.name = *line;
    } else if (*key == "time") {
      if (!ParseNumber(*line, &manifest.time_ms)) return Bad("its time");
    } else if (*key == "end") {
      if (!line->ends_with(fmt::format(" {:08x}", wal::Crc32c(before)))) {
        return Bad("its own checksum differs");
      }
      break;
    } else {
      return Bad(fmt::format("an unknown line \"{}\"", *key));
    }
  }
  const bool sorted = std::is_sorted(
      manifest.files.begin(), manifest.files.end(),
      [](const BackupFile& a, const BackupFile& b) { return a.path <= b.path; });
  if (!IsCopyName(manifest.name) || !sorted) return Bad("its name or the order of its files");
  if (manifest.ToText() != text) return Bad("it is not written as it should be");
  return manifest;
}

absl::StatusOr<BackupManifest> BackupManifest::Read(const std::string& folder) {
  const std::string path = folder + "/" + std::string(kManifestName);
  ASSIGN_OR_RETURN(const std::string text, ReadFile(path, kMaxBytes));
  auto manifest = Parse(text);
  if (!manifest.ok()) return base::Annotate(manifest.status(), path);
  return manifest;
}

}  // namespace storage
