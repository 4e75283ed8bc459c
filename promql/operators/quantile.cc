#include "promql/quantile.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "promql/functions/messages.h"
#include "promql/operators/aggregate.h"
#include "promql/operators/rank.h"
#include "promql/operators/table.h"
#include "storage/base/status.h"

namespace promql {
namespace {

class QuantileAggregate final : public Operator {
 public:
  QuantileAggregate(const Expr& aggregate, OperatorPtr input, OperatorPtr param)
      : aggregate_(aggregate), input_(std::move(input)), param_(std::move(param)) {}

  absl::StatusOr<std::vector<model::Labels>> Series(Context& context) override {
    ASSIGN_OR_RETURN(quantiles_, DrainScalar(context, param_.get()));
    ASSIGN_OR_RETURN(const BorrowedSeries series, input_->Borrow(context));
    WarnOfParameters(context);
    Groups groups = MakeGroups(aggregate_, series);
    if (!input_->drop_name().empty()) drop_name_.resize(groups.labels.size());
    // Members of each group, one after the other.
    first_.resize(groups.labels.size() + 1);
    for (const int group : groups.of) ++first_[group + 1];
    for (size_t g = 1; g < first_.size(); ++g) first_[g] += first_[g - 1];
    members_.resize(groups.of.size());
    std::vector<int> at(first_.begin(), first_.end());
    for (size_t i = 0; i < groups.of.size(); ++i) {
      members_[at[groups.of[i]]++] = static_cast<int>(i);
    }
    return std::move(groups.labels);
  }

  absl::StatusOr<bool> Next(Context& context, Tile* out) override {
    const int steps = context.grid.size();
    out->Reset(steps);
    if (!filled_) {
      filled_ = true;
      RETURN_IF_ERROR(table_.Fill(context, static_cast<int>(members_.size()), input_.get()));
      if (table_.has_histograms()) {
        InformOfIgnored(aggregate_, ArgumentPosition(*aggregate_.lhs), context.annotations);
      }
    }
    std::vector<double> values;
    for (; next_ + 1 < first_.size() && !out->full(); ++next_) {
      RETURN_IF_ERROR(context.Check());
      Row row = out->AddRow(static_cast<int>(next_));
      for (int step = 0; step < steps; ++step) {
        RETURN_IF_ERROR(context.Check());
        values.clear();
        for (int i = first_[next_]; i < first_[next_ + 1]; ++i) {
          const HeldRow held = table_.row(members_[i]);
          if (held.has(step) && !held.is_histogram(step)) values.push_back(held.at(step));
        }
        if (!values.empty()) row.Set(step, Quantile(quantiles_[step], values));
      }
      const int last = LastStep(row);
      if (last < 0) {
        out->DropLastRow();
      } else if (!drop_name_.empty()) {
        drop_name_[next_] = IsDropped(last);
      }
    }
    if (out->size() > 0) return true;
    table_.Clear();
    return false;
  }

  std::string Describe() const override { return "quantile, holds its input"; }

 private:
  // Whether the members of group `next_` have it lose its name, as they are at its last step: from
  // the first float on, histograms count too.
  bool IsDropped(int step) const {
    bool any = false, dropped = false;
    for (int i = first_[next_]; i < first_[next_ + 1]; ++i) {
      const HeldRow held = table_.row(members_[i]);
      if (!held.has(step) || (!any && held.is_histogram(step))) continue;
      any = true;
      dropped |= input_->drop_name()[members_[i]] != 0;
    }
    return dropped;
  }

  // One warning for each way in which the parameter is no quantile.
  void WarnOfParameters(Context& context) const {
    double largest = -INFINITY, smallest = INFINITY;
    bool any_nan = false;
    for (const double q : quantiles_) {
      any_nan |= std::isnan(q);
      largest = std::fmax(largest, q);
      smallest = std::fmin(smallest, q);
    }
    if (any_nan) return WarnOfQuantile(NAN, *aggregate_.param, context.annotations);
    if (largest > 1) WarnOfQuantile(largest, *aggregate_.param, context.annotations);
    if (smallest < 0) WarnOfQuantile(smallest, *aggregate_.param, context.annotations);
  }

  const Expr& aggregate_;
  OperatorPtr input_, param_;
  std::vector<double> quantiles_;
  std::vector<int> first_, members_;  // Group -> its series: members_[first_[g]..first_[g + 1]).
  Table table_;
  bool filled_ = false;
  size_t next_ = 0;
};

}  // namespace

OperatorPtr MakeQuantile(const Expr& aggregate, OperatorPtr input, OperatorPtr param) {
  return std::make_unique<QuantileAggregate>(aggregate, std::move(input), std::move(param));
}

}  // namespace promql
