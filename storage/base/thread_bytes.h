// How much memory this thread holds of what it allocated: jemalloc's own counters.
#pragma once

#include <cstdint>

namespace base {

// Allocated so far less freed so far, by this thread; below zero where it frees what others
// allocated. Always 0 in a program without jemalloc. Nanoseconds.
int64_t ThreadBytes();
bool CountsThreadBytes();  // Whether this program has the counters.

}  // namespace base
