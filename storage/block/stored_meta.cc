#include "storage/block/stored_meta.h"

#include <memory>
#include <string>

#include <rocksdb/db.h>

#include "storage/base/coding.h"
#include "storage/base/status.h"
#include "storage/block/block_keys.h"

namespace storage::block {

absl::StatusOr<uint64_t> ReadNumber(Db& db, std::string_view key) {
  std::string value;
  const rocksdb::Slice slice(key.data(), key.size());
  const rocksdb::Status status =
      db.rocks()->Get(rocksdb::ReadOptions(), db.default_family(), slice, &value);
  if (!status.ok()) return FromRocks(status, key);
  std::string_view bytes = value;
  uint64_t number;
  if (!base::GetVarint(&bytes, &number) || !bytes.empty()) {
    return base::DataLoss("{}: not a number", key);
  }
  return number;
}

absl::Status CheckShared(Db& db) {
  const std::unique_ptr<rocksdb::Iterator> it(
      db.rocks()->NewIterator(rocksdb::ReadOptions(), db.default_family()));
  for (it->SeekToFirst(); it->Valid();) it->Next();
  return FromRocks(it->status(), "what concerns all blocks");
}

absl::StatusOr<BlockMeta> ReadMeta(Db& db, const Db::Family& family) {
  std::string value;
  const rocksdb::Status status =
      db.rocks()->Get(rocksdb::ReadOptions(), family.handle,
                      rocksdb::Slice(kMetaKey.data(), kMetaKey.size()), &value);
  if (!status.ok()) return FromRocks(status, "meta");
  BlockMeta meta;
  if (!ParseMeta(value, &meta)) return base::DataLoss("meta is damaged");
  meta.ulid = family.name;
  meta.bytes = db.FamilyBytes(family.handle);
  return meta;
}

}  // namespace storage::block
