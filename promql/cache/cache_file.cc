#include "promql/cache/cache_file.h"

#include <algorithm>
#include <bit>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "storage/base/coding.h"
#include "storage/base/hash.h"
#include "storage/base/status.h"

namespace promql {
namespace {

constexpr std::string_view kHead = "tidemark results 1\n";
constexpr size_t kChecksumBytes = 16;
constexpr uint64_t kMostSteps = 1 << 24;
constexpr int64_t kFarthest = int64_t{1} << 62;

void AppendChecksum(std::string* bytes) {
  const base::Hash128 hash = base::HashBytes128(*bytes, 0);
  base::AppendLittleEndian(bytes, hash.low);
  base::AppendLittleEndian(bytes, hash.high);
}

void AppendRow(const StepColumns::Row& row, std::string* out) {
  base::AppendString(out, row.labels.bytes());
  base::AppendVarint(out, row.runs.size());
  int32_t at = 0;
  for (const StepColumns::Run& run : row.runs) {
    base::AppendVarint(out, static_cast<uint64_t>(run.first - at));
    base::AppendVarint(out, static_cast<uint64_t>(run.count));
    at = run.end();
  }
  for (const double v : row.values) base::AppendLittleEndian(out, std::bit_cast<uint64_t>(v));
}

void AppendEntry(const std::string& key, const ResultCache::Entry& entry, std::string* out) {
  base::AppendString(out, key);
  const Grid& grid = entry.columns->grid;
  base::AppendZigZag(out, grid.start);
  base::AppendVarint(out, static_cast<uint64_t>(grid.step_ms));
  base::AppendVarint(out, static_cast<uint64_t>(grid.size()));
  base::AppendVarint(out, static_cast<uint64_t>(entry.wanted));
  base::AppendZigZag(out, entry.reach.back_ms);
  base::AppendZigZag(out, entry.reach.ahead_ms);
  base::AppendVarint(out, entry.reach.fixed.size());
  for (const model::TimeRange& fixed : entry.reach.fixed) {
    base::AppendZigZag(out, fixed.min);
    base::AppendZigZag(out, fixed.max);
  }
  base::AppendVarint(out, entry.infos.size());
  for (const std::string& info : entry.infos) base::AppendString(out, info);
  base::AppendVarint(out, entry.columns->rows.size());
  for (const StepColumns::Row& row : entry.columns->rows) AppendRow(row, out);
}

bool GetBelow(std::string_view* in, uint64_t most, uint64_t* n) {
  return base::GetVarint(in, n) && *n <= most;
}

bool GetRow(std::string_view* in, uint64_t steps, StepColumns::Row* row) {
  std::string_view labels;
  uint64_t runs;
  if (!base::GetString(in, &labels) || !model::Labels::Valid(labels) ||
      !GetBelow(in, steps, &runs) || runs == 0) {
    return false;
  }
  row->labels = model::Labels::FromCanonical(std::string(labels));
  uint64_t at = 0, values = 0;
  for (uint64_t i = 0; i < runs; ++i) {
    uint64_t gap, count;
    if (!GetBelow(in, steps - at, &gap) || !GetBelow(in, steps - at - gap, &count)) return false;
    if (count == 0 || (i > 0 && gap == 0)) return false;
    row->runs.push_back({static_cast<int32_t>(at + gap), static_cast<int32_t>(count)});
    at += gap + count;
    values += count;
  }
  if (in->size() / sizeof(double) < values) return false;
  row->values.reserve(values);
  for (uint64_t i = 0; i < values; ++i) {
    uint64_t bits;
    if (!base::GetLittleEndian(in, &bits)) return false;
    row->values.push_back(std::bit_cast<double>(bits));
  }
  return true;
}

bool GetReach(std::string_view* in, Reach* reach) {
  uint64_t fixed;
  if (!base::GetZigZag(in, &reach->back_ms) || !base::GetZigZag(in, &reach->ahead_ms) ||
      !GetBelow(in, in->size(), &fixed)) {
    return false;
  }
  const auto sane = [](int64_t t) { return -kFarthest <= t && t <= kFarthest; };
  if (!sane(reach->back_ms) || !sane(reach->ahead_ms)) return false;
  for (uint64_t i = 0; i < fixed; ++i) {
    model::TimeRange range;
    if (!base::GetZigZag(in, &range.min) || !base::GetZigZag(in, &range.max)) return false;
    reach->fixed.push_back(range);
  }
  return true;
}

bool GetEntry(std::string_view* in, std::string* key, ResultCache::Entry* entry) {
  std::string_view text;
  StepColumns columns;
  uint64_t step, steps, wanted, infos, rows;
  if (!base::GetString(in, &text) || !base::GetZigZag(in, &columns.grid.start) ||
      !GetBelow(in, kFarthest / kMostSteps, &step) || step == 0 ||
      !GetBelow(in, kMostSteps, &steps) || steps == 0 || !GetBelow(in, kMostSteps, &wanted) ||
      columns.grid.start < -kFarthest / 2 || columns.grid.start > kFarthest / 2 ||
      !GetReach(in, &entry->reach) || !GetBelow(in, in->size(), &infos)) {
    return false;
  }
  *key = text;
  entry->wanted = static_cast<int>(wanted);
  columns.grid.step_ms = static_cast<int64_t>(step);
  columns.grid.end = columns.grid.at(static_cast<int>(steps - 1));
  for (uint64_t i = 0; i < infos; ++i) {
    if (!base::GetString(in, &text)) return false;
    entry->infos.emplace_back(text);
  }
  if (!GetBelow(in, in->size(), &rows)) return false;
  for (uint64_t i = 0; i < rows; ++i) {
    StepColumns::Row row;
    if (!GetRow(in, steps, &row)) return false;
    if (i > 0 && !((columns.rows.back().labels <=> row.labels) < 0)) return false;
    columns.rows.push_back(std::move(row));
  }
  entry->columns = std::make_shared<const StepColumns>(std::move(columns));
  return true;
}

}  // namespace

std::string EncodeCache(std::string_view id, const CacheEntries& entries) {
  std::string bytes(kHead);
  base::AppendString(&bytes, id);
  base::AppendVarint(&bytes, entries.size());
  for (const auto& [key, entry] : entries) AppendEntry(key, entry, &bytes);
  AppendChecksum(&bytes);
  return bytes;
}

std::optional<CacheEntries> DecodeCache(std::string_view bytes, std::string_view id) {
  if (bytes.size() < kChecksumBytes || !bytes.starts_with(kHead)) return std::nullopt;
  std::string checked(bytes.substr(0, bytes.size() - kChecksumBytes));
  AppendChecksum(&checked);
  if (checked != bytes) return std::nullopt;
  std::string_view in = bytes.substr(0, bytes.size() - kChecksumBytes);
  in.remove_prefix(kHead.size());
  std::string_view of;
  uint64_t count;
  if (!base::GetString(&in, &of) || of != id || !GetBelow(&in, in.size(), &count)) {
    return std::nullopt;
  }
  CacheEntries entries;
  for (uint64_t i = 0; i < count; ++i) {
    auto& [key, entry] = entries.emplace_back();
    if (!GetEntry(&in, &key, &entry)) return std::nullopt;
  }
  if (!in.empty()) return std::nullopt;
  return entries;
}

absl::Status SaveCache(const ResultCache& cache, const storage::ChangeLog& changes,
                       std::string_view id, const std::string& path) {
  CacheEntries right;
  for (auto& [key, entry] : cache.List()) {
    const int steps = entry.columns->grid.size();
    const StepsView view =
        FindRight(*entry.columns, entry.reach, changes.Since(entry.version), 0, steps);
    if (view.count == 0) continue;
    if (view.count < steps) {
      entry.columns = std::make_shared<const StepColumns>(Join({&view, 1}));
    }
    right.emplace_back(std::move(key), std::move(entry));
  }
  const std::string aside = path + ".tmp";
  std::ofstream file(aside, std::ios::binary | std::ios::trunc);
  file << EncodeCache(id, right);
  file.close();
  std::error_code error;
  if (file) std::filesystem::rename(aside, path, error);
  if (file && !error) return absl::OkStatus();
  std::filesystem::remove(aside, error);
  return base::Unavailable("{}: cannot be written", path);
}

size_t LoadCache(const std::string& path, std::string_view id, storage::ChangeLog* changes,
                 ResultCache* cache) {
  std::string bytes;
  {
    std::ifstream file(path, std::ios::binary);
    if (!file) return 0;
    std::ostringstream text;
    text << file.rdbuf();
    bytes = std::move(text).str();
  }
  std::error_code error;
  if (!std::filesystem::remove(path, error) || error) return 0;  // It would be there another time.
  std::optional<CacheEntries> entries = DecodeCache(bytes, id);
  if (!entries.has_value()) return 0;
  const storage::ChangeLog::Version version = changes->Now();
  for (auto it = entries->rbegin(); it != entries->rend(); ++it) {  // Used last comes last.
    it->second.version = version;
    cache->Put(it->first, std::move(it->second), /*seldom=*/false);
  }
  return entries->size();
}

}  // namespace promql
