// What a flush takes out of the head: head.h says what they give.
#pragma once

#include <memory>

#include "storage/head/head.h"
#include "storage/head/head_parts.h"

namespace storage {

// Over parts->flush_order; notes in flush_given and flush_late what it gave out.
std::unique_ptr<FlushCursor> NewFlushCursor(Head::Parts* parts);
// Over parts->flush_late.
std::unique_ptr<SeriesCursor> NewLateCursor(Head::Parts* parts, model::TimeRange range);

}  // namespace storage
