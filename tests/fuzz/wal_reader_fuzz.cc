// A segment file of any bytes is read to its end without harm.
#include <cstdint>
#include <cstdlib>
#include <fstream>
#include <string>

#include "tests/testing/temp_dir.h"
#include "wal/reader.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const testing_support::TempDir dir;
  std::ofstream(dir.path() + "/00000000", std::ios::binary)
      .write(reinterpret_cast<const char*>(data), static_cast<std::streamsize>(size));
  auto reader = wal::Reader::Open(dir.path(), 0);
  if (!reader.ok()) std::abort();
  std::string_view record;
  size_t records = 0;
  while (true) {
    const auto more = (*reader)->Next(&record);
    if (!more.ok()) std::abort();
    if (!*more) break;
    if (++records > size) std::abort();  // Each record takes bytes.
  }
  return 0;
}
