#include "storage/block/block_index.h"

#include <rocksdb/db.h>

#include "storage/base/status.h"
#include "storage/block/block_keys.h"

namespace storage::block {
namespace {

std::string_view View(const rocksdb::Slice& s) { return {s.data(), s.size()}; }

}  // namespace

absl::StatusOr<PostingsPtr> BlockIndex::All() const {
  auto all = std::make_shared<Postings>(block_->num_series());
  for (uint32_t i = 0; i < block_->num_series(); ++i) (*all)[i] = static_cast<SeriesRef>(i + 1);
  return PostingsPtr(std::move(all));
}

absl::StatusOr<PostingsPtr> BlockIndex::For(std::string_view name, std::string_view value) const {
  rocksdb::PinnableSlice bytes;
  const rocksdb::Status status = block_->db().rocks()->Get(
      rocksdb::ReadOptions(), block_->handle(), PairKey(name, value), &bytes);
  auto postings = std::make_shared<Postings>();
  if (status.IsNotFound()) return PostingsPtr(std::move(postings));
  RETURN_IF_ERROR(FromRocks(status, block_->Context()));
  if (!ParsePostings(View(bytes), postings.get()) ||
      (!postings->empty() && postings->back() > static_cast<SeriesRef>(block_->num_series()))) {
    return base::DataLoss("{}: damaged postings of {}={}", block_->Context(), name, value);
  }
  return PostingsPtr(std::move(postings));
}

absl::StatusOr<std::vector<std::string>> BlockIndex::Names() const {
  std::vector<std::string> names;
  const auto it = block_->NewIterator(/*fill_cache=*/true);
  std::string name;
  std::string_view value;
  for (it->Seek(rocksdb::Slice(kPairsBegin.data(), kPairsBegin.size()));
       it->Valid() && View(it->key()) < kPairsEnd; it->Seek(AfterNamePrefix(name))) {
    if (!ParsePairKey(View(it->key()), &name, &value)) {
      return base::DataLoss("{}: a damaged key of its postings", block_->Context());
    }
    names.push_back(name);
  }
  RETURN_IF_ERROR(FromRocks(it->status(), block_->Context()));
  return names;
}

absl::StatusOr<std::vector<std::string>> BlockIndex::Values(std::string_view name) const {
  std::vector<std::string> values;
  const auto it = block_->NewIterator(/*fill_cache=*/true);
  const std::string prefix = NamePrefix(name);
  for (it->Seek(prefix); it->Valid() && View(it->key()).starts_with(prefix); it->Next()) {
    values.emplace_back(View(it->key()).substr(prefix.size()));
  }
  RETURN_IF_ERROR(FromRocks(it->status(), block_->Context()));
  return values;
}

}  // namespace storage::block
