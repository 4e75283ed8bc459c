// Rows held in memory, for operators that need their whole input. A row costs what lies between its
// first and last cell; all of it is charged to the query until the table goes.
#pragma once

#include <cstdint>
#include <vector>

#include <absl/status/status.h>

#include "promql/context.h"
#include "promql/operator.h"

namespace promql {

bool HasAny(const Row& row);
int FirstStep(const Row& row);  // Of those it has; -1 when it has none.
int LastStep(const Row& row);
inline int Words(int steps) { return (steps + 63) / 64; }
// Appends a copy of `row` to *out as series `series`.
void CopyRow(const Row& row, int series, Tile* out);

class HeldRow {  // One row of a Table, or none of it: then every step is absent.
 public:
  bool empty() const { return count_ == 0; }
  int first() const { return first_; }           // The first present step.
  int end() const { return first_ + count_; }    // Past the last present one.
  bool has(int step) const {
    const unsigned at = static_cast<unsigned>(step - first_);
    return at < static_cast<unsigned>(count_) && ((present_[at >> 6] >> (at & 63)) & 1);
  }
  double at(int step) const { return values_[step - first_]; }
  bool is_histogram(int step) const {  // Of a step it has.
    return histograms_ != nullptr && histograms_[step - first_] != nullptr;
  }

 private:
  friend class Table;
  int first_ = 0, count_ = 0;
  const double* values_ = nullptr;
  const uint64_t* present_ = nullptr;  // Bit 0 is first().
  const HistogramPtr* histograms_ = nullptr;
};

class Table {  // Not thread-safe.
 public:
  ~Table();
  Table() = default;
  Table(const Table&) = delete;
  Table& operator=(const Table&) = delete;

  // Pulls everything out of `input`, whose Series() was called and gave `num_series`.
  absl::Status Fill(Context& context, int num_series, Operator* input);
  // Adds one row. Rows without cells may be left out.
  absl::Status Add(Context& context, int series, const Row& row);
  void Resize(int num_series) { rows_.resize(num_series); }
  void Clear();

  HeldRow row(int series) const;
  // Overwrites presence of `out` with that of the row and the values of its present cells. If
  // has_histograms(), `out` must be able to hold some.
  void Expand(int series, Row out) const;
  bool has_histograms() const { return !histograms_.empty(); }
  int size() const { return static_cast<int>(rows_.size()); }

 private:
  struct Span {
    int first = 0, count = 0;
    size_t value = 0, word = 0;
    size_t histogram = kNoHistograms;
  };
  static constexpr size_t kNoHistograms = ~size_t{0};
  std::vector<Span> rows_;
  std::vector<double> values_;
  std::vector<uint64_t> present_;
  std::vector<HistogramPtr> histograms_;  // Of rows that have some.
  int64_t* budget_ = nullptr;
  int64_t charged_ = 0;
};

// All values of a scalar operator, one for each step of the context's grid. Calls Borrow and Next.
absl::StatusOr<std::vector<double>> DrainScalar(Context& context, Operator* scalar);
// Evaluates what nobody wants the rows of: for its annotations, errors and samples.
absl::Status PassOver(Context& context, Operator* input);

}  // namespace promql
