// Loops over rows of cells: binary operators and the running aggregates of a group. Every loop does
// Prometheus' arithmetic in Prometheus' order. Rows given together have the same number of steps.
#pragma once

#include <cstdint>

#include "promql/ast.h"
#include "promql/operator.h"

namespace promql::kernels {

// --- Binary operators. Cells are computed whether present or not: presence is the caller's.

// out[i] = l[i] op r[i], for + - * / % ^ atan2. `out` may be `l` or `r`.
void Arithmetic(BinaryOp op, const double* l, const double* r, int n, double* out);
// out[i] = 1 where l[i] op r[i] holds, else 0; for comparisons. `out` may be `l` or `r`.
void CompareBool(BinaryOp op, const double* l, const double* r, int n, double* out);
// Clears the bits of `present` where l[i] op r[i] does not hold.
void CompareFilter(BinaryOp op, const double* l, const double* r, int n, uint64_t* present);
// One cell, any operator but the set operators: comparisons give 1 or 0, trims NaN.
double ScalarBinary(BinaryOp op, double l, double r);

// Words of presence: (n + 63) / 64.
void And(const uint64_t* a, const uint64_t* b, int words, uint64_t* out);
int CountPresent(const uint64_t* present, int words);

// --- Aggregates: fold `in` into the group's accumulators. An accumulator row starts absent with
// its auxiliary arrays (one double a step) zero; a cell starts with the first value folded in.

// Compensated sum; FinishSum gives the total.
void SumRow(const Row& in, Row sum, double* compensation);
void FinishSum(Row sum, const double* compensation);

// Mean: by the compensated sum until that would overflow, incrementally from there on (the bit of
// the cell in `incremental` is then set and sum holds the mean).
void AvgRow(const Row& in, Row sum, double* compensation, double* count, uint64_t* incremental);
void FinishAvg(Row sum, const double* compensation, const double* count,
               const uint64_t* incremental);

void MinRow(const Row& in, Row best);  // NaN only where all are NaN.
void MaxRow(const Row& in, Row best);
void CountRow(const Row& in, Row count);
void GroupRow(const Row& in, Row out);  // 1

// Population variance (Welford): `sum` collects squared distances from `mean`.
void VarianceRow(const Row& in, Row sum, double* mean, double* count);
void FinishVariance(Row sum, const double* count, bool square_root);

}  // namespace promql::kernels
