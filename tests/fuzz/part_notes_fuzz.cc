// Any bytes as the notes of a sealed row's parts: what is read is written again as the same notes, but
// for extremes that are no decimals any more.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "storage/block/part_notes.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const size_t n = 1 + data[0] % 32;
  std::string_view in(reinterpret_cast<const char*>(data) + 1, size - 1);
  std::vector<storage::block::PartNote> notes, again;
  if (!storage::block::TakeNotes(&in, n, &notes)) return 0;
  for (const auto& note : notes) {
    if (note.greatest < note.least) std::abort();
  }
  std::string bytes;
  storage::block::AppendNotes(notes, &bytes);
  std::string_view rest = bytes;
  if (!storage::block::TakeNotes(&rest, n, &again) || !rest.empty()) std::abort();
  for (size_t i = 0; i < n; ++i) {
    if (again[i] != notes[i] && again[i].kind != storage::block::PartNote::Kind::kNone) std::abort();
  }
  return 0;
}
