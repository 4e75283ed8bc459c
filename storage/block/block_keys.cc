#include "storage/block/block_keys.h"

#include <cstring>

#include "storage/base/coding.h"
#include "wal/crc32c.h"

namespace storage::block {
namespace {

constexpr uint64_t kSignBit = uint64_t{1} << 63;
// Bytes of a chunk's entry in a row's directory: encoding, count, gap, length, size, checksum.
constexpr size_t kMinChunkEntry = 1 + 1 + 1 + 1 + 1 + 4;

uint64_t SortableTime(model::TimeMs t) { return static_cast<uint64_t>(t) ^ kSignBit; }
model::TimeMs TimeFromSortable(uint64_t v) { return static_cast<model::TimeMs>(v ^ kSignBit); }

// Differences of times wrap, as damaged bytes may hold any.
model::TimeMs Plus(model::TimeMs t, uint64_t delta) {
  return static_cast<model::TimeMs>(static_cast<uint64_t>(t) + delta);
}
uint64_t Minus(model::TimeMs a, model::TimeMs b) {
  return static_cast<uint64_t>(a) - static_cast<uint64_t>(b);
}

// Covers all that is known of a chunk, so that a wrong entry shows as well as wrong bytes.
uint32_t ChunkChecksum(const chunk::ChunkView& chunk) {
  char head[21];
  const auto num_samples = static_cast<uint32_t>(chunk.num_samples);
  head[0] = static_cast<char>(chunk.encoding);
  std::memcpy(head + 1, &num_samples, 4);
  std::memcpy(head + 5, &chunk.range.min, 8);
  std::memcpy(head + 13, &chunk.range.max, 8);
  return wal::Crc32c(chunk.bytes, wal::Crc32c({head, sizeof head}));
}

// Takes a trailing little-endian checksum off *bytes.
bool TakeChecksum(std::string_view* bytes) {
  if (bytes->size() < 4) return false;
  std::string_view tail = bytes->substr(bytes->size() - 4);
  uint32_t checksum;
  bytes->remove_suffix(4);
  return base::GetLittleEndian(&tail, &checksum) && checksum == wal::Crc32c(*bytes);
}

// A zero byte inside a name becomes 00 ff; 00 01 ends it. Names then sort as they would alone.
void AppendEscaped(std::string* key, std::string_view name) {
  for (const char c : name) {
    key->push_back(c);
    if (c == '\0') key->push_back('\xff');
  }
}

}  // namespace

std::string NumberValue(uint64_t n) {
  std::string value;
  base::AppendVarint(&value, n);
  return value;
}

std::string RowKey(uint32_t ref, model::TimeMs last) {
  std::string key = "c";
  base::AppendBigEndian(&key, ref);
  base::AppendBigEndian(&key, SortableTime(last));
  return key;
}

std::string SealedRowKey(uint32_t ref, model::TimeMs last) {
  std::string key = RowKey(ref, last);
  key[0] = 'd';
  return key;
}

std::string TimeColumnKey(uint32_t id) {
  std::string key = "t";
  base::AppendBigEndian(&key, id);
  return key;
}

std::string SeriesKey(uint32_t ref) {
  std::string key = "s";
  base::AppendBigEndian(&key, ref);
  return key;
}

std::string NamePrefix(std::string_view name) {
  std::string key = "p";
  AppendEscaped(&key, name);
  key.append("\0\1", 2);
  return key;
}

std::string AfterNamePrefix(std::string_view name) {
  std::string key = NamePrefix(name);
  key.back() = '\2';
  return key;
}

std::string PairKey(std::string_view name, std::string_view value) {
  return NamePrefix(name).append(value);
}

bool ParseRowKey(std::string_view key, uint32_t* ref, model::TimeMs* last) {
  uint64_t time;
  if (key.size() != 13 || key[0] != 'c') return false;
  key.remove_prefix(1);
  if (!base::GetBigEndian(&key, ref) || !base::GetBigEndian(&key, &time)) return false;
  *last = TimeFromSortable(time);
  return true;
}

bool ParseSeriesKey(std::string_view key, uint32_t* ref) {
  if (key.size() != 5 || key[0] != 's') return false;
  key.remove_prefix(1);
  return base::GetBigEndian(&key, ref);
}

bool ParsePairKey(std::string_view key, std::string* name, std::string_view* value) {
  if (key.empty() || key[0] != 'p') return false;
  name->clear();
  for (size_t i = 1; i < key.size(); ++i) {
    if (key[i] != '\0') {
      name->push_back(key[i]);
      continue;
    }
    if (++i == key.size()) return false;
    if (key[i] == '\1') {
      *value = key.substr(i + 1);
      return true;
    }
    if (key[i] != '\xff') return false;
    name->push_back('\0');
  }
  return false;
}

void AppendRow(std::span<const chunk::ChunkView> chunks, std::string* row) {
  base::AppendVarint(row, chunks.size());
  if (chunks.empty()) return;
  model::TimeMs before = chunks.back().range.max;  // The key has it.
  for (const chunk::ChunkView& chunk : chunks) {
    row->push_back(static_cast<char>(chunk.encoding));
    base::AppendVarint(row, static_cast<uint32_t>(chunk.num_samples));
    base::AppendZigZag(row, static_cast<int64_t>(Minus(chunk.range.min, before)));
    base::AppendVarint(row, Minus(chunk.range.max, chunk.range.min));
    base::AppendVarint(row, chunk.bytes.size());
    base::AppendLittleEndian(row, ChunkChecksum(chunk));
    before = chunk.range.max;
  }
  for (const chunk::ChunkView& chunk : chunks) row->append(chunk.bytes);
}

int ParseRow(model::TimeMs last, std::string_view row, model::TimeRange range,
             std::vector<chunk::ChunkView>* chunks) {
  uint64_t count;
  if (!base::GetVarint(&row, &count) || count > row.size() / kMinChunkEntry) return 1;

  // The directory is read twice: sizes first, as the bytes begin where it ends.
  struct Entry {
    uint8_t encoding;
    uint64_t num_samples, length, size;
    int64_t gap;
    uint32_t checksum;
  };
  const auto next = [](std::string_view* in, Entry* e) {
    return base::GetLittleEndian(in, &e->encoding) && base::GetVarint(in, &e->num_samples) &&
           base::GetZigZag(in, &e->gap) && base::GetVarint(in, &e->length) &&
           base::GetVarint(in, &e->size) && base::GetLittleEndian(in, &e->checksum);
  };
  Entry entry;
  std::string_view bytes = row;
  for (uint64_t i = 0; i < count; ++i) {
    if (!next(&bytes, &entry)) return 1;
  }
  int damaged = 0;
  model::TimeMs before = last;
  for (uint64_t i = 0; i < count; ++i) {
    next(&row, &entry);
    if (entry.size > bytes.size() || entry.num_samples > INT32_MAX) return damaged + 1;
    chunk::ChunkView chunk;
    chunk.encoding = static_cast<chunk::Encoding>(entry.encoding);
    chunk.range.min = Plus(before, static_cast<uint64_t>(entry.gap));
    chunk.range.max = Plus(chunk.range.min, entry.length);
    chunk.num_samples = static_cast<int>(entry.num_samples);
    chunk.bytes = bytes.substr(0, entry.size);
    bytes.remove_prefix(entry.size);
    before = chunk.range.max;
    if (!chunk.range.Overlaps(range)) continue;
    if (entry.checksum == ChunkChecksum(chunk)) {
      chunks->push_back(chunk);
    } else {
      ++damaged;
    }
  }
  return damaged;
}

void AppendSeries(model::LabelsView labels, std::span<const model::TimeRange> rows,
                  std::string* entry) {
  const size_t begin = entry->size();
  base::AppendString(entry, labels.bytes());
  base::AppendVarint(entry, rows.size());
  model::TimeMs before = 0;
  for (const model::TimeRange& row : rows) {
    base::AppendZigZag(entry, static_cast<int64_t>(Minus(row.min, before)));
    base::AppendVarint(entry, Minus(row.max, row.min));
    before = row.max;
  }
  base::AppendLittleEndian(entry, wal::Crc32c(std::string_view(*entry).substr(begin)));
}

bool ParseSeries(std::string_view entry, std::string_view* labels,
                 std::vector<model::TimeRange>* rows) {
  rows->clear();
  uint64_t count;
  if (!TakeChecksum(&entry) || !base::GetString(&entry, labels) ||
      !base::GetVarint(&entry, &count) || count > entry.size() / 2) {
    return false;
  }
  model::TimeMs before = 0;
  for (uint64_t i = 0; i < count; ++i) {
    int64_t gap;
    uint64_t length;
    if (!base::GetZigZag(&entry, &gap) || !base::GetVarint(&entry, &length)) return false;
    model::TimeRange row;
    row.min = Plus(before, static_cast<uint64_t>(gap));
    row.max = Plus(row.min, length);
    before = row.max;
    rows->push_back(row);
  }
  return entry.empty();
}

bool ParsePostings(std::string_view bytes, Postings* postings) {
  postings->clear();
  postings->reserve(bytes.size());  // At least one byte each.
  uint64_t ref = 0;
  while (!bytes.empty()) {
    uint64_t delta;
    if (!base::GetVarint(&bytes, &delta) || delta == 0 || delta > kMaxRef - ref) return false;
    ref += delta;
    postings->push_back(static_cast<SeriesRef>(ref));
  }
  return true;
}

void AppendMeta(const BlockMeta& meta, std::string* value) {
  const size_t begin = value->size();
  base::AppendVarint(value, static_cast<uint32_t>(meta.level));
  base::AppendZigZag(value, meta.range.min);
  base::AppendZigZag(value, meta.range.max);
  for (const uint64_t n :
       {meta.num_series, meta.num_chunks, meta.num_samples, meta.damaged_chunks}) {
    base::AppendVarint(value, n);
  }
  base::AppendVarint(value, meta.parents.size());
  for (const std::string& parent : meta.parents) base::AppendString(value, parent);
  if (meta.num_exemplars > 0 || meta.num_started > 0) {
    base::AppendVarint(value, meta.num_exemplars);
  }
  if (meta.num_exemplars > 0) {
    base::AppendZigZag(value, meta.exemplar_range.min);
    base::AppendVarint(value, Minus(meta.exemplar_range.max, meta.exemplar_range.min));
  }
  if (meta.num_started > 0) base::AppendVarint(value, meta.num_started);
  base::AppendLittleEndian(value, wal::Crc32c(std::string_view(*value).substr(begin)));
}

bool ParseMeta(std::string_view value, BlockMeta* meta) {
  uint64_t level, parents;
  if (!TakeChecksum(&value) || !base::GetVarint(&value, &level) || level > 100 ||
      !base::GetZigZag(&value, &meta->range.min) || !base::GetZigZag(&value, &meta->range.max)) {
    return false;
  }
  meta->level = static_cast<int>(level);
  for (uint64_t* n :
       {&meta->num_series, &meta->num_chunks, &meta->num_samples, &meta->damaged_chunks}) {
    if (!base::GetVarint(&value, n)) return false;
  }
  if (!base::GetVarint(&value, &parents) || parents > value.size()) return false;
  meta->parents.clear();
  for (uint64_t i = 0; i < parents; ++i) {
    std::string_view parent;
    if (!base::GetString(&value, &parent)) return false;
    meta->parents.emplace_back(parent);
  }
  meta->num_exemplars = 0;
  meta->exemplar_range = model::TimeRange::None();
  meta->num_started = 0;
  if (value.empty()) return meta->num_series <= kMaxRef;
  if (!base::GetVarint(&value, &meta->num_exemplars)) return false;
  if (meta->num_exemplars > 0) {
    uint64_t length;
    if (!base::GetZigZag(&value, &meta->exemplar_range.min) || !base::GetVarint(&value, &length)) {
      return false;
    }
    meta->exemplar_range.max = Plus(meta->exemplar_range.min, length);
  }
  if (meta->num_exemplars == 0 || !value.empty()) {
    if (!base::GetVarint(&value, &meta->num_started) || meta->num_started == 0) return false;
  }
  return value.empty() && meta->num_series <= kMaxRef;
}

}  // namespace storage::block
