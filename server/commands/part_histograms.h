// How large the chunks of a block are: tidemark tsdb analyze --extended.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "storage/block/contents.h"

namespace server {

// The five histograms of `promtool tsdb analyze --extended`. A part of a sealed row, 256 values at the
// most, is what stands for a chunk of floats there; its times lie elsewhere.
class PartHistograms {
 public:
  void Add(const storage::PartContents& part);
  std::string Text() const;

 private:
  using Numbers = std::map<uint64_t, uint64_t>;  // How often each came.
  void Print(std::string_view what, const Numbers& numbers, std::string* out) const;

  uint64_t parts_ = 0;
  Numbers float_samples_, float_bytes_, histogram_samples_, histogram_bytes_, histogram_buckets_;
};

}  // namespace server
