#include "storage/base/thread_bytes.h"

#include <cstddef>

// Where the program is linked with jemalloc.
extern "C" int mallctl(const char* name, void* old_value, size_t* old_size, void* new_value,
                       size_t new_size) __attribute__((weak));

namespace base {
namespace {

// jemalloc's counter of this thread; a constant 0 without jemalloc.
const uint64_t* FindCounter(const char* name) {
  static constexpr uint64_t kNone = 0;
  uint64_t* counter = nullptr;
  size_t size = sizeof counter;
  if (mallctl == nullptr || mallctl(name, &counter, &size, nullptr, 0) != 0) return &kNone;
  return counter;
}

}  // namespace

int64_t ThreadBytes() {
  thread_local const uint64_t* const allocated = FindCounter("thread.allocatedp");
  thread_local const uint64_t* const freed = FindCounter("thread.deallocatedp");
  return static_cast<int64_t>(*allocated - *freed);
}

bool CountsThreadBytes() { return mallctl != nullptr; }

}  // namespace base
