// A block store whose MANIFEST, or what concerns all blocks, is lost or damaged, made anew from its tables and from LIVE.
#pragma once

#include <string>
#include <vector>

#include <absl/status/statusor.h>

#include "storage/block/live_list.h"

namespace storage::block {

struct Rescued {
  int blocks = 0;
  std::vector<std::string> lost;  // Blocks of the list of which a table is gone or useless.
  bool deletes_lost = false;      // A table that may have told of deletes cannot be read.
};

// The directory holds what an unfinished Rescue left: nothing else is to be done with it before.
bool RescueBegan(const std::string& dir);
// Nobody has the store open. Needs no room for data: tables are linked. What was deleted of blocks is
// taken together from all tables that tell of it. Killed at any point, or after an error, it can be
// begun again with the same list.
absl::StatusOr<Rescued> Rescue(const std::string& dir, const LiveList& live);

}  // namespace storage::block
