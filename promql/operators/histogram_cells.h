// Rows in which some cells are histograms.
#pragma once

#include <cstdint>

#include "promql/operator.h"

namespace promql {

// Which cells of the w-th word of presence are histograms.
uint64_t HistogramBits(const Row& row, int w);
bool HasHistograms(const Row& row);

// Leaves the floats. Cheap for a row that has nothing else.
void DropHistograms(Row row);
// The other way round.
void DropFloats(Row row);

// Makes cell i of `into` that of `from`, which exists. `into` must be able to hold it.
inline void CopyCell(const Row& from, int i, Row into) {
  if (from.is_histogram(i)) {
    into.Put(i, from.histograms[i]);
  } else {
    into.Put(i, from.values[i]);
  }
}

int NumHistograms(const Row& row);
// How many samples its histograms count as.
int64_t SizeOfHistograms(const Row& row);

}  // namespace promql
