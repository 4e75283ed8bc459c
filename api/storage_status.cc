// /api/v1/status/storage: what lies on the disk and in memory, by component, day and metric. Ours.
#include <algorithm>
#include <map>

#include "api/census_budget.h"
#include "api/params.h"
#include "api/route_groups.h"
#include "api/time_text.h"
#include "storage/base/hash.h"
#include "storage/base/status.h"

namespace api {
namespace {

constexpr int64_t kDayMs = 86'400'000;
constexpr int64_t kMaxMetrics = storage::Census::kMaxMetrics;

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

void Text(JsonWriter* json, std::string_view key, std::string_view value) {
  json->Key(key);
  json->String(value);
}

int64_t DayOf(model::TimeMs t) { return (t >= 0 ? t : t - kDayMs + 1) / kDayMs; }

// After what age all of a block goes: when the time of its longest policy is over too. 0: never.
int64_t WholeAgeMs(const ResourceState& r) {
  int64_t age = r.retention_ms;
  if (age == 0) return 0;
  for (const int64_t ms : r.policies_ms) age = std::max(age, ms);
  return age;
}

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
  const int64_t age_ms = WholeAgeMs(resources);
  if (age_ms > 0) Signed(json, "deletedAt", range.max + age_ms);
}

// How many samples are written in which form.
void WriteEncodings(JsonWriter* json, const storage::SamplesByForm& by_form) {
  json->Key("encodings");
  json->BeginObject();
  for (size_t form = 0; form < by_form.size(); ++form) {
    if (by_form[form] > 0) Number(json, storage::SampleFormName(form), by_form[form]);
  }
  json->EndObject();
}

struct Partition {
  uint64_t counted = 0;
  storage::SamplesByForm by_form{};
  uint64_t blocks = 0, largest_series = 0, samples = 0, chunks = 0, bytes = 0, damaged = 0;
  model::TimeRange range = model::TimeRange::None();
};

// Blocks are put to the day they begin on; a merged one lies within its day.
void WritePartitions(JsonWriter* json, const std::vector<storage::BlockMeta>& metas,
                     const storage::Census::Counted& counted, const ResourceState& resources) {
  std::map<int64_t, Partition> days;
  for (const storage::BlockMeta& meta : metas) {
    Partition& day = days[DayOf(meta.range.min)];
    ++day.blocks;
    day.largest_series = std::max(day.largest_series, meta.num_series);
    day.samples += meta.num_samples;
    day.chunks += meta.num_chunks;
    day.bytes += meta.bytes;
    day.damaged += meta.damaged_chunks;
    day.range.Extend(meta.range);
    const auto census = counted.find(meta.ulid);
    if (census == counted.end()) continue;
    ++day.counted;
    for (size_t form = 0; form < day.by_form.size(); ++form) {
      day.by_form[form] += census->second->all.by_form[form];
    }
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
    if (day.counted == day.blocks) WriteEncodings(json, day.by_form);
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
  Signed(json, "queryBytes", r.query_bytes);
  Signed(json, "queryShareBytes", r.split.query_bytes);
  Signed(json, "queriesRefused", static_cast<int64_t>(r.queries_refused));
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

struct MetricRow {
  std::string name;
  storage::CountedContents in_blocks;
  storage::MetricInHead in_head;
  uint64_t bytes() const { return in_blocks.bytes + in_head.bytes; }
};

// Those with most bytes, in blocks and in memory.
std::vector<MetricRow> LargestMetrics(const storage::CensusTotal& blocks,
                                      std::vector<storage::MetricInHead> head, size_t limit) {
  base::StringMap<MetricRow> rows;
  for (const auto& [name, contents] : blocks.metrics) rows[name].in_blocks = contents;
  for (storage::MetricInHead& metric : head) rows[metric.name].in_head = std::move(metric);
  std::vector<MetricRow> largest;
  for (auto& [name, row] : rows) {
    row.name = name;
    largest.push_back(std::move(row));
  }
  const auto end = largest.begin() + static_cast<std::ptrdiff_t>(std::min(limit, largest.size()));
  std::partial_sort(largest.begin(), end, largest.end(), [](const auto& a, const auto& b) {
    return a.bytes() != b.bytes() ? a.bytes() > b.bytes() : a.name < b.name;
  });
  largest.erase(end, largest.end());
  return largest;
}

// Metrics of the blocks counted so far, and of the head.
void WriteMetrics(JsonWriter* json, const storage::Census::Counted& counted,
                  std::vector<storage::MetricInHead> head, size_t num_blocks, size_t limit) {
  const storage::CensusTotal total = storage::Total(counted, SIZE_MAX);
  const auto held = [&](const storage::CountedContents& contents) {
    Number(json, "series", contents.series);
    Number(json, "samples", contents.samples);
    Number(json, "bytes", contents.bytes);
    if (contents.samples > 0) {
      Float(json, "bytesPerSample",
            static_cast<double>(contents.bytes) / static_cast<double>(contents.samples));
    }
    WriteEncodings(json, contents.by_form);
  };
  json->Key("counted");
  json->BeginObject();
  Number(json, "blocks", counted.size());
  Number(json, "blocksToCount", num_blocks - std::min(num_blocks, counted.size()));
  held(total.all);
  json->EndObject();
  json->Key("metrics");
  json->BeginArray();
  for (const MetricRow& row : LargestMetrics(total, std::move(head), limit)) {
    json->BeginObject();
    Text(json, "name", row.name);
    held(row.in_blocks);
    if (row.in_head.samples > 0) {
      json->Key("head");
      json->BeginObject();
      Number(json, "series", row.in_head.series);
      Number(json, "samples", row.in_head.samples);
      Number(json, "bytes", row.in_head.bytes);
      json->EndObject();
    }
    json->EndObject();
  }
  json->EndArray();
}

// The next time some but not all series of a block are over, by the policy they are under: it is then
// written anew without them.
struct PartialDeletion {
  const storage::BlockMeta* block = nullptr;
  int64_t at = INT64_MAX;
};

PartialDeletion NextPartial(const std::vector<storage::BlockMeta>& metas, const ResourceState& r,
                            model::TimeMs newest) {
  PartialDeletion next;
  if (r.policies_ms.empty()) return next;
  std::vector<int64_t> ages = r.policies_ms;
  if (r.retention_ms > 0) ages.push_back(r.retention_ms);
  const int64_t whole_age_ms = WholeAgeMs(r);
  for (const storage::BlockMeta& meta : metas) {
    for (const int64_t age : ages) {
      const int64_t at = meta.range.max + age;
      const bool past = at <= newest;
      if (age != whole_age_ms && !past && at < next.at) next = {&meta, at};
    }
  }
  return next;
}

// Which block retention takes next, or a part of it, when, and by which limit.
void WriteNextDeletion(JsonWriter* json, const std::vector<storage::BlockMeta>& metas,
                       const storage::DatabaseStats& stats, const ResourceState& r, int64_t now_ms) {
  const auto [oldest, newest] = std::minmax_element(
      metas.begin(), metas.end(),
      [](const auto& a, const auto& b) { return a.range.max < b.range.max; });
  if (metas.empty()) return;
  constexpr int64_t kNever = INT64_MAX;
  int64_t by_age = kNever, by_size = kNever;
  if (metas.size() > 1) {  // The newest one stays.
    if (const int64_t age_ms = WholeAgeMs(r); age_ms > 0) by_age = oldest->range.max + age_ms;
    if (r.retention_bytes > 0 && r.growth_known) {
      const double room = static_cast<double>(r.retention_bytes) -
                          static_cast<double>(stats.block_bytes + stats.wal_bytes);
      const double ms = r.growth_bytes_per_day <= 0 ? (room > 0 ? 1e18 : 0)
                                                    : room / r.growth_bytes_per_day * kDayMs;
      if (ms < 1e15) by_size = now_ms + static_cast<int64_t>(std::max(0.0, ms));
    }
  }
  const PartialDeletion partial = NextPartial(metas, r, newest->range.max);
  const bool of_policy = partial.at < std::min(by_age, by_size);
  if (!of_policy && std::min(by_age, by_size) == kNever) return;
  json->Key("nextDeletion");
  json->BeginObject();
  Text(json, "ulid", of_policy ? partial.block->ulid : oldest->ulid);
  if (!of_policy) Number(json, "bytes", oldest->bytes);
  Signed(json, "at", of_policy ? partial.at : std::min(by_age, by_size));
  Text(json, "by", of_policy ? "policy" : by_size < by_age ? "size" : "age");
  json->EndObject();
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

absl::Status WriteStorageStatus(const ApiDependencies& d, const Request& request,
                                storage::Census* census, Reply* reply) {
  int64_t limit = 10;
  if (const std::string_view text = request.Param("limit"); !text.empty()) {
    const auto parsed = ParseInt(text);
    if (!parsed.ok() || *parsed < 1) {
      return base::InvalidArgument("limit must be a positive number");
    }
    if (*parsed > kMaxMetrics) return base::InvalidArgument("limit must not exceed {}", kMaxMetrics);
    limit = *parsed;
  }
  storage::Database* const database = d.storage->database();
  if (database == nullptr) return base::Unavailable("TSDB not ready");
  const storage::Census::Counted counted =
      census->Count(*database->blocks(), CensusBudget(request));
  const ResourceState resources = d.status->Resources();
  const storage::DatabaseStats stats = database->stats();
  JsonWriter* json = reply->json();
  json->BeginObject();
  WriteDisk(json, resources);
  WriteMemory(json, resources);
  WriteParts(json, stats);
  Signed(json, "retentionMs", resources.retention_ms);
  Signed(json, "retentionBytes", resources.retention_bytes);
  const std::vector<storage::BlockMeta> metas = database->blocks()->Metas();
  WriteNextDeletion(json, metas, stats, resources, d.clock->NowMs());
  WritePartitions(json, metas, counted, resources);
  WriteBlockList(json, metas, resources);
  WriteMetrics(json, counted, database->CountHeadByMetric(), metas.size(),
               static_cast<size_t>(limit));
  WriteDamage(json, *database->blocks()->damage());
  json->EndObject();
  return absl::OkStatus();
}

}  // namespace api
