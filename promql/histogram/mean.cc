#include "promql/histogram/mean.h"

#include <utility>

namespace promql::histogram {

bool RunningSum::Add(const model::FloatHistogram& h) {
  See(h);
  return Note(AddCompensated(h, &sum_, &lost_));
}

model::FloatHistogram RunningSum::Take() && {
  if (lost_.has_value()) Note(histogram::Add(*lost_, &sum_));
  return std::move(sum_);
}

bool RunningMean::Add(const model::FloatHistogram& h) {
  See(h);
  ++count_;
  if (!incremental_) {
    model::FloatHistogram sum = sum_;
    std::optional<model::FloatHistogram> lost = lost_;
    if (!Note(AddCompensated(h, &sum, &lost))) return false;
    if (!HasInfinity(sum)) {
      sum_ = std::move(sum);
      lost_ = std::move(lost);
      return true;
    }
    incremental_ = true;
    Divide(count_ - 1, &sum_);
    if (lost_.has_value()) Divide(count_ - 1, &*lost_);
  }
  const double weight = (count_ - 1) / count_;
  if (lost_.has_value()) Multiply(weight, &*lost_);
  model::FloatHistogram part = h;
  Divide(count_, &part);
  Multiply(weight, &sum_);
  return Note(AddCompensated(part, &sum_, &lost_));
}

model::FloatHistogram RunningMean::Take() && {
  if (!incremental_) {
    Divide(count_, &sum_);
    if (lost_.has_value()) Divide(count_, &*lost_);
  }
  if (lost_.has_value()) histogram::Add(*lost_, &sum_);
  return std::move(sum_);
}

}  // namespace promql::histogram
