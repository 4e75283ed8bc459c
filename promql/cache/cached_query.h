// One range query's way through the cache: which steps are there and still right, which are to be
// evaluated, and both put together.
//
//   auto cached = CachedQuery::Make(cache, text, *expr, grid, options, changes);
//   auto querier = ...;                        // After Make, before Look.
//   cached->Look();
//   for (const Grid& piece : cached->missing()) parts.push_back(evaluate(piece, cached->watch()));
//   if (!cached->Answer(std::move(parts), &result)) { evaluate the whole grid; cached->Keep(&result); }
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "promql/cache/result_cache.h"
#include "promql/cache/splitting.h"
#include "promql/engine.h"
#include "promql/plan.h"
#include "storage/change_log.h"

namespace promql {

class CachedQuery {  // Not thread-safe. All that is passed outlives it.
 public:
  // Null when the answer cannot be put together from steps.
  static std::unique_ptr<CachedQuery> Make(ResultCache* cache, std::string_view text,
                                           const Expr& expr, const Grid& grid,
                                           const PlanOptions& options,
                                           storage::ChangeLog* changes);

  // Looks for what is kept. To be called once the querier is made: what that sees is then known.
  // False when nothing is of use.
  bool Look();
  // Steps to be evaluated, in order of time. Empty, or not all of the grid, after Look said true.
  const std::vector<Grid>& missing() const { return missing_; }
  // For the evaluation of a piece, or of all.
  RangeWatch* watch() { return &splitting_.watch; }
  // `parts`, what `missing` gave, and what was kept make the answer, which is then kept. False when
  // the whole must be evaluated to know it.
  bool Answer(std::vector<Result> parts, Result* out);
  // Keeps the answer of a whole evaluation, if it can be.
  void Keep(Result* whole);

 private:
  CachedQuery(ResultCache* cache, std::string_view text, const Grid& grid,
              const PlanOptions& options, Splitting splitting, storage::ChangeLog* changes);

  void FindMissing();
  // What is kept from now on, with all of grid_ in it, and as many steps around as are wanted.
  std::shared_ptr<const StepColumns> JoinWith(const std::vector<StepColumns>& evaluated,
                                              int wanted) const;
  void Put(std::shared_ptr<const StepColumns> columns, std::vector<std::string> infos, int wanted);
  bool TooLarge(const std::vector<Series>& matrix) const;

  ResultCache* const cache_;
  storage::ChangeLog* const changes_;
  const Grid grid_;  // Ends at its last step.
  const int64_t max_samples_;
  Splitting splitting_;
  const storage::ChangeLog::Version version_;  // Of what is evaluated now.
  std::string key_;
  ResultCache::Entry entry_;
  StepsView right_;                 // Of entry_.
  int shift_ = 0;                   // From steps of entry_ to those of grid_.
  int from_ = 0, to_ = 0;           // Steps of grid_ that right_ has.
  bool probe_ = false;              // All; one is evaluated again for what comes with it.
  std::vector<Grid> missing_;
};

// Whether the annotations are such that a step either gives all of them or none, whatever the others
// do: none at all, or that a metric may not be a counter.
bool AreOfEachStep(const Annotations& annotations);

}  // namespace promql
