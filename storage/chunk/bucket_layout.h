// Which buckets a side of a histogram has, and how its counts look in the buckets of another.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "storage/model/histogram.h"

namespace chunk {

using Spans = std::vector<model::Span>;
using Indices = std::vector<int64_t>;  // Of buckets, ascending.

uint64_t CountBuckets(const Spans& spans);
Indices IndicesOf(const Spans& spans);
Spans SpansOf(const Indices& indices);  // As few as possible.
Indices UnionOf(const Indices& a, const Indices& b);
bool Includes(const Indices& all, const Indices& some);

// `buckets` stand at `from`; in the result at `to`, which has all of those, with zeros between.
// Integers are differences, before and after.
std::vector<int64_t> MoveBuckets(const std::vector<int64_t>& buckets, const Indices& from,
                                 const Indices& to);
std::vector<double> MoveBuckets(const std::vector<double>& buckets, const Indices& from,
                                const Indices& to);

// Whether a counter may have come from `before` to `after`: no bucket fell, none that was in use is
// gone.
template <class Bucket>
bool Grew(const Spans& before_spans, const std::vector<Bucket>& before, const Spans& after_spans,
          const std::vector<Bucket>& after);

}  // namespace chunk
