// Chunks of native histograms in Prometheus' bit layout (tsdb/docs/format/chunks.md): README of
// storage, "Histogram chunks".
#pragma once

#include <optional>
#include <string>
#include <variant>

#include "storage/chunk/bucket_layout.h"
#include "storage/chunk/chunk.h"
#include "storage/chunk/histogram_reader.h"
#include "storage/model/histogram.h"

namespace chunk {

inline constexpr int kMaxHistograms = 120, kMinHistograms = 10;
inline constexpr size_t kHistogramBytes = 1024;  // A chunk with kMinHistograms that has these is full.

// The open end of a series of one kind of histogram. Knows its last histogram also when it has just
// been sealed: the next chunk says whether the counter was reset in between. Not thread-safe.
template <class H>
class TypedHistogramEncoder {
 public:
  // False when a new chunk must begin: this one is full, the counter was reset, or schema, zero
  // threshold or bounds are others. Nothing is written then: Seal, and come again. New buckets are
  // no reason: what is there is written anew with them. Requires a valid histogram and a time later
  // than the one before.
  [[nodiscard]] bool Append(model::TimeMs t, const H& h);
  bool empty() const { return num_ == 0; }
  ChunkView view() const;  // Until the next Append.
  std::string Seal();      // The final bytes. Leaves it empty.
  size_t heap_bytes() const;  // About; 0 when it is empty.

 private:
  struct Fit {
    bool ok = false;  // It belongs into this chunk.
    HistogramHeader header = HistogramHeader::kUnknown;  // What the next chunk says if not.
  };
  Fit FitCounter(const H& h) const;
  bool FitGauge(const H& h) const;
  HistogramHeader FirstHeader(const H& h) const;
  // The spans that both the chunk and `h` shall have, from those of one side.
  Spans Common(const Spans& ours, const Spans& theirs, bool any_new, bool any_missing,
               bool gauge) const;
  void AppendFitting(model::TimeMs t, const H& h);
  void Rewrite(const Spans& positive, const Spans& negative);
  void Begin(HistogramHeader header);
  void Put(model::TimeMs t, const H& h);  // As it is.
  void PutFirst(model::TimeMs t, const H& h, BitWriter* bits);
  void PutNext(model::TimeMs t, const H& h, BitWriter* bits);

  std::string bytes_;
  uint8_t free_bits_ = 0;
  bool has_last_ = false;  // last_ means something.
  int num_ = 0;
  HistogramHeader header_ = HistogramHeader::kUnknown;
  std::optional<HistogramHeader> next_header_;  // When a histogram that did not fit told.
  model::TimeMs first_t_ = 0, t_ = 0;
  int64_t t_delta_ = 0;
  H last_;  // In the layout of the chunk.
  HistogramDeltas<H> deltas_;
};

// The same for both kinds.
class HistogramEncoder {
 public:
  // As above; false also when the chunk is of the other kind.
  [[nodiscard]] bool Append(model::TimeMs t, const model::AnyHistogram& h);
  bool empty() const {
    return std::visit([](const auto& e) { return e.empty(); }, encoder_);
  }
  ChunkView view() const {
    return std::visit([](const auto& e) { return e.view(); }, encoder_);
  }
  std::string Seal() {
    return std::visit([](auto& e) { return e.Seal(); }, encoder_);
  }
  size_t heap_bytes() const {
    return std::visit([](const auto& e) { return e.heap_bytes(); }, encoder_);
  }
  bool floats() const { return encoder_.index() == 1; }

 private:
  std::variant<TypedHistogramEncoder<model::Histogram>,
               TypedHistogramEncoder<model::FloatHistogram>> encoder_;
};

extern template class TypedHistogramEncoder<model::Histogram>;
extern template class TypedHistogramEncoder<model::FloatHistogram>;

}  // namespace chunk
