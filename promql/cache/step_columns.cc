#include "promql/cache/step_columns.h"

#include <algorithm>
#include <utility>

namespace promql {
namespace {

// fill(first step, values of the steps) for each run of `row`, or piece of one, inside the view.
template <class F>
void ForEachRun(const StepColumns::Row& row, const StepsView& view, F fill) {
  const double* values = row.values.data();
  const int32_t end = view.first + view.count;
  for (const StepColumns::Run& run : row.runs) {
    if (run.first >= end) break;
    const int32_t from = std::max(run.first, view.first), to = std::min(run.end(), end);
    if (from < to) fill(from, std::span(values + (from - run.first), size_t(to - from)));
    values += run.count;
  }
}

void AppendRun(int32_t first, std::span<const double> values, StepColumns::Row* out) {
  const auto count = static_cast<int32_t>(values.size());
  if (!out->runs.empty() && out->runs.back().end() == first) {
    out->runs.back().count += count;
  } else {
    out->runs.push_back({first, count});
  }
  out->values.insert(out->values.end(), values.begin(), values.end());
}

// Takes part in a merge by labels.
struct Head {
  StepsView view;
  int32_t shift = 0;  // From steps of its columns to those of the result.
  size_t next = 0;
  bool at_end() const { return next == view.columns->rows.size(); }
  const StepColumns::Row& row() const { return view.columns->rows[next]; }
};

}  // namespace

int64_t StepColumns::bytes() const {
  size_t bytes = sizeof *this + rows.capacity() * sizeof(Row);
  for (const Row& row : rows) {
    bytes += row.labels.bytes().capacity() + row.runs.capacity() * sizeof(Run) +
             row.values.capacity() * sizeof(double);
  }
  return static_cast<int64_t>(bytes);
}

std::optional<StepColumns> ToColumns(const std::vector<Series>& matrix, const Grid& grid) {
  StepColumns columns;
  columns.grid = grid;
  columns.rows.reserve(matrix.size());
  for (const Series& series : matrix) {
    if (!series.histograms.empty()) return std::nullopt;
    StepColumns::Row row;
    row.labels = series.labels;
    row.values.reserve(series.points.size());
    for (const model::Sample& point : series.points) {
      const auto step = static_cast<int32_t>((point.t - grid.start) / grid.step_ms);
      AppendRun(step, {&point.v, 1}, &row);
    }
    row.runs.shrink_to_fit();
    columns.rows.push_back(std::move(row));
  }
  return columns;
}

StepColumns Join(std::span<const StepsView> parts) {
  StepColumns out;
  out.grid = {parts.front().start(), parts.front().start(),
              parts.front().columns->grid.step_ms};
  std::vector<Head> heads;
  int32_t steps = 0;
  size_t most_rows = 0;
  for (const StepsView& part : parts) {
    heads.push_back({part, steps - part.first});
    steps += part.count;
    most_rows = std::max(most_rows, part.columns->rows.size());
  }
  out.grid.end = out.grid.at(steps - 1);
  out.rows.reserve(most_rows);
  for (;;) {
    const Head* least = nullptr;
    for (const Head& head : heads) {
      if (head.at_end()) continue;
      if (least == nullptr || (head.row().labels <=> least->row().labels) < 0) least = &head;
    }
    if (least == nullptr) break;
    StepColumns::Row row;
    row.labels = least->row().labels;
    size_t values = 0;
    for (const Head& head : heads) {
      if (!head.at_end() && head.row().labels == row.labels) values += head.row().values.size();
    }
    row.values.reserve(std::min(values, static_cast<size_t>(steps)));
    for (Head& head : heads) {
      if (head.at_end() || head.row().labels != row.labels) continue;
      ForEachRun(head.row(), head.view, [&](int32_t first, std::span<const double> part) {
        AppendRun(first + head.shift, part, &row);
      });
      ++head.next;
    }
    if (row.runs.empty()) continue;
    row.runs.shrink_to_fit();
    out.rows.push_back(std::move(row));
  }
  return out;
}

std::vector<Series> ToMatrix(const StepsView& steps) {
  std::vector<Series> matrix;
  const Grid& grid = steps.columns->grid;
  matrix.reserve(steps.columns->rows.size());
  for (const StepColumns::Row& row : steps.columns->rows) {
    Series series;
    size_t count = 0;
    ForEachRun(row, steps, [&](int32_t, std::span<const double> v) { count += v.size(); });
    if (count == 0) continue;
    series.labels = row.labels;
    series.points.reserve(count);
    ForEachRun(row, steps, [&](int32_t first, std::span<const double> values) {
      model::TimeMs t = grid.at(first);
      for (const double v : values) {
        series.points.push_back({t, v});
        t += grid.step_ms;
      }
    });
    matrix.push_back(std::move(series));
  }
  return matrix;
}

}  // namespace promql
