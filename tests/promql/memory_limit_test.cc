// What a query is about to take at once is asked for first: it ends before its limit, not behind it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "storage/base/memory_meter.h"
#include "storage/base/status.h"
#include "tests/promql/engine_fixture.h"

namespace promql {
namespace {

constexpr int64_t kMiB = 1 << 20;

class MemoryLimitTest : public EngineFixture, public ::testing::WithParamInterface<const char*> {};

TEST_P(MemoryLimitTest, IsNotExceededByTablesOfAllGroupsAndSteps) {
  if (!base::MemoryMeter::Counts()) GTEST_SKIP() << "built without jemalloc";
  Engine::Options options;
  options.features.experimental_functions = true;
  options.threads = 1;
  Reset(options);
  for (int i = 0; i < 400; ++i) Load(fmt::format("m{{a=\"{}\"}}", i), "1");
  base::MemoryPool pool({.request_bytes = 4 * kMiB});
  base::MemoryMeter meter(&pool);
  const base::MemoryMeter::Scope scope(&meter);
  const absl::Status status = Run(GetParam(), {0, 10'000'000, 1000}).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kResourceExhausted) << status;
  EXPECT_LE(meter.peak_bytes(), 6 * kMiB);
}

INSTANTIATE_TEST_SUITE_P(, MemoryLimitTest,
                         ::testing::Values("sum by (a) (m)", "avg by (a) (m)", "stddev by (a) (m)",
                                           "max by (a) (m)", "topk by (a) (3, m)",
                                           "limitk by (a) (3, m)"));

}  // namespace
}  // namespace promql
