// Who a table file is, whatever it is called and wherever it lies.
#pragma once

#include <string>

namespace storage {

// 48 hex digits that RocksDB gave the table when it was written: two files with the same id and
// size are copies of one another, as tables never change. Empty for what has none or cannot be
// read. Reads a few KB of the file.
std::string TableId(const std::string& path);

}  // namespace storage
