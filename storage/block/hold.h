// HeldFiles of a Db.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include <absl/status/statusor.h>

#include "storage/block/block_db.h"
#include "storage/block/held_files.h"
#include "storage/block/live_list.h"

namespace storage::block {

// All that a copy of `dir`, which is the folder of `db`, must have to be opened, and `live`, when
// there is one. A table that is missing is left out and logged: the copy is then as damaged as the
// store. Nobody may publish, drop or delete meanwhile.
absl::StatusOr<std::unique_ptr<HeldFiles>> Hold(std::shared_ptr<Db> db, const std::string& dir,
                                                std::optional<LiveList> live);

}  // namespace storage::block
