// Series that lose their metric name, and what happens when two become one by it.
#pragma once

#include "promql/operator.h"

namespace promql {

enum class OnSameLabels {
  kMerge,   // One series out of both; an error at a step where both have a value.
  kReject,  // An error if both have any value: functions of range vectors.
};

enum class Drop { kMetadata, kNameOnly };  // __name__, __type__ and __unit__; or the first alone.

// Takes labels off `input`'s series; with delayed_name_removal marks them instead, and all metadata
// will go. Tiles pass through untouched unless label sets meet; then only those rows are held.
// kAborted: "vector cannot contain metrics with the same labelset".
OperatorPtr DropNames(OperatorPtr input, OnSameLabels rule, Drop what = Drop::kMetadata);

// Merges series with equal labels as DropNames does, names left alone: after operators whose output
// may repeat a label set at different steps. With delayed name removal an instant query is judged
// when it ends, unless `at_once`; and that of them which has the first step says whether the name
// is to be dropped.
OperatorPtr MergeSame(OperatorPtr input, bool at_once = false);

// The same at once, after functions that see whole series: of those that have any value, the first
// in order says it.
OperatorPtr MergeRelabeled(OperatorPtr input);

absl::Status SameLabelsetError();

}  // namespace promql
