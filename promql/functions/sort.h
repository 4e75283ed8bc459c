// sort, sort_desc, sort_by_label, sort_by_label_desc: the order of an instant query's result. Over
// several steps they pass everything through and warn, since those results go by labels.
#pragma once

#include <vector>

#include "promql/operator.h"

namespace promql {

OperatorPtr MakeSort(const Expr& call, std::vector<OperatorPtr> args);

}  // namespace promql
