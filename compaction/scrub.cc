#include "compaction/scrub.h"

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <fstream>
#include <sstream>

#include <fmt/format.h>

#include "storage/base/log.h"
#include "storage/base/status.h"
#include "storage/block/ulid.h"
#include "wal/crc32c.h"
#include "wal/file.h"

namespace compaction {
namespace {

constexpr std::string_view kCrc = "crc32c ";

std::string ReadText(const std::string& path) {
  std::ifstream file(path);
  std::ostringstream text;
  text << file.rdbuf();
  return std::move(text).str();
}

// It is no loss when a power cut takes it, so nothing is synced.
absl::Status WriteText(const std::string& path, std::string_view text) {
  wal::FileSystem* const files = wal::FileSystem::Posix();
  const std::string aside = path + ".tmp";
  std::error_code ignored;
  std::filesystem::remove(aside, ignored);
  ASSIGN_OR_RETURN(auto file, files->Create(aside));
  RETURN_IF_ERROR(file->Append(text));
  return files->Rename(aside, path);
}

template <class T>
bool ParseNumber(std::string_view text, T* number, int base = 10) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), *number, base);
  return error == std::errc() && end == text.data() + text.size();
}

}  // namespace

std::string ScrubText(const std::map<std::string, model::TimeMs>& verified) {
  std::string text;
  for (const auto& [ulid, ms] : verified) text += fmt::format("{} {}\n", ulid, ms);
  return text + fmt::format("{}{:08x}\n", kCrc, wal::Crc32c(text));
}

std::optional<std::map<std::string, model::TimeMs>> ParseScrubText(std::string_view text) {
  if (text.size() < kCrc.size() + 9) return std::nullopt;
  std::string_view tail = text.substr(text.size() - kCrc.size() - 9);
  text.remove_suffix(tail.size());
  uint32_t crc;
  if (!tail.starts_with(kCrc) || !tail.ends_with('\n') ||
      !ParseNumber(tail.substr(kCrc.size(), 8), &crc, 16) || crc != wal::Crc32c(text)) {
    return std::nullopt;
  }
  std::map<std::string, model::TimeMs> verified;
  while (!text.empty()) {
    const size_t end = text.find('\n'), space = text.find(' ');
    model::TimeMs ms;
    if (end == std::string_view::npos || space >= end ||
        !ParseNumber(text.substr(space + 1, end - space - 1), &ms)) {
      return std::nullopt;
    }
    verified[std::string(text.substr(0, space))] = ms;
    text.remove_prefix(end + 1);
  }
  return verified;
}

Scrub::Scrub(storage::BlockStore* blocks, std::string file, ScrubOptions options)
    : blocks_(blocks), file_(std::move(file)), options_(options) {
  if (options_.interval_ms <= 0) return;
  if (auto verified = ParseScrubText(ReadText(file_))) verified_ = *std::move(verified);
}

std::optional<uint64_t> Scrub::Step(uint64_t bytes, model::TimeMs now) {
  if (options_.interval_ms <= 0) return std::nullopt;
  if (verifier_ == nullptr && !Begin(now)) return std::nullopt;
  const bool more = verifier_->Next(bytes);
  const uint64_t read = verifier_->bytes_read() - std::exchange(bytes_before_, verifier_->bytes_read());
  stats_.bytes += read;
  stats_.damaged += verifier_->damaged() - std::exchange(damaged_before_, verifier_->damaged());
  if (!more) End(now);
  return read;
}

bool Scrub::Begin(model::TimeMs now) {
  std::map<std::string, model::TimeMs> known;  // Without blocks that are gone.
  stats_.blocks_due = 0;
  stats_.oldest = now;
  for (const storage::BlockMeta& meta : blocks_->Metas()) {
    const auto it = verified_.find(meta.ulid);
    if (it != verified_.end()) known.insert(*it);
    const model::TimeMs last = it != verified_.end() ? it->second : storage::block::UlidTimeMs(meta.ulid);
    // A time of the future is one of a clock that was ahead.
    if (last <= now && now - last < options_.interval_ms) {
      stats_.oldest = std::min(stats_.oldest, last);
      continue;
    }
    ++stats_.blocks_due;
    if (stats_.blocks_due > 1 && last >= stats_.oldest) continue;
    stats_.oldest = last;
    block_ = meta.ulid;
  }
  verified_ = std::move(known);
  if (stats_.blocks_due == 0) return false;
  const auto tell = [damage = blocks_->damage()](storage::Damage found) {
    found.found_by = storage::FoundBy::kScrub;
    damage->Add(std::move(found));
  };
  bytes_before_ = damaged_before_ = 0;
  absl::Status status = blocks_->VerifyShared(tell);
  if (status.ok()) {
    auto verifier = blocks_->NewVerifier(block_, tell);
    status = verifier.status();
    if (status.ok()) verifier_ = *std::move(verifier);
  }
  return status.ok();  // Otherwise it was dropped just now, or RocksDB is being opened again.
}

void Scrub::End(model::TimeMs now) {
  ++stats_.blocks;
  --stats_.blocks_due;
  base::Log(base::LogLevel::kInfo, "compaction", "Verified a block",
            {{"block", block_},
             {"bytes", std::to_string(verifier_->bytes_read())},
             {"damaged", std::to_string(verifier_->damaged())}});
  verifier_.reset();
  verified_[block_] = now;
  // Forgetting it costs reading a block once more; a disk that is full has other worries.
  WriteText(file_, ScrubText(verified_)).IgnoreError();
}

}  // namespace compaction
