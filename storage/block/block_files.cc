#include "storage/block/block_files.h"

#include <filesystem>
#include <memory>
#include <string>
#include <string_view>

#include <rocksdb/env.h>
#include <rocksdb/file_system.h>

#include "storage/base/coding.h"

namespace storage::block {
namespace {

thread_local int keepers = 0;

// Behind the properties and their checksum begins the index of such parts, to which the footer
// points: how the writer lays a table out. What makes no sense is left to RocksDB.
bool EndsDamaged(const std::string& path, const rocksdb::FSRandomAccessFile& file) {
  constexpr size_t kFooter = 53, kChecksum = 5;
  std::error_code error;
  const uintmax_t size = std::filesystem::file_size(path, error);
  if (error || size < kFooter) return false;
  char scratch[kFooter];
  const auto read = [&](uint64_t offset, size_t n, std::string_view* bytes) {
    rocksdb::Slice slice;
    const auto status = file.Read(offset, n, rocksdb::IOOptions(), &slice, scratch, nullptr);
    *bytes = {slice.data(), slice.size()};
    return status.ok() && slice.size() == n;
  };
  std::string_view bytes;
  uint64_t index;
  if (!read(size - kFooter, kFooter, &bytes)) return false;
  bytes.remove_prefix(1);
  if (!base::GetVarint(&bytes, &index) || index <= kChecksum || index > size) return false;
  return read(index - kChecksum - 1, 1, &bytes) && (bytes[0] & 0x80) != 0;
}

class Files final : public rocksdb::FileSystemWrapper {
 public:
  Files() : rocksdb::FileSystemWrapper(rocksdb::FileSystem::Default()) {}
  const char* Name() const override { return "TidemarkFiles"; }
  rocksdb::IOStatus NewRandomAccessFile(const std::string& path, const rocksdb::FileOptions& options,
                                        std::unique_ptr<rocksdb::FSRandomAccessFile>* result,
                                        rocksdb::IODebugContext* debug) override {
    rocksdb::IOStatus status = FileSystemWrapper::NewRandomAccessFile(path, options, result, debug);
    if (!status.ok() || !path.ends_with(".sst") || !EndsDamaged(path, **result)) return status;
    result->reset();
    return rocksdb::IOStatus::Corruption("the properties of a table are damaged", path);
  }
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
