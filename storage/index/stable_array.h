// An array that grows without moving what it holds, so that readers need no lock: element `i` is
// found by two loads. Growing is for one thread at a time; elements are default-constructed.
#pragma once

#include <array>
#include <atomic>
#include <bit>
#include <cstddef>
#include <cstdint>

namespace storage {

template <class T>
class StableArray {
 public:
  StableArray() = default;
  StableArray(const StableArray&) = delete;
  StableArray& operator=(const StableArray&) = delete;
  ~StableArray() {
    for (auto& part : parts_) delete[] part.load(std::memory_order_relaxed);
  }

  // Makes [0, size) usable. The caller keeps other growers out.
  void Grow(uint32_t size) {
    if (size == 0) return;
    for (int k = 0; k <= PartOf(size - 1); ++k) {
      if (parts_[k].load(std::memory_order_relaxed) == nullptr) {
        parts_[k].store(new T[size_t{kFirst} << k](), std::memory_order_release);
      }
    }
  }

  T& operator[](uint32_t i) const {
    const int k = PartOf(i);
    return parts_[k].load(std::memory_order_acquire)[i + kFirst - (uint64_t{kFirst} << k)];
  }

 private:
  // Part k holds kFirst << k elements.
  static constexpr uint32_t kFirst = 256;
  static int PartOf(uint32_t i) { return std::bit_width((uint64_t{i} + kFirst) / kFirst) - 1; }

  std::array<std::atomic<T*>, 26> parts_{};
};

}  // namespace storage
