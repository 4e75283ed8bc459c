// Puts the series of classic histograms together: those that agree in all labels but `le`.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "promql/operator.h"

namespace promql {

// The input's series and how they group. Groups are in the order in which they are complete, as
// the rows of the input come.
struct BucketGroups {
  struct Series {
    int group = -1;            // -1: `le` is no number.
    double upper_bound = 0;
    std::string bad_label;     // Then: `le` and the metric name, as they are.
    std::string metric_name;
  };
  std::vector<Series> series;             // By index of the input.
  std::vector<model::Labels> labels;      // By group: without `le`.
  std::vector<int> last_member;           // By group: index of its last series. Ascending.
};
BucketGroups GroupBuckets(const std::vector<model::Labels>& input);

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
