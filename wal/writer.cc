#include "wal/writer.h"

#include <snappy.h>

#include <algorithm>
#include <chrono>
#include <thread>
#include <vector>

#include <absl/synchronization/mutex.h>
#include <absl/time/time.h>

#include "wal/crc32c.h"
#include "wal/format.h"
#include "wal/segment.h"
#include "wal/status.h"

namespace wal {
namespace {

constexpr size_t kLeastToCompress = 128;
constexpr uint64_t kUnknownBytes = 0;

template <class T>
void AppendLittleEndian(std::string* out, T v) {
  out->append(reinterpret_cast<const char*>(&v), sizeof v);
}

// Appends `record` as fragments, given that the next byte goes to `offset` of the file.
void AppendFragments(std::string_view record, uint8_t flags, uint64_t offset, std::string* out) {
  const size_t base = out->size();
  bool first = true;
  do {
    const uint64_t at = offset + (out->size() - base);
    uint32_t room = kPageBytes - static_cast<uint32_t>(at % kPageBytes);
    if (room <= kFragmentHeaderBytes) {  // Too little for a byte of data: zeros up to the page's end.
      out->append(room, '\0');
      continue;
    }
    const size_t n = std::min<size_t>(record.size(), room - kFragmentHeaderBytes);
    const bool last = n == record.size();
    const uint8_t kind = first ? (last ? kFull : kFirst) : (last ? kLast : kMiddle);
    const char kind_byte = static_cast<char>(kind | flags);
    const std::string_view data = record.substr(0, n);
    AppendLittleEndian(out, Crc32c(data, Crc32c({&kind_byte, 1})));
    AppendLittleEndian(out, static_cast<uint16_t>(n));
    out->push_back(kind_byte);
    out->append(data);
    record.remove_prefix(n);
    first = false;
    if (last) return;
  } while (true);
}

uint64_t NowNs() {
  return static_cast<uint64_t>(std::chrono::steady_clock::now().time_since_epoch().count());
}

}  // namespace

class Writer::Impl {
 public:
  Impl(std::string dir, WriterOptions options) : dir_(std::move(dir)), options_(options) {}

  absl::Status Start(uint32_t min_segment) {
    WAL_RETURN_IF_ERROR(options_.files->CreateDirs(dir_));
    auto segments = ListSegments(dir_);
    if (!segments.ok()) return segments.status();
    uint32_t number = min_segment;
    if (!segments->empty()) number = std::max(number, segments->back().number + 1);
    {
      absl::MutexLock lock(&mu_);
      WAL_RETURN_IF_ERROR(OpenSegment(number, kUnknownBytes));
    }
    if (options_.sync == wal::Sync::kInterval) {
      syncer_ = std::thread([this] { SyncLoop(); });
    }
    return absl::OkStatus();
  }

  ~Impl() { Close().IgnoreError(); }

  absl::Status Append(std::span<const std::string_view> records) {
    uint64_t ticket;
    {
      absl::MutexLock lock(&mu_);
      WAL_RETURN_IF_ERROR(AppendLocked(records));
      ticket = written_;
    }
    if (options_.sync == wal::Sync::kAlways) return SyncUpTo(ticket);
    return absl::OkStatus();
  }

  absl::Status Sync() {
    uint64_t ticket;
    {
      absl::MutexLock lock(&mu_);
      ticket = written_;
    }
    return SyncUpTo(ticket);
  }

  absl::StatusOr<uint32_t> CutSegment() {
    absl::MutexLock lock(&mu_);
    WAL_RETURN_IF_ERROR(Rotate());
    return stats_.segment;
  }

  absl::Status RemoveBefore(uint32_t segment) {
    auto segments = ListSegments(dir_);
    if (!segments.ok()) return segments.status();
    for (const Segment& s : *segments) {
      if (s.number < segment) {
        WAL_RETURN_IF_ERROR(options_.files->Remove(dir_ + "/" + SegmentName(s.number)));
      }
    }
    return absl::OkStatus();
  }

  absl::Status Close() {
    {
      absl::MutexLock lock(&mu_);
      if (closed_) return absl::OkStatus();
      closed_ = true;
    }
    if (syncer_.joinable()) syncer_.join();
    absl::MutexLock lock(&mu_);
    mu_.Await(absl::Condition(this, &Impl::NobodySyncs));
    const absl::Status status = file_ == nullptr ? absl::OkStatus() : TimedSync(file_.get());
    file_.reset();
    return status;
  }

  WriterStats stats() const {
    absl::MutexLock lock(&mu_);
    return stats_;
  }

 private:
  // The file is shared with a thread that may be syncing it while the next one is opened.
  using FilePtr = std::shared_ptr<AppendFile>;

  absl::Status AppendLocked(std::span<const std::string_view> records)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) {
    if (closed_) return absl::UnavailableError("log " + dir_ + ": closed");
    if (file_ == nullptr) {  // An earlier failure gave the segment up.
      const absl::Status status = OpenSegment(stats_.segment + 1, kUnknownBytes);
      if (!status.ok()) {
        ++stats_.append_failures;
        return status;
      }
    }
    Encode(records);
    if (size_ > kFileHeaderBytes && size_ + batch_.size() > options_.segment_bytes) {
      if (absl::Status status = Rotate(); !status.ok()) {
        ++stats_.append_failures;
        return status;
      }
      Encode(records);  // Pages begin elsewhere now.
    }
    if (absl::Status status = file_->Append(batch_); !status.ok()) {
      ++stats_.append_failures;
      if (!file_->Truncate(size_).ok()) {
        file_->Sync().IgnoreError();  // Nobody will sync what is in it later.
        file_.reset();
      }
      return status;
    }
    size_ += batch_.size();
    written_ += 1;
    stats_.records += records.size();
    stats_.bytes += batch_.size();
    return absl::OkStatus();
  }

  // Fills batch_ with the fragments of `records`, as they would follow size_.
  void Encode(std::span<const std::string_view> records) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) {
    batch_.clear();
    for (std::string_view record : records) {
      uint8_t flags = 0;
      if (options_.compress && record.size() >= kLeastToCompress) {
        snappy::Compress(record.data(), record.size(), &compressed_);
        if (compressed_.size() < record.size()) {
          record = compressed_;
          flags = kSnappy;
        }
      }
      AppendFragmentsAt(record, flags);
    }
  }

  void AppendFragmentsAt(std::string_view record, uint8_t flags) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) {
    AppendFragments(record, flags, size_ + batch_.size(), &batch_);
  }

  // `bytes_before`: so many of the segment before are on the disk, and it gets no more.
  absl::Status OpenSegment(uint32_t number, uint64_t bytes_before)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) {
    std::string path = dir_ + "/" + SegmentName(number);
    auto file = options_.files->Create(path);
    while (absl::IsAlreadyExists(file.status())) {  // Left by an attempt that failed.
      bytes_before = kUnknownBytes;
      path = dir_ + "/" + SegmentName(++number);
      file = options_.files->Create(path);
    }
    if (!file.ok()) return file.status();
    std::string header(kMagic);
    AppendLittleEndian(&header, number);
    AppendLittleEndian(&header, bytes_before);
    AppendLittleEndian(&header, Crc32c(header));
    absl::Status status = (*file)->Append(header);
    if (status.ok()) status = options_.files->SyncDir(dir_);
    if (!status.ok()) {
      file->reset();
      options_.files->Remove(path).IgnoreError();
      return status;
    }
    file_ = std::move(*file);
    size_ = header.size();
    stats_.segment = number;
    stats_.bytes += header.size();
    return absl::OkStatus();
  }

  // Ends the segment, on the disk, and starts the next. When it fails the old one stays in use.
  absl::Status Rotate() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) {
    const FilePtr old = file_;
    if (old != nullptr) WAL_RETURN_IF_ERROR(TimedSync(old.get()));
    synced_ = std::max(synced_, written_);
    const uint64_t old_size = size_;
    const uint64_t bytes_before = old == nullptr ? kUnknownBytes : old_size;
    if (absl::Status status = OpenSegment(stats_.segment + 1, bytes_before); !status.ok()) {
      file_ = old;
      size_ = old_size;
      return status;
    }
    return absl::OkStatus();
  }

  absl::Status TimedSync(AppendFile* file) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) {
    const uint64_t start = NowNs();
    const absl::Status status = file->Sync();
    CountSync(status, NowNs() - start);
    return status;
  }

  void CountSync(const absl::Status& status, uint64_t ns) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) {
    ++stats_.syncs;
    stats_.sync_ns += ns;
    if (!status.ok()) ++stats_.sync_failures;
  }

  // Returns when append number `ticket` is on the disk. Of those who wait one syncs, for all.
  absl::Status SyncUpTo(uint64_t ticket) {
    absl::MutexLock lock(&mu_);
    while (synced_ < ticket) {
      if (failed_up_to_ >= ticket) return sync_error_;
      if (syncing_) {
        sync_done_.Wait(&mu_);
        continue;
      }
      if (file_ == nullptr) return absl::UnavailableError("log " + dir_ + ": not open");
      syncing_ = true;
      const FilePtr file = file_;
      const uint64_t covers = written_;
      mu_.Unlock();
      const uint64_t start = NowNs();
      const absl::Status status = file->Sync();
      const uint64_t ns = NowNs() - start;
      mu_.Lock();
      syncing_ = false;
      CountSync(status, ns);
      if (status.ok()) {
        synced_ = std::max(synced_, covers);
      } else {
        // What the kernel held may be lost, and a later success would not say so: the segment is
        // given up.
        failed_up_to_ = file_ == file ? written_ : covers;
        sync_error_ = status;
        if (file_ == file) file_.reset();
      }
      sync_done_.SignalAll();
    }
    return absl::OkStatus();
  }

  bool NobodySyncs() const ABSL_SHARED_LOCKS_REQUIRED(mu_) { return !syncing_; }
  bool Closed() const ABSL_SHARED_LOCKS_REQUIRED(mu_) { return closed_; }

  void SyncLoop() {
    const absl::Duration interval = absl::Milliseconds(std::max(1, options_.sync_interval_ms));
    while (true) {
      {
        absl::MutexLock lock(&mu_);
        if (mu_.AwaitWithTimeout(absl::Condition(this, &Impl::Closed), interval)) return;
        if (synced_ >= written_ || failed_up_to_ >= written_) continue;
      }
      Sync().IgnoreError();  // Counted in stats.
    }
  }

  const std::string dir_;
  const WriterOptions options_;
  std::thread syncer_;

  mutable absl::Mutex mu_;
  absl::CondVar sync_done_;
  FilePtr file_ ABSL_GUARDED_BY(mu_);
  uint64_t size_ ABSL_GUARDED_BY(mu_) = 0;     // Of the segment.
  uint64_t written_ ABSL_GUARDED_BY(mu_) = 0;  // Appends so far, and how many of them are synced.
  uint64_t synced_ ABSL_GUARDED_BY(mu_) = 0;
  uint64_t failed_up_to_ ABSL_GUARDED_BY(mu_) = 0;
  absl::Status sync_error_ ABSL_GUARDED_BY(mu_);
  bool syncing_ ABSL_GUARDED_BY(mu_) = false;
  bool closed_ ABSL_GUARDED_BY(mu_) = false;
  std::string batch_ ABSL_GUARDED_BY(mu_), compressed_ ABSL_GUARDED_BY(mu_);
  WriterStats stats_ ABSL_GUARDED_BY(mu_);
};

Writer::Writer(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Writer::~Writer() = default;

absl::StatusOr<std::unique_ptr<Writer>> Writer::Open(std::string dir, WriterOptions options,
                                                     uint32_t min_segment) {
  auto impl = std::make_unique<Impl>(std::move(dir), options);
  WAL_RETURN_IF_ERROR(impl->Start(min_segment));
  return std::unique_ptr<Writer>(new Writer(std::move(impl)));
}

absl::Status Writer::Append(std::span<const std::string_view> records) {
  return impl_->Append(records);
}
absl::Status Writer::Sync() { return impl_->Sync(); }
absl::StatusOr<uint32_t> Writer::CutSegment() { return impl_->CutSegment(); }
absl::Status Writer::RemoveBefore(uint32_t segment) { return impl_->RemoveBefore(segment); }
absl::Status Writer::Close() { return impl_->Close(); }
WriterStats Writer::stats() const { return impl_->stats(); }

}  // namespace wal
