// Random data and random expressions over it, from a seed.
#pragma once

#include <random>
#include <string>

#include "promql/testing/memory_queryable.h"

namespace promql {

class RandomQuery {
 public:
  // With `histograms`, some of the data are, and the expressions have what the language has for them.
  // With `starts`, samples of most series have start times, and there is start_timestamp().
  explicit RandomQuery(uint64_t seed, bool histograms = false, bool starts = false)
      : random_(seed), histograms_(histograms), starts_(starts) {}

  // Metrics a, b (gauges) and c_total (a counter), some labels, half an hour from time 0: gaps,
  // resets, stale markers, NaN, infinities. And d with two kinds of info series for it. Histograms
  // are h (counters), g (gauges), n (counters with custom buckets) and m (counters, and floats).
  void FillData(promql_test::MemoryQueryable* data);
  // An instant vector that SlowEvaluator knows too.
  std::string Vector(int depth);
  // One out of two that match in part: sides are simple, and often hold to a few labels.
  std::string Join(int depth);
  // One in which equal labels come from several sides, some of which are to lose their names.
  std::string Names(int depth);
  // One with parts that stand in it more than once.
  std::string Repeated(int depth);

 private:
  int Below(int n) { return static_cast<int>(random_() % static_cast<uint64_t>(n)); }
  bool OneIn(int n) { return Below(n) == 0; }
  template <size_t n>
  std::string Pick(const char* const (&items)[n]) {
    return items[Below(n)];
  }

  void FillFloats(promql_test::MemoryQueryable* data);
  void FillHistograms(promql_test::MemoryQueryable* data);
  void FillHistogram(char metric, const model::Labels& labels, promql_test::MemoryQueryable* data);
  std::string OfHistograms(int depth);
  std::string CounterHistograms();
  void FillStarts(promql_test::MemoryQueryable* data);
  void FillInfo(promql_test::MemoryQueryable* data);
  std::string Info();
  std::string Selector();
  std::string SmoothSelector();
  std::string Matrix(int depth);
  std::string Shift();
  std::string Scalar(int depth);
  std::string Binary(int depth);
  std::string Grouping();
  std::string Side(int depth);

  std::mt19937_64 random_;
  const bool histograms_, starts_;
};

}  // namespace promql
