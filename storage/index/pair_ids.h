// The labels of a series in memory: ids of pairs, in name order, as bytes. Pairs that many series share
// are met early and so have small ids, which take a byte or two.
#pragma once

#include <cstddef>
#include <cstdint>
#include <iterator>
#include <span>
#include <string>
#include <string_view>

namespace storage {

enum class PairId : uint32_t {};

class PairIds {  // A view of what HeadIndex keeps; by value.
 public:
  // Goes forward once; ids are decoded on the way.
  class Iterator {
   public:
    using value_type = PairId;
    using difference_type = std::ptrdiff_t;
    Iterator() = default;
    explicit Iterator(const unsigned char* bytes) : next_(bytes), left_(Take(&next_)) { Read(); }
    PairId operator*() const { return id_; }
    Iterator& operator++() {
      --left_;
      Read();
      return *this;
    }
    Iterator operator++(int) {
      Iterator before = *this;
      ++*this;
      return before;
    }
    bool operator==(std::default_sentinel_t) const { return left_ == 0; }
    uint32_t left() const { return left_; }
    const unsigned char* next() const { return next_; }  // At the end: where the bytes end.

   private:
    // Varints (LEB128) of 32 bits.
    static uint32_t Take(const unsigned char** bytes) {
      uint32_t byte = *(*bytes)++;
      uint32_t v = byte & 0x7f;
      for (int shift = 7; byte >= 0x80; shift += 7) {
        byte = *(*bytes)++;
        v |= (byte & 0x7f) << shift;
      }
      return v;
    }
    void Read() {
      if (left_ > 0) id_ = PairId{Take(&next_)};
    }
    const unsigned char* next_ = nullptr;
    uint32_t left_ = 0;
    PairId id_{};
  };

  PairIds() = default;  // None.
  // `bytes`: what Encode wrote; they outlive the view and all copies.
  explicit PairIds(const char* bytes) : bytes_(reinterpret_cast<const unsigned char*>(bytes)) {}
  // Replaces *bytes.
  static void Encode(std::span<const PairId> ids, std::string* bytes);

  Iterator begin() const { return Iterator(bytes_); }
  std::default_sentinel_t end() const { return {}; }
  size_t size() const { return begin().left(); }
  bool empty() const { return *bytes_ == 0; }
  // The bytes, as in Encode. Cost: goes through all of them.
  std::string_view bytes() const;
  const void* place() const { return bytes_; }  // To be fetched ahead of time.

 private:
  static constexpr unsigned char kNone = 0;
  const unsigned char* bytes_ = &kNone;
};

}  // namespace storage
