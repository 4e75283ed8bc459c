// The labels of the head's series, each distinct pair stored once, and which series carry it.
//
// The labels of a series are ids of pairs, in name order. A pair lives as long as somebody holds
// a reference; it is listed by Names, Values and For as long as an added series carries it. So a
// series whose first batch never came to be is not listed, and one that is forgotten frees its names.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <absl/base/thread_annotations.h>
#include <absl/container/btree_set.h>
#include <absl/container/flat_hash_map.h>
#include <absl/container/flat_hash_set.h>
#include <absl/functional/function_ref.h>
#include <absl/synchronization/mutex.h>

#include "storage/base/byte_pool.h"
#include "storage/base/hash.h"
#include "storage/head/head_info.h"
#include "storage/index/holders.h"
#include "storage/index/pair_ids.h"
#include "storage/index/posting_list.h"
#include "storage/index/postings.h"
#include "storage/index/stable_array.h"
#include "storage/model/labels.h"

namespace storage {

struct IndexEntry {
  SeriesRef ref;
  PairIds pairs;
};

class HeadIndex final : public Index {  // Thread-safe.
 public:
  HeadIndex();
  ~HeadIndex() override;

  // The ids of the pairs of `labels`, with a reference on each, until they are released. What *ids
  // holds is tried first, place by place, best the ids of a neighbour; then they are there too.
  PairIds Intern(model::LabelsView labels, std::vector<PairId>* ids);
  void Release(PairIds pairs);

  // Lists and unlists series. By ref, ascending. Whoever calls holds references on the pairs.
  void Add(std::span<const IndexEntry> entries);
  void Remove(std::span<const IndexEntry> entries);

  absl::StatusOr<PostingsPtr> All() const override;
  absl::StatusOr<PostingsPtr> For(std::string_view name, std::string_view value) const override;
  absl::StatusOr<std::vector<std::string>> Names() const override;
  absl::StatusOr<std::vector<std::string>> Values(std::string_view name) const override;
  absl::StatusOr<std::vector<std::string>> ValuesWithPrefix(std::string_view name,
                                                            std::string_view prefix) const override;

  // Of pairs one holds a reference on, or that belong to a series that is kept alive. Lock-free.
  std::string_view bytes(PairId id) const;  // As in canonical labels.
  model::Label label(PairId id) const;
  void AppendLabels(PairIds pairs, std::string* canonical) const;
  bool Less(PairIds a, PairIds b) const;  // In label order.

  // By id: the place of each pair among all pairs, in order of name and value, from 1.
  std::vector<uint32_t> PairPlaces() const;

  uint32_t num_ids() const;    // All ids are below it; those of series found before it was asked.
  uint64_t num_pairs() const;  // Listed ones.
  uint64_t heap_bytes() const;
  // References on that pair: the series that carry it, listed or not.
  uint64_t NumHolders(std::string_view name, std::string_view value) const;

  // These two walk all pairs of a name or of all, letting go of the lock every few thousand, so
  // that new series need not wait: with series coming and going meanwhile they are not of one moment.
  CardinalityEntry FullestValue(std::string_view name) const;  // By NumHolders.
  Cardinality TopCardinality(size_t limit) const;

 private:
  struct Pair {  // Of these there may be more than series.
    // Constant while referenced.
    const char* bytes = nullptr;
    uint32_t size = 0;
    uint32_t references = 0;  // This and what follows: guarded by mu_.
    Holders holders;
  };
  static_assert(sizeof(Pair) == 24);
  struct ByValue {
    using is_transparent = void;
    const HeadIndex* index;
    bool operator()(PairId a, PairId b) const { return index->label(a).value < index->label(b).value; }
    bool operator()(PairId a, std::string_view b) const { return index->label(a).value < b; }
    bool operator()(std::string_view a, PairId b) const { return a < index->label(b).value; }
  };
  struct Name {
    absl::btree_set<PairId, ByValue> pairs;
    uint32_t listed = 0;  // Pairs with holders.
  };
  struct PairHash {
    using is_transparent = void;
    const HeadIndex* index;
    size_t operator()(std::string_view bytes) const { return base::Hash64(bytes); }
    size_t operator()(PairId id) const { return base::Hash64(index->bytes(id)); }
  };
  struct PairEq {
    using is_transparent = void;
    const HeadIndex* index;
    bool operator()(PairId a, PairId b) const { return a == b; }
    bool operator()(PairId a, std::string_view b) const { return index->bytes(a) == b; }
    bool operator()(std::string_view a, PairId b) const { return a == index->bytes(b); }
  };

  Pair& at(PairId id) const { return pairs_[static_cast<uint32_t>(id)]; }
  const char* Keep(std::string_view bytes) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);  // A copy.
  PairId NewPair(std::string_view bytes) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void FreePair(PairId id) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void AddTo(PairId id, std::span<const SeriesRef> refs) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  const Name* FindName(std::string_view name) const ABSL_SHARED_LOCKS_REQUIRED(mu_);
  Name* NameOf(PairId id) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) {
    return names_.find(label(id).name)->second.get();
  }
  // Calls visit(pair, value) in value order under the lock, which is let go from time to time.
  void WalkValues(std::string_view name,
                  absl::FunctionRef<void(const Pair&, std::string_view)> visit) const;

  mutable absl::Mutex mu_;
  StableArray<Pair> pairs_;
  base::BytePool pool_ ABSL_GUARDED_BY(mu_);  // Of the pairs' bytes and the ids of series.
  uint32_t num_ids_ ABSL_GUARDED_BY(mu_) = 0;
  std::vector<PairId> free_ids_ ABSL_GUARDED_BY(mu_);
  absl::flat_hash_set<PairId, PairHash, PairEq> by_bytes_ ABSL_GUARDED_BY(mu_);
  base::StringMap<std::unique_ptr<Name>> names_ ABSL_GUARDED_BY(mu_);
  PostingList all_ ABSL_GUARDED_BY(mu_);
  uint64_t listed_pairs_ ABSL_GUARDED_BY(mu_) = 0;
};

}  // namespace storage
