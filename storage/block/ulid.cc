#include "storage/block/ulid.h"

#include <algorithm>
#include <random>

#include <absl/synchronization/mutex.h>

namespace storage::block {
namespace {

constexpr std::string_view kAlphabet = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
constexpr int kLength = 26;

using Bits = unsigned __int128;

}  // namespace

std::string NewUlid(int64_t now_ms) {
  static absl::Mutex* mu = new absl::Mutex;
  static Bits last = 0;
  static std::random_device* chance = new std::random_device;

  absl::MutexLock lock(mu);
  Bits bits = static_cast<Bits>(now_ms & 0xffffffffffff) << 80;
  bits |= static_cast<Bits>((*chance)() & 0x7fff) << 64;  // The top bit is left for counting on.
  bits |= static_cast<Bits>((*chance)()) << 32 | (*chance)();
  last = bits > last ? bits : last + 1;

  std::string ulid(kLength, '0');
  Bits rest = last;
  for (int i = kLength - 1; i >= 0; --i) {
    ulid[i] = kAlphabet[static_cast<size_t>(rest & 31)];
    rest >>= 5;
  }
  return ulid;
}

bool IsUlid(std::string_view s) {
  return s.size() == kLength && s[0] <= '7' && std::all_of(s.begin(), s.end(), [](char c) {
           return kAlphabet.find(c) != std::string_view::npos;
         });
}

int64_t UlidTimeMs(std::string_view ulid) {
  if (!IsUlid(ulid)) return 0;
  int64_t ms = 0;  // In the first ten characters.
  for (const char c : ulid.substr(0, 10)) {
    ms = ms << 5 | static_cast<int64_t>(kAlphabet.find(c));
  }
  return ms;
}

}  // namespace storage::block
