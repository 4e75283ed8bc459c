// Rows of exemplars: whatever the bytes, nothing is read past their end, and what is given out is in
// order and gives the same bytes again.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "storage/base/coding.h"
#include "storage/block/exemplar_row.h"
#include "wal/crc32c.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace storage::block;  // NOLINT: a program of one function.
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  uint32_t ref;
  model::TimeMs last;
  if (ParseExemplarRowKey(bytes, &ref, &last) && ExemplarRowKey(ref, last) != bytes) std::abort();
  if (size < 8) return 0;
  std::string_view head = bytes.substr(0, 8);
  if (!base::GetLittleEndian(&head, &last)) std::abort();
  const std::string key = ExemplarRowKey(1, last);
  std::vector<model::Exemplar> exemplars;
  std::string row(bytes.substr(8));
  if (ParseExemplarRow(key, row, &exemplars)) std::abort();  // A checksum by chance.
  base::AppendLittleEndian(&row, wal::Crc32c(row, wal::Crc32c(key)));
  if (!ParseExemplarRow(key, row, &exemplars)) {
    if (!exemplars.empty()) std::abort();
    return 0;
  }
  for (size_t i = 1; i < exemplars.size(); ++i) {
    if (Compare(exemplars[i - 1], exemplars[i]) >= 0) std::abort();
  }
  std::string again;
  AppendExemplarRow(key, exemplars, &again);
  std::vector<model::Exemplar> second;
  if (!ParseExemplarRow(key, again, &second) || second.size() != exemplars.size()) std::abort();
  for (size_t i = 0; i < second.size(); ++i) {
    if (Compare(second[i], exemplars[i]) != 0) std::abort();
  }
  return 0;
}
