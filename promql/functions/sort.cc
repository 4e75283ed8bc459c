#include "promql/functions/sort.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <string>
#include <utility>

#include "promql/functions/messages.h"
#include "promql/functions/natural_order.h"
#include "promql/operators/histogram_cells.h"
#include "promql/operators/table.h"
#include "promql/signatures.h"
#include "storage/base/status.h"

namespace promql {
namespace {

struct SortedSeries {
  model::Labels labels;
  double value = 0;
  HistogramPtr histogram;  // Instead of the value; only by label.
  char drop_name = 0;
};

class Sort final : public Operator {
 public:
  Sort(const Expr& call, OperatorPtr input) : call_(call), input_(std::move(input)) {
    const std::string_view name = call.function->name;
    descending_ = name.ends_with("_desc");
    for (size_t i = 1; i < call.args.size(); ++i) by_.emplace_back(TextArgument(*call.args[i]));
    by_label_ = name.starts_with("sort_by_label");
  }

  absl::StatusOr<std::vector<model::Labels>> Series(Context& context) override {
    ASSIGN_OR_RETURN(std::vector<model::Labels> series, input_->Series(context));
    if (context.grid.start != context.grid.end) {
      context.annotations->Warn(
          "sort is ineffective for range queries since results are always ordered by labels",
          call_.pos);
      return series;
    }
    RETURN_IF_ERROR(ReadAll(context, std::move(series)));
    SortAll();
    std::vector<model::Labels> out;
    std::vector<char> drop_name;
    for (SortedSeries& one : sorted_) {
      out.push_back(std::move(one.labels));
      drop_name.push_back(one.drop_name);
    }
    if (!input_->drop_name().empty()) drop_name_ = std::move(drop_name);
    return out;
  }

  const std::vector<char>& drop_name() const override {
    return sorted_.empty() ? input_->drop_name() : drop_name_;
  }

  absl::StatusOr<bool> Next(Context& context, Tile* out) override {
    if (context.grid.start != context.grid.end) {
      auto more = input_->Next(context, out);
      for (int i = 0; !by_label_ && i < out->size(); ++i) DropHistograms(out->row(i));
      return more;
    }
    out->Reset(1);
    while (next_ < sorted_.size() && !out->full()) {
      SortedSeries& one = sorted_[next_];
      const int row = out->size();
      out->AddRow(static_cast<int>(next_++)).Put(0, one.value);
      if (one.histogram != nullptr) out->histogram_row(row).Put(0, std::move(one.histogram));
    }
    if (out->size() > 0) return true;
    context.Release(std::exchange(charged_, 0));
    return false;
  }

  std::string Describe() const override { return std::string(call_.function->name); }

 private:
  absl::Status ReadAll(Context& context, std::vector<model::Labels> series) {
    const std::vector<char>& flags = input_->drop_name();
    Tile tile;
    for (;;) {
      ASSIGN_OR_RETURN(const bool more, input_->Next(context, &tile));
      if (!more) return absl::OkStatus();
      RETURN_IF_ERROR(context.Charge(tile.size()));
      charged_ += tile.size();
      for (int r = 0; r < tile.size(); ++r) {
        const Row row = tile.row(r);
        if (!row.has(0) || (row.is_histogram(0) && !by_label_)) continue;
        const int i = tile.rows[r];
        sorted_.push_back({std::move(series[i]), row.values[0],
                           row.is_histogram(0) ? row.histograms[0] : nullptr,
                           flags.empty() ? char{0} : flags[i]});
      }
    }
  }

  void SortAll() {
    std::stable_sort(sorted_.begin(), sorted_.end(),
                     [this](const SortedSeries& a, const SortedSeries& b) {
                       return by_label_ ? LabelsBefore(a.labels, b.labels)
                                        : ValueBefore(a.value, b.value);
                     });
  }

  // NaN comes last whichever way.
  bool ValueBefore(double a, double b) const {
    if (std::isnan(a) || std::isnan(b)) return !std::isnan(a) && std::isnan(b);
    return descending_ ? a > b : a < b;
  }

  bool LabelsBefore(const model::Labels& a, const model::Labels& b) const {
    for (const std::string& name : by_) {
      const auto order = CompareNaturally(a.Get(name), b.Get(name));
      if (order != 0) return descending_ ? order > 0 : order < 0;
    }
    return descending_ ? a > b : a < b;
  }

  const Expr& call_;
  OperatorPtr input_;
  bool descending_ = false, by_label_ = false;
  std::vector<std::string> by_;
  std::vector<SortedSeries> sorted_;
  size_t next_ = 0;
  int64_t charged_ = 0;
};

}  // namespace

OperatorPtr MakeSort(const Expr& call, std::vector<OperatorPtr> args) {
  return std::make_unique<Sort>(call, std::move(args[0]));
}

}  // namespace promql
