// How many requests, how long they took, how large the answers were, by route.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include <absl/base/thread_annotations.h>
#include <absl/synchronization/mutex.h>

namespace api {

// Upper bounds of the buckets, +Inf left out.
inline constexpr std::array<double, 9> kDurationBuckets = {.1, .2, .4, 1, 3, 8, 20, 60, 120};
inline constexpr std::array<double, 8> kSizeBuckets = {1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9};

template <size_t N>
struct HistogramCounts {
  std::array<uint64_t, N> buckets = {};  // Cumulative: how many were <= the bound.
  uint64_t count = 0;
  double sum = 0;
  void Observe(double v, const std::array<double, N>& bounds) {
    for (size_t i = 0; i < N; ++i) buckets[i] += v <= bounds[i];
    ++count;
    sum += v;
  }
};

struct RouteStats {
  std::map<int, uint64_t> requests_by_code;
  HistogramCounts<9> seconds;
  HistogramCounts<8> response_bytes;
};

struct HttpStats {
  int64_t open_connections = 0;
  uint64_t accepted_connections = 0;
  uint64_t rejected_requests = 0;           // Malformed, too large, timed out: no route saw them.
  // By pattern as Prometheus writes it: "/api/v1/label/:name/values", "/assets/*filepath".
  std::map<std::string, RouteStats> routes;
};

// Thread-safe.
class RequestStats {
 public:
  // `pattern` as the Router gives it: "/label/{name}/values". "" (no such route) is not counted.
  void Observe(std::string_view pattern, int code, double seconds, uint64_t bytes);
  std::map<std::string, RouteStats> Snapshot() const;

 private:
  mutable absl::Mutex mu_;
  std::map<std::string, RouteStats, std::less<>> routes_ ABSL_GUARDED_BY(mu_);
};

}  // namespace api
