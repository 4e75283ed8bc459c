// The one shape evaluation takes: tiles of series x steps, pulled.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <absl/status/statusor.h>

#include "promql/context.h"
#include "promql/histogram/cell.h"
#include "promql/labels_list.h"
#include "storage/model/labels.h"

namespace promql {

// One series on the grid, borrowed from a Tile. A cell exists only if its bit is set: NaN is a
// value, absence is not. values[i] and histograms[i] of an absent cell are unspecified.
struct Row {
  double* values = nullptr;     // steps
  uint64_t* present = nullptr;  // (steps + 63) / 64 words; bits past `steps` are zero
  int steps = 0;
  // Null when all cells are floats, as nearly always; else steps, set where the cell is a histogram
  // (values[i] is unspecified then). operators/histogram_cells.h helps.
  HistogramPtr* histograms = nullptr;

  bool has(int i) const { return (present[i >> 6] >> (i & 63)) & 1; }
  bool is_histogram(int i) const {  // Of a cell that exists.
    return histograms != nullptr && histograms[i] != nullptr;
  }
  // Of a row of floats.
  void Set(int i, double v) {
    values[i] = v;
    present[i >> 6] |= uint64_t{1} << (i & 63);
  }
  // Of any row: what was there is replaced.
  void Put(int i, double v) {
    if (histograms != nullptr) histograms[i].reset();
    Set(i, v);
  }
  // Of a row with histograms.
  void Put(int i, HistogramPtr h) {
    histograms[i] = std::move(h);
    present[i >> 6] |= uint64_t{1} << (i & 63);
  }
  void Drop(int i) { present[i >> 6] &= ~(uint64_t{1} << (i & 63)); }
};

inline constexpr int kTileCells = 8192;  // 64 KiB of doubles: a tile fits in L2.

// Some series by all steps, row-major. Reused from call to call.
struct Tile {
  int steps = 0;
  int words = 0;                  // Presence words per row.
  std::vector<int> rows;          // Row -> index into Operator::Series(). Ascending.
  std::vector<double> values;     // rows.size() * steps
  std::vector<uint64_t> present;  // rows.size() * words
  std::vector<HistogramPtr> histograms;  // Like values, or empty when there are none.

  // Empties it for a grid of `steps`.
  void Reset(int new_steps) {
    steps = new_steps;
    words = (new_steps + 63) / 64;
    rows.clear(), values.clear(), present.clear(), histograms.clear();
  }
  // Adds an absent row; earlier Rows become invalid.
  Row AddRow(int series) {
    rows.push_back(series);
    values.resize(values.size() + steps);
    present.resize(present.size() + words);
    if (!histograms.empty()) histograms.resize(values.size());
    return row(static_cast<int>(rows.size()) - 1);
  }
  Row row(int i) {
    return {values.data() + size_t(i) * steps, present.data() + size_t(i) * words, steps,
            histograms.empty() ? nullptr : histograms.data() + size_t(i) * steps};
  }
  // The same, with room for histograms; earlier Rows do not see it.
  Row histogram_row(int i) {
    histograms.resize(values.size());
    return row(i);
  }
  void DropLastRow() {
    rows.pop_back();
    values.resize(values.size() - steps);
    present.resize(present.size() - words);
    if (!histograms.empty()) histograms.resize(values.size());
  }
  int size() const { return static_cast<int>(rows.size()); }
  bool full() const { return size_t(size()) * steps >= size_t(kTileCells); }
};

// Series() without copies: views that live as long as the operator that lent them.
struct BorrowedSeries {
  LabelsList labels;
  // __name__, __type__ and __unit__ are to be thought away: they are still in the views.
  bool hide_metadata = false;
};

// A node of the running query; the tree mirrors the plan. Single-threaded unless it says otherwise.
class Operator {
 public:
  virtual ~Operator() = default;

  // Every series this node may yield, fixed for the query; label sets may repeat only where the
  // language allows (they are checked per step on collecting). Called once, before Next: parents
  // size their tables by it and then match by index instead of by hash.
  // A scalar is one series without labels, present at every step.
  virtual absl::StatusOr<std::vector<model::Labels>> Series(Context& context) = 0;

  // The same, called instead of Series() by parents that need no copies of their own. Operators
  // that hold labels anyway override it; the rest keep what Series() gave.
  virtual absl::StatusOr<BorrowedSeries> Borrow(Context& context) {
    auto series = Series(context);
    if (!series.ok()) return series.status();
    kept_ = *std::move(series);
    BorrowedSeries borrowed;
    borrowed.labels = std::vector<model::LabelsView>(kept_.begin(), kept_.end());
    return borrowed;
  }

  // With Context::delayed_name_removal: 1 for each series whose name is to be dropped when the
  // query ends. Empty when that is none; else of the size it has once Series() or Borrow() was
  // called. It may hang on the steps at which a series has values: that of a series is certain once
  // its row has been handed out. Operators that pass their input's series on pass these on too.
  virtual const std::vector<char>& drop_name() const { return drop_name_; }

  // Says, at most once and before the first Next, of which series (1) nobody looks at a row: those
  // may be left out, with `floats_only` but for series that hold histograms. Passed on to the input
  // only where what is then not evaluated would have said nothing: no error, no annotation.
  virtual void LeaveOut(std::vector<char> /*series*/, bool /*floats_only*/) {}

  // Replaces *out with the next rows; false at the end (*out is then empty). Indices ascend over
  // the whole query and a series comes at most once; series without any cell may be left out.
  virtual absl::StatusOr<bool> Next(Context& context, Tile* out) = 0;

  virtual std::string Describe() const = 0;  // Its line in EXPLAIN.

 protected:
  std::vector<char> drop_name_;

 private:
  std::vector<model::Labels> kept_;
};
using OperatorPtr = std::unique_ptr<Operator>;

}  // namespace promql
