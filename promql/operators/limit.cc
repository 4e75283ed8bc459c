#define XXH_INLINE_ALL
#include <xxhash.h>

#include <algorithm>
#include <cmath>
#include <utility>

#include "promql/functions/messages.h"
#include "promql/operators/aggregate.h"
#include "promql/operators/label_picker.h"
#include "promql/operators/rank.h"
#include "promql/operators/table.h"
#include "storage/base/status.h"
#include "storage/model/number_text.h"

namespace promql {
namespace {

// Where a series stands between 0 and 1: Prometheus' hash of its labels, over their bytes as it
// keeps them: sizes below 255 in one byte, others as 255 and three bytes, low first.
double PlaceOf(model::LabelsView labels, bool hide_metadata) {
  std::string bytes;
  const auto append = [&bytes](std::string_view s) {
    const size_t n = s.size();
    if (n < 255) {
      bytes += static_cast<char>(n);
    } else {
      bytes += static_cast<char>(255);
      for (int shift = 0; shift < 24; shift += 8) bytes += static_cast<char>(n >> shift & 255);
    }
    bytes += s;
  };
  for (const model::Label& label : labels) {
    if (hide_metadata && IsMetadataLabel(label.name)) continue;
    append(label.name);
    append(label.value);
  }
  return static_cast<double>(XXH64(bytes.data(), bytes.size(), 0)) / 0x1p64;
}

class Limit final : public Operator {
 public:
  Limit(const Expr& aggregate, OperatorPtr input, OperatorPtr param)
      : aggregate_(aggregate),
        ratio_(aggregate.aggregate == AggregateOp::kLimitRatio),
        input_(std::move(input)),
        param_(std::move(param)) {}

  absl::StatusOr<std::vector<model::Labels>> Series(Context& context) override {
    ASSIGN_OR_RETURN(const BorrowedSeries borrowed, Borrow(context));
    return VisibleLabels(borrowed);
  }

  absl::StatusOr<BorrowedSeries> Borrow(Context& context) override {
    ASSIGN_OR_RETURN(params_, DrainScalar(context, param_.get()));
    ASSIGN_OR_RETURN(const bool any, ratio_ ? CheckRatios(context) : CheckK(params_));
    ASSIGN_OR_RETURN(BorrowedSeries series, input_->Borrow(context));
    nothing_ = !any;
    if (nothing_) return series;
    if (ratio_) {
      for (const model::LabelsView labels : series.labels) {
        places_.push_back(PlaceOf(labels, series.hide_metadata));
      }
    } else {
      Groups groups = MakeGroups(aggregate_, series);
      group_ = std::move(groups.of);
      RETURN_IF_ERROR(context.CheckRoom(groups.labels.size() * params_.size() * sizeof(passed_[0])));
      passed_.resize(groups.labels.size() * params_.size());
    }
    return series;
  }

  const std::vector<char>& drop_name() const override { return input_->drop_name(); }

  absl::StatusOr<bool> Next(Context& context, Tile* out) override {
    if (nothing_) {
      RETURN_IF_ERROR(PassOver(context, input_.get()));
      out->Reset(context.grid.size());
      return false;
    }
    ASSIGN_OR_RETURN(const bool more, input_->Next(context, out));
    for (int i = 0; i < out->size(); ++i) {
      if (ratio_) {
        PassByRatio(out->row(i), places_[out->rows[i]]);
      } else {
        PassFirst(out->row(i), group_[out->rows[i]]);
      }
    }
    return more;
  }

  std::string Describe() const override { return std::string(ToString(aggregate_.aggregate)); }

 private:
  absl::StatusOr<bool> CheckRatios(Context& context) {
    double largest = -INFINITY, smallest = INFINITY;
    for (const double r : params_) {
      if (std::isnan(r)) return base::Aborted("Ratio value is NaN");
      largest = std::max(largest, r);
      smallest = std::min(smallest, r);
    }
    if (largest > 1) WarnOfRatio(largest, 1, context.annotations);
    if (smallest < -1) WarnOfRatio(smallest, -1, context.annotations);
    for (double& r : params_) r = std::clamp(r, -1.0, 1.0);
    return largest != 0 || smallest != 0;
  }

  void WarnOfRatio(double ratio, double limit, AnnotationSink* annotations) const {
    annotations->Warn(
        fmt::format("ratio value should be between -1 and 1, got {}, capping to {}",
                    model::FormatFloat(ratio, 'g'), model::FormatFloat(limit, 'g')),
        ArgumentPosition(*aggregate_.param));
  }

  void PassByRatio(Row row, double place) const {
    for (int i = 0; i < row.steps; ++i) {
      const double r = params_[i];
      const bool passes = r >= 0 ? place < r : place >= 1 + r;
      if (!passes || r == 0) row.Drop(i);
    }
  }

  void PassFirst(Row row, int group) {
    int* passed = &passed_[size_t(group) * params_.size()];
    for (int i = 0; i < row.steps; ++i) {
      if (!row.has(i)) continue;
      if (passed[i] >= CutK(params_[i], INT32_MAX)) {
        row.Drop(i);
      } else {
        ++passed[i];
      }
    }
  }

  const Expr& aggregate_;
  const bool ratio_;
  OperatorPtr input_, param_;
  std::vector<double> params_;
  bool nothing_ = false;
  std::vector<double> places_;  // limit_ratio, by series.
  std::vector<int> group_;      // limitk: series -> group.
  std::vector<int> passed_;     // limitk: groups x steps.
};

}  // namespace

OperatorPtr MakeLimit(const Expr& aggregate, OperatorPtr input, OperatorPtr param) {
  return std::make_unique<Limit>(aggregate, std::move(input), std::move(param));
}

}  // namespace promql
