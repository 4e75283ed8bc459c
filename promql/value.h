// What a query gives.
#pragma once

#include <string>
#include <vector>

#include "promql/ast.h"
#include "promql/histogram/cell.h"
#include "storage/model/labels.h"
#include "storage/model/sample.h"

namespace promql {

struct Series {  // A row of a matrix. Both ascend in time, and no time is in both.
  model::Labels labels;
  std::vector<model::Sample> points;
  std::vector<HistogramSample> histograms;
};

struct VectorSample {
  model::Labels labels;
  model::Sample sample;
  HistogramPtr histogram;  // Instead of sample.v, or null.
};

struct Value {
  ValueType type = ValueType::kNone;
  std::vector<Series> matrix;          // kMatrix, in label order.
  std::vector<VectorSample> vector;    // kVector, in the order of evaluation.
  model::Sample scalar;                // kScalar
  std::string text;                    // kString
  model::TimeMs text_time = 0;         // kString
};

// Warnings and infos, each text once, in order of appearance, positions in the text already:
// `PromQL warning: ... (1:5)`.
struct Annotations {
  std::vector<std::string> warnings, infos;
};

}  // namespace promql
