#include "promql/histogram/layout.h"

#include <algorithm>
#include <iterator>

#include "promql/histogram/buckets.h"
#include "promql/kernels/neumaier.h"
#include "storage/model/bucket_bounds.h"

namespace promql::histogram {
namespace {

// Puts one side together, bucket by bucket, ascending.
class Builder {
 public:
  explicit Builder(bool with_lost) : with_lost_(with_lost) {}

  // Behind the last one.
  void Append(int64_t index, double count, double lost) {
    if (!spans_.empty() && index == end_) {
      ++spans_.back().length;
    } else {
      spans_.push_back({static_cast<int32_t>(index - (spans_.empty() ? 0 : end_)), 1});
    }
    end_ = index + 1;
    counts_.push_back(count);
    if (with_lost_) lost_.push_back(lost);
  }
  bool at(int64_t index) const { return !spans_.empty() && index + 1 == end_; }
  double* last_count() { return &counts_.back(); }
  double* last_lost() { return &lost_.back(); }

  void Take(Spans* spans, Counts* counts, Counts* lost) {
    *spans = std::move(spans_);
    *counts = std::move(counts_);
    if (lost != nullptr) *lost = std::move(lost_);
  }

 private:
  const bool with_lost_;
  Spans spans_;
  Counts counts_, lost_;
  int64_t end_ = 0;
};

double LostAt(const Counts* lost, size_t i) { return lost == nullptr ? 0 : (*lost)[i]; }

struct Entry {
  int64_t index;
  size_t i;
};

std::vector<Entry> Entries(const Spans& spans, const Counts& counts) {
  std::vector<Entry> entries;
  entries.reserve(counts.size());
  ForEachIndex(spans, counts.size(), [&](int64_t index, size_t i) {
    entries.push_back({index, i});
    return true;
  });
  return entries;
}

// How many buckets, from the first, end within the zero bucket.
size_t CountWithin(const AddOptions& options, const std::vector<Entry>& entries) {
  if (options.schema == model::kCustomBuckets) return 0;
  size_t n = 0;
  while (n < entries.size() &&
         model::BucketBound(static_cast<int32_t>(entries[n].index), options.schema, {}) <=
             options.threshold) {
    ++n;
  }
  return n;
}

bool NothingWithin(const AddOptions& options, const Spans& spans) {
  return options.schema == model::kCustomBuckets || spans.empty() ||
         model::BucketBound(spans[0].offset, options.schema, {}) > options.threshold;
}

void AddTo(double count, double lost, double* sum, double* sum_lost) {
  if (sum_lost == nullptr) {
    *sum += count;
    return;
  }
  kernels::AddCompensated(count, *sum, *sum_lost);
  if (lost != 0) kernels::AddCompensated(lost, *sum, *sum_lost);
}

}  // namespace

void Compact(Spans* spans, Counts* counts, Counts* lost) {
  const auto empty = [&](size_t i) { return (*counts)[i] == 0 && LostAt(lost, i) == 0; };
  size_t i = 0;
  while (i < counts->size() && !empty(i)) ++i;
  if (i == counts->size()) return;  // Nothing to take out.
  Builder builder(lost != nullptr);
  ForEachIndex(*spans, counts->size(), [&](int64_t index, size_t k) {
    if (!empty(k)) builder.Append(index, (*counts)[k], LostAt(lost, k));
    return true;
  });
  builder.Take(spans, counts, lost);
}

void Coarsen(int by, Spans* spans, Counts* counts, Counts* lost) {
  Builder builder(lost != nullptr);
  ForEachIndex(*spans, counts->size(), [&](int64_t index, size_t i) {
    const int64_t target = ((index - 1) >> by) + 1;
    const double count = (*counts)[i];
    if (!builder.at(target)) {
      builder.Append(target, count, LostAt(lost, i));
    } else if (lost == nullptr) {
      *builder.last_count() += count;
    } else {
      kernels::AddCompensated(count, *builder.last_count(), *builder.last_lost());
      kernels::AddCompensated((*lost)[i], *builder.last_count(), *builder.last_lost());
    }
    return true;
  });
  builder.Take(spans, counts, lost);
}

void Add(const AddOptions& options, const Spans& spans_b, const Counts& counts_b,
         const Counts* lost_b, Spans* spans_a, Counts* counts_a, Counts* lost_a) {
  const double sign = options.subtract ? -1 : 1;
  if (*spans_a == spans_b && counts_a->size() == counts_b.size() &&
      NothingWithin(options, spans_b)) {
    for (size_t i = 0; i < counts_b.size(); ++i) {
      AddTo(sign * counts_b[i], sign * LostAt(lost_b, i), &(*counts_a)[i],
            lost_a == nullptr ? nullptr : &(*lost_a)[i]);
    }
    return;
  }
  const std::vector<Entry> a = Entries(*spans_a, *counts_a), b = Entries(spans_b, counts_b);
  Builder builder(lost_a != nullptr);
  size_t at = 0;
  for (size_t k = CountWithin(options, b); k < b.size(); ++k) {
    for (; at < a.size() && a[at].index < b[k].index; ++at) {
      builder.Append(a[at].index, (*counts_a)[a[at].i], LostAt(lost_a, a[at].i));
    }
    const double count = sign * counts_b[b[k].i], lost = sign * LostAt(lost_b, b[k].i);
    if (at < a.size() && a[at].index == b[k].index) {
      const size_t i = a[at++].i;
      AddTo(count, lost, &(*counts_a)[i], lost_a == nullptr ? nullptr : &(*lost_a)[i]);
      builder.Append(b[k].index, (*counts_a)[i], LostAt(lost_a, i));
    } else {
      builder.Append(b[k].index, count, lost);
    }
  }
  for (; at < a.size(); ++at) {
    builder.Append(a[at].index, (*counts_a)[a[at].i], LostAt(lost_a, a[at].i));
  }
  builder.Take(spans_a, counts_a, lost_a);
}

void AddReconciled(bool subtract, const model::FloatHistogram& b,
                   const std::vector<double>& common_bounds, model::FloatHistogram* a,
                   Counts* lost_a) {
  Counts sums(common_bounds.size() + 1), lost(sums.size());
  const auto fold = [&](const model::FloatHistogram& h, double sign, const Counts* lost_h) {
    ForEachIndex(h.positive_spans, h.positive_buckets.size(), [&](int64_t index, size_t i) {
      size_t to = sums.size() - 1;
      if (static_cast<size_t>(index) < h.custom_values.size()) {
        to = std::lower_bound(common_bounds.begin(), common_bounds.end(),
                              h.custom_values[index]) -
             common_bounds.begin();
      }
      kernels::AddCompensated(sign * h.positive_buckets[i], sums[to], lost[to]);
      if (lost_h != nullptr) kernels::AddCompensated((*lost_h)[i], sums[to], lost[to]);
      return true;
    });
  };
  fold(*a, 1, lost_a);
  fold(b, subtract ? -1 : 1, nullptr);
  Builder builder(lost_a != nullptr);
  for (size_t i = 0; i < sums.size(); ++i) {
    if (sums[i] != 0 || lost[i] != 0) builder.Append(static_cast<int64_t>(i), sums[i], lost[i]);
  }
  builder.Take(&a->positive_spans, &a->positive_buckets, lost_a);
  a->custom_values = common_bounds;
}

std::vector<double> CommonBounds(const std::vector<double>& a, const std::vector<double>& b) {
  std::vector<double> common;
  std::set_intersection(a.begin(), a.end(), b.begin(), b.end(), std::back_inserter(common));
  return common;
}

}  // namespace promql::histogram
