// Several Queriers or Selections as one.
#pragma once

#include <memory>
#include <vector>

#include "storage/querier.h"

namespace storage {

// The series of all parts in label order, each label set once. Where parts hold samples of the same
// time, the later part wins: give blocks first, by time, and the head last.
std::unique_ptr<Selection> MergeSelections(std::vector<std::unique_ptr<Selection>> parts);

// Errors of any part are errors of the whole. Warnings are those of all parts.
std::unique_ptr<Querier> MergeQueriers(std::vector<std::unique_ptr<Querier>> parts);

// Merges `later` into *columns; of equal times those of `later` stay. Cheap when it only appends.
void MergeColumns(const chunk::SampleColumns& later, chunk::SampleColumns* columns);
// The same for both kinds: a float takes the place of a histogram of the same time, and vice versa.
void MergeMixed(const chunk::MixedColumns& later, chunk::MixedColumns* columns);
// Start times, in the same way.
void MergeStarts(const model::StartColumns& later, model::StartColumns* columns);
// Of both kinds, ascending.
std::vector<model::TimeMs> TimesOf(const chunk::MixedColumns& columns);

}  // namespace storage
