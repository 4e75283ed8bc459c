// Histograms as a target would show them, one after the other.
#pragma once

#include <map>
#include <random>
#include <vector>

#include "storage/chunk/histogram_columns.h"
#include "storage/model/histogram.h"

namespace testing_support {

// A counter or gauge histogram that observes, finds new buckets, and starts again now and then.
class RandomHistogram {
 public:
  RandomHistogram(uint32_t seed, bool floats, bool custom, bool gauge)
      : random_(seed), floats_(floats), custom_(custom), gauge_(gauge) {
    schema_ = custom ? model::kCustomBuckets : static_cast<int>(random_() % 13) - 4;
    for (int i = 0; custom && i < 20; ++i) bounds_.push_back(i * 0.1 + (i > 10 ? i * i : 0));
  }

  model::AnyHistogram Next() {
    const uint32_t dice = random_() % 100;
    if (dice == 0) positive_.clear(), negative_.clear(), zero_ = 0;  // A restart.
    if (dice == 1 && !custom_) schema_ = static_cast<int>(random_() % 13) - 4;
    for (int n = static_cast<int>(random_() % 6); n > 0; --n) {
      if (custom_ || random_() % 3 > 0) {
        positive_[static_cast<int>(random_() % (1 + positive_.size()) % 21)] += random_() % 40;
      } else {
        negative_[static_cast<int>(random_() % 9) - 4] += random_() % 7;
      }
    }
    if (gauge_ && dice < 30) {
      for (auto& [index, count] : positive_) count /= 2;
    }
    if (!custom_) zero_ += random_() % 3;
    if (dice == 2) {
      model::Histogram stale;
      stale.sum = model::StaleNan();
      if (!floats_) return stale;
      return model::ToFloat(stale);
    }
    model::Histogram h = Make();
    if (!floats_) return h;
    model::FloatHistogram f = model::ToFloat(h);
    f.count += 0.25;
    for (double& count : f.positive_buckets) count *= 1.5;
    return f;
  }

 private:
  model::Histogram Make() {
    model::Histogram h;
    h.schema = schema_;
    h.hint = gauge_ ? model::ResetHint::kGauge : model::ResetHint::kUnknown;
    if (custom_) {
      h.custom_values = bounds_;
    } else {
      h.zero_threshold = 0.001;
      h.zero_count = zero_;
      AddSide(negative_, &h.negative_spans, &h.negative_buckets, &h.count);
    }
    AddSide(positive_, &h.positive_spans, &h.positive_buckets, &h.count);
    h.count += h.zero_count;
    h.sum = static_cast<double>(h.count) * 1.37;
    return h;
  }
  static void AddSide(const std::map<int, uint64_t>& side, std::vector<model::Span>* spans,
                      std::vector<int64_t>* buckets, uint64_t* total) {
    int next = 0;
    int64_t last = 0;
    for (const auto& [index, count] : side) {
      if (spans->empty() || index != next) spans->push_back({index - next, 0});
      ++spans->back().length;
      next = index + 1;
      buckets->push_back(static_cast<int64_t>(count) - last);
      last = static_cast<int64_t>(count);
      *total += count;
    }
  }

  std::mt19937 random_;
  const bool floats_, custom_, gauge_;
  int schema_;
  uint64_t zero_ = 0;
  std::vector<double> bounds_;
  std::map<int, uint64_t> positive_, negative_;
};

// What a histogram says, however its spans are cut and whichever empty buckets it names.
struct PlainHistogram {
  bool floats = false;
  int schema = 0;
  double zero_threshold = 0, zero_count = 0, count = 0, sum = 0;
  std::map<int64_t, double> positive, negative;
  std::vector<double> bounds;
  bool stale = false;
  friend bool operator==(const PlainHistogram&, const PlainHistogram&) = default;
};

inline PlainHistogram Plain(const model::AnyHistogram& any) {
  PlainHistogram plain;
  plain.floats = any.index() == 1;
  plain.stale = model::IsStale(any);
  if (plain.stale) return plain;
  const model::FloatHistogram f = any.index() == 1 ? std::get<1>(any)
                                                   : model::ToFloat(std::get<0>(any));
  plain.schema = f.schema;
  plain.zero_threshold = f.zero_threshold;
  plain.zero_count = f.zero_count;
  plain.count = f.count;
  plain.sum = f.sum;
  plain.bounds = f.custom_values;
  const auto side = [](const auto& spans, const auto& buckets, auto* out) {
    int64_t index = 0;
    size_t at = 0;
    for (const model::Span& span : spans) {
      index += span.offset;
      for (uint32_t i = 0; i < span.length; ++i, ++index, ++at) {
        if (buckets[at] != 0) (*out)[index] = buckets[at];
      }
    }
  };
  side(f.positive_spans, f.positive_buckets, &plain.positive);
  side(f.negative_spans, f.negative_buckets, &plain.negative);
  return plain;
}

}  // namespace testing_support
