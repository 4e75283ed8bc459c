#include "wal/reader.h"

#include <fcntl.h>
#include <snappy.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <vector>

#include "wal/crc32c.h"
#include "wal/format.h"
#include "wal/segment.h"
#include "wal/status.h"

namespace wal {
namespace {

constexpr uint64_t kBufferBytes = 32 * kPageBytes;
constexpr size_t kMaxRecordBytes = 512u << 20;  // Decompressed; larger is damage.

template <class T>
T LittleEndianAt(std::string_view bytes, size_t at) {
  T v;
  std::memcpy(&v, bytes.data() + at, sizeof v);
  return v;
}

bool AllZero(std::string_view s) {
  return std::all_of(s.begin(), s.end(), [](char c) { return c == 0; });
}

// Whether `bytes`, which are too few for a header, may be what a crash left of one: its beginning, and
// perhaps zeros after that.
bool MayBeTornHeader(std::string_view bytes, uint32_t number) {
  std::string expected(bytes.starts_with(kMagicOne) ? kMagicOne : kMagic);
  for (int shift = 0; shift < 32; shift += 8) expected += static_cast<char>(number >> shift);
  const size_t known = std::min(bytes.size(), expected.size());
  size_t same = 0;
  while (same < known && bytes[same] == expected[same]) ++same;
  return same == known || AllZero(bytes.substr(same));
}

// One segment file as pages, read a megabyte at a time.
class PageFile {
 public:
  ~PageFile() { Close(); }

  absl::Status Open(const std::string& path) {
    Close();
    fd_ = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
    if (fd_ < 0) return ErrnoStatus("open", path);
    struct stat about;
    if (::fstat(fd_, &about) < 0) return ErrnoStatus("stat", path);
    // A folder, which somebody else put there, has no bytes, whatever size it tells.
    size_ = S_ISREG(about.st_mode) ? static_cast<uint64_t>(about.st_size) : 0;
    return absl::OkStatus();
  }
  void Close() {
    if (fd_ >= 0) ::close(fd_);
    fd_ = -1;
    size_ = 0;
    buffer_.clear();
    start_ = 0;
  }
  uint64_t size() const { return size_; }

  // The bytes from `offset` to the end of its page, shorter at the end of the file or where the
  // disk will not give them.
  std::string_view FromHereInPage(uint64_t offset) {
    if (offset >= size_) return {};
    if (offset < start_ || offset >= start_ + buffer_.size()) Load(offset - offset % kPageBytes);
    if (offset >= start_ + buffer_.size()) return {};
    const uint64_t page_end = std::min(size_, offset - offset % kPageBytes + kPageBytes);
    return std::string_view(buffer_).substr(offset - start_, page_end - offset);
  }

 private:
  void Load(uint64_t offset) {
    start_ = offset;
    buffer_.resize(std::min(kBufferBytes, size_ - offset));
    size_t have = 0;
    while (have < buffer_.size()) {
      const ssize_t n = ::pread(fd_, buffer_.data() + have, buffer_.size() - have,
                                static_cast<off_t>(offset + have));
      if (n < 0 && errno == EINTR) continue;
      if (n <= 0) break;
      have += static_cast<size_t>(n);
    }
    buffer_.resize(have);
  }

  int fd_ = -1;
  uint64_t size_ = 0, start_ = 0;
  std::string buffer_;
};

struct Fragment {
  uint8_t kind = kNone, flags = 0;
  std::string_view data;
  size_t bytes = 0;  // With its header.
};

// How much data the fragment at the front of `page` says it has. Its header is there.
size_t LengthOf(std::string_view page) { return LittleEndianAt<uint16_t>(page, 4); }

// True when the front of `page` is a whole fragment with `length` bytes of data.
bool ParseFragment(std::string_view page, size_t length, Fragment* out) {
  const uint8_t part = static_cast<uint8_t>(page[6]) & kKindMask;
  if (part < kFull || part > kLast || kFragmentHeaderBytes + length > page.size()) return false;
  const std::string_view checked = page.substr(6, 1 + length);
  if (Crc32c(checked) != LittleEndianAt<uint32_t>(page, 0)) return false;
  const auto kind = static_cast<uint8_t>(page[6]);
  out->kind = kind & kKindMask;
  out->flags = kind & ~kKindMask;
  out->data = checked.substr(1);
  out->bytes = kFragmentHeaderBytes + length;
  return (out->flags & ~kSnappy) == 0;
}

bool ParseFragment(std::string_view page, Fragment* out) {
  return page.size() >= kFragmentHeaderBytes && ParseFragment(page, LengthOf(page), out);
}

}  // namespace

class Reader::Impl {
 public:
  absl::Status Open(std::string dir, uint32_t first, uint32_t end) {
    dir_ = std::move(dir);
    first_ = first;
    auto segments = ListSegments(dir_);
    if (!segments.ok()) return segments.status();
    for (const Segment& s : *segments) {
      if (s.number >= first && s.number < end) segments_.push_back(s.number);
    }
    return absl::OkStatus();
  }

  absl::StatusOr<bool> Next(std::string_view* record) {
    while (true) {
      if (!open_) {
        auto more = OpenNext();
        if (!more.ok() || !*more) return more;
      }
      if (NextInSegment(record)) return true;
      open_ = false;
      ++index_;
    }
  }

  absl::StatusOr<bool> OpenNext() {
    if (index_ >= segments_.size()) return false;
    const uint32_t number = segments_[index_];
    const uint32_t expected = index_ > 0 ? segments_[index_ - 1] + 1 : first_;
    if (number != expected) Report({expected, 0}, 0, "segment missing");
    const std::string path = dir_ + "/" + SegmentName(number);
    if (absl::Status status = file_.Open(path); !status.ok()) return status;
    open_ = true;
    assembling_ = false;
    silent_from_ = kNowhere;
    const std::string_view page = file_.FromHereInPage(0);
    const bool one = page.starts_with(kMagicOne);
    offset_ = one ? kFileHeaderOneBytes : kFileHeaderBytes;
    const std::string_view header = page.substr(0, offset_);
    const bool whole = header.size() == offset_;
    const bool good = whole && header.starts_with(one ? kMagicOne : kMagic) &&
                      LittleEndianAt<uint32_t>(header, 8) == number &&
                      LittleEndianAt<uint32_t>(header, offset_ - 4) ==
                          Crc32c(header.substr(0, offset_ - 4));
    // A file cut off inside its header, or all zeros, is a torn tail like any other.
    const bool torn = whole ? AllZero(header) : MayBeTornHeader(header, number);
    if (!good && !torn) Report({number, 0}, header.size(), "bad file header");
    if (!good && AllZero(header)) silent_from_ = 0;
    if (good && !one) LookBack(LittleEndianAt<uint64_t>(header, 12));
    return true;
  }

  // The segment's header tells how long the one before was when it was ended, if that is known. What
  // looked like its torn tail was none then.
  void LookBack(uint64_t bytes) {
    const bool there = index_ > 0 && segments_[index_ - 1] + 1 == segments_[index_];
    if (!there || bytes <= end_before_) return;
    Report({segments_[index_ - 1], static_cast<uint32_t>(end_before_)}, bytes - end_before_,
           "cut short");
  }

  // False at the end of the segment.
  bool NextInSegment(std::string_view* record) {
    while (offset_ < file_.size()) {
      const std::string_view page = file_.FromHereInPage(offset_);
      const uint64_t to_page_end = kPageBytes - offset_ % kPageBytes;
      Fragment fragment;
      if (to_page_end <= kFragmentHeaderBytes) {
        offset_ += to_page_end;  // Padding.
        continue;
      }
      if (!page.empty() && AllZeroHeader(page) && AllZero(page)) {
        silent_from_ = std::min(silent_from_, offset_);  // Never written, if nothing comes after it.
        offset_ += to_page_end;
        continue;
      }
      if (!ParseFragment(page, &fragment) && !EndsWithTheFile(page, &fragment)) {
        StepOver(page, to_page_end);
        continue;
      }
      TellZeros();
      const uint32_t at = static_cast<uint32_t>(offset_);
      offset_ += fragment.bytes;
      if (Assemble(fragment, at, record)) return true;
    }
    if (assembling_) silent_from_ = std::min<uint64_t>(silent_from_, start_);
    assembling_ = false;  // A record begun and never ended: torn.
    end_before_ = std::min(silent_from_, file_.size());
    return false;
  }

  // At offset_ is something, so the zeros before it are no end.
  void TellZeros() {
    if (silent_from_ == kNowhere) return;
    Report({segments_[index_], static_cast<uint32_t>(silent_from_)}, offset_ - silent_from_, "zeros");
    silent_from_ = kNowhere;
  }

  // The last fragment of the file may be whole but for its length, which then announces more than
  // there is. The checksum tells that from a torn tail.
  bool EndsWithTheFile(std::string_view page, Fragment* fragment) {
    const bool last = page.size() > kFragmentHeaderBytes && offset_ + page.size() == file_.size() &&
                      LengthOf(page) > page.size() - kFragmentHeaderBytes;
    if (!last || !ParseFragment(page, page.size() - kFragmentHeaderBytes, fragment)) return false;
    Report({segments_[index_], static_cast<uint32_t>(offset_)}, sizeof(uint16_t), "bad length");
    return true;
  }

  static bool AllZeroHeader(std::string_view page) {
    return AllZero(page.substr(0, kFragmentHeaderBytes));
  }

  // The bytes at offset_ are no fragment. Goes on at the next whole one in this page, else at the
  // next page.
  void StepOver(std::string_view page, uint64_t to_page_end) {
    const uint64_t from = offset_;
    size_t skip = 1;
    Fragment next;
    while (skip < page.size() && !ParseFragment(page.substr(skip), &next)) ++skip;
    const bool resumed = skip < page.size();
    offset_ += resumed ? skip : to_page_end;
    // Nothing after it, and shorter than it says: a torn tail.
    const bool cut_short = page.size() < kFragmentHeaderBytes ||
                           kFragmentHeaderBytes + LengthOf(page) > page.size();
    if (!resumed && !page.empty() && cut_short && offset_ >= file_.size()) {
      silent_from_ = std::min(silent_from_, from);
      return;
    }
    Report({segments_[index_], static_cast<uint32_t>(from)}, std::min(offset_, file_.size()) - from,
           page.empty() ? "cannot be read" : "bad checksum");
    assembling_ = false;
  }

  // True when `fragment` completes a record.
  bool Assemble(const Fragment& fragment, uint32_t at, std::string_view* record) {
    const bool starts = fragment.kind == kFull || fragment.kind == kFirst;
    if (assembling_ == starts) {  // A start inside a record, or a continuation of none.
      if (assembling_) {
        Report({segments_[index_], start_}, at - start_, "record without an end");
      } else {
        Report({segments_[index_], at}, fragment.bytes, "record without a beginning");
        return false;
      }
    }
    if (starts) {
      start_ = at;
      flags_ = fragment.flags;
      assembled_.clear();
    }
    assembling_ = fragment.kind == kFirst || fragment.kind == kMiddle;
    std::string_view whole = fragment.data;
    if (fragment.kind != kFull) {
      assembled_.append(fragment.data);
      if (assembling_) return false;
      whole = assembled_;
    }
    return Finish(whole, record);
  }

  bool Finish(std::string_view whole, std::string_view* record) {
    if ((flags_ & kSnappy) != 0) {
      size_t length = 0;
      if (!snappy::GetUncompressedLength(whole.data(), whole.size(), &length) ||
          length > kMaxRecordBytes ||
          !snappy::Uncompress(whole.data(), whole.size(), &uncompressed_)) {
        Report({segments_[index_], start_}, offset_ - start_, "bad compression");
        return false;
      }
      whole = uncompressed_;
    }
    *record = whole;
    return true;
  }

  void Report(Position from, uint64_t bytes, std::string reason) {
    if (on_damage_) on_damage_({from, bytes, std::move(reason)});
  }

  std::string dir_;
  uint32_t first_ = 0;
  std::vector<uint32_t> segments_;
  std::function<void(const Damage&)> on_damage_;
  size_t index_ = 0;
  bool open_ = false;
  PageFile file_;
  uint64_t offset_ = 0;
  // Where, in the file opened last, that begins which gave no record and is no damage either, unless
  // something comes after it; and where the file before it ended so.
  static constexpr uint64_t kNowhere = UINT64_MAX;
  uint64_t silent_from_ = kNowhere, end_before_ = 0;
  // The record being put together.
  bool assembling_ = false;
  uint32_t start_ = 0;
  uint8_t flags_ = 0;
  std::string assembled_, uncompressed_;
};

Reader::Reader(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Reader::~Reader() = default;

absl::StatusOr<std::unique_ptr<Reader>> Reader::Open(std::string dir, uint32_t first_segment,
                                                     uint32_t end_segment) {
  auto impl = std::make_unique<Impl>();
  WAL_RETURN_IF_ERROR(impl->Open(std::move(dir), first_segment, end_segment));
  return std::unique_ptr<Reader>(new Reader(std::move(impl)));
}

void Reader::OnDamage(std::function<void(const Damage&)> report) {
  impl_->on_damage_ = std::move(report);
}
absl::StatusOr<bool> Reader::Next(std::string_view* record) { return impl_->Next(record); }
Position Reader::position() const {
  if (impl_->index_ >= impl_->segments_.size()) return {last_segment(), 0};
  return {impl_->segments_[impl_->index_], impl_->start_};
}
uint32_t Reader::first_segment() const {
  return impl_->segments_.empty() ? 0 : impl_->segments_.front();
}
uint32_t Reader::last_segment() const {
  return impl_->segments_.empty() ? 0 : impl_->segments_.back();
}

}  // namespace wal
