// A series' samples as queries read them.
#pragma once

#include <vector>

#include "promql/histogram/cell.h"
#include "storage/querier.h"

namespace promql {

struct Samples {  // No time is in both.
  chunk::SampleColumns floats;
  HistogramSamples histograms;
  model::StartRuns starts;  // Of all of them, when asked for: see model::StartAt.

  size_t size() const { return floats.size() + histograms.size(); }
  void clear() { floats.clear(), histograms.clear(), starts.clear(); }
};

// The start at each of `times`, which ascend.
std::vector<model::TimeMs> StartsAt(const model::StartRuns& starts,
                                    const std::vector<model::TimeMs>& times);

// What is read of histograms.
enum class Buckets { kAll, kNone };  // kNone: count and sum, with hints that tell resets.

// Replaces *out with histograms as floats; *read is spent.
void TakeHistograms(Buckets buckets, chunk::HistogramColumns* read, HistogramSamples* out);

}  // namespace promql
