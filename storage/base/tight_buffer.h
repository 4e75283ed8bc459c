// Bytes that grow at their end, in millions of small instances: 16 bytes by itself, up to 8 bytes
// without a heap block, and never much more capacity than is in use. Movable.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <new>
#include <string_view>
#include <utility>

#include "storage/base/check.h"

namespace base {

class TightBuffer {  // Not thread-safe. At most 4 GiB.
 public:
  TightBuffer() = default;
  TightBuffer(TightBuffer&& o) noexcept { Swap(o); }
  TightBuffer& operator=(TightBuffer&& o) noexcept {
    TightBuffer moved(std::move(o));
    Swap(moved);
    return *this;
  }
  ~TightBuffer() {
    if (on_heap()) std::free(place_.heap);
  }

  size_t size() const { return size_; }
  bool empty() const { return size_ == 0; }
  size_t heap_bytes() const { return on_heap() ? capacity_ : 0; }
  char* data() { return on_heap() ? place_.heap : place_.own; }
  const char* data() const { return on_heap() ? place_.heap : place_.own; }
  std::string_view view() const { return {data(), size_}; }
  char& operator[](size_t i) { return data()[i]; }
  char& back() { return data()[size_ - 1]; }

  void push_back(char c) {
    if (size_ == capacity_) Grow(size_t{size_} + 1);
    data()[size_++] = c;
  }
  void append(std::string_view bytes) {
    if (size_ + bytes.size() > capacity_) Grow(size_ + bytes.size());
    std::memcpy(data() + size_, bytes.data(), bytes.size());
    size_ += static_cast<uint32_t>(bytes.size());
  }
  void Shrink(size_t size) { size_ = static_cast<uint32_t>(std::min<size_t>(size, size_)); }
  // Lets the heap have back what is not in use.
  void Fit() {
    if (on_heap() && Rounded(size_) < capacity_) Reallocate(size_);
  }

 private:
  static constexpr uint32_t kOwn = 8;
  // What allocators hand out anyway.
  static size_t Rounded(size_t n) { return (n + 15) / 16 * 16; }

  bool on_heap() const { return capacity_ > kOwn; }
  void Grow(size_t needed) { Reallocate(std::max(needed, size_t{capacity_} + capacity_ / 4)); }

  void Reallocate(size_t wanted) {
    const size_t capacity = Rounded(std::max<size_t>(wanted, kOwn + 1));
    CHECK(capacity <= UINT32_MAX);
    char* heap = static_cast<char*>(std::realloc(on_heap() ? place_.heap : nullptr, capacity));
    if (heap == nullptr) throw std::bad_alloc();
    if (!on_heap()) std::memcpy(heap, place_.own, kOwn);
    place_.heap = heap;
    capacity_ = static_cast<uint32_t>(capacity);
  }
  void Swap(TightBuffer& o) {
    std::swap(place_, o.place_);
    std::swap(size_, o.size_);
    std::swap(capacity_, o.capacity_);
  }

  union Place {
    char* heap;
    char own[kOwn];
  };
  Place place_{};
  uint32_t size_ = 0, capacity_ = kOwn;
};

}  // namespace base
