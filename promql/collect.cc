#include "promql/collect.h"

#include <algorithm>
#include <bit>
#include <numeric>
#include <utility>

#include <absl/container/flat_hash_map.h>
#include <absl/container/flat_hash_set.h>

#include "promql/operators/histogram_cells.h"
#include "promql/operators/label_picker.h"
#include "promql/operators/names.h"
#include "promql/operators/table.h"
#include "storage/base/status.h"

namespace promql {
namespace {

// The labels the result shows for series `i`.
model::Labels FinalLabels(const BorrowedSeries& series, const std::vector<char>& drop_name, int i) {
  return VisibleLabels(series.labels[i],
                       series.hide_metadata || (!drop_name.empty() && drop_name[i] != 0));
}

template <class Points>
absl::Status SortByTime(Points* points) {
  std::sort(points->begin(), points->end(), [](const auto& a, const auto& b) { return a.t < b.t; });
  for (size_t p = 1; p < points->size(); ++p) {
    if ((*points)[p].t == (*points)[p - 1].t) return SameLabelsetError();
  }
  return absl::OkStatus();
}

// Series that became one by losing their names are put together, unless they meet in time.
absl::Status MergeSameLabels(std::vector<Series>* matrix) {
  absl::flat_hash_map<model::LabelsView, size_t, model::LabelsHash, model::LabelsEq> first;
  size_t kept = 0;
  std::vector<char> merged(matrix->size());
  std::vector<Series> out;
  out.reserve(matrix->size());
  for (Series& series : *matrix) {
    const auto found = first.find(series.labels.view());
    if (found == first.end()) {
      out.push_back(std::move(series));  // No reallocation: the views in `first` stay.
      first.emplace(out.back().labels.view(), kept++);
      continue;
    }
    Series& into = out[found->second];
    merged[found->second] = 1;
    into.points.insert(into.points.end(), series.points.begin(), series.points.end());
    into.histograms.insert(into.histograms.end(), series.histograms.begin(),
                           series.histograms.end());
  }
  for (size_t i = 0; i < out.size(); ++i) {
    if (!merged[i]) continue;
    RETURN_IF_ERROR(SortByTime(&out[i].points));
    RETURN_IF_ERROR(SortByTime(&out[i].histograms));
  }
  *matrix = std::move(out);
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<Value> CollectMatrix(Context& context, Operator* root) {
  Value value;
  value.type = ValueType::kMatrix;
  ASSIGN_OR_RETURN(const BorrowedSeries series, root->Borrow(context));
  const Grid& grid = context.grid;
  Tile tile;
  for (;;) {
    ASSIGN_OR_RETURN(const bool more, root->Next(context, &tile));
    if (!more) break;
    for (int i = 0; i < tile.size(); ++i) {
      const Row row = tile.row(i);
      int cells = 0;
      for (int w = 0; w < Words(row.steps); ++w) cells += std::popcount(row.present[w]);
      if (cells == 0) continue;
      const int histograms = NumHistograms(row);
      RETURN_IF_ERROR(context.Charge(cells - histograms + SizeOfHistograms(row)));
      Series out;
      out.labels = FinalLabels(series, root->drop_name(), tile.rows[i]);
      out.points.reserve(cells - histograms);
      out.histograms.reserve(histograms);
      for (int step = 0; step < row.steps; ++step) {
        if (!row.has(step)) continue;
        if (row.is_histogram(step)) {
          out.histograms.push_back({grid.at(step), row.histograms[step]});
        } else {
          out.points.push_back({grid.at(step), row.values[step]});
        }
      }
      value.matrix.push_back(std::move(out));
    }
  }
  RETURN_IF_ERROR(MergeSameLabels(&value.matrix));
  return value;
}

absl::StatusOr<Value> CollectVector(Context& context, Operator* root) {
  Value value;
  value.type = ValueType::kVector;
  ASSIGN_OR_RETURN(const BorrowedSeries series, root->Borrow(context));
  Tile tile;
  for (;;) {
    ASSIGN_OR_RETURN(const bool more, root->Next(context, &tile));
    if (!more) break;
    RETURN_IF_ERROR(context.Charge(tile.size()));
    for (int i = 0; i < tile.size(); ++i) {
      const Row row = tile.row(i);
      if (!row.has(0)) continue;
      value.vector.push_back({FinalLabels(series, root->drop_name(), tile.rows[i]),
                              {context.grid.start, row.values[0]},
                              row.is_histogram(0) ? row.histograms[0] : nullptr});
    }
  }
  absl::flat_hash_set<model::LabelsView, model::LabelsHash, model::LabelsEq> seen;
  seen.reserve(value.vector.size());
  for (const VectorSample& sample : value.vector) {
    if (!seen.insert(sample.labels.view()).second) return SameLabelsetError();
  }
  return value;
}

absl::StatusOr<Value> CollectScalar(Context& context, Operator* root) {
  Value value;
  value.type = ValueType::kScalar;
  ASSIGN_OR_RETURN(const std::vector<double> values, DrainScalar(context, root));
  value.scalar = {context.grid.start, values[0]};
  return value;
}

absl::StatusOr<Value> CollectSamples(Context& context, SampleSource* source, bool reads) {
  Value value;
  value.type = ValueType::kMatrix;
  ASSIGN_OR_RETURN(const BorrowedSeries series, source->Borrow(context));
  Samples samples;
  int index = 0;
  for (;;) {
    ASSIGN_OR_RETURN(const bool more, source->Next(context, &samples, &index));
    if (!more) break;
    if (samples.size() == 0) continue;
    auto n = static_cast<int64_t>(samples.floats.size());
    for (const HistogramPtr& h : samples.histograms.values) n += SampleSize(*h);
    RETURN_IF_ERROR(context.Charge(n));
    context.samples->LookAt(0, n);
    if (reads) context.samples->Read(0, n);
    Series out;
    out.labels = FinalLabels(series, source->drop_name(), index);
    out.points.reserve(samples.floats.size());
    for (size_t i = 0; i < samples.floats.size(); ++i) {
      out.points.push_back({samples.floats.times[i], samples.floats.values[i]});
    }
    for (size_t i = 0; i < samples.histograms.size(); ++i) {
      out.histograms.push_back({samples.histograms.times[i], samples.histograms.values[i]});
    }
    value.matrix.push_back(std::move(out));
  }
  RETURN_IF_ERROR(MergeSameLabels(&value.matrix));
  return value;
}

void SortByLabels(std::vector<Series>* matrix) {
  const auto less = [](const Series& a, const Series& b) { return (a.labels <=> b.labels) < 0; };
  if (std::is_sorted(matrix->begin(), matrix->end(), less)) return;
  std::vector<size_t> order(matrix->size());
  std::iota(order.begin(), order.end(), 0);
  std::sort(order.begin(), order.end(),
            [&](size_t a, size_t b) { return less((*matrix)[a], (*matrix)[b]); });
  std::vector<Series> sorted;
  sorted.reserve(order.size());
  for (const size_t i : order) sorted.push_back(std::move((*matrix)[i]));
  *matrix = std::move(sorted);
}

}  // namespace promql
