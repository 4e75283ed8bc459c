#include "storage/read_only_dir.h"

#include <vector>

#include "storage/base/status.h"
#include "storage/block/live_list.h"
#include "storage/data_dir.h"
#include "storage/head/record.h"
#include "storage/merge.h"
#include "wal/checkpoint.h"
#include "wal/reader.h"
#include "wal/segment.h"

namespace storage {
namespace {

constexpr int kAttempts = 5;  // While a server writes there, files go between two looks.

class Ignore final : public RecordReader {
  void OnSeries(SeriesRef, model::LabelsView) override {}
  void OnSample(SeriesRef, model::Sample, model::TimeMs) override {}
  void OnMaybeLate(SeriesRef, model::Sample, model::TimeMs) override {}
  void OnFlushed(SeriesRef, model::Sample) override {}
  void OnCut() override {}
  void OnHistogram(SeriesRef, model::TimeMs, model::AnyHistogram, model::TimeMs) override {}
  void OnMaybeLateHistogram(SeriesRef, model::TimeMs, model::AnyHistogram, model::TimeMs) override {}
  void OnExemplar(SeriesRef, model::Exemplar) override {}
  void OnFlushedExemplar(SeriesRef, model::Exemplar) override {}
  void OnMetadata(model::FamilyMetadata) override {}
};

}  // namespace

absl::StatusOr<std::unique_ptr<ReadOnlyDir>> ReadOnlyDir::Open(const std::string& dir,
                                                               int64_t cache_bytes) {
  std::unique_ptr<ReadOnlyDir> out(new ReadOnlyDir);
  bool format_damaged = false;
  ASSIGN_OR_RETURN(const std::string own, FindDataDir(dir, &format_damaged));
  out->in_use_ = IsLocked(dir);
  out->log_dir_ = own + "/wal";
  out->blocks_dir_ = own + "/blocks";
  absl::StatusOr<std::unique_ptr<BlockStore>> blocks;
  for (int i = 0; i < (out->in_use_ ? kAttempts : 1) && !blocks.ok(); ++i) {
    blocks = BlockStore::OpenReadOnly(own + "/blocks", cache_bytes);
  }
  RETURN_IF_ERROR(blocks.status());
  out->blocks_ = *std::move(blocks);
  if (format_damaged) {
    out->blocks_->damage()->Add({.what = "FORMAT is damaged", .found_by = FoundBy::kStart});
  }
  out->watermark_ = out->blocks_->watermark();
  if (out->blocks_->watermark_lost()) {
    ASSIGN_OR_RETURN(const auto oldest, wal::OldestCheckpoint(out->log_dir_));
    ASSIGN_OR_RETURN(const auto segments, wal::ListSegments(out->log_dir_));
    out->watermark_ = oldest ? oldest->segment : segments.empty() ? 0 : segments.front().number;
  }
  return out;
}

bool ReadOnlyDir::WatermarkMoved() const {
  const std::optional<block::LiveList> live = block::ReadLiveList(blocks_dir_);
  return live && live->watermark != watermark_;
}

absl::StatusOr<LogCheck> ReadOnlyDir::CheckLog(
    const std::function<void(Damage)>& tell,
    const std::function<void(uint64_t)>& bytes_read) const {
  LogCheck check;
  ASSIGN_OR_RETURN(const std::vector<wal::Checkpoint> checkpoints, wal::ListCheckpoints(log_dir_));
  bool needed_is_there = watermark_ == 0;
  for (const wal::Checkpoint& checkpoint : checkpoints) {
    needed_is_there |= checkpoint.segment == watermark_;
    ++check.checkpoints;
    RETURN_IF_ERROR(CheckSegments(checkpoint.dir, 0, fmt::format("checkpoint {}", checkpoint.segment),
                                  tell, bytes_read, &check));
  }
  if (!needed_is_there && !WatermarkMoved()) {
    tell({.what = fmt::format("log, checkpoint {} is missing", watermark_)});
  }
  ASSIGN_OR_RETURN(const std::vector<wal::Segment> segments, wal::ListSegments(log_dir_));
  for (const wal::Segment& segment : segments) check.segments += segment.number >= watermark_;
  RETURN_IF_ERROR(CheckSegments(log_dir_, watermark_, "", tell, bytes_read, &check));
  return check;
}

absl::StatusOr<ReplayStats> ReadOnlyDir::ReadLog() {
  head_ = std::make_unique<Head>(HeadOptions{.max_exemplars = 0});
  return head_->Replay(log_dir_, watermark_, UINT32_MAX, nullptr);
}

absl::StatusOr<std::unique_ptr<Querier>> ReadOnlyDir::NewQuerier(model::TimeRange range) {
  ASSIGN_OR_RETURN(std::vector<std::unique_ptr<Querier>> parts, blocks_->NewQueriers(range));
  if (head_ != nullptr) parts.push_back(head_->NewQuerier(range));  // Last: it wins.
  return MergeQueriers(std::move(parts));
}

absl::Status ReadOnlyDir::CheckSegments(const std::string& dir, uint32_t first,
                                        const std::string& place,
                                        const std::function<void(Damage)>& tell,
                                        const std::function<void(uint64_t)>& bytes_read,
                                        LogCheck* check) const {
  ASSIGN_OR_RETURN(const std::unique_ptr<wal::Reader> reader, wal::Reader::Open(dir, first));
  const auto where = [&](const wal::Position& at) {
    return place.empty() ? fmt::format("log, segment {} at {}", at.segment, at.offset)
                         : fmt::format("log, {} at {}", place, at.offset);
  };
  reader->OnDamage([&](const wal::Damage& damage) {
    const bool before_all = damage.bytes == 0 && damage.from == wal::Position{first, 0};
    if (place.empty() && before_all && WatermarkMoved()) return;  // Removed, not missing.
    tell({.what = fmt::format("{}: {} ({} bytes)", where(damage.from), damage.reason, damage.bytes)});
  });
  Ignore ignore;
  std::string_view record;
  while (true) {
    ASSIGN_OR_RETURN(const bool more, reader->Next(&record));
    if (!more) return absl::OkStatus();
    ++check->records;
    check->bytes += record.size();
    if (bytes_read) bytes_read(record.size());
    if (const absl::Status status = ReadRecord(record, &ignore); !status.ok()) {
      tell({.what = fmt::format("{}: {}", where(reader->position()), base::message(status))});
    }
  }
}

}  // namespace storage
