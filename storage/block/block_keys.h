// Keys and values of the block store, all of them. Formats byte by byte: README of this folder.
//
// A block is one column family:
//   b <ref be32>                                  start times of several series (start_row.h)
//   c <ref be32> <last time be64, sign flipped>   a row: chunks of one series, with a directory
//   d <ref be32> <last time be64, sign flipped>   a sealed row: values of one series (sealed_row.h)
//   e <ref be32> <last time be64, sign flipped>   exemplars of one series (exemplar_row.h)
//   m                                             the block's meta
//   p <name escaped> 00 01 <value>                postings: the refs that carry the pair
//   s <ref be32>                                  a series: its labels, and the times of its rows
//   t <id be32>                                   a time column, shared by sealed rows
// and the default family holds what concerns all blocks:
//   format, watermark                             a varint each
//   tombstones/<ulid>                             what is deleted of a block
//
// Refs count from 1 in label order. Keys sort as bytes the way their parts sort, so one seek finds
// the first row of a series that ends at or after a time, and a label's values are a prefix walk.
// Encoders append; decoders never read past their input, and say false when it is not theirs.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "storage/block/block_store.h"
#include "storage/chunk/chunk.h"
#include "storage/index/postings.h"

namespace storage::block {

// 1 had no sealed rows and no tombstones, 2 no exemplars, 3 no notes in sealed rows, 4 no start times.
inline constexpr uint64_t kFormatVersion = 5;
inline constexpr std::string_view kFormatKey = "format";
inline constexpr std::string_view kWatermarkKey = "watermark";
std::string NumberValue(uint64_t n);  // Of these two.
inline constexpr std::string_view kTombstonesPrefix = "tombstones/";
inline constexpr std::string_view kMetaKey = "m";

std::string RowKey(uint32_t ref, model::TimeMs last);
std::string SealedRowKey(uint32_t ref, model::TimeMs last);
std::string TimeColumnKey(uint32_t id);
std::string SeriesKey(uint32_t ref);
std::string PairKey(std::string_view name, std::string_view value);
std::string NamePrefix(std::string_view name);       // Of all PairKeys of `name`.
std::string AfterNamePrefix(std::string_view name);  // The first key behind those.
inline constexpr std::string_view kPairsBegin = "p", kPairsEnd = "q";

bool ParseRowKey(std::string_view key, uint32_t* ref, model::TimeMs* last);
bool ParseSeriesKey(std::string_view key, uint32_t* ref);
// *value points into `key`.
bool ParsePairKey(std::string_view key, std::string* name, std::string_view* value);

// Rows. A row holds chunks ascending in time; its key holds the time of its last sample.
void AppendRow(std::span<const chunk::ChunkView> chunks, std::string* row);
// Appends to *chunks those that overlap `range`, pointing into `row`. Returns how many were left
// out because their checksum is wrong; a directory that cannot be read counts as one.
int ParseRow(model::TimeMs last, std::string_view row, model::TimeRange range,
             std::vector<chunk::ChunkView>* chunks);

// Series.
void AppendSeries(model::LabelsView labels, std::span<const model::TimeRange> rows,
                  std::string* entry);
// *labels points into `entry`; replaces *rows. False when damaged.
bool ParseSeries(std::string_view entry, std::string_view* labels,
                 std::vector<model::TimeRange>* rows);

// Postings: differences of ascending refs, the first to 0.
inline constexpr uint32_t kMaxRef = 0xffffffff;
bool ParsePostings(std::string_view bytes, Postings* postings);  // Replaces.

void AppendMeta(const BlockMeta& meta, std::string* value);
bool ParseMeta(std::string_view value, BlockMeta* meta);  // All but ulid and bytes.

}  // namespace storage::block
