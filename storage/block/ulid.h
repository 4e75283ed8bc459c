// Names of blocks: 26 characters, 48 bits of milliseconds and 80 of chance, Crockford's base 32.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace storage::block {

// Thread-safe. Ascends from call to call, also within a millisecond or when the clock goes back.
std::string NewUlid(int64_t now_ms);
bool IsUlid(std::string_view s);
int64_t UlidTimeMs(std::string_view ulid);  // When it was made; 0 when it is none.

}  // namespace storage::block
