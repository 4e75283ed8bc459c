#include "storage/index/pair_ids.h"

namespace storage {
namespace {

char* Put(uint32_t v, char* to) {
  for (; v >= 0x80; v >>= 7) *to++ = static_cast<char>(v | 0x80);
  *to++ = static_cast<char>(v);
  return to;
}

}  // namespace

void PairIds::Encode(std::span<const PairId> ids, std::string* bytes) {
  constexpr size_t kMost = 5;
  bytes->resize(kMost * (ids.size() + 1));
  char* to = Put(static_cast<uint32_t>(ids.size()), bytes->data());
  for (const PairId id : ids) to = Put(static_cast<uint32_t>(id), to);
  bytes->resize(static_cast<size_t>(to - bytes->data()));
}

std::string_view PairIds::bytes() const {
  Iterator it = begin();
  while (it != end()) ++it;
  return {reinterpret_cast<const char*>(bytes_), static_cast<size_t>(it.next() - bytes_)};
}

}  // namespace storage
