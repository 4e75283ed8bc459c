#include "storage/block/block_cursor.h"

#include <algorithm>

#include <rocksdb/iterator.h>

#include "storage/base/status.h"
#include "storage/block/block_keys.h"

namespace storage::block {

Cursor::Cursor(std::shared_ptr<const Block> block, model::TimeRange range)
    : block_(std::move(block)),
      range_(range),
      tombstones_(block_->tombstones()),
      series_(*block_, /*fill_cache=*/false),
      exemplar_reader_(*block_, FoundBy::kMerge),
      start_reader_(*block_, FoundBy::kMerge),
      times_(*block_, /*fill_cache=*/false) {}

Cursor::~Cursor() = default;

absl::StatusOr<bool> Cursor::Next() {
  chunks_.clear();
  sealed_.clear();
  exemplars_.clear();
  num_rows_ = 0;
  if (ref_ == block_->num_series()) return false;
  RETURN_IF_ERROR(series_.Read(++ref_));
  deleted_ = tombstones_->Of(ref_);
  starts_ = start_reader_.Find(ref_);
  for (const model::TimeRange& row : series_.rows()) {
    if (row.Overlaps(range_) && !Covers(deleted_, row)) ReadRow(row);
  }
  if (exemplar_reader_.Find(ref_) == ref_) exemplar_reader_.Read(range_, &exemplars_);
  if (!deleted_.empty()) {
    std::erase_if(chunks_, [&](const auto& chunk) { return Covers(deleted_, chunk.range); });
    CutOut(deleted_, 0, &sealed_);
    std::erase_if(exemplars_, [&](const auto& e) { return Covers(deleted_, {e.t, e.t}); });
  }
  return true;
}

// Rows lie in the order in which they are read, so this is a scan.
bool Cursor::MoveTo(const std::string& key) {
  if (it_->Valid() && it_->key() == key) return true;
  if (it_->Valid()) it_->Next();
  if (!it_->Valid() || it_->key() != key) it_->Seek(key);
  return it_->Valid() && it_->key() == key;
}

// The bytes are copied, since the iterator forgets a row when it goes on.
int Cursor::TakeChunks(model::TimeRange row) {
  if (num_rows_ == row_bytes_.size()) row_bytes_.emplace_back();
  std::string& bytes = row_bytes_[num_rows_++];
  bytes.assign(it_->value().data(), it_->value().size());
  return ParseRow(row.max, bytes, range_, &chunks_);
}

bool Cursor::TakeSealed(const std::string& key) {
  if (!row_.Parse(key, {it_->value().data(), it_->value().size()})) return false;
  const TimeColumns::Column times = times_.Get(row_.times().column);
  const size_t first = row_.times().first;
  if (times == nullptr || times->size() < first + row_.size()) return false;
  if (!row_.Read(0, row_.size(), &sealed_.values)) return false;
  const auto begin = times->begin() + static_cast<std::ptrdiff_t>(first);
  const auto end = begin + static_cast<std::ptrdiff_t>(row_.size());
  const auto from = std::lower_bound(begin, end, range_.min);
  const auto to = std::upper_bound(from, end, range_.max);
  sealed_.times.insert(sealed_.times.end(), from, to);
  // The values of all of it stand at the end.
  sealed_.values.erase(sealed_.values.end() - (end - to), sealed_.values.end());
  sealed_.values.erase(sealed_.values.end() - (to - begin), sealed_.values.end() - (to - from));
  return true;
}

void Cursor::ReadRow(model::TimeRange row) {
  if (it_ == nullptr) it_ = block_->NewIterator(/*fill_cache=*/false);
  const std::string sealed_key = SealedRowKey(ref_, row.max), key = RowKey(ref_, row.max);
  const bool sealed_first = block_->meta().level > 0;
  int damaged = 1;
  for (const bool sealed : {sealed_first, !sealed_first}) {
    if (!MoveTo(sealed ? sealed_key : key)) continue;
    damaged = sealed ? !TakeSealed(sealed_key) : TakeChunks(row);
    break;
  }
  if (!it_->status().ok()) it_.reset();
  if (damaged == 0) return;
  damaged_ += static_cast<uint64_t>(damaged);
  block_->Damaged(FoundBy::kMerge, static_cast<uint64_t>(damaged), labels(), row,
                  fmt::format("{} damaged chunks or rows are left out", damaged));
}

}  // namespace storage::block
