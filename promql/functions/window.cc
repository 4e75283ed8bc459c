#include <cmath>

#include "promql/functions/functions.h"
#include "promql/functions/messages.h"
#include "promql/functions/mixed_windows.h"
#include "promql/kernels/window_functions.h"
#include "storage/base/hash.h"
#include "storage/base/status.h"

namespace promql {
namespace {

template <class F>
absl::Status ForEachPresent(const Row& row, F f) {
  for (int i = 0; i < row.steps; ++i) {
    if (!row.has(i)) continue;
    if (absl::Status status = f(i); !status.ok()) return status;
  }
  return absl::OkStatus();
}

absl::Status CheckQuantile(const Expr& call, ScalarParams params, const Row& out,
                           AnnotationSink* annotations) {
  double last = 0.5;  // Warn of each run of one figure once.
  return ForEachPresent(out, [&](int i) {
    const double q = params[0][i];
    if (std::memcmp(&q, &last, sizeof(q)) == 0) return absl::OkStatus();
    last = q;
    WarnOfQuantile(q, *call.args[0], annotations);
    return absl::OkStatus();
  });
}

absl::Status CheckFactors(ScalarParams params, int step) {
  const double smoothing = params[0][step], trend = params[1][step];
  if (smoothing <= 0 || smoothing >= 1) {
    return base::Aborted("invalid smoothing factor. Expected: 0 < sf < 1, got: {}",
                         FixedText(smoothing));
  }
  if (trend <= 0 || trend >= 1) {
    return base::Aborted("invalid trend factor. Expected: 0 < tf < 1, got: {}", FixedText(trend));
  }
  return absl::OkStatus();
}

absl::Status CheckSmoothing(const Expr&, ScalarParams params, const Row& out, AnnotationSink*) {
  return ForEachPresent(out, [&](int i) { return CheckFactors(params, i); });
}

const base::StringMap<WindowSpec>& Table() {
  using chunk::Want;
  static const auto& table = *new base::StringMap<WindowSpec>{
      {"absent_over_time", {.run = kernels::PresentOverTime, .want = Want::kCount}},
      {"avg_over_time", {.run = kernels::AvgOverTime}},
      {"changes", {.run = kernels::Changes, .quiet = true, .want = Want::kChanges}},
      {"count_over_time", {.run = kernels::CountOverTime, .quiet = true, .want = Want::kCount}},
      {"delta", {.run = kernels::Delta, .want = Want::kEnds}},
      {"deriv", {.run = kernels::Deriv}},
      {"double_exponential_smoothing",
       {.run = kernels::DoubleExponentialSmoothing,
        .check = CheckSmoothing,
        .check_step = CheckFactors}},
      {"first_over_time",
       {.run = kernels::FirstOverTime, .keeps_name = true, .quiet = true, .want = Want::kEnds}},
      {"idelta", {.run = kernels::InstantDelta, .want = Want::kEnds}},
      {"increase",
       {.run = kernels::Increase,
        .run_started = kernels::StartedIncrease,
        .wants_counter = true,
        .warns_of_overlaps = true,
        .want = Want::kFalls}},
      {"irate",
       {.run = kernels::InstantRate,
        .run_started = kernels::StartedInstantRate,
        .want = Want::kEnds}},
      {"last_over_time",
       {.run = kernels::LastOverTime, .keeps_name = true, .quiet = true, .want = Want::kEnds}},
      {"mad_over_time", {.run = kernels::MadOverTime}},
      {"max_over_time", {.run = kernels::MaxOverTime, .want = Want::kMax}},
      {"min_over_time", {.run = kernels::MinOverTime, .want = Want::kMin}},
      {"predict_linear", {.run = kernels::PredictLinear}},
      {"present_over_time", {.run = kernels::PresentOverTime, .quiet = true, .want = Want::kCount}},
      {"quantile_over_time", {.run = kernels::QuantileOverTime, .check = CheckQuantile}},
      {"rate",
       {.run = kernels::Rate,
        .run_started = kernels::StartedRate,
        .wants_counter = true,
        .warns_of_overlaps = true,
        .want = Want::kFalls}},
      {"resets",
       {.run = kernels::Resets,
        .run_started = kernels::StartedResets,
        .quiet = true,
        .want = Want::kFalls}},
      {"stddev_over_time", {.run = kernels::StddevOverTime}},
      {"stdvar_over_time", {.run = kernels::StdvarOverTime}},
      {"sum_over_time", {.run = kernels::SumOverTime}},
      {"ts_of_first_over_time",
       {.run = kernels::TimeOfFirst, .quiet = true, .want = Want::kCount}},
      {"ts_of_last_over_time",
       {.run = kernels::TimeOfLast, .quiet = true, .want = Want::kCount}},
      {"ts_of_max_over_time", {.run = kernels::TimeOfMax}},
      {"ts_of_min_over_time", {.run = kernels::TimeOfMin}},
  };
  return table;
}

const base::StringMap<WindowSpec>& AnchoredTable() {
  static const auto& table = *new base::StringMap<WindowSpec>{
      {"changes", {.run = kernels::AnchoredChanges}},
      {"delta", {.run = kernels::AnchoredDelta}},
      {"increase", {.run = kernels::AnchoredIncrease, .wants_counter = true}},
      {"rate", {.run = kernels::AnchoredRate, .wants_counter = true}},
      {"resets",
       {.run = kernels::AnchoredResets, .run_started = kernels::StartedAnchoredResets}},
  };
  return table;
}

const base::StringMap<WindowSpec>& SmoothedTable() {
  static const auto& table = *new base::StringMap<WindowSpec>{
      {"delta", {.run = kernels::SmoothedDelta}},
      {"increase", {.run = kernels::SmoothedIncrease, .wants_counter = true}},
      {"rate", {.run = kernels::SmoothedRate, .wants_counter = true}},
  };
  return table;
}

const base::StringMap<MixedFunction>& MixedTable() {
  static const auto& table = *new base::StringMap<MixedFunction>{
      {"absent_over_time", MixedPresentOverTime},
      {"avg_over_time", MixedAvgOverTime},
      {"changes", MixedChanges},
      {"count_over_time", MixedCountOverTime},
      {"delta", MixedDelta},
      {"first_over_time", MixedFirstOverTime},
      {"idelta", MixedInstantDelta},
      {"increase", MixedIncrease},
      {"irate", MixedInstantRate},
      {"last_over_time", MixedLastOverTime},
      {"present_over_time", MixedPresentOverTime},
      {"rate", MixedRate},
      {"resets", MixedResets},
      {"sum_over_time", MixedSumOverTime},
      {"ts_of_first_over_time", MixedTimeOfFirst},
      {"ts_of_last_over_time", MixedTimeOfLast},
  };
  return table;
}

}  // namespace

void Annotate(uint32_t notes, int64_t overlaps, std::string_view metric, PositionRange pos,
              AnnotationSink* sink) {
  std::string name;
  model::AppendQuoted(&name, metric);
  const auto warn = [&](WindowNote note, std::string_view text) {
    if (notes & note) sink->Warn(fmt::format(fmt::runtime(text), name), pos);
  };
  const auto inform = [&](WindowNote note, std::string_view text) {
    if (notes & note) sink->Info(fmt::format(fmt::runtime(text), name), pos);
  };
  warn(kNoteMixed, "encountered a mix of histograms and floats for metric name {}");
  warn(kNoteNotCounter, "this native histogram metric is not a counter: {}");
  warn(kNoteNotGauge, "this native histogram metric is not a gauge: {}");
  warn(kNoteMixedSchemas,
       "vector contains a mix of histograms with exponential and custom buckets schemas for metric "
       "name {}");
  inform(kNoteSubReconciled, "mismatched custom buckets were reconciled during subtraction");
  inform(kNoteAddReconciled, "mismatched custom buckets were reconciled during addition");
  inform(kNoteAggReconciled, "mismatched custom buckets were reconciled during aggregation");
  warn(kNoteResetCollision, "conflicting counter resets during histogram aggregation");
  inform(kNoteIgnored,
         "ignored histograms in a range containing both floats and histograms for metric name {}");
  if (notes & kNoteOverlap) {
    sink->WarnOfSeveral(
        fmt::format("sample has start time that overlaps with previous sample timestamp for metric {}",
                    name),
        overlaps, pos);
  }
}

WindowSpec FindWindowFunction(std::string_view name, Smoothing smoothing) {
  const auto& table = smoothing == Smoothing::kNone       ? Table()
                      : smoothing == Smoothing::kAnchored ? AnchoredTable()
                                                          : SmoothedTable();
  const auto it = table.find(name);
  if (it == table.end()) return {};
  WindowSpec spec = it->second;
  if (smoothing != Smoothing::kNone) {
    spec.run_mixed = FindExtended(name, smoothing);
  } else if (const auto mixed = MixedTable().find(name); mixed != MixedTable().end()) {
    spec.run_mixed = mixed->second;
  }
  return spec;
}

}  // namespace promql
