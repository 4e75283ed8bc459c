// Answers of a range query over some of its steps, as they are kept: a row a series, floats only.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "promql/engine.h"
#include "promql/value.h"
#include "storage/model/labels.h"

namespace promql {

struct StepColumns {
  struct Run {  // Steps one after the other that have values.
    int32_t first = 0, count = 0;
    int32_t end() const { return first + count; }
    friend bool operator==(const Run&, const Run&) = default;
  };
  struct Row {
    model::Labels labels;
    std::vector<Run> runs;       // Ascend and do not touch; never empty.
    std::vector<double> values;  // Of all runs, one behind the other.
  };

  Grid grid;
  std::vector<Row> rows;  // In label order, each label set once.

  int64_t bytes() const;  // Of memory, about.
};

// Some steps of columns.
struct StepsView {
  const StepColumns* columns = nullptr;
  int first = 0, count = 0;
  model::TimeMs start() const { return columns->grid.at(first); }
};

// An answer on `grid`. Nothing when there are histograms in it.
std::optional<StepColumns> ToColumns(const std::vector<Series>& matrix, const Grid& grid);
// One behind the other in time; all of the same step, each beginning a step after the last ends.
StepColumns Join(std::span<const StepsView> parts);
// As the engine would give them: series in label order, without those that have nothing there.
std::vector<Series> ToMatrix(const StepsView& steps);

}  // namespace promql
