// The labels of many series in a few bytes each: of neighbours in label order only what differs is
// kept, where it begins and how much is the same again behind it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <string>
#include <string_view>
#include <vector>

#include "storage/model/labels.h"

namespace model {

class PackedLabels {  // Thread-compatible.
 public:
  // Any order will do; in label order it is small.
  void Append(LabelsView labels);
  size_t size() const { return size_; }
  size_t heap_bytes() const;

  // Goes through them. Not thread-safe; nothing is appended meanwhile.
  class Reader {
   public:
    explicit Reader(const PackedLabels* packed) : packed_(packed) {}
    // Until the next call. Cheapest is the one after the last; any costs some dozen of those.
    LabelsView At(size_t i);

   private:
    const PackedLabels* packed_;
    size_t next_ = std::numeric_limits<size_t>::max();  // Of which `rest_` tells.
    std::string_view rest_;                             // Of the page.
    std::string current_;
  };

 private:
  static constexpr size_t kPageSeries = 4096;
  static constexpr size_t kRunSeries = 32;  // The first of each is kept whole.
  // Per series: v bytes at its beginning that are those of the one before, v at its end likewise,
  // v size, the bytes between.
  struct Page {
    std::string bytes;
    std::vector<uint32_t> runs;  // Where they begin.
  };

  std::vector<Page> pages_;
  size_t size_ = 0;
  std::string last_;
};

}  // namespace model
