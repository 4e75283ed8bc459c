// Room on the disk: how much is left, how much is left alone, and a reserve that is given up when
// the disk is full nevertheless, so that a flush, a delete and a start still have some.
#pragma once

#include <cstdint>
#include <string>

#include <absl/status/statusor.h>

namespace storage {

struct DiskSpace {
  int64_t total_bytes = 0, free_bytes = 0;  // Free for this user.
  bool read_only = false;
};
absl::StatusOr<DiskSpace> AskDiskSpace(const std::string& path);

// Below so many bytes nothing is ingested: 1 % of the disk, 16 MiB to 256 MiB.
int64_t DefaultMinFreeBytes(int64_t total_bytes);

enum class DiskState : uint8_t { kRoomy, kLow };
// Low below `min_free_bytes`; roomy again an eighth above it.
DiskState NextState(DiskState now, int64_t free_bytes, int64_t min_free_bytes);

// <own>/reserve: blocks of the disk that belong to nobody's data.
class DiskReserve {
 public:
  // Half the minimum, up to 8 MiB, so that giving it up does not look like room for ingest.
  static int64_t Bytes(int64_t min_free_bytes);
  explicit DiskReserve(const std::string& own_dir) : path_(own_dir + "/reserve") {}

  // Made when there is plenty of room (twice the minimum and itself), given up below a quarter of
  // the minimum. True when something was changed.
  bool Keep(int64_t free_bytes, int64_t min_free_bytes);
  bool exists() const;
  bool GiveUp();  // True when there was one.

 private:
  const std::string path_;
};

}  // namespace storage
