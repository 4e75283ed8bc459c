// Which series were refused of late, in a few kilobytes: enough to name the metric, and the label
// whose distinct values grew most.
#pragma once

#include <array>
#include <bit>
#include <cstdint>
#include <string>
#include <vector>

#include "storage/base/hash.h"
#include "storage/model/labels.h"

namespace storage {

// How many distinct hashes were added, to about 9 %.
class DistinctSketch {
 public:
  void Add(uint64_t hash);
  void Merge(const DistinctSketch& other);
  double Estimate() const;

 private:
  static constexpr int kBits = 7;
  std::array<uint8_t, 1 << kBits> ranks_{};
};

struct Culprit {
  std::string metric, label;           // The label with most distinct values in what was refused.
  uint64_t distinct_values = 0;        // Of that label; an estimate, as is the next.
  uint64_t refused_series = 0;
  uint64_t refused_samples = 0;        // Exact, unless more metrics were refused than are tracked.
};

// Looks back one to two minutes. Not thread-safe.
class RefusedSketch {
 public:
  static constexpr size_t kMetrics = 32, kLabels = 24;
  static constexpr int64_t kWindowMs = 60'000;

  void Note(model::LabelsView labels, int64_t now_ms);
  // Those with most refused series first.
  std::vector<Culprit> Culprits(int64_t now_ms) const;

 private:
  struct Label {
    std::string name;
    DistinctSketch values;
  };
  struct Metric {
    std::string name;
    uint64_t samples = 0;
    DistinctSketch series;
    std::vector<Label> labels;
  };
  using Window = std::vector<Metric>;
  static Metric* Find(Window* window, std::string_view name, bool make);
  static Label* Find(Metric* metric, std::string_view name);

  int64_t began_ms_ = 0;
  Window current_, previous_;
};

}  // namespace storage
