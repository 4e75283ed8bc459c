#include "storage/block/block_cursor.h"

#include <rocksdb/iterator.h>

#include "storage/base/log.h"
#include "storage/base/status.h"
#include "storage/block/block_keys.h"

namespace storage::block {

Cursor::Cursor(std::shared_ptr<const Block> block)
    : block_(std::move(block)), series_(*block_) {}

Cursor::~Cursor() = default;

absl::StatusOr<bool> Cursor::Next() {
  chunks_.clear();
  num_rows_ = 0;
  if (ref_ == block_->num_series()) return false;
  RETURN_IF_ERROR(series_.Read(++ref_));
  for (const model::TimeRange& row : series_.rows()) ReadRow(row);
  return true;
}

// Rows lie in the order in which they are read, so this is a scan. The bytes are copied, since the
// iterator forgets a row when it goes on.
void Cursor::ReadRow(model::TimeRange row) {
  if (it_ == nullptr) it_ = block_->NewIterator(/*fill_cache=*/false);
  const std::string key = RowKey(ref_, row.max);
  if (it_->Valid()) it_->Next();
  if (!it_->Valid() || it_->key() != key) it_->Seek(key);

  int damaged = 1;
  if (it_->Valid() && it_->key() == key) {
    if (num_rows_ == row_bytes_.size()) row_bytes_.emplace_back();
    std::string& bytes = row_bytes_[num_rows_++];
    bytes.assign(it_->value().data(), it_->value().size());
    damaged = ParseRow(row.max, bytes, model::TimeRange(), &chunks_);
  } else if (!it_->status().ok()) {
    it_.reset();
  }
  if (damaged == 0) return;
  const bool first = damaged_ == 0;
  damaged_ += static_cast<uint64_t>(damaged);
  block_->db().damaged_chunks().Add(static_cast<uint64_t>(damaged));
  if (!first) return;  // One line a block will do; the count is in damaged_chunks().
  base::Log(base::LogLevel::kError, "blocks", "Damaged chunks are left out",
            {{"block", block_->meta().ulid},
             {"series", labels().ToString()},
             {"mint", std::to_string(row.min)},
             {"maxt", std::to_string(row.max)}});
}

}  // namespace storage::block
