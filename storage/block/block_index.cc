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
  if (!tombstones_->gone().empty()) *all = Without(*all, tombstones_->gone());
  return PostingsPtr(std::move(all));
}

absl::StatusOr<Postings> BlockIndex::Parse(std::string_view bytes, std::string_view name,
                                           std::string_view value) const {
  Postings postings;
  if (!ParsePostings(bytes, &postings) ||
      (!postings.empty() && postings.back() > static_cast<SeriesRef>(block_->num_series()))) {
    return base::DataLoss("{}: damaged postings of {}={}", block_->Context(), name, value);
  }
  if (!tombstones_->gone().empty()) postings = Without(postings, tombstones_->gone());
  return postings;
}

absl::StatusOr<PostingsPtr> BlockIndex::For(std::string_view name, std::string_view value) const {
  rocksdb::PinnableSlice bytes;
  const rocksdb::Status status = block_->db().rocks()->Get(
      rocksdb::ReadOptions(), block_->handle(), PairKey(name, value), &bytes);
  if (status.IsNotFound()) return std::make_shared<const Postings>();
  RETURN_IF_ERROR(FromRocks(status, block_->Context()));
  ASSIGN_OR_RETURN(Postings postings, Parse(View(bytes), name, value));
  return std::make_shared<const Postings>(std::move(postings));
}

// A name is listed once a value of it is; where nothing is deleted, that is its first one.
absl::StatusOr<std::vector<std::string>> BlockIndex::Names() const {
  std::vector<std::string> names;
  const auto it = block_->NewIterator(/*fill_cache=*/true);
  std::string name;
  std::string_view value;
  it->Seek(rocksdb::Slice(kPairsBegin.data(), kPairsBegin.size()));
  while (it->Valid() && View(it->key()) < kPairsEnd) {
    if (!ParsePairKey(View(it->key()), &name, &value)) {
      return base::DataLoss("{}: a damaged key of its postings", block_->Context());
    }
    if (!tombstones_->gone().empty()) {
      ASSIGN_OR_RETURN(const Postings left, Parse(View(it->value()), name, value));
      if (left.empty()) {
        it->Next();
        continue;
      }
    }
    it->Seek(AfterNamePrefix(name));
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
    const std::string_view value = View(it->key()).substr(prefix.size());
    if (!tombstones_->gone().empty()) {
      ASSIGN_OR_RETURN(const Postings left, Parse(View(it->value()), name, value));
      if (left.empty()) continue;
    }
    values.emplace_back(value);
  }
  RETURN_IF_ERROR(FromRocks(it->status(), block_->Context()));
  return values;
}

}  // namespace storage::block
