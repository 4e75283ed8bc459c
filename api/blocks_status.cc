// /api/v1/status/tsdb/blocks: the metas of all blocks in Prometheus' shape. spec 3.6.
#include "api/census_budget.h"
#include "api/route_groups.h"
#include "storage/base/status.h"

namespace api {
namespace {

// Prometheus leaves out what is 0.
void Stat(JsonWriter* json, std::string_view name, uint64_t n) {
  if (n == 0) return;
  json->Key(name);
  json->Uint(n);
}

// `census` is null as long as the block was not counted.
void WriteStats(JsonWriter* json, const storage::BlockMeta& meta,
                const storage::BlockCensus* census) {
  json->Key("stats");
  json->BeginObject();
  Stat(json, "numSamples", meta.num_samples);
  if (census != nullptr) {
    const auto& by_form = census->all.by_form;
    const uint64_t histograms =
        by_form[static_cast<size_t>(storage::SampleForm::kHistogramChunk)] +
        by_form[static_cast<size_t>(storage::SampleForm::kFloatHistogramChunk)];
    Stat(json, "numFloatSamples", census->all.samples - histograms);
    Stat(json, "numHistogramSamples", histograms);
  }
  Stat(json, "numSeries", meta.num_series);
  Stat(json, "numChunks", meta.num_chunks);
  Stat(json, "numTombstones", meta.deleted_spans);
  json->EndObject();
}

void WriteCompaction(JsonWriter* json, const storage::BlockMeta& meta) {
  json->Key("compaction");
  json->BeginObject();
  json->Key("level");
  json->Int(meta.level + 1);  // Theirs starts at 1.
  json->Key("sources");
  json->BeginArray();
  if (meta.parents.empty()) json->String(meta.ulid);
  for (const std::string& parent : meta.parents) json->String(parent);
  json->EndArray();
  if (!meta.parents.empty()) {
    json->Key("parents");  // Without their times, which are not kept.
    json->BeginArray();
    for (const std::string& parent : meta.parents) {
      json->BeginObject();
      json->Key("ulid");
      json->String(parent);
      json->EndObject();
    }
    json->EndArray();
  }
  json->EndObject();
}

void WriteBlock(JsonWriter* json, const storage::BlockMeta& meta,
                const storage::BlockCensus* census) {
  json->BeginObject();
  json->Key("ulid");
  json->String(meta.ulid);
  json->Key("minTime");
  json->Int(meta.range.min);
  json->Key("maxTime");
  json->Int(meta.range.max + 1);  // Theirs is exclusive.
  WriteStats(json, meta, census);
  WriteCompaction(json, meta);
  json->Key("version");
  json->Int(1);
  json->EndObject();
}

}  // namespace

absl::Status WriteBlocksStatus(const ApiDependencies& d, const Request& request,
                               storage::Census* census, Reply* reply) {
  ASSIGN_OR_RETURN(const auto blocks, d.storage->BlockMetas());
  storage::Census::Counted counted;
  if (storage::Database* const database = d.storage->database(); database != nullptr) {
    counted = census->Count(*database->blocks(), CensusBudget(request));
  }
  JsonWriter* json = reply->json();
  json->BeginObject();
  json->Key("blocks");
  json->BeginArray();
  for (const storage::BlockMeta& meta : blocks) {
    const auto found = counted.find(meta.ulid);
    WriteBlock(json, meta, found == counted.end() ? nullptr : found->second.get());
  }
  json->EndArray();
  json->EndObject();
  return absl::OkStatus();
}

}  // namespace api
