// What the cache of results did for a query.
#pragma once

#include <cstdint>
#include <string_view>

namespace promql {

enum class CacheOutcome : uint8_t {
  kNone,     // Not asked, or an answer that cannot be put together from steps.
  kMiss,     // All steps were evaluated.
  kPartial,  // Some were.
  kHit,      // None, or one to tell whether an annotation still holds.
};
std::string_view ToString(CacheOutcome outcome);  // "none", "miss", "partial", "hit"

}  // namespace promql
