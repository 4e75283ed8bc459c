// Seeds of random tests. The same ones each time, so that a red run is red because of a change;
// SEED=random looks where nobody looked yet, SEED=N where something was found.
#pragma once

#include <cstdint>
#include <cstdlib>
#include <random>
#include <string_view>

namespace testing_support {

inline uint32_t Seed() {
  const char* const given = std::getenv("SEED");
  if (given == nullptr) return 1;
  if (given == std::string_view("random")) return std::random_device()();
  return static_cast<uint32_t>(std::strtoul(given, nullptr, 10));
}

// How many times a random test tries: ROUNDS in the environment, otherwise `usual`.
inline int Rounds(int usual) {
  const char* const given = std::getenv("ROUNDS");
  return given != nullptr ? std::atoi(given) : usual;
}

}  // namespace testing_support
