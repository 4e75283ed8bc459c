#include "api/request_stats.h"

namespace api {
namespace {

// "/label/{name}/values" -> "/label/:name/values"
std::string AsPrometheusWrites(std::string_view pattern) {
  std::string out;
  for (char c : pattern) {
    if (c == '{') {
      out += ':';
    } else if (c != '}') {
      out += c;
    }
  }
  return out;
}

}  // namespace

void RequestStats::Observe(std::string_view pattern, int code, double seconds, uint64_t bytes) {
  if (pattern.empty()) return;
  absl::MutexLock lock(&mu_);
  auto it = routes_.find(pattern);
  if (it == routes_.end()) it = routes_.emplace(pattern, RouteStats()).first;
  ++it->second.requests_by_code[code];
  it->second.seconds.Observe(seconds, kDurationBuckets);
  it->second.response_bytes.Observe(static_cast<double>(bytes), kSizeBuckets);
}

std::map<std::string, RouteStats> RequestStats::Snapshot() const {
  std::map<std::string, RouteStats> out;
  absl::MutexLock lock(&mu_);
  for (const auto& [pattern, stats] : routes_) out[AsPrometheusWrites(pattern)] = stats;
  return out;
}

}  // namespace api
