// sum and avg of histograms, by group and step.
#pragma once

#include <memory>
#include <string_view>
#include <variant>
#include <vector>

#include "promql/ast.h"
#include "promql/histogram/mean.h"
#include "promql/operator.h"

namespace promql {

// A group may get floats and histograms at one step: then it has no result there, and a warning says
// so; likewise with exponential and custom buckets. Free until the first histogram comes.
class HistogramGroups {
 public:
  // `aggregate` is a sum or avg and outlives it.
  HistogramGroups(const Expr& aggregate, int num_groups, int steps)
      : aggregate_(aggregate), num_cells_(size_t(num_groups) * steps), steps_(steps) {}

  bool empty() const { return cells_.empty(); }
  // Takes what concerns it of a row of the input; the floats of the row are the caller's still.
  // `floats` is what the group got before. Adds to *charged what was charged to the query.
  absl::Status Fold(Context& context, const Row& row, const Row& floats, int group,
                    std::string_view metric, int64_t* charged);
  // Puts the results of a group into `out`, which can hold histograms.
  void Finish(int group, AnnotationSink* annotations, Row out);

 private:
  using Running = std::variant<histogram::RunningSum, histogram::RunningMean>;
  struct Cell {
    std::unique_ptr<Running> running;  // Null: a float came first.
    bool has_float = false;
    bool incompatible = false;  // Exponential and custom buckets came: nothing counts any more.
  };
  void Add(const model::FloatHistogram& h, std::string_view metric, AnnotationSink* annotations,
           Cell* cell) const;

  const Expr& aggregate_;
  const size_t num_cells_;
  const int steps_;
  std::vector<std::unique_ptr<Cell>> cells_;  // groups x steps, or empty.
};

}  // namespace promql
