#include "promql/operators/table.h"

#include <algorithm>
#include <bit>

#include "promql/operators/histogram_cells.h"
#include "storage/base/status.h"

namespace promql {

bool HasAny(const Row& row) {
  for (int w = 0; w < Words(row.steps); ++w) {
    if (row.present[w] != 0) return true;
  }
  return false;
}

int FirstStep(const Row& row) {
  for (int w = 0; w < Words(row.steps); ++w) {
    if (row.present[w] != 0) return w * 64 + std::countr_zero(row.present[w]);
  }
  return -1;
}

int LastStep(const Row& row) {
  for (int w = Words(row.steps) - 1; w >= 0; --w) {
    if (row.present[w] != 0) return w * 64 + 63 - std::countl_zero(row.present[w]);
  }
  return -1;
}

void CopyRow(const Row& row, int series, Tile* out) {
  Row copy = out->AddRow(series);
  if (row.histograms != nullptr && HasHistograms(row)) {
    copy = out->histogram_row(out->size() - 1);
    std::copy_n(row.histograms, row.steps, copy.histograms);
  }
  std::copy_n(row.values, row.steps, copy.values);
  std::copy_n(row.present, Words(row.steps), copy.present);
}

Table::~Table() { Clear(); }

void Table::Clear() {
  if (budget_ != nullptr) *budget_ += charged_;
  charged_ = 0;
  rows_.clear(), values_.clear(), present_.clear(), histograms_.clear();
}

absl::Status Table::Fill(Context& context, int num_series, Operator* input) {
  Resize(num_series);
  Tile tile;
  for (;;) {
    ASSIGN_OR_RETURN(const bool more, input->Next(context, &tile));
    if (!more) return absl::OkStatus();
    for (int i = 0; i < tile.size(); ++i) {
      RETURN_IF_ERROR(Add(context, tile.rows[i], tile.row(i)));
    }
  }
}

absl::Status Table::Add(Context& context, int series, const Row& row) {
  const int words = Words(row.steps);
  int low = 0, high = words - 1;
  while (low < words && row.present[low] == 0) ++low;
  if (low == words) return absl::OkStatus();
  while (row.present[high] == 0) --high;
  Span span;
  span.first = low * 64 + std::countr_zero(row.present[low]);
  span.count = high * 64 + 64 - std::countl_zero(row.present[high]) - span.first;
  const bool histograms = row.histograms != nullptr && HasHistograms(row);
  const int64_t size = span.count + (histograms ? SizeOfHistograms(row) : 0);
  RETURN_IF_ERROR(context.Charge(size));
  budget_ = context.samples_left;
  charged_ += size;

  span.value = values_.size();
  span.word = present_.size();
  values_.insert(values_.end(), row.values + span.first, row.values + span.first + span.count);
  present_.resize(span.word + Words(span.count));
  const int shift = span.first & 63;
  for (int w = 0; w < Words(span.count); ++w) {  // Moves the first cell to bit 0.
    const int from = low + w;
    uint64_t bits = row.present[from] >> shift;
    if (shift != 0 && from + 1 < words) bits |= row.present[from + 1] << (64 - shift);
    present_[span.word + w] = bits;  // Nothing is present past the last cell: no mask needed.
  }
  if (histograms) {
    span.histogram = histograms_.size();
    histograms_.insert(histograms_.end(), row.histograms + span.first,
                       row.histograms + span.first + span.count);
  }
  rows_[series] = span;
  return absl::OkStatus();
}

HeldRow Table::row(int series) const {
  const Span& span = rows_[series];
  HeldRow row;
  if (span.count == 0) return row;
  row.first_ = span.first;
  row.count_ = span.count;
  row.values_ = values_.data() + span.value;
  row.present_ = present_.data() + span.word;
  if (span.histogram != kNoHistograms) row.histograms_ = histograms_.data() + span.histogram;
  return row;
}

void Table::Expand(int series, Row out) const {
  std::fill_n(out.present, Words(out.steps), 0);
  const Span& span = rows_[series];
  std::copy_n(values_.data() + span.value, span.count, out.values + span.first);
  if (span.histogram != kNoHistograms) {
    std::copy_n(histograms_.data() + span.histogram, span.count, out.histograms + span.first);
  } else if (out.histograms != nullptr) {
    std::fill_n(out.histograms + span.first, span.count, nullptr);
  }
  const int shift = span.first & 63;
  const int last = Words(out.steps) - 1;
  for (int w = 0, to = span.first / 64; w < Words(span.count); ++w, ++to) {
    const uint64_t bits = present_[span.word + w];
    out.present[to] |= bits << shift;
    if (shift != 0 && to < last) out.present[to + 1] |= bits >> (64 - shift);
  }
}

absl::Status PassOver(Context& context, Operator* input) {
  Tile tile;
  for (;;) {
    ASSIGN_OR_RETURN(const bool more, input->Next(context, &tile));
    if (!more) return absl::OkStatus();
  }
}

absl::StatusOr<std::vector<double>> DrainScalar(Context& context, Operator* scalar) {
  ASSIGN_OR_RETURN(const BorrowedSeries series, scalar->Borrow(context));
  std::vector<double> values(context.grid.size());
  if (series.labels.size() != 1) return base::Internal("a scalar is not one series");
  Tile tile;
  for (;;) {
    ASSIGN_OR_RETURN(const bool more, scalar->Next(context, &tile));
    if (!more) return values;
    if (tile.size() > 0) std::copy_n(tile.row(0).values, values.size(), values.begin());
  }
}

}  // namespace promql
