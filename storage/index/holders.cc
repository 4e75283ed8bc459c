#include "storage/index/holders.h"

#include <algorithm>
#include <memory>

#include "storage/base/check.h"

namespace storage {

void Holders::Add(std::span<const SeriesRef> refs) {
  if (refs.empty()) return;
  DCHECK(static_cast<uint64_t>(refs.back()) <= kMaxRef);
  if (refs.size() == 1 && has_list() && list()->last() < refs[0]) {  // The usual case.
    return list()->Append(refs[0]);
  }
  if (!has_list()) {
    if (refs.size() == 1 && (empty() || only() == refs[0])) return SetOnly(refs[0]);
    auto made = std::make_unique<PostingList>();
    if (!empty()) made->Append(only());
    word_ = reinterpret_cast<uint64_t>(made.release());
  }
  list()->Add(refs);
}

void Holders::Remove(std::span<const SeriesRef> refs) {
  if (!has_list()) {
    if (!empty() && std::binary_search(refs.begin(), refs.end(), only())) word_ = 0;
    return;
  }
  list()->Remove(refs);
  if (list()->size() > 1) return;
  const std::unique_ptr<PostingList> old(list());
  word_ = 0;
  if (!old->empty()) SetOnly(old->last());
}

void Holders::AppendTo(Postings* out) const {
  if (has_list()) return list()->AppendTo(out);
  if (!empty()) out->push_back(only());
}

}  // namespace storage
