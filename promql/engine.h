// Runs a parsed query over storage, within limits.
//   Expr -> MakePlan -> Plan -> Build -> Operator tree -> Collect -> Value
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <absl/status/statusor.h>
#include <absl/time/time.h>

#include "promql/cache/cache_outcome.h"
#include "promql/parser.h"
#include "promql/value.h"
#include "storage/querier.h"

namespace promql {

// The times to evaluate at: start, start+step, ... up to end inclusive.
struct Grid {
  model::TimeMs start = 0, end = 0;
  int64_t step_ms = 0;  // 0 exactly when the query is instant: start == end.
  int size() const { return step_ms == 0 ? 1 : static_cast<int>((end - start) / step_ms) + 1; }
  model::TimeMs at(int i) const { return start + i * step_ms; }
};

struct QueryStats {
  double queue_s = 0, prepare_s = 0, eval_s = 0, sort_s = 0, total_s = 0;
  int64_t samples = 0;            // Looked at: at every step whose window they are in.
  int64_t samples_read = 0;       // Each once.
  int64_t peak_samples = 0;
  std::vector<int64_t> samples_by_step, samples_read_by_step;  // QueryOptions::stats_by_step
  CacheOutcome cached = CacheOutcome::kNone;
  int cached_steps = 0;           // Of which nothing was looked at: they were kept.
};

struct Result {
  Value value;
  Annotations annotations;
  QueryStats stats;
  std::shared_ptr<const struct NodeReport> analysis;  // When asked for; analysis.h.
};

// Who asked, for the log of queries: "httpRequest" with method, path ...
struct QueryOrigin {
  std::string name;  // "": nobody says.
  std::vector<std::pair<std::string, std::string>> fields;
};

struct QueryOptions {
  std::optional<absl::Duration> timeout;         // Capped by the engine's.
  std::optional<absl::Duration> lookback;
  absl::Time arrived = absl::InfiniteFuture();   // Since when it has waited, if not since the call.
  const std::atomic<bool>* cancelled = nullptr;  // Polled; true ends the query with kCancelled.
  QueryOrigin origin;
  bool stats_by_step = false;
  bool analyze = false;                          // Wants Result::analysis.
  bool use_cache = false;                        // Of range queries; for the Queryable of all others.
};

// Is told of every query that parsed. Thread-safe.
class QueryObserver {
 public:
  struct Record {
    std::string_view query;
    Grid grid;
    const QueryOrigin& origin;
    const QueryStats& stats;
    const absl::Status& status;
  };
  virtual ~QueryObserver() = default;
  // Its turn has come; what Begin returns is handed back to End.
  virtual int Begin(std::string_view query) = 0;
  virtual void End(int ticket) = 0;
  // It is over, its turn may never have come. Not told of what was put off (base::MemoryMeter).
  virtual void Finished(const Record& record) = 0;
};

struct EngineStats {  // Totals.
  int64_t queries = 0, active = 0, max_concurrent = 0;
  double queue_s = 0, prepare_s = 0, eval_s = 0, sort_s = 0;
  int64_t samples = 0, samples_read = 0;
};

class Engine {  // Thread-safe; one per process; owns the gate on concurrent queries.
 public:
  struct Options {
    int max_concurrency = 20;
    absl::Duration timeout = absl::Minutes(2);
    absl::Duration lookback = absl::Minutes(5);
    int64_t max_samples = 50'000'000;
    absl::Duration default_subquery_step = absl::Minutes(1);  // global.evaluation_interval
    ParseOptions features;
    bool delayed_name_removal = false;
    bool per_step_stats = false;        // Whether QueryOptions::stats_by_step may be asked for.
    bool type_and_unit_labels = false;  // Whether a metric is a counter is told by __type__.
    // Whether a counter began anew is also told by the start times of samples, where storage has
    // them: in rate, increase, irate and resets; and start_timestamp() gives them.
    bool use_start_timestamps = false;
    QueryObserver* observer = nullptr;  // Null: nobody. Outlives the engine.
    // Series that match nothing on the other side of a binary operator are not selected, or at least
    // not read, where the answer is the same without, annotations and errors included. False: all
    // are, to compare.
    bool leave_out_unmatched = true;
    // Parts that stand in a query more than once are evaluated once. False: each time, to compare.
    bool share_equal_parts = true;
    int64_t result_cache_bytes = 0;  // For answers to range queries. 0: none are kept.
    int threads = 0;  // That queries may use together, besides those that call. 0: cores - 1.
  };
  explicit Engine(Options options);
  ~Engine();

  // Blocks the calling thread, waiting for its turn too. Codes:
  //   kInvalidArgument     the expression does not parse, or is of a type the grid does not allow
  //   kAborted             cannot be evaluated on this data (many-to-many ...)
  //   kUnimplemented       a part of the language this build does not evaluate yet
  //   kResourceExhausted   max_samples, or the memory of the caller's base::MemoryMeter
  //   kDeadlineExceeded, kCancelled
  // Anything else is storage's own, as "expanding series: ...".
  absl::StatusOr<Result> Evaluate(std::string_view query, Grid grid, storage::Queryable* data,
                                  const QueryOptions& options = {});
  absl::StatusOr<Result> Evaluate(const ExprPtr& expr, Grid grid, storage::Queryable* data,
                                  const QueryOptions& options = {});

  const Options& options() const;
  void set_default_subquery_step(absl::Duration step);
  EngineStats stats() const;
  class ResultCache* result_cache() const;  // Null when none are kept.

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace promql
