// How costly a request has turned out: what it took so far decides which others it may hold up.
#pragma once

#include <array>
#include <cstdint>

#include <absl/base/thread_annotations.h>
#include <absl/synchronization/mutex.h>

#include "api/router.h"

namespace api {

// By what was used, never by what a query looks like.
enum CostClass : uint8_t {
  kCheap,    // A panel: at most 0.1 s of a core, and little memory.
  kNew,      // Not seen before; may use as much as a cheap one.
  kModest,   // Up to 0.5 s.
  kDear,     // Up to 3 s, or much memory.
  kDearer,   // Up to 20 s, or very much memory.
  kDearest,
};
constexpr int kCostClasses = 6;

// The class of a request that took `seconds` of a core and holds `bytes`, when all together may hold
// `total_bytes` (0: no matter). Memory alone makes none kDearest.
CostClass ClassOf(double seconds, int64_t bytes, int64_t total_bytes);

// What a request asks for, whenever it does so: its path and parameters without the times, and how
// long the span between them is, roughly.
uint64_t FingerprintOf(const Request& request);

// The classes that requests came to. A table of fixed size: what was long ago is forgotten by and by.
class CostHistory {  // Thread-safe.
 public:
  CostClass Find(uint64_t fingerprint) const;  // kNew when it was never seen.
  void Note(uint64_t fingerprint, CostClass cost);

 private:
  struct Entry {
    uint64_t fingerprint = 0;
    CostClass cost = kNew;
  };
  mutable absl::Mutex mu_;
  std::array<Entry, 4096> entries_ ABSL_GUARDED_BY(mu_);
};

}  // namespace api
