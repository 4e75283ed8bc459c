#include "storage/index/posting_list.h"

#include <algorithm>
#include <vector>

#include "storage/base/check.h"
#include "storage/base/coding.h"

namespace storage {

void PostingList::PushBack(uint64_t ref) {
  DCHECK(count_ == 0 || ref > last_);
  uint64_t delta = ref - last_;
  for (; delta >= 0x80; delta >>= 7) bytes_.push_back(static_cast<char>(delta | 0x80));
  bytes_.push_back(static_cast<char>(delta));
  last_ = ref;
  ++count_;
}

// Varints can be read backwards: only the last byte of each has its high bit clear.
uint64_t PostingList::PopBack() {
  size_t begin = bytes_.size() - 1;
  while (begin > 0 && static_cast<unsigned char>(bytes_[begin - 1]) >= 0x80) --begin;
  std::string_view varint = bytes_.view().substr(begin);
  uint64_t delta = 0;
  CHECK(base::GetVarint(&varint, &delta));
  bytes_.Shrink(begin);
  const uint64_t ref = last_;
  last_ -= delta;
  --count_;
  return ref;
}

void PostingList::Add(std::span<const SeriesRef> refs) {
  if (refs.empty()) return;
  std::vector<uint64_t> behind;  // Descending.
  while (count_ > 0 && last_ >= static_cast<uint64_t>(refs[0])) behind.push_back(PopBack());
  for (const SeriesRef r : refs) {
    const uint64_t ref = static_cast<uint64_t>(r);
    while (!behind.empty() && behind.back() <= ref) {
      PushBack(behind.back());
      behind.pop_back();
    }
    if (count_ == 0 || last_ < ref) PushBack(ref);
  }
  for (; !behind.empty(); behind.pop_back()) PushBack(behind.back());
}

void PostingList::Remove(std::span<const SeriesRef> refs) {
  Postings all;
  AppendTo(&all);
  PostingList kept;
  auto drop = refs.begin();
  for (const SeriesRef ref : all) {
    while (drop != refs.end() && *drop < ref) ++drop;
    if (drop == refs.end() || *drop != ref) kept.PushBack(static_cast<uint64_t>(ref));
  }
  kept.bytes_.Fit();
  *this = std::move(kept);
}

void PostingList::AppendTo(Postings* out) const {
  out->reserve(out->size() + count_);
  std::string_view rest = bytes_.view();
  uint64_t ref = 0, delta = 0;
  while (base::GetVarint(&rest, &delta)) {
    ref += delta;
    out->push_back(SeriesRef{ref});
  }
}

}  // namespace storage
