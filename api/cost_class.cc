#include "api/cost_class.h"

#include <algorithm>
#include <bit>
#include <optional>
#include <string>
#include <string_view>

#include "api/params.h"
#include "storage/base/hash.h"

namespace api {
namespace {

// Above these it is of the next class.
struct Most {
  double seconds;
  int64_t share;  // Of total_bytes: a total / share.
};
constexpr std::array<Most, 4> kMost = {{{0.1, 32}, {0.5, 16}, {3, 8}, {20, 0}}};

std::optional<int64_t> Time(std::string_view text) {
  if (text.empty()) return std::nullopt;
  const auto time = ParseTime(text);
  return time.ok() ? std::optional(*time) : std::nullopt;
}

}  // namespace

CostClass ClassOf(double seconds, int64_t bytes, int64_t total_bytes) {
  constexpr std::array<CostClass, 5> kClasses = {kCheap, kModest, kDear, kDearer, kDearest};
  size_t i = 0;
  for (; i < kMost.size(); ++i) {
    const Most& most = kMost[i];
    const bool large = total_bytes > 0 && most.share > 0 && bytes > total_bytes / most.share;
    if (seconds <= most.seconds && !large) break;
  }
  return kClasses[i];
}

uint64_t FingerprintOf(const Request& request) {
  std::string text = request.path;
  for (const auto& [name, value] : request.params) {
    if (name == "start" || name == "end" || name == "time") continue;
    text += '\0';
    text += name;
    text += '\0';
    text += value;
  }
  const auto start = Time(request.Param("start")), end = Time(request.Param("end"));
  if (start && end && *end > *start) {
    text += '\0';
    text += static_cast<char>('0' + std::bit_width(static_cast<uint64_t>(*end) -
                                                   static_cast<uint64_t>(*start)));
  }
  return base::Hash64(text);
}

CostClass CostHistory::Find(uint64_t fingerprint) const {
  absl::MutexLock lock(&mu_);
  const Entry& entry = entries_[fingerprint % entries_.size()];
  return entry.fingerprint == fingerprint ? entry.cost : kNew;
}

// A cheap one does not take the place of a dear one, which it matters more to know.
void CostHistory::Note(uint64_t fingerprint, CostClass cost) {
  absl::MutexLock lock(&mu_);
  Entry& entry = entries_[fingerprint % entries_.size()];
  if (entry.fingerprint == fingerprint || cost != kCheap || entry.cost <= kNew) {
    entry = {fingerprint, cost};
  }
}

}  // namespace api
