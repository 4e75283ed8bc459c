// What each part of a query cost, told by the same evaluation that answered it: explain=analyze.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include <absl/container/flat_hash_map.h>
#include <absl/time/time.h>

#include "promql/operator.h"
#include "promql/plan.h"

namespace promql {

// A node of the plan. Times are those of the thread that asked; what helpers did meanwhile (reading,
// laying out series) is part of the wait for them. `bytes` is the most memory the node itself held
// of what that thread allocated; 0 in a program without jemalloc.
struct NodeReport {
  int number = 0;          // From 1, in the order of the query.
  int shared_with = 0;     // If not 0, the number of the equal node that was evaluated for it, too.
  std::string node;        // select, window, aggregate ...
  std::string expression;  // What it evaluates.
  int64_t steps = 0, series = 0, rows = 0, samples = 0, bytes = 0;
  double self_s = 0, total_s = 0;  // Without its inputs; with them.
  std::vector<NodeReport> inputs;
};

// Gathers it for one query. Not thread-safe.
class Analysis {
 public:
  // `op` with its calls measured as those of `plan`, which outlives both; so does this.
  OperatorPtr Measure(const PlanNode& plan, OperatorPtr op);
  // `op`, which hands on what an evaluation elsewhere has counted: not for those who ask it.
  OperatorPtr Pass(OperatorPtr op);
  // That what is asked of `plan` was evaluated as `evaluated`.
  void Share(const PlanNode& plan, const PlanNode& evaluated) { shared_[&plan] = &evaluated; }
  // Of a plan that has been evaluated.
  NodeReport Report(const PlanNode& root) const;

  // One call of a node, until it goes; inside it those of its inputs.
  class Call {
   public:
    Call(Analysis* analysis, const PlanNode& plan, const int64_t* samples_read);
    ~Call();
    Call(const Call&) = delete;
    Call& operator=(const Call&) = delete;

    void AddSeries(size_t n);
    void AddRows(int n);

   private:
    friend class Analysis;
    Analysis* const analysis_;
    Call* const outer_;
    const PlanNode& plan_;
    const int64_t* const samples_read_;
    const int64_t samples_before_, bytes_before_;
    const absl::Time begin_;
    int64_t samples_inside_ = 0, bytes_inside_ = 0;  // Of the inputs.
    absl::Duration time_inside_;
  };

 private:
  struct Figures {
    int64_t series = 0, rows = 0, samples = 0, bytes = 0, peak_bytes = 0;
    absl::Duration self, total;
  };

  class Passing;
  using Numbers = absl::flat_hash_map<const PlanNode*, int>;
  void Number(const PlanNode& node, Numbers* numbers) const;
  NodeReport Report(const PlanNode& node, const Numbers& numbers) const;

  absl::flat_hash_map<const PlanNode*, Figures> figures_;
  absl::flat_hash_map<const PlanNode*, const PlanNode*> shared_;
  Call* innermost_ = nullptr;
};

}  // namespace promql
