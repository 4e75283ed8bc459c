// Any bytes as a sealed row and as a time column; the checksum is made right, as a fuzzer would not.
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "storage/base/coding.h"
#include "storage/block/sealed_row.h"
#include "wal/crc32c.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  std::string bytes(reinterpret_cast<const char*>(data), size);
  base::AppendLittleEndian(&bytes, wal::Crc32c(bytes, wal::Crc32c("key")));
  storage::block::SealedRow row;
  if (row.Parse("key", bytes)) {
    std::vector<double> values;
    row.Read(0, row.size(), &values);
    row.Read(row.size() / 2, row.size(), &values);
    std::vector<model::TimeMs> even(row.size());
    for (size_t i = 0; i < even.size(); ++i) even[i] = static_cast<model::TimeMs>(i);
    for (const auto want : {chunk::Want::kCount, chunk::Want::kEnds, chunk::Want::kFalls,
                            chunk::Want::kChanges, chunk::Want::kMin}) {
      chunk::SampleColumns samples;
      row.ReadThin(even.data(), {500, 900, 4, 1000, want}, &samples);
    }
  }
  std::vector<model::TimeMs> times;
  storage::block::ParseTimeColumn("key", bytes, &times);
  return 0;
}
