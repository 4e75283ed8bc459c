#include "storage/block/table_id.h"

#include <absl/strings/escaping.h>
#include <rocksdb/options.h>
#include <rocksdb/sst_file_reader.h>
#include <rocksdb/table.h>
#include <rocksdb/unique_id.h>

#include "storage/block/block_files.h"

namespace storage {

std::string TableId(const std::string& path) {
  static const rocksdb::Options* const options = [] {
    rocksdb::BlockBasedTableOptions table;
    table.no_block_cache = true;
    auto* made = new rocksdb::Options;
    made->env = block::BlockFiles();
    made->table_factory.reset(rocksdb::NewBlockBasedTableFactory(table));
    return made;
  }();
  rocksdb::SstFileReader reader(*options);
  if (!reader.Open(path).ok()) return "";
  std::string id;
  const rocksdb::Status status =
      rocksdb::GetExtendedUniqueIdFromTableProperties(*reader.GetTableProperties(), &id);
  if (!status.ok()) return "";
  return absl::BytesToHexString(id);
}

}  // namespace storage
