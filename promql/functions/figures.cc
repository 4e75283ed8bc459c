#include "promql/functions/figures.h"

#include <cmath>
#include <string>
#include <utility>

#include "promql/functions/messages.h"
#include "promql/operators/names.h"
#include "promql/operators/table.h"
#include "storage/base/hash.h"
#include "storage/base/status.h"

namespace promql {
namespace {

class QuantileFigure final : public Figures {
 public:
  QuantileFigure(const Expr& arg, OperatorPtr q) : arg_(arg), q_(std::move(q)) {}
  absl::Status Prepare(Context& context) override {
    ASSIGN_OR_RETURN(quantiles_, DrainScalar(context, q_.get()));
    for (size_t i = 0; i < quantiles_.size(); ++i) {
      if (i > 0 && quantiles_[i] == quantiles_[i - 1]) continue;
      WarnOfQuantile(quantiles_[i], arg_, context.annotations);
    }
    return absl::OkStatus();
  }
  double Compute(int, int step, std::vector<Bucket>* buckets, MonotonicFix* fix) override {
    return BucketQuantile(quantiles_[step], buckets, fix);
  }
  double Compute(int, int step, const model::FloatHistogram& h,
                 histogram::NanEffect* effect) override {
    return histogram::Quantile(quantiles_[step], h, effect);
  }

 private:
  const Expr& arg_;
  OperatorPtr q_;
  std::vector<double> quantiles_;
};

// A figure for every quantile asked for at any step, told apart by its text.
class QuantileFigures final : public Figures {
 public:
  QuantileFigures(const Expr& call, std::vector<OperatorPtr> scalars)
      : call_(call), scalars_(std::move(scalars)) {}

  absl::Status Prepare(Context& context) override {
    const int steps = context.grid.size();
    base::StringMap<int> known;
    for (size_t arg = 0; arg < scalars_.size(); ++arg) {
      ASSIGN_OR_RETURN(const std::vector<double> values,
                       DrainScalar(context, scalars_[arg].get()));
      for (int step = 0; step < steps; ++step) {
        const double q = values[step];
        if (step == 0 || q != values[step - 1]) {
          WarnOfQuantile(q, *call_.args[arg + 2], context.annotations);
        }
        std::string text = OpenMetricsText(q);
        const auto [it, added] = known.try_emplace(text, static_cast<int>(quantiles_.size()));
        if (added) quantiles_.push_back({q, std::move(text), std::vector<bool>(steps)});
        std::vector<bool>& wanted = quantiles_[it->second].wanted;
        if (wanted[step]) twice_ = true;
        wanted[step] = true;
      }
    }
    return absl::OkStatus();
  }
  int count() const override { return static_cast<int>(quantiles_.size()); }
  bool Wants(int k, int step) const override { return quantiles_[k].wanted[step]; }
  bool has_labels() const override { return true; }
  model::Labels LabelsOf(const model::Labels& series, int k) const override {
    return model::LabelsBuilder(series)
        .Set(TextArgument(*call_.args[1]), quantiles_[k].text)
        .Build();
  }
  double Compute(int k, int, std::vector<Bucket>* buckets, MonotonicFix* fix) override {
    return BucketQuantile(quantiles_[k].q, buckets, fix);
  }
  double Compute(int k, int, const model::FloatHistogram& h,
                 histogram::NanEffect* effect) override {
    return histogram::Quantile(quantiles_[k].q, h, effect);
  }
  absl::Status Check() const override {
    return twice_ ? SameLabelsetError() : absl::OkStatus();
  }

 private:
  struct Quantile {
    double q = 0;
    std::string text;
    std::vector<bool> wanted;  // By step.
  };
  const Expr& call_;
  std::vector<OperatorPtr> scalars_;
  std::vector<Quantile> quantiles_;
  bool twice_ = false;  // The same one at one step.
};

class FractionFigure final : public Figures {
 public:
  FractionFigure(OperatorPtr lower, OperatorPtr upper)
      : lower_(std::move(lower)), upper_(std::move(upper)) {}
  absl::Status Prepare(Context& context) override {
    ASSIGN_OR_RETURN(lowers_, DrainScalar(context, lower_.get()));
    ASSIGN_OR_RETURN(uppers_, DrainScalar(context, upper_.get()));
    return absl::OkStatus();
  }
  double Compute(int, int step, std::vector<Bucket>* buckets, MonotonicFix*) override {
    return BucketFraction(lowers_[step], uppers_[step], buckets);
  }
  double Compute(int, int step, const model::FloatHistogram& h,
                 histogram::NanEffect* effect) override {
    return histogram::Fraction(lowers_[step], uppers_[step], h, effect);
  }

 private:
  OperatorPtr lower_, upper_;
  std::vector<double> lowers_, uppers_;
};

}  // namespace

std::unique_ptr<Figures> MakeQuantileFigure(const Expr& call, OperatorPtr q) {
  return std::make_unique<QuantileFigure>(*call.args[0], std::move(q));
}

std::unique_ptr<Figures> MakeQuantileFigures(const Expr& call, std::vector<OperatorPtr> qs) {
  return std::make_unique<QuantileFigures>(call, std::move(qs));
}

std::unique_ptr<Figures> MakeFractionFigure(OperatorPtr lower, OperatorPtr upper) {
  return std::make_unique<FractionFigure>(std::move(lower), std::move(upper));
}

}  // namespace promql
