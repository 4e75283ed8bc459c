// Reads one block whole from the disk, and compares all that it says twice.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <absl/container/flat_hash_map.h>

#include "storage/base/hash.h"
#include "storage/block/block_db.h"
#include "storage/block/sealed_row.h"
#include "storage/block/start_row.h"
#include "storage/block/table_scan.h"
#include "storage/chunk/histogram_columns.h"
#include "storage/model/exemplar.h"

namespace storage::block {

// Memory: the widest posting and row, 2 MB of time columns, and a number per label name. Holds the
// block's tables open, but not the block: whoever drops it, or opens RocksDB again, does not wait.
// Not thread-safe.
class Verifier final : public BlockVerifier {
 public:
  Verifier(const Block& block, std::function<void(Damage)> tell);
  ~Verifier() override;

  bool Next(uint64_t bytes) override;
  uint64_t bytes_read() const override { return files_.bytes_read(); }
  uint64_t damaged() const override { return damaged_; }

 private:
  using Times = std::shared_ptr<const std::vector<model::TimeMs>>;
  enum class Part { kMeta, kStarts, kTimes, kSeries, kPostings, kEnd };
  struct Found {  // By counting.
    uint64_t chunks = 0, samples = 0, exemplars = 0, started = 0;
    model::TimeRange range = model::TimeRange::None(), exemplar_range = model::TimeRange::None();
  };

  void CheckMeta();
  void CheckTimeColumn();
  void CheckSeries();    // The next ref, with its rows.
  void CheckPosting();
  void CheckTotals();

  bool ReadEntry();      // Of ref_. False when it cannot be used, which is told by then.
  void TellLostEntries();
  void CheckEntry();
  bool CheckExemplars();  // Of ref_; whether it has any.
  void CheckStarts();     // A row of them.
  void CheckRow(model::TimeRange row);
  // What lies below `key` is named by no entry, but is looked at.
  void CheckStrays(std::string_view key);
  void CheckStray(TableScan* scan);
  void CheckChunks(std::string_view value, model::TimeRange row);
  void CheckSealed(std::string_view key, std::string_view value, model::TimeRange row);
  Times TimesOf(uint32_t column);
  void AddPairs(model::LabelsView labels, uint32_t ref);
  // Gaps of which nobody told what was lost by them.
  void TellGaps(TableScan* scan, std::string_view of_what);
  void Tell(model::TimeRange range, std::string what, bool of_series = true);

  const std::function<void(Damage)> tell_;
  const BlockMeta meta_;
  CountedFiles files_;
  TableScan index_, times_, series_, rows_, sealed_, exemplars_, starts_;  // m and p, t, s, c, d, e, b.
  Part part_ = Part::kMeta;
  uint64_t damaged_ = 0;
  bool series_damaged_ = false, rows_damaged_ = false, postings_damaged_ = false;
  bool exemplars_damaged_ = false, starts_damaged_ = false;
  Found found_;

  // The series at which it is.
  uint32_t ref_ = 0;
  bool entry_known_ = false;
  std::string labels_, last_labels_;  // Canonical; the latter of the last entry that was good.
  std::vector<model::TimeRange> row_ranges_;
  uint32_t lost_from_ = 0;  // First of the entries just before ref_ that are lost; 0: none.
  std::string lost_why_;

  // By label name, the sum of hashes of (value, ref) over the entries less that over the postings.
  base::StringMap<uint64_t> pair_sums_;
  absl::flat_hash_map<uint32_t, Times> kept_;
  std::deque<uint32_t> kept_order_;
  size_t kept_times_ = 0;
  SealedRow sealed_row_;               // These are reused.
  std::vector<double> values_;
  std::vector<chunk::ChunkView> chunks_;
  chunk::MixedColumns samples_;
  std::vector<model::Exemplar> read_exemplars_;
  std::vector<SeriesStarts> read_starts_;
  uint32_t last_started_ = 0;
};

// The tables of a family as RocksDB lists them.
std::vector<TableFile> TablesOf(const Db& db, rocksdb::ColumnFamilyHandle* handle);

// Reads the tables of what concerns all blocks.
void VerifyShared(const Db& db, const std::function<void(Damage)>& tell);

}  // namespace storage::block
