// What lies in blocks by metric and by form, counted once per block and remembered.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include <absl/base/thread_annotations.h>
#include <absl/container/flat_hash_map.h>
#include <absl/synchronization/mutex.h>

#include "storage/block/block_store.h"
#include "storage/block/contents.h"

namespace storage {

struct CountedContents {
  uint64_t series = 0, samples = 0;
  uint64_t bytes = 0;  // On the disk: the share that its rows and entries have in the block's.
  SamplesByForm by_form{};
};

// Of one block as it was written: what is deleted counts until a merge leaves it out.
struct BlockCensus {
  std::vector<std::pair<std::string, CountedContents>> metrics;  // Those with most bytes, by name.
  uint64_t num_metrics = 0;                                      // Of all.
  CountedContents all;
};

class Census {  // Thread-safe.
 public:
  static constexpr size_t kMaxMetrics = 1000;  // Remembered of each block, about 200 bytes each.

  // By ULID. Blocks that `store` does not have any more are forgotten; those not known yet are read,
  // the newest first, as long as `go_on` says so, which is asked after each 2 MB or so. One that is
  // not finished is gone on with by the next call. While another call is at it, the answer is what
  // is known.
  using Counted = absl::flat_hash_map<std::string, std::shared_ptr<const BlockCensus>>;
  Counted Count(const BlockStore& store, const std::function<bool()>& go_on);

 private:
  // A block that is being counted. Holds no file from call to call.
  struct Partial {
    uint32_t position = 1;
    std::map<std::string, CountedContents, std::less<>> metrics;
    CountedContents all;
  };

  // False when `go_on` said so.
  bool CountOne(const BlockStore& store, const BlockMeta& meta, const std::function<bool()>& go_on)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(counting_mu_);
  bool Known(const std::string& ulid) const;

  absl::Mutex counting_mu_;  // Before mu_.
  std::string partial_of_ ABSL_GUARDED_BY(counting_mu_);
  Partial partial_ ABSL_GUARDED_BY(counting_mu_);
  mutable absl::Mutex mu_;
  Counted counted_ ABSL_GUARDED_BY(mu_);
};

// Sums by metric over the blocks in `counted`: of series the most that one block has.
struct CensusTotal {
  std::vector<std::pair<std::string, CountedContents>> metrics;  // Most bytes first.
  CountedContents all;
};
CensusTotal Total(const Census::Counted& counted, size_t limit);

}  // namespace storage
