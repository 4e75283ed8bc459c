#include "promql/engine.h"

#include <algorithm>
#include <atomic>
#include <new>
#include <optional>
#include <thread>
#include <utility>

#include <absl/synchronization/mutex.h>
#include <absl/time/clock.h>

#include "promql/analysis.h"
#include "promql/build.h"
#include "promql/cache/cached_query.h"
#include "promql/collect.h"
#include "promql/context.h"
#include "promql/helpers.h"
#include "promql/plan.h"
#include "storage/base/memory_meter.h"
#include "storage/base/stats.h"
#include "storage/base/status.h"

namespace promql {
namespace {

double Seconds(absl::Time from, absl::Time to) { return absl::ToDoubleSeconds(to - from); }

// Lets so many queries run at a time.
class Gate {  // Thread-safe.
 public:
  explicit Gate(int places) : places_(places), free_(places) {}

  absl::Status Enter(absl::Time deadline, const std::atomic<bool>* cancelled) {
    absl::MutexLock lock(&mu_);
    const auto has_place = [this]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) { return free_ > 0; };
    // Cancelling raises no signal: look for it from time to time.
    while (!mu_.AwaitWithDeadline(absl::Condition(&has_place),
                                  std::min(deadline, absl::Now() + absl::Milliseconds(20)))) {
      if (cancelled != nullptr && cancelled->load()) {
        return base::Cancelled("query was canceled in query queue");
      }
      if (absl::Now() >= deadline) {
        return base::DeadlineExceeded("query timed out in query queue");
      }
    }
    --free_;
    return absl::OkStatus();
  }

  void Leave() {
    absl::MutexLock lock(&mu_);
    ++free_;
  }

  int active() const {
    absl::MutexLock lock(&mu_);
    return places_ - free_;
  }

 private:
  const int places_;
  mutable absl::Mutex mu_;
  int free_ ABSL_GUARDED_BY(mu_);
};

class Place {  // In the gate, until it goes.
 public:
  explicit Place(Gate* gate) : gate_(gate) {}
  ~Place() { gate_->Leave(); }
  Place(const Place&) = delete;
  Place& operator=(const Place&) = delete;

 private:
  Gate* gate_;
};

class Observed {  // As running, until it goes.
 public:
  Observed(QueryObserver* observer, std::string_view query)
      : observer_(observer), ticket_(observer == nullptr ? 0 : observer->Begin(query)) {}
  ~Observed() {
    if (observer_ != nullptr) observer_->End(ticket_);
  }
  Observed(const Observed&) = delete;
  Observed& operator=(const Observed&) = delete;

 private:
  QueryObserver* observer_;
  int ticket_;
};

int OtherCores() {
  return std::max(0, static_cast<int>(std::thread::hardware_concurrency()) - 1);
}

struct Totals {
  base::DurationSummary queue, prepare, eval, sort;
  base::Counter queries, samples, samples_read;
};

void Observe(base::DurationSummary* summary, double seconds) {
  summary->Observe(static_cast<uint64_t>(std::max(0.0, seconds) * 1e9));
}

absl::StatusOr<Value> Evaluated(Context& context, const PlanNode& root, Selections* selections) {
  if (root.kind == PlanKind::kString) {
    Value value;
    value.type = ValueType::kString;
    value.text = root.expr->text;
    value.text_time = context.grid.start;
    return value;
  }
  if (root.kind == PlanKind::kMatrix || root.kind == PlanKind::kSubquery) {
    ASSIGN_OR_RETURN(const auto source, BuildMatrix(root, selections));
    std::optional<Analysis::Call> call;
    if (Analysis* const analysis = selections->analysis()) {
      call.emplace(analysis, root, &context.samples->looked_at());
    }
    auto value = CollectSamples(context, source.get(), root.kind == PlanKind::kMatrix);
    if (call && value.ok()) {
      call->AddSeries(value->matrix.size());
      call->AddRows(static_cast<int>(value->matrix.size()));
    }
    return value;
  }
  ASSIGN_OR_RETURN(const OperatorPtr tree, Build(root, selections));
  if (context.grid.step_ms != 0) return CollectMatrix(context, tree.get());
  if (root.expr->type == ValueType::kScalar) return CollectScalar(context, tree.get());
  return CollectVector(context, tree.get());
}

}  // namespace

class Engine::Impl {
 public:
  explicit Impl(Options options)
      : options_(std::move(options)),
        gate_(std::max(1, options_.max_concurrency)),
        default_subquery_step_ms_(absl::ToInt64Milliseconds(options_.default_subquery_step)),
        cache_(options_.result_cache_bytes > 0
                   ? std::make_unique<ResultCache>(options_.result_cache_bytes)
                   : nullptr),
        helpers_(options_.threads > 0 ? options_.threads : OtherCores()) {}

  absl::StatusOr<Result> Evaluate(std::string_view text, const Expr& expr, const Grid& grid,
                                  storage::Queryable* data, const QueryOptions& query) {
    Result result;
    const absl::Status status = Evaluate(text, expr, grid, data, query, &result);
    // A query that cannot be begun is none, to Prometheus' log either.
    if (options_.observer != nullptr && !absl::IsInvalidArgument(status) &&
        !base::MemoryMeter::PutOff()) {
      options_.observer->Finished({text, grid, query.origin, result.stats, status});
    }
    if (!status.ok()) return status;
    return result;
  }

  EngineStats stats() const {
    EngineStats stats;
    const auto seconds = [](const base::DurationSummary& s) {
      return static_cast<double>(s.total_ns.value()) / 1e9;
    };
    stats.queries = static_cast<int64_t>(totals_.queries.value());
    stats.active = gate_.active();
    stats.max_concurrent = options_.max_concurrency;
    stats.queue_s = seconds(totals_.queue);
    stats.prepare_s = seconds(totals_.prepare);
    stats.eval_s = seconds(totals_.eval);
    stats.sort_s = seconds(totals_.sort);
    stats.samples = static_cast<int64_t>(totals_.samples.value());
    stats.samples_read = static_cast<int64_t>(totals_.samples_read.value());
    return stats;
  }

  const Options& options() const { return options_; }
  ResultCache* result_cache() const { return cache_.get(); }
  void set_default_subquery_step(absl::Duration step) {
    default_subquery_step_ms_.store(absl::ToInt64Milliseconds(step));
  }

 private:
  absl::Status Evaluate(std::string_view text, const Expr& expr, const Grid& grid,
                        storage::Queryable* data, const QueryOptions& query, Result* out) {
    const absl::Time begin = std::min(absl::Now(), query.arrived);
    const absl::Time deadline =
        begin + std::min(options_.timeout, query.timeout.value_or(options_.timeout));
    Result& result = *out;
    totals_.queries.Add();
    RETURN_IF_ERROR(gate_.Enter(deadline, query.cancelled));
    const Place place(&gate_);
    const Observed observed(options_.observer, text);
    result.stats.queue_s = Seconds(begin, absl::Now());
    Observe(&totals_.queue, result.stats.queue_s);
    absl::Status status;
    try {
      status = EvaluateNow(text, expr, grid, data, query, deadline, &result);
    } catch (const std::bad_alloc&) {
      status = base::ResourceExhausted("query ran out of memory in query execution");
    }
    result.stats.total_s = Seconds(begin, absl::Now());
    totals_.samples.Add(static_cast<uint64_t>(result.stats.samples));
    totals_.samples_read.Add(static_cast<uint64_t>(result.stats.samples_read));
    return status;
  }

  absl::Status EvaluateNow(std::string_view text, const Expr& expr, const Grid& grid,
                           storage::Queryable* data, const QueryOptions& query,
                           absl::Time deadline, Result* result) {
    const absl::Time begin = absl::Now();
    QueryStats& stats = result->stats;
    if (query.cancelled != nullptr && query.cancelled->load()) {
      return base::Cancelled("query was canceled in query execution");
    }
    if (begin >= deadline) return base::DeadlineExceeded("query timed out in query execution");

    PlanOptions plan_options;
    plan_options.lookback_ms = LookbackMs(query);
    plan_options.default_subquery_step_ms = default_subquery_step_ms_.load();
    plan_options.max_samples = options_.max_samples;
    plan_options.push_matchers = options_.leave_out_unmatched;
    plan_options.share_equal_parts = options_.share_equal_parts;
    plan_options.use_start_timestamps = options_.use_start_timestamps;
    Grid checked = grid;
    if (grid.step_ms == 0) checked.end = grid.start;
    if (checked.end < checked.start) {
      result->value.type = ValueType::kMatrix;
      return absl::OkStatus();
    }
    ASSIGN_OR_RETURN(const Plan plan, MakePlan(expr, checked, plan_options));
    std::unique_ptr<CachedQuery> cached;
    if (cache_ != nullptr && MayBeCached(checked, query)) {
      cached = CachedQuery::Make(cache_.get(), text, expr, checked, plan_options, data->changes());
    }
    ASSIGN_OR_RETURN(const std::unique_ptr<storage::Querier> querier, data->NewQuerier(plan.range));
    if (!querier->Warnings().empty()) cached.reset();  // They come with the answer.
    stats.prepare_s = Seconds(begin, absl::Now());
    Observe(&totals_.prepare, stats.prepare_s);
    const Run run = {.text = text,
                     .query = query,
                     .options = plan_options,
                     .deadline = deadline,
                     .querier = querier.get()};
    if (cached != nullptr && cached->Look()) {
      ASSIGN_OR_RETURN(const bool known, EvaluateMissing(run, expr, cached.get(), result));
      if (known) return absl::OkStatus();
    }
    RangeWatch* const watch = cached != nullptr ? cached->watch() : nullptr;
    RETURN_IF_ERROR(EvaluateOn(run, plan, checked, watch, result));
    if (cached != nullptr) cached->Keep(result);
    return absl::OkStatus();
  }

  // What the evaluations of one query have in common.
  struct Run {
    std::string_view text;
    const QueryOptions& query;
    const PlanOptions& options;
    absl::Time deadline;
    storage::Querier* querier;
  };

  // The figures of a whole evaluation are wanted where these are asked for.
  bool MayBeCached(const Grid& grid, const QueryOptions& query) const {
    return query.use_cache && grid.step_ms != 0 && !query.analyze && !query.stats_by_step &&
           !options_.delayed_name_removal && !options_.use_start_timestamps;
  }

  // False when the whole has to be evaluated to know the answer, or the error.
  absl::StatusOr<bool> EvaluateMissing(const Run& run, const Expr& expr, CachedQuery* cached,
                                       Result* result) {
    std::vector<Result> parts;
    for (const Grid& piece : cached->missing()) {
      Result& part = parts.emplace_back();
      part.stats = result->stats;
      absl::StatusOr<Plan> plan = MakePlan(expr, piece, run.options);
      const absl::Status status =
          plan.ok() ? EvaluateOn(run, *plan, piece, cached->watch(), &part) : plan.status();
      result->stats = part.stats;
      if (absl::IsAborted(status) || absl::IsInvalidArgument(status)) return false;
      RETURN_IF_ERROR(status);
    }
    return cached->Answer(std::move(parts), result);
  }

  // Adds to result->stats.
  absl::Status EvaluateOn(const Run& run, const Plan& plan, const Grid& grid, RangeWatch* watch,
                          Result* result) {
    const absl::Time begin = absl::Now();
    QueryStats& stats = result->stats;
    AnnotationSink annotations(run.text);
    int64_t samples_left = options_.max_samples, least_left = samples_left;
    Context context;
    context.grid = context.query_grid = grid;
    context.lookback_ms = run.options.lookback_ms;
    context.delayed_name_removal = options_.delayed_name_removal;
    context.type_and_unit_labels = options_.type_and_unit_labels;
    context.leave_out_unmatched = options_.leave_out_unmatched;
    context.deadline = run.deadline;
    context.cancelled = run.query.cancelled;
    context.samples_left = &samples_left;
    context.least_left = &least_left;
    SampleTally tally;
    tally.Reset(run.query.stats_by_step && options_.per_step_stats ? grid.size() : 0);
    context.samples = &tally;
    context.annotations = &annotations;
    context.querier = run.querier;
    context.helpers = &helpers_;
    context.watch = watch;
    Analysis analysis;
    Selections selections(&plan, run.query.analyze ? &analysis : nullptr);
    auto value = Evaluated(context, *plan.root, &selections);
    const absl::Time evaluated = absl::Now();
    stats.eval_s += Seconds(begin, evaluated);
    Observe(&totals_.eval, Seconds(begin, evaluated));
    stats.samples += tally.looked_at();
    stats.samples_read += tally.read();
    stats.samples_by_step = std::move(tally.looked_at_by_step());
    stats.samples_read_by_step = std::move(tally.read_by_step());
    stats.peak_samples = std::max(stats.peak_samples, options_.max_samples - least_left);
    if (!value.ok()) return value.status();
    result->value = *std::move(value);
    if (run.query.analyze) {
      result->analysis = std::make_shared<NodeReport>(analysis.Report(*plan.root));
    }

    SortByLabels(&result->value.matrix);
    const double sort_s = Seconds(evaluated, absl::Now());
    stats.sort_s += sort_s;
    Observe(&totals_.sort, sort_s);
    for (std::string& warning : run.querier->Warnings()) annotations.WarnPlain(std::move(warning));
    result->annotations = annotations.Take();
    return absl::OkStatus();
  }

  int64_t LookbackMs(const QueryOptions& query) const {
    const absl::Duration own = query.lookback.value_or(absl::ZeroDuration());
    return absl::ToInt64Milliseconds(own > absl::ZeroDuration() ? own : options_.lookback);
  }

  const Options options_;
  Gate gate_;
  std::atomic<int64_t> default_subquery_step_ms_;
  Totals totals_;
  const std::unique_ptr<ResultCache> cache_;  // May be null.
  Helpers helpers_;
};

Engine::Engine(Options options) : impl_(std::make_unique<Impl>(std::move(options))) {}
Engine::~Engine() = default;

absl::StatusOr<Result> Engine::Evaluate(std::string_view query, Grid grid, storage::Queryable* data,
                                        const QueryOptions& options) {
  ASSIGN_OR_RETURN(const ExprPtr expr, Parse(query, impl_->options().features));
  return impl_->Evaluate(query, *expr, grid, data, options);
}

absl::StatusOr<Result> Engine::Evaluate(const ExprPtr& expr, Grid grid, storage::Queryable* data,
                                        const QueryOptions& options) {
  return impl_->Evaluate({}, *expr, grid, data, options);
}

const Engine::Options& Engine::options() const { return impl_->options(); }
ResultCache* Engine::result_cache() const { return impl_->result_cache(); }
void Engine::set_default_subquery_step(absl::Duration step) {
  impl_->set_default_subquery_step(step);
}
EngineStats Engine::stats() const { return impl_->stats(); }

}  // namespace promql
