// Puts the series of classic histograms together: those that agree in all labels but `le`.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "promql/operator.h"

namespace promql {

// The input's series and how they belong together.
struct BucketGroups {
  struct Series {
    int group = -1;            // As a classic bucket; -1: `le` is no number.
    double upper_bound = 0;
    int unit = 0;              // As a native histogram.
  };
  // What gives one series of results: a classic histogram, a native one, or both, when those have
  // the same labels. In the order in which they are complete, as the rows of the input come.
  struct Unit {
    int group = -1;            // -1: native only.
    int native = -1;           // The input series, -1: classic only.
    int last = 0;              // Index of the last input series that belongs to it.
  };
  std::vector<Series> series;         // By index of the input.
  std::vector<model::Labels> labels;  // By group: without `le`, and without what is hidden.
  std::vector<Unit> units;
};
BucketGroups GroupBuckets(const BorrowedSeries& input);
// Whether a group has two series with the same upper bound (le="1" and le="1.0"), which are added up
// in the order they come.
bool HasEqualBounds(const BucketGroups& groups);

// Rows held until their group is complete.
class HeldRows {
 public:
  struct Held {
    double upper_bound = 0;
    std::vector<double> values;
    std::vector<uint64_t> present;
    bool has(int i) const { return (present[i >> 6] >> (i & 63)) & 1; }
  };

  explicit HeldRows(size_t groups) : groups_(groups) {}
  void Add(int group, double upper_bound, const Row& row);
  // The rows of a group, ascending by bound. Until Drop.
  const std::vector<Held>& Sorted(int group);
  void Drop(int group);  // Its buffers serve later rows.

 private:
  std::vector<std::vector<Held>> groups_;
  std::vector<Held> free_;
};

}  // namespace promql
