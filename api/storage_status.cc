// /api/v1/status/storage: what lies on the disk and in memory, by component and by day. Ours.
#include <map>

#include "api/route_groups.h"
#include "api/time_text.h"
#include "storage/base/status.h"

namespace api {
namespace {

constexpr int64_t kDayMs = 86'400'000;

void Number(JsonWriter* json, std::string_view key, uint64_t value) {
  json->Key(key);
  json->Uint(value);
}
void Float(JsonWriter* json, std::string_view key, double value) {
  json->Key(key);
  json->Raw(fmt::format("{:.4g}", value));
}
void Signed(JsonWriter* json, std::string_view key, int64_t value) {
  json->Key(key);
  json->Int(value);
}

int64_t DayOf(model::TimeMs t) { return (t >= 0 ? t : t - kDayMs + 1) / kDayMs; }

// What a block, or the blocks of a day, hold, and when they go by age: once the newest sample lies that
// far behind their end.
void WriteHeld(JsonWriter* json, model::TimeRange range, uint64_t samples, uint64_t chunks,
               uint64_t bytes, uint64_t damaged, const ResourceState& resources) {
  Number(json, "samples", samples);
  Number(json, "chunks", chunks);
  Number(json, "bytes", bytes);
  if (samples > 0) {
    Float(json, "bytesPerSample", static_cast<double>(bytes) / static_cast<double>(samples));
  }
  Number(json, "damagedChunks", damaged);
  if (resources.retention_ms > 0) Signed(json, "deletedAt", range.max + resources.retention_ms);
}

struct Partition {
  uint64_t blocks = 0, largest_series = 0, samples = 0, chunks = 0, bytes = 0, damaged = 0;
  model::TimeRange range = model::TimeRange::None();
};

// Blocks are put to the day they begin on; a merged one lies within its day.
void WritePartitions(JsonWriter* json, const std::vector<storage::BlockMeta>& metas,
                     const ResourceState& resources) {
  std::map<int64_t, Partition> days;
  model::TimeMs newest = INT64_MIN;
  for (const storage::BlockMeta& meta : metas) {
    Partition& day = days[DayOf(meta.range.min)];
    ++day.blocks;
    day.largest_series = std::max(day.largest_series, meta.num_series);
    day.samples += meta.num_samples;
    day.chunks += meta.num_chunks;
    day.bytes += meta.bytes;
    day.damaged += meta.damaged_chunks;
    day.range.Extend(meta.range);
    newest = std::max(newest, meta.range.max);
  }
  json->Key("partitions");
  json->BeginArray();
  for (const auto& [number, day] : days) {
    json->BeginObject();
    json->Key("day");
    json->String(FormatRfc3339Ns(number * kDayMs * 1'000'000).substr(0, 10));
    Signed(json, "minTime", day.range.min);
    Signed(json, "maxTime", day.range.max);
    Number(json, "blocks", day.blocks);
    Number(json, "series", day.largest_series);
    WriteHeld(json, day.range, day.samples, day.chunks, day.bytes, day.damaged, resources);
    json->EndObject();
  }
  json->EndArray();
}

void WriteBlockList(JsonWriter* json, const std::vector<storage::BlockMeta>& metas,
                    const ResourceState& resources) {
  json->Key("blockList");
  json->BeginArray();
  for (const storage::BlockMeta& meta : metas) {
    json->BeginObject();
    json->Key("ulid");
    json->String(meta.ulid);
    Signed(json, "level", meta.level);
    Signed(json, "minTime", meta.range.min);
    Signed(json, "maxTime", meta.range.max);
    Number(json, "series", meta.num_series);
    WriteHeld(json, meta.range, meta.num_samples, meta.num_chunks, meta.bytes, meta.damaged_chunks,
              resources);
    json->EndObject();
  }
  json->EndArray();
}

void WriteDisk(JsonWriter* json, const ResourceState& r) {
  json->Key("disk");
  json->BeginObject();
  Signed(json, "totalBytes", r.disk.total_bytes);
  Signed(json, "freeBytes", r.disk.free_bytes);
  Signed(json, "minFreeBytes", r.min_free_bytes);
  Signed(json, "reserveBytes", r.reserve_bytes);
  json->Key("readOnly");
  json->Bool(r.disk.read_only);
  json->Key("low");
  json->Bool(r.disk_state == storage::DiskState::kLow);
  if (r.growth_known) {
    Float(json, "growthBytesPerDay", r.growth_bytes_per_day);
    if (r.growth_bytes_per_day > 0) {
      const int64_t room = std::max<int64_t>(0, r.disk.free_bytes - r.min_free_bytes);
      Float(json, "daysUntilFull", static_cast<double>(room) / r.growth_bytes_per_day);
    }
  }
  json->EndObject();
}

void WriteMemory(JsonWriter* json, const ResourceState& r) {
  json->Key("memory");
  json->BeginObject();
  Signed(json, "limitBytes", r.split.limit_bytes);
  Signed(json, "residentBytes", r.use.resident_bytes);
  Signed(json, "headBytes", r.use.head_bytes);
  Signed(json, "headShareBytes", r.split.head_bytes);
  Signed(json, "cacheBytes", r.use.cache_bytes);
  Signed(json, "cacheShareBytes", r.split.cache_bytes);
  Signed(json, "queryShareBytes", r.split.query_bytes);
  json->Key("shedding");
  json->String(storage::ToString(r.stage));
  json->EndObject();
}

void WriteParts(JsonWriter* json, const storage::DatabaseStats& stats) {
  json->Key("head");
  json->BeginObject();
  Number(json, "series", stats.head.num_series);
  Number(json, "chunks", stats.head.num_chunks);
  Number(json, "samples", stats.head.num_samples);
  Number(json, "bytes", stats.head.bytes);
  Number(json, "flushes", stats.flushes);
  Number(json, "flushFailures", stats.flush_failures);
  json->EndObject();
  json->Key("log");
  json->BeginObject();
  Number(json, "bytes", stats.wal_bytes);
  Number(json, "segment", stats.wal.segment);
  Number(json, "writesFailed", stats.wal.append_failures);
  Number(json, "corruptions", stats.wal_corruptions);
  json->EndObject();
  json->Key("blocks");
  json->BeginObject();
  Number(json, "bytes", stats.block_bytes);
  Number(json, "damagedChunksMet", stats.blocks.damaged_chunks);
  Number(json, "unreadable", stats.blocks.unreadable_blocks);
  json->EndObject();
}

void Text(JsonWriter* json, std::string_view key, std::string_view value) {
  json->Key(key);
  json->String(value);
}

void WriteDamage(JsonWriter* json, const storage::DamageList& damage) {
  json->Key("damage");
  json->BeginArray();
  for (const storage::Damage& d : damage.list()) {
    json->BeginObject();
    Text(json, "block", d.block);
    Text(json, "series", d.series);
    if (d.range != model::TimeRange()) {  // All time: nobody knows.
      Signed(json, "mint", d.range.min);
      Signed(json, "maxt", d.range.max);
    }
    Text(json, "what", d.what);
    Signed(json, "found_at", d.found_at_ms);
    Text(json, "found_by", ToString(d.found_by));
    json->EndObject();
  }
  json->EndArray();
  Number(json, "damageFound", damage.found());
  Number(json, "damageNotListed", damage.not_listed());
}

}  // namespace

absl::Status WriteStorageStatus(const ApiDependencies& d, Reply* reply) {
  storage::Database* const database = d.storage->database();
  if (database == nullptr) return base::Unavailable("TSDB not ready");
  const ResourceState resources = d.status->Resources();
  JsonWriter* json = reply->json();
  json->BeginObject();
  WriteDisk(json, resources);
  WriteMemory(json, resources);
  WriteParts(json, database->stats());
  Signed(json, "retentionMs", resources.retention_ms);
  Signed(json, "retentionBytes", resources.retention_bytes);
  const std::vector<storage::BlockMeta> metas = database->blocks()->Metas();
  WritePartitions(json, metas, resources);
  WriteBlockList(json, metas, resources);
  WriteDamage(json, *database->blocks()->damage());
  json->EndObject();
  return absl::OkStatus();
}

}  // namespace api
