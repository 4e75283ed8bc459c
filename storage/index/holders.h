// Which series carry a pair, in eight bytes: most pairs of a large head (ids, paths, names of pods)
// have one holder, and that needs no list.
#pragma once

#include <cstdint>
#include <span>
#include <utility>

#include "storage/index/posting_list.h"

namespace storage {

class Holders {  // Not thread-safe. Movable.
 public:
  static constexpr uint64_t kMaxRef = (uint64_t{1} << 63) - 1;

  Holders() = default;
  Holders(Holders&& o) noexcept : word_(std::exchange(o.word_, 0)) {}
  Holders& operator=(Holders&& o) noexcept {
    std::swap(word_, o.word_);
    return *this;
  }
  ~Holders() {
    if (has_list()) delete list();
  }

  bool empty() const { return word_ == 0; }
  size_t size() const { return has_list() ? list()->size() : word_ & 1; }
  // As PostingList. `refs` are at most kMaxRef.
  void Add(std::span<const SeriesRef> refs);
  void Remove(std::span<const SeriesRef> refs);
  void AppendTo(Postings* out) const;

 private:
  bool has_list() const { return word_ != 0 && (word_ & 1) == 0; }
  PostingList* list() const { return reinterpret_cast<PostingList*>(word_); }
  SeriesRef only() const { return SeriesRef{word_ >> 1}; }
  void SetOnly(SeriesRef ref) { word_ = static_cast<uint64_t>(ref) << 1 | 1; }

  uint64_t word_ = 0;  // 0: none; odd: the only ref, shifted; else a list of two or more.
};

}  // namespace storage
