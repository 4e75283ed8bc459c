// A seed for hashes of what others choose, so that they cannot choose its hash.
#pragma once

#include <cstdint>
#include <random>

namespace base {

inline uint64_t RandomSeed() {
  std::random_device device;
  return (uint64_t{device()} << 32 | device()) | 1;
}

}  // namespace base
