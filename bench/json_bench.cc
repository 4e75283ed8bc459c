// How fast does a query result become JSON, on one core? Target: a point in 35 ns or less (the cost
// of printing a 17-digit double), integers in 20 ns.
#include <random>

#include "api/compress.h"
#include "api/value_json.h"
#include "bench/bench.h"

namespace {

promql::Value MakeMatrix(int series, int points, double (*value)(std::mt19937_64*)) {
  std::mt19937_64 random(42);
  promql::Value matrix;
  matrix.type = promql::ValueType::kMatrix;
  for (int i = 0; i < series; ++i) {
    promql::Series row;
    row.labels = model::Labels::FromPairs({{"__name__", "http_requests_total"},
                                           {"instance", fmt::format("10.0.{}.1:9100", i)},
                                           {"job", "node"},
                                           {"mode", "user"}});
    for (int j = 0; j < points; ++j) {
      row.points.push_back({1'700'000'000'000 + int64_t{15'000} * j, value(&random)});
    }
    matrix.matrix.push_back(std::move(row));
  }
  return matrix;
}

void Measure(const char* name, const promql::Value& value, double points) {
  std::string out;
  const bench::Timing timing = bench::Measure([&] {
    out.clear();
    if (!api::AppendResultJson(&out, value).ok()) std::abort();
    bench::Keep(out);
  });
  bench::Print(fmt::format("json_{}", name), timing.median_s * 1e9 / points, "ns/point",
               fmt::format("{:.0f} MB/s", out.size() / timing.median_s / 1e6));
  const bench::Timing gzip = bench::Measure([&] {
    bench::Keep(api::Compress(out, api::Deflate::kGzip));
  });
  bench::Print(fmt::format("json_{}_gzip", name), out.size() / gzip.median_s / 1e6, "MB/cpu_s",
               fmt::format("{:.1f} to 1", static_cast<double>(out.size()) /
                                              api::Compress(out, api::Deflate::kGzip).size()));
}

}  // namespace

int main() {
  constexpr int kSeries = 200, kPoints = 1000;
  Measure("integers",
          MakeMatrix(kSeries, kPoints,
                     [](std::mt19937_64* r) { return static_cast<double>((*r)() % 10'000'000); }),
          kSeries * kPoints);
  Measure("rates",
          MakeMatrix(kSeries, kPoints,
                     [](std::mt19937_64* r) { return static_cast<double>((*r)() % 100'000) / 299.7; }),
          kSeries * kPoints);
  Measure("decimals",
          MakeMatrix(kSeries, kPoints,
                     [](std::mt19937_64* r) { return static_cast<double>((*r)() % 100'000) / 100; }),
          kSeries * kPoints);
}
