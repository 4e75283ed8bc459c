// Gives every series of an input new labels: label_replace, label_join, dropping the name.
#pragma once

#include <functional>
#include <string>

#include "promql/operator.h"

namespace promql {

// The labels a series goes on with. May clear or set *drop_name, see Operator::drop_name.
using RelabelFunction = std::function<model::Labels(const model::Labels&, char* drop_name)>;

// What to do when two series end up with the same labels.
enum class SameLabels {
  kMerge,   // One series out of both; an error at the first step where both have a value.
  kReject,  // An error if both have any value at all: functions of range vectors.
};

// Both errors are kAborted, "vector cannot contain metrics with the same labelset". Tiles pass
// through untouched unless label sets really meet; then only those rows are held back.
OperatorPtr MakeRelabel(OperatorPtr input, RelabelFunction relabel, SameLabels same,
                        std::string describe);

// `labels` without __name__, __type__ and __unit__.
model::Labels DropMetadataLabels(const model::Labels& labels);

}  // namespace promql
