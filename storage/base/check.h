// CHECK stops the process on a bug, naming the place. It is for what cannot happen; what can
// happen (bad input, a full disk) is an absl::Status.
#pragma once

#include <cstdio>
#include <cstdlib>

namespace base {
[[noreturn]] inline void CheckFailed(const char* condition, const char* file, int line) {
  std::fprintf(stderr, "%s:%d: CHECK failed: %s\n", file, line, condition);
  std::abort();
}
}  // namespace base

#define CHECK(condition) \
  (static_cast<bool>(condition) ? void(0) : ::base::CheckFailed(#condition, __FILE__, __LINE__))
#ifdef NDEBUG
#define DCHECK(condition) void(0)
#else
#define DCHECK(condition) CHECK(condition)
#endif
