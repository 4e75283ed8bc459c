#include "storage/head/histogram_bytes.h"

#include <bit>
#include <type_traits>
#include <vector>

#include "storage/base/coding.h"
#include "storage/base/hash.h"

namespace storage {
namespace {

constexpr uint8_t kFloats = 0x01, kStale = 0x08;
constexpr int kHintShift = 1;
constexpr uint8_t kHintMask = 0x06;

void Append(double v, std::string* out) {
  base::AppendLittleEndian(out, std::bit_cast<uint64_t>(v));
}
void Append(uint64_t v, std::string* out) { base::AppendVarint(out, v); }
void Append(int64_t v, std::string* out) { base::AppendZigZag(out, v); }

bool Take(std::string_view* in, double* v) {
  uint64_t bits;
  if (!base::GetLittleEndian(in, &bits)) return false;
  *v = std::bit_cast<double>(bits);
  return true;
}
bool Take(std::string_view* in, uint64_t* v) { return base::GetVarint(in, v); }
bool Take(std::string_view* in, int64_t* v) { return base::GetZigZag(in, v); }

template <class Bucket>
void AppendSide(const std::vector<model::Span>& spans, const std::vector<Bucket>& buckets,
                std::string* out) {
  base::AppendVarint(out, spans.size());
  for (const model::Span& span : spans) {
    base::AppendZigZag(out, span.offset);
    base::AppendVarint(out, span.length);
  }
  for (const Bucket bucket : buckets) Append(bucket, out);
}

template <class Bucket>
bool TakeSide(std::string_view* in, std::vector<model::Span>* spans, std::vector<Bucket>* buckets) {
  uint64_t n, num_buckets = 0;
  if (!base::GetVarint(in, &n) || n > in->size()) return false;
  for (; n > 0; --n) {
    int64_t offset;
    uint64_t length;
    if (!base::GetZigZag(in, &offset) || offset < INT32_MIN || offset > INT32_MAX ||
        !base::GetVarint(in, &length) || length > UINT32_MAX) {
      return false;
    }
    spans->push_back({static_cast<int32_t>(offset), static_cast<uint32_t>(length)});
    num_buckets += length;
  }
  if (num_buckets > in->size()) return false;  // Each takes a byte at the least.
  buckets->resize(num_buckets);
  for (Bucket& bucket : *buckets) {
    if (!Take(in, &bucket)) return false;
  }
  return true;
}

template <class H>
void AppendBody(const H& h, std::string* out) {
  base::AppendZigZag(out, h.schema);
  Append(h.zero_threshold, out);
  Append(h.zero_count, out);
  Append(h.count, out);
  Append(h.sum, out);
  AppendSide(h.positive_spans, h.positive_buckets, out);
  AppendSide(h.negative_spans, h.negative_buckets, out);
  if (!h.custom()) return;
  base::AppendVarint(out, h.custom_values.size());
  for (const double bound : h.custom_values) Append(bound, out);
}

template <class H>
bool TakeBody(std::string_view* in, H* h) {
  int64_t schema;
  if (!base::GetZigZag(in, &schema) || schema < INT32_MIN || schema > INT32_MAX ||
      !Take(in, &h->zero_threshold) || !Take(in, &h->zero_count) || !Take(in, &h->count) ||
      !Take(in, &h->sum) || !TakeSide(in, &h->positive_spans, &h->positive_buckets) ||
      !TakeSide(in, &h->negative_spans, &h->negative_buckets)) {
    return false;
  }
  h->schema = static_cast<int32_t>(schema);
  if (!h->custom()) return true;
  uint64_t n;
  if (!base::GetVarint(in, &n) || n > in->size() / 8) return false;
  h->custom_values.resize(n);
  for (double& bound : h->custom_values) {
    if (!Take(in, &bound)) return false;
  }
  return true;
}

template <class H>
bool TakeAs(std::string_view* in, bool stale, model::ResetHint hint, model::AnyHistogram* any) {
  H h;
  h.hint = hint;
  if (stale) {
    h.sum = model::StaleNan();
  } else if (!TakeBody(in, &h) || h.stale() || !h.Validate().ok()) {
    return false;
  }
  *any = std::move(h);
  return true;
}

}  // namespace

void AppendHistogram(const model::AnyHistogram& h, std::string* out) {
  const bool stale = model::IsStale(h);
  const auto hint = static_cast<uint8_t>(model::HintOf(h));
  out->push_back(static_cast<char>((h.index() == 1 ? kFloats : 0) | hint << kHintShift |
                                   (stale ? kStale : 0)));
  if (stale) return;
  std::visit([&](const auto& x) { AppendBody(x, out); }, h);
}

bool TakeHistogram(std::string_view* in, model::AnyHistogram* h) {
  uint8_t control;
  if (!base::GetLittleEndian(in, &control) || control > (kFloats | kStale | kHintMask)) return false;
  const auto hint = static_cast<model::ResetHint>((control & kHintMask) >> kHintShift);
  const bool stale = control & kStale;
  return control & kFloats ? TakeAs<model::FloatHistogram>(in, stale, hint, h)
                           : TakeAs<model::Histogram>(in, stale, hint, h);
}

double Fingerprint(const model::AnyHistogram& h) {
  if (model::IsStale(h)) return model::StaleNan();
  thread_local std::string bytes;
  bytes.clear();
  AppendHistogram(h, &bytes);
  bytes[0] = static_cast<char>(bytes[0] & ~kHintMask);
  return std::bit_cast<double>(base::Hash64(bytes));
}

}  // namespace storage
