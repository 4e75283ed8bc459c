#include "promql/cache/cached_query.h"

#include <algorithm>
#include <optional>
#include <memory>
#include <utility>

#include <fmt/format.h>

#include "storage/base/memory_meter.h"

namespace promql {
namespace {

// Positions in the text are part of annotations, so the text stands for the query as it is written.
std::string KeyOf(std::string_view text, const Grid& grid, const PlanOptions& options) {
  int64_t phase = grid.start % grid.step_ms;
  if (phase < 0) phase += grid.step_ms;
  return fmt::format("{} {} {} {} {}", grid.step_ms, phase, options.lookback_ms,
                     options.default_subquery_step_ms, text);
}

int StepsBetween(model::TimeMs from, model::TimeMs to, int64_t step_ms) {
  return static_cast<int>((to - from) / step_ms);
}

// Wholly apart: their difference may be far from an int.
bool Overlap(const Grid& a, const Grid& b) { return a.start <= b.end && b.start <= a.end; }

}  // namespace

bool AreOfEachStep(const Annotations& annotations) {
  constexpr std::string_view kNoCounter = "PromQL info: metric might not be a counter, name";
  return annotations.warnings.empty() &&
         std::all_of(annotations.infos.begin(), annotations.infos.end(),
                     [&](const std::string& info) { return info.starts_with(kNoCounter); });
}

CachedQuery::CachedQuery(ResultCache* cache, std::string_view text, const Grid& grid,
                         const PlanOptions& options, Splitting splitting,
                         storage::ChangeLog* changes)
    : cache_(cache),
      changes_(changes),
      grid_{grid.start, grid.at(grid.size() - 1), grid.step_ms},
      max_samples_(options.max_samples),
      splitting_(std::move(splitting)),
      version_(changes->Now()),
      key_(KeyOf(text, grid, options)) {}

std::unique_ptr<CachedQuery> CachedQuery::Make(ResultCache* cache, std::string_view text,
                                               const Expr& expr, const Grid& grid,
                                               const PlanOptions& options,
                                               storage::ChangeLog* changes) {
  std::optional<Splitting> splitting;
  if (changes != nullptr && !text.empty()) splitting = FindSplitting(expr, grid, options);
  if (!splitting.has_value()) {
    cache->Count(CacheOutcome::kNone, 0, 0);
    return nullptr;
  }
  return std::unique_ptr<CachedQuery>(
      new CachedQuery(cache, text, grid, options, *std::move(splitting), changes));
}

bool CachedQuery::Look() {
  std::optional<ResultCache::Entry> entry = cache_->Find(key_);
  if (!entry.has_value() || !Overlap(entry->columns->grid, grid_)) return false;
  entry_ = *std::move(entry);
  shift_ = StepsBetween(grid_.start, entry_.columns->grid.start, grid_.step_ms);
  right_ = FindRight(*entry_.columns, entry_.reach, changes_->Since(entry_.version), -shift_,
                     grid_.size() - shift_);
  from_ = std::max(0, shift_ + right_.first);
  to_ = std::min(grid_.size(), shift_ + right_.first + right_.count);
  if (right_.count == 0 || from_ >= to_) return false;
  FindMissing();
  return true;
}

void CachedQuery::FindMissing() {
  missing_.clear();
  const int last = grid_.size() - 1;
  if (from_ > 0) missing_.push_back({grid_.start, grid_.at(from_ - 1), grid_.step_ms});
  if (to_ <= last) missing_.push_back({grid_.at(to_), grid_.end, grid_.step_ms});
  // What comes with some of the steps must be seen to come with these.
  probe_ = missing_.empty() && !entry_.infos.empty();
  if (probe_) missing_.push_back({grid_.end, grid_.end, grid_.step_ms});
}

bool CachedQuery::Answer(std::vector<Result> parts, Result* out) {
  if (std::exchange(splitting_.watch.hangs, false)) return false;
  for (const Result& part : parts) {
    if (!part.annotations.warnings.empty() || part.annotations.infos != entry_.infos) return false;
  }
  base::MemoryMeter* const meter = base::MemoryMeter::OfThread();
  const base::MemoryMeter::Scope uncounted(nullptr);  // What is made here is kept.
  std::shared_ptr<const StepColumns> columns = entry_.columns;
  StepsView steps{columns.get(), -shift_, grid_.size()};
  const int wanted = std::max(grid_.size(), entry_.wanted - entry_.wanted / 32);
  int evaluated_steps = 0;
  if (missing_.empty() || probe_) {
    if (right_.count == columns->grid.size()) Put(columns, entry_.infos, wanted);
  } else {
    std::vector<StepColumns> evaluated;
    for (size_t i = 0; i < parts.size(); ++i) {
      std::optional<StepColumns> part = ToColumns(parts[i].value.matrix, missing_[i]);
      if (!part.has_value()) return false;
      evaluated.push_back(*std::move(part));
      parts[i].value = {};
      evaluated_steps += missing_[i].size();
    }
    columns = JoinWith(evaluated, wanted);
    steps = {columns.get(), StepsBetween(columns->grid.start, grid_.start, grid_.step_ms),
             grid_.size()};
    Put(columns, entry_.infos, wanted);
  }
  const base::MemoryMeter::Scope counted(meter);
  out->value = {};
  out->value.type = ValueType::kMatrix;
  out->value.matrix = ToMatrix(steps);
  if (TooLarge(out->value.matrix)) return false;
  out->annotations = {};
  out->annotations.infos = entry_.infos;
  out->stats.cached = evaluated_steps == 0 ? CacheOutcome::kHit : CacheOutcome::kPartial;
  out->stats.cached_steps = to_ - from_;
  cache_->Count(out->stats.cached, to_ - from_, evaluated_steps);
  return true;
}

std::shared_ptr<const StepColumns> CachedQuery::JoinWith(const std::vector<StepColumns>& evaluated,
                                                         int wanted) const {
  // Steps of right_ before and behind grid_.
  const int before = std::max(0, -(shift_ + right_.first));
  const int behind = std::max(0, shift_ + right_.first + right_.count - grid_.size());
  const int too_many = std::max(0, before + grid_.size() + behind - wanted);
  const int cut_before = std::min(before, too_many), cut_behind = too_many - cut_before;
  std::vector<StepsView> views;
  size_t next = 0;
  const auto add_evaluated = [&] {
    views.push_back({&evaluated[next], 0, evaluated[next].grid.size()});
    ++next;
  };
  if (from_ > 0) add_evaluated();
  views.push_back({right_.columns, right_.first + cut_before,
                   right_.count - cut_before - cut_behind});
  if (next < evaluated.size()) add_evaluated();
  return std::make_shared<const StepColumns>(Join(views));
}

// The engine would have refused to hold it.
bool CachedQuery::TooLarge(const std::vector<Series>& matrix) const {
  int64_t samples = 0;
  for (const Series& series : matrix) samples += static_cast<int64_t>(series.points.size());
  return samples > max_samples_;
}

// Where steps begin anywhere, they hardly ever begin there again.
void CachedQuery::Put(std::shared_ptr<const StepColumns> columns, std::vector<std::string> infos,
                      int wanted) {
  const bool aligned = grid_.start % grid_.step_ms == 0;
  cache_->Put(key_, {std::move(columns), splitting_.reach, version_, std::move(infos), wanted},
              !aligned);
}

void CachedQuery::Keep(Result* whole) {
  whole->stats.cached = CacheOutcome::kMiss;
  cache_->Count(CacheOutcome::kMiss, 0, 0);
  const base::MemoryMeter::Scope uncounted(nullptr);
  int64_t bytes = 0;
  for (const Series& series : whole->value.matrix) {
    bytes += static_cast<int64_t>(series.points.size() * sizeof(double));
  }
  std::optional<StepColumns> columns;
  if (!splitting_.watch.hangs && AreOfEachStep(whole->annotations) && cache_->Fits(bytes)) {
    columns = ToColumns(whole->value.matrix, grid_);
  }
  if (!columns.has_value()) {
    cache_->Remove(key_);
    return;
  }
  Put(std::make_shared<const StepColumns>(*std::move(columns)), whole->annotations.infos,
      grid_.size());
}

}  // namespace promql
