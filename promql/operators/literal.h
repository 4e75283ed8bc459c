// A number at every step.
#pragma once

#include "promql/operator.h"

namespace promql {

OperatorPtr MakeNumber(double value);

// Every step present.
void FillPresent(Row row);

}  // namespace promql
