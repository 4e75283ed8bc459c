// Which times a batch may bring: spec 8. Made once for each batch.
#pragma once

#include <algorithm>
#include <cstdint>
#include <limits>

#include "storage/model/sample.h"

namespace storage {

inline constexpr model::TimeMs kNoTime = std::numeric_limits<int64_t>::min();

struct TimeRules {
  // How far behind the head's newest sample a sample in order may lie: half of Prometheus' 2 h
  // chunk range.
  static constexpr int64_t kAppendableMs = 3'600'000;

  model::TimeMs min_in_order = kNoTime;  // Nothing older is taken in order; kNoTime: an empty head.
  model::TimeMs min_late = std::numeric_limits<int64_t>::max();  // Nothing older is taken late.
  int64_t window_ms = 0;                 // 0: nothing is taken late.
  // What is newer came by a clock that ran ahead: its series goes on with late samples. The end of
  // time when nothing is so new.
  model::TimeMs horizon = std::numeric_limits<int64_t>::max();

  // Whether anything may be taken late.
  bool MayBeLate() const {
    return window_ms > 0 || horizon != std::numeric_limits<int64_t>::max();
  }

  // `newest`: of the head, kNoTime when it is empty.
  static TimeRules For(model::TimeMs newest, int64_t window_ms) {
    TimeRules rules;
    rules.window_ms = window_ms;
    if (newest != kNoTime) rules.Set(newest);
    return rules;
  }
  void Set(model::TimeMs newest) {
    min_in_order = Before(newest, kAppendableMs);
    if (window_ms > 0) min_late = Before(newest, window_ms);
  }
  // The first sample of an empty head sets the bounds of its batch.
  void Saw(model::TimeMs t) {
    if (min_in_order == kNoTime) Set(t);
  }

 private:
  static model::TimeMs Before(model::TimeMs t, int64_t ms) {
    return t < kNoTime + ms ? kNoTime : t - ms;
  }
};

}  // namespace storage
