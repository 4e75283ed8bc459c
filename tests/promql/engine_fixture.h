// Loads series written as in test scripts ("1 2 _ stale NaN 1+2x3") and prints what queries give.
#pragma once

#include <gtest/gtest.h>

#include <string>
#include <string_view>

#include "promql/engine.h"
#include "promql/testing/memory_queryable.h"

namespace promql {

class EngineFixture : public ::testing::Test {
 protected:
  EngineFixture() { Reset({}); }
  void Reset(Engine::Options options) {
    options.features.experimental_functions = true;
    options.features.extended_range_selectors = true;
    options.features.binop_fill = true;
    engine_ = std::make_unique<Engine>(options);
  }

  // One series, sample i at start_s + i * gap_s. Items: a number, `_` for none, `stale`, `axN` for
  // N + 1 times a, `a+bxN` for N + 1 values.
  void Load(std::string_view series, std::string_view values, int gap_s = 60, int start_s = 0);

  // Results as text: `{a="1"} 5` for a vector, one line a series; `{a="1"} 5@0 6@60` for a matrix,
  // times in seconds; "scalar 1"; or "error: ..." Annotations follow, one a line.
  std::string Instant(std::string_view query, double at_s = 0);
  std::string Range(std::string_view query, double start_s, double end_s, double step_s);
  absl::StatusOr<Result> Run(std::string_view query, Grid grid);

  promql_test::MemoryQueryable data_;
  std::unique_ptr<Engine> engine_;
  QueryOptions query_options_;
};

std::string ToText(const absl::StatusOr<Result>& result);
model::Labels ParseSeries(std::string_view text);  // foo{a="b"}

}  // namespace promql
