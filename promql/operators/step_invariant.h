// A part of the query that is the same at every step: evaluated once, repeated.
#pragma once

#include "promql/operator.h"

namespace promql {

OperatorPtr MakeStepInvariant(OperatorPtr input);

}  // namespace promql
