#include "server/active_queries.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <iterator>

#include <absl/time/clock.h>

#include "api/json_writer.h"
#include "storage/base/status.h"

namespace server {
namespace {

std::string Entry(std::string_view query, int64_t now_s) {
  std::string out;
  api::JsonWriter json(&out);
  json.BeginObject();
  json.Key("query");
  json.String(query);
  json.Key("timestamp_sec");
  json.Int(now_s);
  json.EndObject();
  return out;
}

// The entry of as much of the query as fits, whole characters only. Escapes make it longer.
std::string FittingEntry(std::string_view query, int64_t now_s) {
  constexpr size_t kRoom = ActiveQueries::kSlotBytes - 1;
  query = query.substr(0, kRoom);
  for (;;) {
    std::string entry = Entry(query, now_s);
    if (entry.size() <= kRoom) return entry;
    query.remove_suffix(std::min(query.size(), std::max<size_t>(1, (entry.size() - kRoom) / 6)));
    while (!query.empty() && (static_cast<unsigned char>(query.back()) & 0x80) != 0) {
      query.remove_suffix(1);
    }
  }
}

}  // namespace

absl::StatusOr<std::unique_ptr<ActiveQueries>> ActiveQueries::Create(const std::string& path,
                                                                     int slots) {
  const size_t size = 1 + kSlotBytes * static_cast<size_t>(slots);
  const int fd = open(path.c_str(), O_CREAT | O_RDWR | O_TRUNC | O_CLOEXEC, 0666);
  if (fd < 0) return base::Unavailable("open {}: {}", path, std::strerror(errno));
  // Written, not just made long: a full disk shows here and not when a query runs.
  const int full = posix_fallocate(fd, 0, static_cast<off_t>(size));
  void* const bytes =
      full != 0 ? MAP_FAILED : mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  const int error = full != 0 ? full : errno;
  close(fd);
  if (bytes == MAP_FAILED) return base::Unavailable("map {}: {}", path, std::strerror(error));
  return std::unique_ptr<ActiveQueries>(
      new ActiveQueries(static_cast<char*>(bytes), size, slots));
}

ActiveQueries::ActiveQueries(char* bytes, size_t size, int slots) : bytes_(bytes), size_(size) {
  bytes_[0] = '[';
  for (int i = slots - 1; i >= 0; --i) free_.push_back(i);
}

ActiveQueries::~ActiveQueries() { munmap(bytes_, size_); }

int ActiveQueries::Insert(std::string_view query) {
  const std::string entry = FittingEntry(query, absl::ToUnixSeconds(absl::Now()));
  absl::MutexLock lock(&mu_);
  if (free_.empty()) return -1;
  const int slot = free_.back();
  free_.pop_back();
  char* const at = bytes_ + 1 + kSlotBytes * static_cast<size_t>(slot);
  std::memcpy(at, entry.data(), entry.size());
  at[kSlotBytes - 1] = ',';
  return slot;
}

void ActiveQueries::Remove(int slot) {
  if (slot < 0) return;
  absl::MutexLock lock(&mu_);
  std::memset(bytes_ + 1 + kSlotBytes * static_cast<size_t>(slot), 0, kSlotBytes);
  free_.push_back(slot);
}

std::string UnfinishedQueries(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  std::string text{std::istreambuf_iterator<char>(in), {}};
  std::erase(text, '\0');
  if (text.size() <= 1) return "";
  text.back() = ']';  // The last comma.
  return text;
}

}  // namespace server
