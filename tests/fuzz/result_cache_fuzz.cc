// Any bytes are a file of the cache that is written again as the same, or none.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "promql/cache/cache_file.h"
#include "storage/base/coding.h"
#include "storage/base/hash.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  constexpr std::string_view kId = "id";
  std::string bytes(reinterpret_cast<const char*>(data), size);
  for (const bool signed_anew : {false, true}) {
    if (signed_anew) {  // So that what is behind the checksum is reached.
      bytes.resize(bytes.size() < 16 ? 0 : bytes.size() - 16);
      const base::Hash128 hash = base::HashBytes128(bytes, 0);
      base::AppendLittleEndian(&bytes, hash.low);
      base::AppendLittleEndian(&bytes, hash.high);
    }
    const auto entries = promql::DecodeCache(bytes, kId);
    if (!entries) continue;
    const std::string again = promql::EncodeCache(kId, *entries);
    const auto twice = promql::DecodeCache(again, kId);
    if (!twice || promql::EncodeCache(kId, *twice) != again) std::abort();
    for (const auto& [key, entry] : *entries) {
      const promql::StepsView all{entry.columns.get(), 0, entry.columns->grid.size()};
      if (promql::Join({&all, 1}).rows.size() != entry.columns->rows.size()) std::abort();
      if (promql::ToMatrix(all).size() != entry.columns->rows.size()) std::abort();
      const model::TimeRange changed{0, 100};
      promql::FindRight(*entry.columns, entry.reach, {&changed, 1}, 0, all.count);
    }
  }
  return 0;
}
