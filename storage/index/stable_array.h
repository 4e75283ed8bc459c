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
    for (int p = PlaceOf(size - 1).part; p >= 0; --p) {
      if (parts_[p].load(std::memory_order_relaxed) != nullptr) return;
      parts_[p].store(new T[size_t{1} << BitsOf(p)](), std::memory_order_release);
    }
  }

  T& operator[](uint32_t i) const {
    const Place place = PlaceOf(i);
    return parts_[place.part].load(std::memory_order_acquire)[place.at];
  }

 private:
  // Four parts of 64 elements, four of 128, and so on: never a fifth more than is in use.
  static constexpr int kFirstBits = 6;
  struct Place {
    int part;
    uint64_t at;
  };
  static int BitsOf(int part) { return kFirstBits + part / 4; }
  static Place PlaceOf(uint32_t i) {
    constexpr uint64_t kFour = uint64_t{4} << kFirstBits;
    const uint64_t n = i + kFour;
    const int doublings = std::bit_width(n / kFour) - 1;
    const uint64_t offset = n - (kFour << doublings);
    const int bits = kFirstBits + doublings;
    return {4 * doublings + static_cast<int>(offset >> bits), offset & ((uint64_t{1} << bits) - 1)};
  }

  std::array<std::atomic<T*>, 4 * 26> parts_{};
};

}  // namespace storage
