// Compensated sums and means of many histograms, one after the other.
#pragma once

#include <optional>

#include "promql/histogram/arithmetic.h"
#include "storage/model/histogram.h"

namespace promql::histogram {

// What both know about what went in.
class Running {
 public:
  // Hints say that a counter was reset, and others that one was not.
  bool collision() const { return reset_seen_ && no_reset_seen_; }
  bool reconciled() const { return reconciled_; }  // Custom bounds were others.

 protected:
  explicit Running(const model::FloatHistogram& first) : sum_(first) { See(first); }
  void See(const model::FloatHistogram& h) {
    reset_seen_ |= h.hint == model::ResetHint::kReset;
    no_reset_seen_ |= h.hint == model::ResetHint::kNotReset;
  }
  // False when they do not fit together: exponential and custom buckets.
  bool Note(const AddOutcome& outcome) {
    reconciled_ |= outcome.bounds_reconciled;
    return outcome.compatible;
  }

  model::FloatHistogram sum_;
  std::optional<model::FloatHistogram> lost_;

 private:
  bool reset_seen_ = false, no_reset_seen_ = false, reconciled_ = false;
};

class RunningSum : public Running {
 public:
  explicit RunningSum(const model::FloatHistogram& first) : Running(first) {}
  bool Add(const model::FloatHistogram& h);  // False: see Note. There is no result then.
  model::FloatHistogram Take() &&;
};

// By the sum until that would overflow, incrementally from there on.
class RunningMean : public Running {
 public:
  explicit RunningMean(const model::FloatHistogram& first) : Running(first) {}
  bool Add(const model::FloatHistogram& h);
  model::FloatHistogram Take() &&;

 private:
  double count_ = 1;
  bool incremental_ = false;  // sum_ holds the mean.
};

}  // namespace promql::histogram
