// Reads records back in order, and says where bytes cannot be trusted.
#pragma once

#include <compare>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include <absl/status/statusor.h>

namespace wal {

struct Position {
  uint32_t segment = 0;
  uint32_t offset = 0;  // Bytes from the start of the segment file.
  auto operator<=>(const Position&) const = default;
};

// Damage in the middle of a segment: bytes [from, from + bytes) gave no record.
struct Damage {
  Position from;
  uint64_t bytes = 0;
  std::string reason;
};

class Reader {  // Not thread-safe.
 public:
  // Reads the segments of `dir` numbered first_segment.. below end_segment, in ascending order. Gaps
  // in the numbers are reported as damage, also one before the first that is there. An absent
  // directory is an empty log.
  static absl::StatusOr<std::unique_ptr<Reader>> Open(std::string dir, uint32_t first_segment,
                                                      uint32_t end_segment = UINT32_MAX);
  ~Reader();

  // Called for each piece of damage that was stepped over. A record cut short at the very end of a
  // segment is a torn tail, a clean end of that segment, and not reported as damage, unless the next
  // segment knows that this one was longer.
  void OnDamage(std::function<void(const Damage&)> report);

  // True with *record valid until the next call; false at the end. After damage it goes on at
  // the next whole fragment. Errors are I/O errors only.
  absl::StatusOr<bool> Next(std::string_view* record);
  Position position() const;  // Start of the record last returned.
  // Progress: segments in all (first to last) and the one being read.
  uint32_t first_segment() const;
  uint32_t last_segment() const;

 private:
  class Impl;
  explicit Reader(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace wal
