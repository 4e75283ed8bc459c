// Immutable windows of series in RocksDB; one column family each. Keys: block_keys.h.
#pragma once

#include <functional>
#include <optional>
#include <memory>
#include <string>
#include <vector>

#include <absl/status/statusor.h>

#include "storage/block/held_files.h"
#include "storage/change_log.h"
#include "storage/damage.h"
#include "storage/querier.h"

namespace storage {

class BlockContents;

struct BlockMeta {
  std::string ulid;                  // Sorts by creation time.
  model::TimeRange range;            // Of the samples inside.
  int level = 0;                     // 0 from the head; 1: 2 h windows; 2: days.
  std::vector<std::string> parents;  // ULIDs this block stands in for.
  uint64_t num_series = 0, num_chunks = 0, num_samples = 0;
  uint64_t damaged_chunks = 0;       // Left out when it was merged from its parents.
  uint64_t bytes = 0;                // On disk.
  uint64_t deleted_series = 0;       // Of which something was deleted since it was written.
  uint64_t num_exemplars = 0;
  model::TimeRange exemplar_range = model::TimeRange::None();  // May lie outside of `range`.
  uint64_t num_started = 0;          // Series whose samples have start times.
  uint64_t deleted_spans = 0;        // Of time, of all those series.
};

// Builds a block, in label order, or several, one after the other. Chunk bytes are copied unread.
// Destroyed before it published, it removes its files. Not thread-safe.
class BlockWriter {
 public:
  virtual ~BlockWriter() = default;
  // `labels` ascend strictly from call to call; `chunks` ascend in time and do not overlap.
  virtual absl::Status AddSeries(model::LabelsView labels,
                                 std::span<const chunk::ChunkView> chunks) = 0;
  // The same for samples, which the block packs as it keeps them for long: sealed rows.
  virtual absl::Status AddSamples(model::LabelsView labels,
                                  const chunk::SampleColumns& samples) = 0;
  // The same for a series that has histograms, in `chunks`, beside floats.
  virtual absl::Status AddMixed(model::LabelsView labels, const chunk::SampleColumns& samples,
                                std::span<const chunk::ChunkView> chunks) = 0;
  // Of the series added last, or of one that comes after it and has no samples. In order, each once.
  virtual absl::Status AddExemplars(model::LabelsView labels,
                                    std::span<const model::Exemplar> exemplars) = 0;
  // Of the samples of the series added last; valid, by time.
  virtual absl::Status AddStarts(model::LabelsView labels,
                                 std::span<const model::StartRun> starts) = 0;
  // For a merge whose inputs were damaged: what BlockMeta::damaged_chunks will say.
  virtual void SetDamagedChunks(uint64_t n) = 0;
  // What comes from now on goes to another block of the same level and parents, in label order again;
  // `range` is what it has when it gets exemplars only. Costs no memory for those before.
  virtual absl::Status Begin(model::TimeRange range) = 0;
  // Makes the blocks readable and their parents gone, as one step: after a crash one sees either all
  // of the old or the new. With `watermark`, the log's first segment still needed becomes that in
  // the same step. Blocks without series are none.
  virtual absl::StatusOr<std::vector<BlockMeta>> PublishAll(
      std::optional<uint32_t> watermark = std::nullopt) = 0;
  // The same for a single one; its ulid is empty when it is none.
  absl::StatusOr<BlockMeta> Publish(std::optional<uint32_t> watermark = std::nullopt);
};

// A SeriesCursor over one block. Damaged chunks are left out and counted, and so are chunks of
// which all is deleted; a series may be left without any. Deleted exemplars are left out.
class BlockCursor : public SeriesCursor {
 public:
  // What sealed rows of the series hold and is not deleted, in time order; chunks() has the rest.
  virtual const chunk::SampleColumns& sealed() const = 0;
  // Of the series: spans, ascending, whose samples are deleted though chunks() may hold them.
  virtual std::span<const model::TimeRange> deleted() const = 0;
  virtual uint64_t damaged_chunks() const = 0;  // So far.
};

// Reads a whole block from the disk, past the caches, and compares what it says twice: checksums, each
// sample's time with its chunk's, chunks with rows, rows with series entries, entries with postings,
// counts with the meta. Tells of each damaged place; goes on behind it. Keeps nobody from dropping
// the block. Not thread-safe.
class BlockVerifier {
 public:
  virtual ~BlockVerifier() = default;
  // Goes on until about so many bytes more were read. False when it is through.
  virtual bool Next(uint64_t bytes) = 0;
  virtual uint64_t bytes_read() const = 0;
  virtual uint64_t damaged() const = 0;  // Places so far.
};

struct BlockStoreStats {  // Totals since Open.
  uint64_t damaged_chunks = 0;      // Met while reading; one that is met again counts again.
  uint64_t unreadable_blocks = 0;   // Found at Open with a damaged meta: set aside, kept on disk.
  uint64_t published = 0, dropped = 0;
};

// Owns the RocksDB instance; no RocksDB name crosses this header. Thread-safe. After a write that
// failed it only reads; the next write opens RocksDB again first, for which it waits a little until
// its readers are done and holds up new ones, and fails with kUnavailable when they are not.
class BlockStore {
 public:
  // Opens, and tidies what a crash left. kFailedPrecondition for a newer format. What cannot be
  // opened for writing (a full disk, a read-only one) but for reading is, and is tried again by the
  // next write.
  static absl::StatusOr<std::unique_ptr<BlockStore>> Open(std::string dir, int64_t cache_bytes);
  // Another's directory as it is now: writes nothing, not even where a crash left something to tidy,
  // and may be done while another process writes there. Changes are refused.
  static absl::StatusOr<std::unique_ptr<BlockStore>> OpenReadOnly(std::string dir,
                                                                  int64_t cache_bytes);
  ~BlockStore();

  std::vector<BlockMeta> Metas() const;  // By range.min.
  // First log segment that holds what no block has; 0 when nothing was ever flushed.
  uint32_t watermark() const;
  // Damage may have hit it. The caller then finds out from the log and says so; only in memory.
  bool watermark_lost() const;
  void set_watermark(uint32_t segment);

  // Is told of all that changes what queries see. Before anything else is done.
  void set_changes(std::shared_ptr<ChangeLog> changes);
  // Stands for the samples in all blocks: other samples, other text.
  std::string Fingerprint() const;

  // level and parents of `meta` are used, and the range for a block that gets exemplars only; the
  // writer finds out the rest.
  absl::StatusOr<std::unique_ptr<BlockWriter>> NewBlock(BlockMeta meta);
  // Counts up with every publish, and whenever blocks may have appeared otherwise.
  uint64_t generation() const;

  // Queriers, Selections and cursors keep their block readable, dropped or not.
  absl::StatusOr<std::unique_ptr<Querier>> NewQuerier(const std::string& ulid,
                                                      model::TimeRange range) const;
  // One of each block that overlaps `range`, by range.min, all seen at the same moment: of a merge
  // either the inputs or the result.
  absl::StatusOr<std::vector<std::unique_ptr<Querier>>> NewQueriers(model::TimeRange range) const;
  // Over what lies in `range`, and the other samples of chunks that only begin or end in it.
  absl::StatusOr<std::unique_ptr<BlockCursor>> NewCursor(const std::string& ulid,
                                                         model::TimeRange range = {}) const;
  // How many series of a block satisfy any matcher set of each class, the first such class taking
  // them; the last number is of the others. Series of which all is deleted do not count.
  absl::StatusOr<std::vector<uint64_t>> CountByClass(
      const std::string& ulid,
      std::span<const std::vector<std::vector<model::Matcher>>> classes) const;
  // `tell` gets what it finds, without found_by; kNotFound when there is no such block.
  absl::StatusOr<std::unique_ptr<BlockVerifier>> NewVerifier(
      const std::string& ulid, std::function<void(Damage)> tell) const;
  // What it holds of each series, also of what was deleted since it was written: contents.h.
  absl::StatusOr<std::unique_ptr<BlockContents>> NewContents(const std::string& ulid) const;
  // NewVerifier at once for the little that concerns all blocks.
  absl::Status VerifyShared(const std::function<void(Damage)>& tell) const;
  // What was come upon at opening, by queries and merges. Others may add to it. Lives as long as this.
  DamageList* damage() const;
  // The exemplars in `range` of the series that satisfy any of the matcher sets, of each block in
  // label order. kResourceExhausted when they are more than *room, which they are taken from.
  absl::StatusOr<std::vector<std::vector<ExemplarSeries>>> Exemplars(
      std::span<const std::vector<model::Matcher>> sets, model::TimeRange range,
      size_t* room) const;
  absl::Status Drop(const std::string& ulid);  // kNotFound when there is none.
  // Deletes the samples and exemplars in `range` of the series that satisfy any of the matcher sets: at once for
  // whoever asks later, in all blocks or, after an error or a crash, in none. What is merged from
  // them, also by a merge under way, is without them. Blocks published later are new data.
  // Space: by merges only.
  absl::Status Delete(std::span<const std::vector<model::Matcher>> sets, model::TimeRange range);
  // What a copy of the store as it is now consists of. A publish, a merge, a drop and a delete are
  // each in it whole or not at all.
  absl::StatusOr<std::unique_ptr<HeldFiles>> Hold();
  uint64_t bytes() const;                      // On disk now.
  BlockStoreStats stats() const;
  void SetCacheBytes(int64_t bytes);  // What is too much leaves at once.
  int64_t cache_used_bytes() const;
  // The files are closed when the last Querier, Selection and cursor is gone as well.
  absl::Status Close();

 private:
  class Impl;
  explicit BlockStore(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace storage
