#include "storage/block/block_files.h"

#include <memory>
#include <string>

#include <rocksdb/env.h>
#include <rocksdb/file_system.h>

namespace storage::block {
namespace {

thread_local int keepers = 0;

class Files final : public rocksdb::FileSystemWrapper {
 public:
  Files() : rocksdb::FileSystemWrapper(rocksdb::FileSystem::Default()) {}
  const char* Name() const override { return "TidemarkFiles"; }
  rocksdb::IOStatus DeleteFile(const std::string& path, const rocksdb::IOOptions& options,
                               rocksdb::IODebugContext* debug) override {
    if (keepers > 0 && path.ends_with(".sst")) return rocksdb::IOStatus::OK();
    return rocksdb::FileSystemWrapper::DeleteFile(path, options, debug);
  }
};

}  // namespace

rocksdb::Env* BlockFiles() {
  static rocksdb::Env* const env = rocksdb::NewCompositeEnv(std::make_shared<Files>()).release();
  return env;
}

KeepTables::KeepTables() { ++keepers; }
KeepTables::~KeepTables() { --keepers; }

}  // namespace storage::block
