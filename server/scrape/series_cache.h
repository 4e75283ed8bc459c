// What one target exposed last time: series text -> ref in the store, so that in the steady state a
// line costs one comparison: no parsing of labels, no hashing, no allocation.
//
// A target prints the same lines in the same order, so line i is compared with line i of the last
// scrape first (Predicted). Only when that fails is the text hashed; the map is built when it is
// first needed and dropped when it has not been for a while. Texts lie in an arena.
//
// Staleness: a series that was tracked in the last scrape and is not in this one has ended. Two
// texts can lead to one series (labels in another order), so the ref decides, not the text.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <absl/base/thread_annotations.h>
#include <absl/container/flat_hash_set.h>
#include <absl/synchronization/mutex.h>

#include "storage/appender.h"
#include "storage/base/hash.h"
#include "storage/index/postings.h"
#include "storage/model/metadata.h"

namespace server {

// Type, help and unit by metric family. One thread writes (the scrape), any reads.
class MetadataCache {
 public:
  struct Item {
    std::string family;
    model::Metadata metadata;
    uint32_t seen = 0;    // This and what follows: of the writer only.
    int64_t told_ms = 0;  // When the store had it; 0: it need not have it.
  };

  // By the scraping thread. `iteration` says when it was seen.
  void SetType(std::string_view family, model::MetricType type, uint32_t iteration);
  void SetHelp(std::string_view family, std::string_view help, uint32_t iteration);
  void SetUnit(std::string_view family, std::string_view unit, uint32_t iteration);
  // Tells the store of what was seen in this iteration, each once an hour.
  void TellTo(storage::Appender* batch, uint32_t iteration, int64_t now_ms);
  // Forgets what was last seen more than ten iterations ago.
  void Prune(uint32_t iteration);
  size_t size() const { return items_.size(); }

  // By any thread.
  std::vector<std::pair<std::string, model::Metadata>> List() const;
  void Measure(uint64_t* entries, uint64_t* bytes) const;

 private:
  Item* Find(std::string_view family, uint32_t iteration);

  // Changed under mu_ by the writer, who alone may read without it.
  mutable absl::Mutex mu_;
  std::vector<Item> items_;
  base::StringMap<uint32_t> index_;
  uint32_t last_ = 0;  // The item found last; the next is likely the same or the one behind it.
};

// Lives on one scrape at a time. Not thread-safe, but for metadata().
class SeriesCache {
 public:
  using Id = uint32_t;
  static constexpr Id kNotFound = ~Id{0};

  SeriesCache();

  // The text of the series that comes next if the page is as it was; "" when nothing is known.
  std::string_view Predicted() const;
  Id TakePredicted();                    // When it came.
  Id Find(std::string_view text);        // kNotFound: never seen, or forgotten.
  // A series not found, with type and unit as it was read. `dropped`: relabeling removed it.
  Id Add(std::string_view text, storage::SeriesRef ref, model::MetricType type,
         std::string_view unit, bool dropped);

  // Whether this text was in this scrape before; marks it as seen.
  bool SeenBefore(Id id);
  bool dropped(Id id) const { return entries_[id].dropped; }
  storage::SeriesRef ref(Id id) const { return entries_[id].ref; }
  void SetRef(Id id, storage::SeriesRef ref) { entries_[id].ref = ref; }
  // It has a sample in this scrape whose absence from the next one is its end.
  void Track(Id id);

  // Series that have ended: of the last scrape and not in this one; or, when this scrape `failed`,
  // all of the last one.
  struct Ended {
    storage::SeriesRef ref;
    std::string_view text;  // Empty when it came from another cache (Inherit).
    model::MetricType type;
    std::string_view unit;
  };
  void ForEachEnded(bool failed, const std::function<void(const Ended&)>& fn) const;

  // Closes the scrape. After a success what was not seen is forgotten, metadata after ten scrapes;
  // a failure keeps it, unless the cache has more than doubled since the last success: then true.
  bool EndScrape(bool success);

  // Texts of one format need not be good in another: predictions are dropped when it changes.
  void SetFormat(int format);

  // Takes over what `old` tracked, under other rules of relabeling: what the next scrape does not
  // bring again has ended.
  void Inherit(const SeriesCache& old);

  uint32_t iteration() const { return iteration_; }
  size_t size() const { return live_; }
  size_t MemoryBytes() const;
  MetadataCache& metadata() { return metadata_; }
  const MetadataCache& metadata() const { return metadata_; }

 private:
  struct Series {
    const char* text = nullptr;         // Null: a free slot.
    storage::SeriesRef ref = storage::SeriesRef::kNone;
    uint32_t size = 0;
    uint32_t seen = 0, tracked = 0;     // Iterations.
    uint32_t position = 0;              // In the page, when last seen.
    model::MetricType type = model::MetricType::kUnknown;
    uint16_t unit = 0;                  // Into units_.
    bool dropped = false;
    bool tracked_before = false;        // In the iteration before `tracked`.
    std::string_view view() const { return {text, size}; }
  };
  struct Hash {
    using is_transparent = void;
    const SeriesCache* cache;
    size_t operator()(std::string_view text) const { return base::Hash64(text); }
    size_t operator()(Id id) const { return base::Hash64(cache->entries_[id].view()); }
  };
  struct Eq {
    using is_transparent = void;
    const SeriesCache* cache;
    bool operator()(Id a, Id b) const { return a == b; }
    bool operator()(Id a, std::string_view b) const { return cache->entries_[a].view() == b; }
    bool operator()(std::string_view a, Id b) const { return cache->entries_[b].view() == a; }
  };
  using Index = absl::flat_hash_set<Id, Hash, Eq>;

  const char* Store(std::string_view text);
  uint16_t NumberOfUnit(std::string_view unit);
  void NeedIndex();
  void Forget(Id id);
  void Flush();
  void Compact();

  std::vector<Series> entries_;
  std::vector<std::string> units_{""};  // All that ever came; beyond 65535 they count as none.
  std::vector<Id> free_;
  size_t live_ = 0;
  std::unique_ptr<Index> index_;        // Null until needed.
  int scrapes_without_index_ = 0;
  bool index_used_ = false;

  std::vector<Id> order_, next_order_;  // Of the last scrape; of this one.
  size_t cursor_ = 0;                   // In order_.

  std::vector<std::unique_ptr<char[]>> blocks_;
  size_t block_used_ = 0, block_size_ = 0, arena_bytes_ = 0, dead_bytes_ = 0;

  uint32_t iteration_ = 2;              // 0 and 1 are "never".
  size_t seen_ = 0;                     // Texts in this scrape, each once.
  size_t tracked_ = 0, kept_ = 0, tracked_last_ = 0;  // This scrape; of them also in the last; the last.
  size_t size_at_success_ = 0;
  int format_ = -1;
  std::vector<storage::SeriesRef> inherited_;
  MetadataCache metadata_;
};

}  // namespace server
