// Bytes that stay where they are put, and go all at once.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <memory>
#include <string_view>
#include <vector>

namespace base {

class ByteArena {  // Not thread-safe.
 public:
  std::string_view Copy(std::string_view bytes) {
    char* const place = Reserve(bytes.size());
    if (!bytes.empty()) std::memcpy(place, bytes.data(), bytes.size());
    return {place, bytes.size()};
  }
  // `size` bytes to fill.
  char* Reserve(size_t size) {
    if (size > left_) {
      const size_t block = std::max(size, kBlockBytes);
      blocks_.push_back(std::make_unique_for_overwrite<char[]>(block));
      free_ = blocks_.back().get();
      left_ = block;
    }
    char* const place = free_;
    free_ += size;
    left_ -= size;
    return place;
  }

 private:
  static constexpr size_t kBlockBytes = 64 << 10;
  std::vector<std::unique_ptr<char[]>> blocks_;
  char* free_ = nullptr;
  size_t left_ = 0;
};

}  // namespace base
