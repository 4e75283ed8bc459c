// What a store should hold of series with floats and histograms, the slow and obvious way.
#pragma once

#include <map>
#include <string>
#include <variant>

#include <gtest/gtest.h>

#include "storage/querier.h"
#include "tests/testing/random_histogram.h"
#include "tests/testing/sample_model.h"

namespace testing_support {

using PlainSample = std::variant<uint64_t, PlainHistogram>;  // A float's bits, or a histogram.
using MixedModel = std::map<model::Labels, std::map<model::TimeMs, PlainSample>>;

// Everything `querier` gives in `range`; checks on the way that readers of floats see the same
// floats, and are told of histograms. Without empty series.
inline MixedModel ReadAllMixed(storage::Querier& querier, model::TimeRange range = {},
                               std::vector<model::Matcher> matchers = {}) {
  MixedModel out;
  auto selection = querier.Select({matchers, range});
  EXPECT_TRUE(selection.ok()) << selection.status();
  if (!selection.ok()) return out;
  chunk::MixedColumns mixed;
  chunk::SampleColumns floats;
  for (int i = 0; i < (*selection)->size(); ++i) {
    absl::Status status = (*selection)->ReadMixed(i, range, &mixed);
    EXPECT_TRUE(status.ok()) << status;
    status = (*selection)->Read(i, range, &floats);
    EXPECT_TRUE(status.ok()) << status;
    EXPECT_EQ(floats.times, mixed.floats.times);
    if (mixed.histograms.size() > 0) {
      EXPECT_TRUE(floats.histograms);
    }
    if (mixed.size() == 0) continue;
    auto& series = out[model::Labels((*selection)->labels(i))];
    for (size_t k = 0; k < mixed.floats.size(); ++k) {
      series[mixed.floats.times[k]] = Bits(mixed.floats.values[k]);
    }
    for (size_t k = 0; k < mixed.histograms.size(); ++k) {
      EXPECT_TRUE(model::Validate(mixed.histograms.values[k]).ok());
      if (k > 0) {
        EXPECT_LT(mixed.histograms.times[k - 1], mixed.histograms.times[k]);
      }
      series[mixed.histograms.times[k]] = Plain(mixed.histograms.values[k]);
    }
    EXPECT_EQ(series.size(), mixed.size()) << "a time has a float and a histogram";
    for (const auto& [t, sample] : series) EXPECT_TRUE(range.Contains(t));
  }
  return out;
}

}  // namespace testing_support
