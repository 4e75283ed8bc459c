#include "promql/operators/histogram_cells.h"

#include <bit>

#include "promql/operators/table.h"

namespace promql {

uint64_t HistogramBits(const Row& row, int w) {
  if (row.histograms == nullptr) return 0;
  uint64_t bits = 0;
  for (uint64_t rest = row.present[w]; rest != 0; rest &= rest - 1) {
    const int bit = std::countr_zero(rest);
    if (row.histograms[w * 64 + bit] != nullptr) bits |= uint64_t{1} << bit;
  }
  return bits;
}

bool HasHistograms(const Row& row) {
  if (row.histograms == nullptr) return false;
  for (int w = 0; w < Words(row.steps); ++w) {
    if (HistogramBits(row, w) != 0) return true;
  }
  return false;
}

void DropHistograms(Row row) {
  if (row.histograms == nullptr) return;
  for (int w = 0; w < Words(row.steps); ++w) row.present[w] &= ~HistogramBits(row, w);
}

void DropFloats(Row row) {
  for (int w = 0; w < Words(row.steps); ++w) row.present[w] &= HistogramBits(row, w);
}

int NumHistograms(const Row& row) {
  if (row.histograms == nullptr) return 0;
  int n = 0;
  for (int w = 0; w < Words(row.steps); ++w) n += std::popcount(HistogramBits(row, w));
  return n;
}

int64_t SizeOfHistograms(const Row& row) {
  if (row.histograms == nullptr) return 0;
  int64_t size = 0;
  for (int w = 0; w < Words(row.steps); ++w) {
    for (uint64_t rest = HistogramBits(row, w); rest != 0; rest &= rest - 1) {
      size += SampleSize(*row.histograms[w * 64 + std::countr_zero(rest)]);
    }
  }
  return size;
}

}  // namespace promql
