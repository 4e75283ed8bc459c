// Ascending refs, kept small: the varint distance of each to the one before. Grows at its end; a
// ref that comes late is put in its place by taking back what is behind it.
#pragma once

#include <cstdint>
#include <span>

#include "storage/base/tight_buffer.h"
#include "storage/index/postings.h"

namespace storage {

class PostingList {  // Not thread-safe.
 public:
  size_t size() const { return count_; }
  bool empty() const { return count_ == 0; }
  SeriesRef last() const { return SeriesRef{last_}; }
  size_t heap_bytes() const { return bytes_.heap_bytes(); }

  // `refs` ascend. Refs that are there already are left as they are.
  // Cost: the refs, and those of the list that are above refs[0].
  void Add(std::span<const SeriesRef> refs);
  void Append(SeriesRef ref) {  // Above all others.
    PushBack(static_cast<uint64_t>(ref));
  }
  // `refs` ascend; the absent ones do not matter. Cost: the whole list.
  void Remove(std::span<const SeriesRef> refs);
  void AppendTo(Postings* out) const;

 private:
  void PushBack(uint64_t ref);
  uint64_t PopBack();

  base::TightBuffer bytes_;
  uint64_t last_ = 0;
  uint32_t count_ = 0;
};

}  // namespace storage
