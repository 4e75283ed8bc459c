// How many series the head takes, in all and per job and metric. Only series never seen before are
// refused; what was refused is counted and sketched, so that the cause can be named.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <string>
#include <vector>

#include <absl/base/thread_annotations.h>
#include <absl/synchronization/mutex.h>

#include "storage/admission.h"
#include "storage/head/refused_sketch.h"
#include "storage/index/head_index.h"

namespace storage {

struct SeriesLimitOptions {  // 0: no limit.
  uint64_t max_series = 0, max_series_per_job = 0, max_series_per_metric = 0;
};

enum class SeriesLimit : uint8_t { kTotal, kPerJob, kPerMetric, kMemory };
inline constexpr int kSeriesLimits = 4;

struct SeriesLimitReport {
  struct Entry {
    uint64_t limit = 0;    // 0: none. Of kMemory always 0: it is in bytes, and the watch's.
    uint64_t current = 0;  // Series now; of the fullest job or metric.
    std::string fullest;   // That job or metric.
    uint64_t refused = 0;  // Samples of new series, since the start.
  };
  std::array<Entry, kSeriesLimits> entries;
  std::vector<Culprit> culprits;  // Of the last minute or two.
};

class SeriesLimits {  // Thread-safe.
 public:
  // `index` and `admission` (may be null) outlive it.
  SeriesLimits(SeriesLimitOptions options, const HeadIndex* index, const Admission* admission)
      : options_(options), index_(index), admission_(admission) {}

  // Hold it while a series is asked for and made, so that a limit is kept to the series. Null
  // while nothing is counted.
  absl::Mutex* serial() { return counts() ? &serial_mu_ : nullptr; }
  // Whether a series with these labels is one too many, `now` being there. Counts and sketches it.
  bool Refuse(model::LabelsView labels, uint64_t now);

  SeriesLimitReport Report(uint64_t now) const;
  uint64_t refused(SeriesLimit limit) const {
    return refused_[static_cast<size_t>(limit)].load(std::memory_order_relaxed);
  }

 private:
  bool counts() const {
    return options_.max_series > 0 || options_.max_series_per_job > 0 ||
           options_.max_series_per_metric > 0;
  }
  bool Reached(model::LabelsView labels, uint64_t now, SeriesLimit* limit) const;

  const SeriesLimitOptions options_;
  const HeadIndex* const index_;
  const Admission* const admission_;
  absl::Mutex serial_mu_;
  std::array<std::atomic<uint64_t>, kSeriesLimits> refused_{};
  mutable absl::Mutex mu_;
  RefusedSketch sketch_ ABSL_GUARDED_BY(mu_);
};

}  // namespace storage
