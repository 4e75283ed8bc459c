#include "storage/block/exemplar_row.h"

#include <bit>

#include "storage/base/coding.h"
#include "storage/block/block_keys.h"
#include "wal/crc32c.h"

namespace storage::block {
namespace {

constexpr char kKind = 'e';
constexpr size_t kRowBytes = 16 << 10;
// Bytes of an exemplar beside its labels, about; and the least.
constexpr size_t kNumberBytes = 12, kMinExemplarBytes = 1 + 8 + 1;

uint32_t Checksum(std::string_view key, std::string_view bytes) {
  return wal::Crc32c(bytes, wal::Crc32c(key));
}

}  // namespace

std::string ExemplarRowKey(uint32_t ref, model::TimeMs last) {
  std::string key = RowKey(ref, last);
  key[0] = kKind;
  return key;
}

bool ParseExemplarRowKey(std::string_view key, uint32_t* ref, model::TimeMs* last) {
  if (key.empty() || key[0] != kKind) return false;
  std::string row_key(key);
  row_key[0] = 'c';
  return ParseRowKey(row_key, ref, last);
}

size_t ExemplarRowSize(std::span<const model::Exemplar> exemplars) {
  size_t bytes = 0, n = 0;
  while (n < exemplars.size() &&
         (bytes < kRowBytes || exemplars[n].t == exemplars[n - 1].t)) {
    bytes += kNumberBytes + exemplars[n++].labels.bytes().size();
  }
  return n;
}

void AppendExemplarRow(std::string_view key, std::span<const model::Exemplar> exemplars,
                       std::string* row) {
  const size_t begin = row->size();
  base::AppendVarint(row, exemplars.size());
  model::TimeMs before = exemplars.back().t;
  for (const model::Exemplar& exemplar : exemplars) {
    base::AppendZigZag(row, static_cast<int64_t>(static_cast<uint64_t>(exemplar.t) -
                                                 static_cast<uint64_t>(before)));
    base::AppendLittleEndian(row, std::bit_cast<uint64_t>(exemplar.value));
    base::AppendString(row, exemplar.labels.bytes());
    before = exemplar.t;
  }
  base::AppendLittleEndian(row, Checksum(key, std::string_view(*row).substr(begin)));
}

bool ParseExemplarRow(std::string_view key, std::string_view row,
                      std::vector<model::Exemplar>* exemplars) {
  uint32_t ref, checksum;
  model::TimeMs last;
  uint64_t count;
  if (row.size() < 4 || !ParseExemplarRowKey(key, &ref, &last)) return false;
  std::string_view tail = row.substr(row.size() - 4);
  row.remove_suffix(4);
  if (!base::GetLittleEndian(&tail, &checksum) || checksum != Checksum(key, row) ||
      !base::GetVarint(&row, &count) || count == 0 || count > row.size() / kMinExemplarBytes) {
    return false;
  }
  std::vector<model::Exemplar> read;
  model::TimeMs before = last;
  for (; count > 0; --count) {
    int64_t gap;
    uint64_t bits;
    std::string_view labels;
    if (!base::GetZigZag(&row, &gap) || !base::GetLittleEndian(&row, &bits) ||
        !base::GetString(&row, &labels) || !model::Labels::Valid(labels)) {
      return false;
    }
    model::Exemplar& exemplar = read.emplace_back();
    exemplar.t = static_cast<model::TimeMs>(static_cast<uint64_t>(before) +
                                            static_cast<uint64_t>(gap));
    exemplar.value = std::bit_cast<double>(bits);
    exemplar.labels = model::Labels(model::LabelsView(labels));
    if (read.size() > 1 && Compare(read[read.size() - 2], exemplar) >= 0) return false;
    before = exemplar.t;
  }
  if (!row.empty() || before != last) return false;
  exemplars->insert(exemplars->end(), std::make_move_iterator(read.begin()),
                    std::make_move_iterator(read.end()));
  return true;
}

}  // namespace storage::block
