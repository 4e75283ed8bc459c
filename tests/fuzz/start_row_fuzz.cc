// Rows of start times: whatever the bytes, nothing is read past their end, and what is given out is
// valid, in order, and comes back the same when it is written again.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "storage/base/coding.h"
#include "storage/block/start_row.h"
#include "wal/crc32c.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace storage::block;  // NOLINT: a program of one function.
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  uint32_t last;
  if (ParseStartRowKey(bytes, &last) && StartRowKey(last) != bytes) std::abort();
  if (size < 4) return 0;
  std::string_view head = bytes.substr(0, 4);
  if (!base::GetLittleEndian(&head, &last)) std::abort();
  const std::string key = StartRowKey(last);
  std::string row(bytes.substr(4));
  base::AppendLittleEndian(&row, wal::Crc32c(row, wal::Crc32c(key)));
  std::vector<SeriesStarts> series;
  if (!ParseStartRow(key, row, &series)) return 0;
  StartRowWriter writer;
  uint32_t before = 0;
  for (const SeriesStarts& s : series) {
    if (s.ref <= before || s.runs.empty() || !model::Valid(s.runs)) std::abort();
    before = s.ref;
    writer.Add(s.ref, s.runs);
  }
  if (before != last || writer.key() != key) std::abort();
  std::vector<SeriesStarts> again;
  if (!ParseStartRow(key, writer.Finish(), &again) || again.size() != series.size()) std::abort();
  for (size_t i = 0; i < series.size(); ++i) {
    if (again[i].ref != series[i].ref || again[i].runs != series[i].runs) std::abort();
  }
  return 0;
}
