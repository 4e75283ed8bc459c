// The postings of a block while it is written: by label pair, the refs of the series that carry it.
// About 50 bytes for each distinct pair, 1 or 2 for each series and label.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <absl/container/flat_hash_set.h>
#include <absl/status/status.h>

#include "storage/base/hash.h"
#include "storage/base/tight_buffer.h"
#include "storage/model/labels.h"

namespace storage::block {

class PostingsBuilder {  // Not thread-safe.
 public:
  // `ref` is above all before.
  void Add(uint32_t ref, model::LabelsView labels);
  // In the order of PairKey; `postings` are as ParsePostings has them. Stops at an error.
  using Visit = std::function<absl::Status(std::string_view name, std::string_view value,
                                           std::string_view postings)>;
  absl::Status ForEach(const Visit& visit) const;

 private:
  struct Pair {
    const char* value;  // In the arena.
    uint32_t size;
    uint32_t last = 0;  // Ref.
    base::TightBuffer refs;
    std::string_view text() const { return {value, size}; }
  };
  using PairIndex = uint32_t;  // Into pairs_.
  struct Hash {
    using is_transparent = void;
    const std::deque<Pair>* pairs;
    size_t operator()(std::string_view value) const { return base::Hash64(value); }
    size_t operator()(PairIndex i) const { return base::Hash64((*pairs)[i].text()); }
  };
  struct Equal {
    using is_transparent = void;
    const std::deque<Pair>* pairs;
    bool operator()(PairIndex a, PairIndex b) const { return a == b; }
    bool operator()(PairIndex a, std::string_view b) const { return (*pairs)[a].text() == b; }
    bool operator()(std::string_view a, PairIndex b) const { return (*pairs)[b].text() == a; }
  };
  struct Name {
    explicit Name(const std::deque<Pair>* pairs) : values(0, Hash{pairs}, Equal{pairs}) {}
    absl::flat_hash_set<PairIndex, Hash, Equal> values;
    PairIndex newest = 0;  // Of the series before, which has most pairs in common with the next.
  };

  PairIndex Find(Name* name, std::string_view value);
  const char* Keep(std::string_view value);

  std::deque<Pair> pairs_;
  std::map<std::string, Name, std::less<>> names_;
  std::vector<std::unique_ptr<char[]>> arena_;
  char* free_ = nullptr;
  size_t left_ = 0;
};

}  // namespace storage::block
