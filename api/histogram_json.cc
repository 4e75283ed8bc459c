#include "api/histogram_json.h"

#include "api/value_json.h"
#include "promql/histogram/buckets.h"
#include "storage/model/number_text.h"

namespace api {
namespace {

using promql::histogram::BucketCell;
using promql::histogram::Side;

char WhichEnds(const model::FloatHistogram& h, const BucketCell& bucket) {
  if (bucket.side == Side::kZero) return '3';
  if (h.custom()) return bucket.index == 0 ? '3' : '0';
  const promql::histogram::Bounds bounds =
      promql::histogram::SchemaBounds(h, bucket.side, bucket.index);
  const bool lower = bounds.lower < 0, upper = bounds.upper > 0;
  return lower ? (upper ? '3' : '1') : (upper ? '0' : '2');
}

}  // namespace

void AppendHistogramPointJson(std::string* out, const promql::HistogramSample& sample) {
  const model::FloatHistogram& h = *sample.h;
  out->push_back('[');
  model::AppendTimestamp(out, sample.t);
  *out += ",{\"count\":";
  AppendValueJson(out, h.count);
  *out += ",\"sum\":";
  AppendValueJson(out, h.sum);
  bool any = false;
  for (const BucketCell& bucket : promql::histogram::AllBuckets(h)) {
    if (bucket.count == 0) continue;
    *out += any ? ",[" : ",\"buckets\":[[";
    any = true;
    out->push_back(WhichEnds(h, bucket));
    const promql::histogram::Bounds bounds = promql::histogram::BoundsOf(h, bucket);
    for (const double v : {bounds.lower, bounds.upper, bucket.count}) {
      out->push_back(',');
      AppendValueJson(out, v);
    }
    out->push_back(']');
  }
  if (any) out->push_back(']');
  *out += "}]";
}

}  // namespace api
