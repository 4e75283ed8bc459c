#include "promql/histogram/zero_bucket.h"

#include "promql/histogram/buckets.h"
#include "promql/histogram/layout.h"
#include "promql/kernels/neumaier.h"

namespace promql::histogram {
namespace {

// Adds the buckets of one side that the zero bucket swallows. When its edge falls into one with
// something in it, moves *threshold to that one's far end and says true.
bool Swallow(const model::FloatHistogram& h, Side side, const Counts* lost_of, ZeroBucket* zero) {
  const bool positive = side == Side::kPositive;
  const Counts& counts = positive ? h.positive_buckets : h.negative_buckets;
  bool moved = false;
  ForEachIndex(positive ? h.positive_spans : h.negative_spans, counts.size(),
               [&](int64_t index, size_t i) {
                 // Of the negative side too: how far from zero.
                 const Bounds bounds =
                     SchemaBounds(h, Side::kPositive, static_cast<int32_t>(index));
                 if (bounds.lower >= zero->threshold) return false;
                 kernels::AddCompensated(counts[i], zero->count, zero->lost);
                 if (lost_of != nullptr) {
                   kernels::AddCompensated((*lost_of)[i], zero->count, zero->lost);
                 }
                 if (bounds.upper <= zero->threshold) return true;
                 if (counts[i] != 0) {
                   zero->threshold = bounds.upper;
                   moved = true;
                 }
                 return false;
               });
  return moved;
}

void EmptyWithin(const model::FloatHistogram& h, Side side, Counts* counts, Counts* lost) {
  ForEachIndex(side == Side::kPositive ? h.positive_spans : h.negative_spans, counts->size(),
               [&](int64_t index, size_t i) {
                 const Bounds bounds =
                     SchemaBounds(h, Side::kPositive, static_cast<int32_t>(index));
                 if (bounds.lower >= h.zero_threshold) return false;
                 (*counts)[i] = 0;
                 if (lost != nullptr) (*lost)[i] = 0;
                 return true;
               });
}

// Takes out the buckets that are part of the zero bucket now.
void TrimWithin(model::FloatHistogram* h, model::FloatHistogram* lost) {
  Counts* positive = lost == nullptr ? nullptr : &lost->positive_buckets;
  Counts* negative = lost == nullptr ? nullptr : &lost->negative_buckets;
  EmptyWithin(*h, Side::kPositive, &h->positive_buckets, positive);
  EmptyWithin(*h, Side::kNegative, &h->negative_buckets, negative);
  Compact(&h->positive_spans, &h->positive_buckets, positive);
  Compact(&h->negative_spans, &h->negative_buckets, negative);
}

}  // namespace

ZeroBucket WidenedZeroBucket(const model::FloatHistogram& h, double threshold,
                             const model::FloatHistogram* lost_of) {
  ZeroBucket zero;
  zero.threshold = threshold;
  zero.lost = lost_of == nullptr ? 0 : lost_of->zero_count;
  if (threshold == h.zero_threshold) {
    zero.count = h.zero_count;
    return zero;
  }
  do {  // What was lost so far is kept when it starts again: so it is in Prometheus.
    zero.count = h.zero_count;
    Swallow(h, Side::kPositive, lost_of == nullptr ? nullptr : &lost_of->positive_buckets, &zero);
  } while (Swallow(h, Side::kNegative, lost_of == nullptr ? nullptr : &lost_of->negative_buckets,
                   &zero));
  return zero;
}

ZeroBucket ReconcileZeroBuckets(const model::FloatHistogram& other, model::FloatHistogram* h,
                                model::FloatHistogram* lost) {
  ZeroBucket theirs{other.zero_count, 0, other.zero_threshold};
  while (theirs.threshold != h->zero_threshold) {
    if (h->zero_threshold > theirs.threshold) {
      theirs = WidenedZeroBucket(other, h->zero_threshold, nullptr);
    } else if (!(theirs.threshold > h->zero_threshold)) {
      break;  // NaN.
    }
    if (theirs.threshold > h->zero_threshold) {
      const ZeroBucket ours = WidenedZeroBucket(*h, theirs.threshold, lost);
      h->zero_count = ours.count;
      h->zero_threshold = ours.threshold;
      if (lost != nullptr) lost->zero_count = ours.lost;
      TrimWithin(h, lost);
    }
  }
  return theirs;
}

}  // namespace promql::histogram
