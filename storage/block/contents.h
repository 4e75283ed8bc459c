// What a block is made of, series by series, without opening a sample.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <string_view>

#include "storage/chunk/sealed/value_codec.h"
#include "storage/model/labels.h"
#include "storage/model/sample.h"

namespace storage {

// How samples are written: chunks of each kind, and the forms of sealed values in their order.
enum class SampleForm : uint8_t { kXorChunk, kHistogramChunk, kFloatHistogramChunk, kFirstSealed };
inline constexpr size_t kNumSampleForms =
    static_cast<size_t>(SampleForm::kFirstSealed) + chunk::sealed::kNumForms;
using SamplesByForm = std::array<uint64_t, kNumSampleForms>;
std::string_view SampleFormName(size_t form);  // "xor_chunk", "decimal", ...

struct SeriesContents {
  model::LabelsView labels;  // Until the next Next().
  model::TimeRange range;    // From the first sample to the last. None: it has no rows.
  uint64_t chunks = 0;       // Chunks, and parts of sealed rows.
  uint64_t samples = 0;
  uint64_t bytes = 0;        // Of its rows and its entry, before tables are packed.
  SamplesByForm by_form{};
};

// A chunk, or a part of a sealed row.
struct PartContents {
  size_t form = 0;  // As in SamplesByForm.
  uint64_t samples = 0;
  std::string_view bytes;  // As long as it is told of.
};

// Goes through a block once, from the disk and past the caches, in label order. What cannot be read is
// left out and counted. Holds the block's files open, but keeps nobody from dropping it. Not thread-safe.
class BlockContents {
 public:
  virtual ~BlockContents() = default;
  virtual bool Next() = 0;                           // False when it is through.
  // Another one of the same block goes on at position() of this after SkipTo, which comes before Next.
  virtual uint32_t position() const = 0;
  virtual void SkipTo(uint32_t position) = 0;
  virtual const SeriesContents& series() const = 0;
  // `tell` gets each part of a series before Next returns with it.
  virtual void TellParts(std::function<void(const PartContents&)> tell) = 0;
  virtual uint64_t bytes_read() const = 0;
  virtual uint64_t damaged() const = 0;              // Places so far.
};

}  // namespace storage
