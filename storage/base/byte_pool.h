// Small pieces of memory by the million, in steps of four bytes and with nothing beside them: an
// allocator's classes lie 16 bytes apart. What is given back serves pieces of the same size only, and
// slabs stay until the end.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstring>
#include <memory>
#include <utility>
#include <vector>

#include <absl/container/flat_hash_map.h>

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/asan_interface.h>
#endif

namespace base {

class BytePool {  // Not thread-safe. Frees everything at its end.
 public:
  BytePool() = default;
  BytePool(const BytePool&) = delete;
  BytePool& operator=(const BytePool&) = delete;

  // Not aligned beyond 4. `size` may be 0.
  char* Take(size_t size) {
    size = Rounded(size);
    bytes_in_use_ += size;
    if (size > kMaxSmall) {
      auto large = std::make_unique_for_overwrite<char[]>(size);
      char* const piece = large.get();
      large_.emplace(piece, std::move(large));
      return piece;
    }
    if (char* const piece = free_[size / kStep]; piece != nullptr) {
      Unpoison(piece, size);
      std::memcpy(&free_[size / kStep], piece, sizeof piece);
      return piece;
    }
    if (size > left_) {
      if (left_ >= kLeast) PutFree(slabs_.back().get() + kSlab - left_, left_);
      slabs_.push_back(std::make_unique_for_overwrite<char[]>(kSlab));
      left_ = kSlab;
    }
    char* const piece = slabs_.back().get() + kSlab - left_;
    left_ -= size;
    return piece;
  }
  // `size` as it was asked for.
  void GiveBack(const char* piece, size_t size) {
    size = Rounded(size);
    bytes_in_use_ -= size;
    if (size > kMaxSmall) {
      large_.erase(piece);
    } else {
      PutFree(const_cast<char*>(piece), size);
    }
  }

  size_t bytes_in_use() const { return bytes_in_use_; }  // Of pieces, rounded.

 private:
  static constexpr size_t kStep = 4, kLeast = 8, kMaxSmall = 256;
  static constexpr size_t kSlab = 14 << 10;  // The largest that jemalloc packs closely.

  static size_t Rounded(size_t size) {
    return std::max(kLeast, (size + kStep - 1) / kStep * kStep);
  }
  // A free piece has the next one of its size in its first bytes.
  void PutFree(char* piece, size_t size) {
    std::memcpy(piece, &free_[size / kStep], sizeof piece);
    free_[size / kStep] = piece;
    Poison(piece, size);
  }
  // Whoever still reads a free piece is found out, as with an allocator's own.
#if defined(__SANITIZE_ADDRESS__)
  static void Poison(char* piece, size_t size) { __asan_poison_memory_region(piece, size); }
  static void Unpoison(char* piece, size_t size) { __asan_unpoison_memory_region(piece, size); }
#else
  static void Poison(char*, size_t) {}
  static void Unpoison(char*, size_t) {}
#endif

  std::array<char*, kMaxSmall / kStep + 1> free_{};  // By size.
  std::vector<std::unique_ptr<char[]>> slabs_;
  size_t left_ = 0;  // At the end of the last slab.
  absl::flat_hash_map<const char*, std::unique_ptr<char[]>> large_;
  size_t bytes_in_use_ = 0;
};

}  // namespace base
