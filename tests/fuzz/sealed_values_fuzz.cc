// Any bytes as sealed values, and any doubles sealed and read back.
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <vector>

#include "storage/base/check.h"
#include "storage/chunk/sealed/value_codec.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using chunk::sealed::kMaxValues;
  if (size < 2) return 0;
  const size_t n = data[0] + size_t{1};
  // In a block of its own, so that a sanitizer sees a read past the end.
  const std::vector<char> bytes(data + 1, data + size);
  double out[kMaxValues];
  chunk::sealed::ReadValues({bytes.data(), bytes.size()}, n, out);

  std::vector<double> values(std::min((size - 1) / 8, kMaxValues));
  if (values.empty()) return 0;
  std::memcpy(values.data(), data + 1, values.size() * 8);
  std::string packed;
  chunk::sealed::AppendValues(values, &packed);
  CHECK(chunk::sealed::ReadValues(packed, values.size(), out));
  CHECK(std::memcmp(out, values.data(), values.size() * 8) == 0);
  return 0;
}
