#include "storage/chunk/sealed/int_codec.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <limits>
#include <utility>

#include "storage/base/coding.h"

namespace chunk::sealed {
namespace {

constexpr uint8_t kPatched = 0x80;
constexpr size_t kMaxPatches = 255;
constexpr size_t kLowest = 5;

uint64_t Above(int64_t number, int64_t floor) {
  return static_cast<uint64_t>(number) - static_cast<uint64_t>(floor);
}
size_t VarintSize(uint64_t v) { return (static_cast<size_t>(std::bit_width(v | 1)) + 6) / 7; }

struct RunPlan {
  int64_t floor = 0;
  int bits = 0;
  size_t patches = 0;
  size_t size = std::numeric_limits<size_t>::max();
};

// The best number of bits with this floor; numbers below it wrap and so become patches.
void TryFloor(std::span<const int64_t> run, int64_t floor, RunPlan* best) {
  // By width; the zeros behind spare bounds checks below.
  std::array<uint16_t, 65 + 8> widths{};
  for (const int64_t number : run) ++widths[static_cast<size_t>(std::bit_width(Above(number, floor)))];
  const size_t head = 1 + VarintSize(base::ZigZag(floor));
  size_t bits = 64;
  while (bits > 0 && widths[bits] == 0) --bits;
  size_t patches = 0, patch_bytes = 0;
  for (;; --bits) {
    const size_t packed = (run.size() * bits + 7) / 8;
    const size_t size = head + packed + (patches > 0 ? 1 + patch_bytes : 0);
    if (size < best->size) *best = {floor, static_cast<int>(bits), patches, size};
    if (bits == 0) return;
    // One bit less: these become patches, and those need a byte more.
    patches += widths[bits];
    patch_bytes += widths[bits];
    for (size_t w = bits; w <= 64; w += 7) patch_bytes += widths[w];
    if (patches > kMaxPatches || patch_bytes >= best->size) return;
  }
}

RunPlan QuickPlan(std::span<const int64_t> run) {
  int64_t floor = run[0];
  for (const int64_t number : run) floor = std::min(floor, number);
  RunPlan best;
  TryFloor(run, floor, &best);
  return best;
}

RunPlan PlanRun(std::span<const int64_t> run) {
  RunPlan best = QuickPlan(run);
  if (best.bits == 0) return best;
  // A few far below the rest are better patched.
  std::array<int64_t, kLowest> lowest{};
  const auto end = std::partial_sort_copy(run.begin(), run.end(), lowest.begin(), lowest.end());
  for (const size_t i : {size_t{1}, size_t{4}}) {
    if (lowest.begin() + i < end && lowest[i] != lowest[i - 1]) TryFloor(run, lowest[i], &best);
  }
  return best;
}

void Pack(std::span<const int64_t> run, const RunPlan& plan, std::string* out) {
  const size_t begin = out->size();
  out->resize(begin + (run.size() * static_cast<size_t>(plan.bits) + 7) / 8);
  if (plan.bits == 0) return;
  const uint64_t mask = plan.bits == 64 ? ~uint64_t{0} : (uint64_t{1} << plan.bits) - 1;
  unsigned __int128 waiting = 0;
  int have = 0;
  char* p = out->data() + begin;
  for (const int64_t number : run) {
    waiting |= static_cast<unsigned __int128>(Above(number, plan.floor) & mask) << have;
    for (have += plan.bits; have >= 8; have -= 8, waiting >>= 8) *p++ = static_cast<char>(waiting);
  }
  if (have > 0) *p = static_cast<char>(waiting);
}

void AppendRun(std::span<const int64_t> run, std::string* out) {
  const RunPlan plan = PlanRun(run);
  out->push_back(static_cast<char>(plan.bits | (plan.patches > 0 ? kPatched : 0)));
  base::AppendZigZag(out, plan.floor);
  if (plan.patches > 0) {
    out->push_back(static_cast<char>(plan.patches));
    for (size_t i = 0; i < run.size(); ++i) {
      const uint64_t above = Above(run[i], plan.floor);
      if (static_cast<int>(std::bit_width(above)) <= plan.bits) continue;
      out->push_back(static_cast<char>(i));
      base::AppendVarint(out, above >> plan.bits);
    }
  }
  Pack(run, plan, out);
}

// Unpacks kRun numbers of `kBits` bits; `p` is readable for kRun / 8 * kBits + 8 bytes.
template <int kBits>
void Unpack(const char* p, int64_t floor, int64_t* out) {
  if constexpr (kBits == 0) {
    std::fill_n(out, kRun, floor);
  } else {
    constexpr uint64_t kMask = kBits == 64 ? ~uint64_t{0} : (uint64_t{1} << (kBits % 64)) - 1;
    for (size_t group = 0; group < kRun; group += 8, p += kBits, out += 8) {
#pragma GCC unroll 8
      for (int j = 0; j < 8; ++j) {
        const int bit = j * kBits;
        uint64_t word;
        std::memcpy(&word, p + bit / 8, 8);
        word >>= bit % 8;
        if constexpr (kBits > 57) {
          if (bit % 8 + kBits > 64) {
            word |= uint64_t{static_cast<unsigned char>(p[bit / 8 + 8])} << (64 - bit % 8);
          }
        }
        out[j] = static_cast<int64_t>((word & kMask) + static_cast<uint64_t>(floor));
      }
    }
  }
}

using Unpacker = void (*)(const char*, int64_t, int64_t*);
template <size_t... kBits>
constexpr std::array<Unpacker, sizeof...(kBits)> MakeUnpackers(std::index_sequence<kBits...>) {
  return {Unpack<static_cast<int>(kBits)>...};
}
constexpr auto kUnpackers = MakeUnpackers(std::make_index_sequence<65>());

bool TakeRun(std::string_view* in, size_t n, int64_t* out) {
  if (in->empty()) return false;
  const auto control = static_cast<uint8_t>(in->front());
  const int bits = control & 0x7f;
  in->remove_prefix(1);
  int64_t floor;
  if (bits > 64 || !base::GetZigZag(in, &floor)) return false;
  std::string_view patches;
  size_t num_patches = 0;
  if (control & kPatched) {
    if (in->empty()) return false;
    num_patches = static_cast<uint8_t>(in->front());
    in->remove_prefix(1);
    patches = *in;
    for (size_t i = 0; i < num_patches; ++i) {  // Only to find where they end.
      uint64_t high;
      if (in->empty()) return false;
      in->remove_prefix(1);
      if (!base::GetVarint(in, &high)) return false;
    }
  }
  const size_t packed = (n * static_cast<size_t>(bits) + 7) / 8;
  if (in->size() < packed) return false;
  const size_t wanted = kRun / 8 * static_cast<size_t>(bits) + 8;
  const char* p = in->data();
  char padded[kRun * 8 + 8];
  if (in->size() < wanted) {
    std::memcpy(padded, p, packed);
    std::memset(padded + packed, 0, wanted - packed);
    p = padded;
  }
  int64_t full[kRun];
  int64_t* const to = n == kRun ? out : full;
  kUnpackers[static_cast<size_t>(bits)](p, floor, to);
  if (n < kRun) std::memcpy(out, full, n * sizeof(int64_t));
  in->remove_prefix(packed);
  for (size_t i = 0; i < num_patches; ++i) {
    const auto place = static_cast<uint8_t>(patches.front());
    patches.remove_prefix(1);
    uint64_t high;
    if (!base::GetVarint(&patches, &high) || place >= n || bits == 64) return false;
    out[place] = static_cast<int64_t>(static_cast<uint64_t>(out[place]) + (high << bits));
  }
  return true;
}

}  // namespace

void AppendInts(std::span<const int64_t> numbers, std::string* out) {
  for (size_t i = 0; i < numbers.size(); i += kRun) {
    AppendRun(numbers.subspan(i, std::min(kRun, numbers.size() - i)), out);
  }
}

size_t IntsSize(std::span<const int64_t> numbers) {
  size_t size = 0;
  for (size_t i = 0; i < numbers.size(); i += kRun) {
    size += QuickPlan(numbers.subspan(i, std::min(kRun, numbers.size() - i))).size;
  }
  return size;
}

bool TakeInts(std::string_view* in, size_t n, int64_t* out) {
  for (size_t i = 0; i < n; i += kRun) {
    if (!TakeRun(in, std::min(kRun, n - i), out + i)) return false;
  }
  return true;
}

}  // namespace chunk::sealed
