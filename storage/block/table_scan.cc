#include "storage/block/table_scan.h"

#include <algorithm>
#include <fstream>

#include <fmt/format.h>
#include <rocksdb/env.h>
#include <rocksdb/file_system.h>
#include <rocksdb/options.h>
#include <rocksdb/sst_file_reader.h>
#include <rocksdb/table.h>

#include "storage/base/coding.h"
#include "storage/block/block_files.h"

namespace storage::block {
namespace {

constexpr int kHalvings = 12;

std::string_view View(const rocksdb::Slice& s) { return {s.data(), s.size()}; }
rocksdb::Slice ToSlice(std::string_view s) { return {s.data(), s.size()}; }

class CountedFile final : public rocksdb::FSRandomAccessFileOwnerWrapper {
 public:
  CountedFile(std::unique_ptr<rocksdb::FSRandomAccessFile> file,
              std::shared_ptr<std::atomic<uint64_t>> bytes)
      : FSRandomAccessFileOwnerWrapper(std::move(file)), bytes_(std::move(bytes)) {}
  rocksdb::IOStatus Read(uint64_t offset, size_t n, const rocksdb::IOOptions& options,
                         rocksdb::Slice* result, char* scratch,
                         rocksdb::IODebugContext* debug) const override {
    rocksdb::IOStatus status =
        FSRandomAccessFileOwnerWrapper::Read(offset, n, options, result, scratch, debug);
    if (status.ok()) *bytes_ += result->size();
    return status;
  }

 private:
  const std::shared_ptr<std::atomic<uint64_t>> bytes_;
};

class CountedFileSystem final : public rocksdb::FileSystemWrapper {
 public:
  explicit CountedFileSystem(std::shared_ptr<std::atomic<uint64_t>> bytes)
      : FileSystemWrapper(BlockFiles()->GetFileSystem()), bytes_(std::move(bytes)) {}
  const char* Name() const override { return "TidemarkCountedFiles"; }
  rocksdb::IOStatus NewRandomAccessFile(const std::string& path,
                                        const rocksdb::FileOptions& options,
                                        std::unique_ptr<rocksdb::FSRandomAccessFile>* result,
                                        rocksdb::IODebugContext* debug) override {
    std::unique_ptr<rocksdb::FSRandomAccessFile> file;
    rocksdb::IOStatus status =
        FileSystemWrapper::NewRandomAccessFile(path, options, &file, debug);
    if (status.ok()) *result = std::make_unique<CountedFile>(std::move(file), bytes_);
    return status;
  }

 private:
  const std::shared_ptr<std::atomic<uint64_t>> bytes_;
};

// What no checksum covers: the footer's handles are followed by zeros and by the version of the format,
// and a sequence number is left to be 0, so that a change of these is nothing but damage.
std::string WhyOdd(const rocksdb::TableProperties& properties, const std::string& path) {
  constexpr std::string_view kSequence = "rocksdb.external_sst_file.global_seqno";
  const auto sequence = properties.user_collected_properties.find(std::string(kSequence));
  if (sequence != properties.user_collected_properties.end() &&
      sequence->second != std::string(8, '\0')) {
    return "a table's sequence number is damaged";
  }
  constexpr size_t kFooter = 53, kBehindHandles = 12, kHandles = 4;  // Two of two numbers each.
  std::ifstream file(path, std::ios::binary);
  char footer[kFooter];
  file.seekg(-static_cast<std::streamoff>(kFooter), std::ios::end);
  if (!file.read(footer, kFooter)) return "a table's footer cannot be read";
  std::string_view rest(footer + 1, kFooter - kBehindHandles - 1);
  const std::string_view handles = rest;
  std::string exact;  // A number may be written longer than it need be.
  uint64_t number;
  for (size_t i = 0; i < kHandles; ++i) {
    if (!base::GetVarint(&rest, &number)) return "a table's footer is damaged";
    base::AppendVarint(&exact, number);
  }
  constexpr std::string_view kVersion("\5\0\0\0", 4);  // All tables are written so.
  const bool good = handles.starts_with(exact) && exact.size() + rest.size() == handles.size() &&
                    rest.find_first_not_of('\0') == std::string_view::npos &&
                    std::string_view(footer + kFooter - kBehindHandles, kVersion.size()) == kVersion;
  return good ? "" : "a table's footer is damaged";
}

// What lies half way between two keys, taken for fractions of 256.
std::string Middle(std::string_view low, std::string_view high) {
  const size_t size = std::max(low.size(), high.size()) + 1;
  std::string middle(size, '\0');
  const auto at = [](std::string_view s, size_t i) {
    return i < s.size() ? static_cast<unsigned char>(s[i]) : 0u;
  };
  unsigned carry = 0;
  for (size_t i = size; i-- > 0;) {
    carry += at(low, i) + at(high, i);
    middle[i] = static_cast<char>(carry & 0xff);
    carry >>= 8;
  }
  for (char& c : middle) {  // Half of it; `carry` is what the place above left over.
    const unsigned v = carry * 256 + static_cast<unsigned char>(c);
    c = static_cast<char>(v / 2);
    carry = v % 2;
  }
  while (!middle.empty() && middle.back() == '\0') middle.pop_back();
  return middle;
}

}  // namespace

CountedFiles::CountedFiles()
    : bytes_read_(std::make_shared<std::atomic<uint64_t>>(0)),
      env_(rocksdb::NewCompositeEnv(std::make_shared<CountedFileSystem>(bytes_read_))) {}
CountedFiles::~CountedFiles() = default;

struct TableScan::Table {
  TableFile file;
  std::string unreadable;  // Why it could not be opened.
  std::unique_ptr<rocksdb::SstFileReader> reader;
};

TableScan::TableScan(std::vector<TableFile> tables, std::string_view kinds,
                     const CountedFiles& files) {
  std::sort(tables.begin(), tables.end(),
            [](const TableFile& a, const TableFile& b) { return a.smallest < b.smallest; });
  rocksdb::BlockBasedTableOptions table_options;
  table_options.no_block_cache = true;
  rocksdb::Options options;
  options.env = files.env();
  options.table_factory.reset(rocksdb::NewBlockBasedTableFactory(table_options));
  for (TableFile& file : tables) {
    if (file.smallest.empty() || kinds.find(file.smallest[0]) == std::string_view::npos) continue;
    auto table = std::make_unique<Table>();
    table->file = std::move(file);
    table->reader = std::make_unique<rocksdb::SstFileReader>(options);
    if (const auto status = table->reader->Open(table->file.path); !status.ok()) {
      table->unreadable = status.ToString();
    }
    tables_.push_back(std::move(table));
  }
  Enter(0);
}

TableScan::~TableScan() = default;

bool TableScan::Valid() const { return current_ < tables_.size(); }
std::string_view TableScan::key() const { return View(it_->key()); }
std::string_view TableScan::value() const { return View(it_->value()); }

void TableScan::Enter(size_t table) {
  for (current_ = table; current_ < tables_.size(); ++current_) {
    const Table& t = *tables_[current_];
    entries_ = 0;
    gap_in_table_ = false;
    // The first key must not lie in the gap that begins with it missing.
    last_key_ = t.file.smallest;
    last_key_.pop_back();
    if (!t.unreadable.empty()) {
      gaps_.push_back({last_key_, t.file.largest + '\0', t.unreadable});
      continue;
    }
    it_.reset(t.reader->NewIterator(rocksdb::ReadOptions()));
    it_->SeekToFirst();
    if (it_->status().ok()) {
      const auto properties = t.reader->GetTableProperties();
      const std::string why = properties == nullptr ? "a table's properties cannot be read"
                                                    : WhyOdd(*properties, t.file.path);
      if (!why.empty()) gaps_.push_back({last_key_, last_key_, why});
    }
    Settle();
    return;
  }
}

void TableScan::Next() {
  last_key_ = key();
  it_->Next();
  Settle();
}

void TableScan::Settle() {
  if (it_->Valid()) {
    ++entries_;
    return;
  }
  if (!it_->status().ok()) return StepOver(it_->status().ToString());
  const auto properties = tables_[current_]->reader->GetTableProperties();
  // A removed key (of what concerns all blocks) is an entry that nobody is shown.
  const uint64_t shown =
      properties == nullptr ? entries_ : properties->num_entries - properties->num_deletions;
  if (!gap_in_table_ && shown != entries_) {
    gaps_.push_back({last_key_, last_key_,
                     fmt::format("a table has {} entries instead of {}", entries_, shown)});
  }
  Enter(current_ + 1);
}

void TableScan::StepOver(std::string why) {
  gap_in_table_ = true;
  KeyGap gap{last_key_, tables_[current_]->file.largest + '\0', std::move(why)};
  const bool found = SeekFirstReadable(last_key_ + '\0');
  if (found) gap.before = key();
  gaps_.push_back(std::move(gap));
  if (!found) return Enter(current_ + 1);
  ++entries_;
}

bool TableScan::Try(std::string_view key) {
  // An iterator that failed may go on failing where nothing is wrong.
  it_.reset(tables_[current_]->reader->NewIterator(rocksdb::ReadOptions()));
  it_->Seek(ToSlice(key));
  return it_->Valid();
}

// RocksDB does not say where the next block of a table begins. Keys ever further away are tried,
// halving comes near the place where reading begins to work, and going back finds it.
bool TableScan::SeekFirstReadable(std::string from) {
  const std::string& largest = tables_[current_]->file.largest;
  std::string low = from, high;
  for (size_t size = from.size(); size-- > 0 && high.empty();) {
    for (unsigned step = 1; step < 256; step *= 8) {
      std::string key = from.substr(0, size + 1);
      const unsigned last = static_cast<unsigned char>(key.back()) + step;
      if (last > 255) break;
      key.back() = static_cast<char>(last);
      if (key > largest) break;
      if (Try(key)) {
        high = std::move(key);
        break;
      }
      low = std::move(key);
    }
  }
  if (high.empty()) {
    if (low >= largest || !Try(largest)) return false;
    high = largest;
  }
  for (int i = 0; i < kHalvings; ++i) {
    std::string middle = Middle(low, high);
    if (middle <= low || middle >= high) break;
    (Try(middle) ? high : low) = std::move(middle);
  }
  if (!Try(high)) return false;
  std::string first;
  do {
    first = key();
    it_->Prev();
  } while (it_->Valid() && key() > from);
  // Going back looks one entry ahead, so the first one behind the gap was not given.
  std::string below = low, above = first;
  const size_t longest = std::max(from.size(), first.size()) + 1;
  for (;;) {
    std::string middle = Middle(below, above).substr(0, longest);
    if (middle <= below || middle >= above) break;
    if (!Try(middle)) {
      below = std::move(middle);
    } else if (key() < first) {
      return true;
    } else {
      above = std::move(middle);
    }
  }
  return Try(first);
}

bool TableScan::Seek(std::string_view key) {
  why_.clear();
  for (size_t i = 0; i < tables_.size(); ++i) {
    const Table& t = *tables_[i];
    if (key > t.file.largest) continue;
    if (!t.unreadable.empty()) {
      why_ = t.unreadable;
      return false;
    }
    current_ = i;
    gap_in_table_ = true;  // As it were: its entries are not all met.
    const bool found = Try(key);
    if (!it_->status().ok()) why_ = it_->status().ToString();
    return found;
  }
  return false;
}

}  // namespace storage::block
