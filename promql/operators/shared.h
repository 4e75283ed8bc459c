// One evaluation for all places of a query that are equal (equal_parts.h). Its rows are kept, charged
// to the query, until the last of those places has taken them.
#pragma once

#include <functional>
#include <memory>

#include <absl/status/statusor.h>

#include "promql/operator.h"

namespace promql {

class SharedPart;  // The evaluation. Not thread-safe.

std::shared_ptr<SharedPart> MakeSharedPart(OperatorPtr input);

// For one place. All must be made before the first is asked for its series; one that comes later, or
// finds that the part has too many rows to be kept, evaluates what `make_own` makes. `on_shared`, which
// may be null, is called if it takes what another has evaluated.
OperatorPtr MakeReader(std::shared_ptr<SharedPart> part,
                       std::function<absl::StatusOr<OperatorPtr>()> make_own,
                       std::function<void()> on_shared);

}  // namespace promql
