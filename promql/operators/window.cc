#include "promql/operators/window.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "promql/functions/messages.h"
#include "promql/kernels/starts.h"
#include "promql/operators/exchange.h"
#include "promql/operators/histogram_cells.h"
#include "promql/operators/label_picker.h"
#include "promql/operators/table.h"
#include "promql/printer.h"
#include "promql/signatures.h"
#include "storage/base/status.h"

namespace promql {
namespace {

bool LooksLikeCounter(std::string_view name) {
  return name.ends_with("_total") || name.ends_with("_sum") || name.ends_with("_count") ||
         name.ends_with("_bucket");
}

class Window final : public Operator {
 public:
  Window(const PlanNode& plan, const WindowSpec& spec, std::unique_ptr<SampleSource> source,
         std::vector<OperatorPtr> params)
      : plan_(plan), spec_(spec), source_(std::move(source)), params_(std::move(params)) {}

  absl::StatusOr<std::vector<model::Labels>> Series(Context& context) override {
    ASSIGN_OR_RETURN(const BorrowedSeries borrowed, Borrow(context));
    return VisibleLabels(borrowed);
  }

  absl::StatusOr<BorrowedSeries> Borrow(Context& context) override {
    for (const OperatorPtr& param : params_) {
      ASSIGN_OR_RETURN(std::vector<double> values, DrainScalar(context, param.get()));
      param_values_.push_back(std::move(values));
    }
    for (const std::vector<double>& values : param_values_) {
      param_columns_.push_back(values.data());
    }
    ASSIGN_OR_RETURN(BorrowedSeries series, source_->Borrow(context));
    if (!series.hide_metadata) series_ = series.labels;
    if (spec_.wants_counter && !series_.empty()) FindNames(context.type_and_unit_labels);
    if (source_->random_access()) {
      rows_.emplace(static_cast<int>(series.labels.size()),
                    [this](Context& context, int begin, int end, ExchangePart* part) {
                      return Fill(context, begin, end, part);
                    });
    }
    return series;
  }

  const std::vector<char>& drop_name() const override { return source_->drop_name(); }

  void LeaveOut(std::vector<char> series, bool floats_only) override {
    if (!source_->random_access() || spec_.check != nullptr ||
        plan_.smoothing != Smoothing::kNone || (plan_.starts && spec_.warns_of_overlaps)) {
      return;
    }
    left_out_ = std::move(series);
    floats_only_ = floats_only;
  }

  absl::StatusOr<bool> Next(Context& context, Tile* out) override {
    bool more = true;
    if (rows_.has_value()) {
      part_.notes.clear();
      ASSIGN_OR_RETURN(more, rows_->Next(context, out, &part_.notes));
    } else {
      out->Reset(plan_.windows.steps);
      part_.samples_read.Reset(context.samples->by_step() ? plan_.windows.steps : 0);
      part_.notes.clear();
      while (more && !out->full()) {
        int series = 0;
        ASSIGN_OR_RETURN(more, source_->Next(context, &part_.samples, &series));
        if (!more) break;
        ForgetHints(&part_.samples.histograms);
        RETURN_IF_ERROR(AddRow(context, series, &part_, out));
      }
      context.samples->AddAll(part_.samples_read);
      more = out->size() > 0;
    }
    for (int i = 0; i < out->size(); ++i) {
      if (spec_.check != nullptr) {
        RETURN_IF_ERROR(
            spec_.check(*plan_.expr, param_columns_, out->row(i), context.annotations));
      }
      if (spec_.wants_counter && !series_.empty() && HasFloats(out->row(i))) {
        CheckCounter(context, out->rows[i]);
      }
    }
    for (const SeriesNotes& notes : part_.notes) {
      Annotate(notes.notes, notes.overlaps, NameOf(notes.series), NotesPosition(),
               context.annotations);
    }
    return more;
  }

  std::string Describe() const override {
    return fmt::format("{} over windows: {}", plan_.expr->function->name, ToString(*plan_.expr));
  }

 private:
  // Whether the samples are read here and not in a subquery.
  bool reads() const { return plan_.selector >= 0; }

  absl::Status Fill(Context& context, int begin, int end, ExchangePart* part) const {
    for (int i = begin; i < end; ++i) {
      RETURN_IF_ERROR(context.Check());
      ASSIGN_OR_RETURN(const bool left_out, IsLeftOut(context, i));
      if (left_out) continue;
      RETURN_IF_ERROR(source_->Read(i, &part->samples));
      if (part->samples.size() > 0) RETURN_IF_ERROR(AddRow(context, i, part, &part->tile));
    }
    return absl::OkStatus();
  }

  // Whether nobody looks at the series, and nothing is to be said of it.
  absl::StatusOr<bool> IsLeftOut(const Context& context, int series) const {
    if (left_out_.empty() || !left_out_[series]) return false;
    const std::string_view name = NameOf(series);
    if (spec_.wants_counter && !name.empty() &&
        (context.type_and_unit_labels || !LooksLikeCounter(name))) {
      return false;
    }
    if (spec_.quiet && !floats_only_) return true;
    return source_->HoldsFloatsOnly(series);
  }

  // Lays part->samples on the grid as a row of `tile`, if they give any cell.
  absl::Status AddRow(const Context& context, int series, ExchangePart* part, Tile* tile) const {
    const chunk::SampleColumns& floats = part->samples.floats;
    // Neighbours often have the same times, and then as many samples in their windows.
    if (part->counted_times != floats.times || part->counted_through != floats.through) {
      part->counted_times = floats.times;
      part->counted_through = floats.through;
      part->counted.Reset(part->samples_read.by_step() ? plan_.windows.steps : 0);
      CountInWindows(floats, plan_.windows, reads(), &part->counted);
      part->edges.Forget();
    }
    part->samples_read.AddAll(part->counted);
    Row row = tile->AddRow(series);
    part->float_starts.clear(), part->starts.clear();
    SeriesNotes notes{series, 0, 0};
    if (part->samples.starts.empty()) {
      RETURN_IF_ERROR(Run(context, floats, part->counted.looked_at(), &part->edges, row));
    } else {
      RunStarted(part, row, &notes);
    }
    if (part->samples.histograms.size() > 0) {
      row = tile->histogram_row(tile->size() - 1);
      RETURN_IF_ERROR(AddHistograms(part, row, &notes));
    }
    if (notes.notes != 0) part->notes.push_back(notes);
    if (!HasAny(row)) tile->DropLastRow();
    return absl::OkStatus();
  }

  // Fills the row, in slices of its steps where the windows hold many samples between them: a
  // function that looks at each window anew takes long then, and must be interrupted.
  absl::Status Run(const Context& context, const chunk::SampleColumns& floats, int64_t inside,
                   kernels::WindowEdges* edges, Row row) const {
    constexpr int64_t kManyInside = 4 << 20;
    constexpr int kWord = 64;  // Steps of a word of `present`.
    WindowGrid windows = plan_.windows;
    if (inside <= kManyInside || row.steps <= kWord) {
      windows.edges = edges;
      spec_.run(floats, windows, context.grid, param_columns_, row);
      return absl::OkStatus();
    }
    const int64_t words = Words(row.steps) * kManyInside / inside;
    const int slice = static_cast<int>(std::max<int64_t>(1, words)) * kWord;
    std::vector<const double*> params = param_columns_;
    Grid grid = context.grid;
    for (int from = 0; from < row.steps; from += slice) {
      context.checks = 0;  // The next look is now.
      RETURN_IF_ERROR(context.Check());
      windows.first_end = plan_.windows.end(from);
      windows.steps = std::min(slice, row.steps - from);
      grid.start = context.grid.at(from);
      for (size_t i = 0; i < params.size(); ++i) params[i] = param_columns_[i] + from;
      const Row part{row.values + from, row.present + from / kWord, windows.steps};
      spec_.run(floats, windows, grid, params, part);
    }
    return absl::OkStatus();
  }

  // Instead of spec_.run.
  void RunStarted(ExchangePart* part, Row row, SeriesNotes* notes) const {
    const Samples& samples = part->samples;
    part->float_starts = StartsAt(samples.starts, samples.floats.times);
    part->starts = StartsAt(samples.starts, samples.histograms.times);
    spec_.run_started(samples.floats, part->float_starts, plan_.windows, row);
    if (!spec_.warns_of_overlaps) return;
    notes->overlaps = kernels::CountOverlapped(samples.floats.times, part->float_starts,
                                               samples.histograms.times, plan_.windows);
    if (notes->overlaps > 0) notes->notes |= kNoteOverlap;
  }

  // Windows with histograms: what floats alone gave there is replaced.
  absl::Status AddHistograms(ExchangePart* part, Row row, SeriesNotes* notes) const {
    const chunk::SampleColumns& floats = part->samples.floats;
    const HistogramSamples& histograms = part->samples.histograms;
    size_t begin = 0, end = 0, float_begin = 0, float_end = 0, read = 0;
    for (int i = 0; i < row.steps; ++i) {
      const model::TimeMs window_end = plan_.windows.end(i);
      const model::TimeMs last = window_end + plan_.windows.after_ms;
      const model::TimeMs before =
          window_end - plan_.windows.range_ms - plan_.windows.before_ms;
      Move(histograms.times, before, last, &begin, &end);
      if (begin == end) continue;
      Move(floats.times, before, last, &float_begin, &float_end);
      for (size_t k = begin; k < end; ++k) {
        const int64_t size = SampleSize(*histograms.values[k]);
        part->samples_read.LookAt(i, size);
        if (reads() && k >= read) part->samples_read.Read(i, size);
      }
      read = end;
      if (spec_.run_mixed == nullptr) {
        if (float_begin < float_end) {
          notes->notes |= kNoteIgnored;
        } else if (spec_.check_step != nullptr) {
          RETURN_IF_ERROR(spec_.check_step(param_columns_, i));
        }
        continue;
      }
      MixedWindow window;
      window.float_times = {floats.times.data() + float_begin, float_end - float_begin};
      window.floats = {floats.values.data() + float_begin, float_end - float_begin};
      window.times = {histograms.times.data() + begin, end - begin};
      window.histograms = {histograms.values.data() + begin, end - begin};
      if (!part->samples.starts.empty()) {
        window.float_starts = {part->float_starts.data() + float_begin, float_end - float_begin};
        window.starts = {part->starts.data() + begin, end - begin};
      }
      window.end = window_end;
      window.range_ms = plan_.windows.range_ms;
      uint32_t found = 0;
      MixedCell cell = spec_.run_mixed(window, &found);
      notes->notes |= found;
      if (found & kNoteOverlap) ++notes->overlaps;
      row.Drop(i);
      if (cell.value.has_value()) row.Put(i, *cell.value);
      if (cell.histogram != nullptr) row.Put(i, std::move(cell.histogram));
    }
    return absl::OkStatus();
  }

  // What a subquery leaves out, or gives twice, may be what a hint is about.
  static void ForgetHints(HistogramSamples* histograms) {
    for (HistogramPtr& h : histograms->values) {
      if (h->hint != model::ResetHint::kReset && h->hint != model::ResetHint::kNotReset) continue;
      model::FloatHistogram copy = *h;
      copy.hint = model::ResetHint::kUnknown;
      h = Share(std::move(copy));
    }
  }

  static void Move(const std::vector<model::TimeMs>& times, model::TimeMs before,
                   model::TimeMs last, size_t* begin, size_t* end) {
    *end = kernels::PassTimes(times.data(), *end, times.size(), last);
    *begin = kernels::PassTimes(times.data(), *begin, *end, before);
  }

  // Numbers names, or names and types, so that the labels of one series of each need be looked at.
  void FindNames(bool types) {
    std::vector<std::string> wanted = {std::string(model::kMetricName)};
    if (types) wanted.emplace_back("__type__");
    if (!series_.GroupBy(wanted, &name_)) {
      const LabelPicker picker = LabelPicker::Only(wanted);
      Numbering numbering;
      std::string key, last;
      name_.reserve(series_.size());
      for (const model::LabelsView labels : series_) {
        picker.Pick(labels, /*hide_metadata=*/false, &key);
        const bool same = !name_.empty() && key == last;  // Names repeat from series to series.
        name_.push_back(same ? name_.back() : numbering.Number(key));
        std::swap(key, last);
      }
    }
    for (size_t i = 0; i < name_.size(); ++i) {
      if (name_[i] == static_cast<int>(first_.size())) first_.push_back(static_cast<int>(i));
    }
    checked_.resize(first_.size());
  }

  std::string_view NameOf(int series) const {
    if (series_.empty()) return {};
    return series_[name_.empty() ? series : first_[name_[series]]].MetricName();
  }

  static bool HasFloats(const Row& row) {
    if (row.histograms == nullptr) return true;
    for (int w = 0; w < Words(row.steps); ++w) {
      if ((row.present[w] & ~HistogramBits(row, w)) != 0) return true;
    }
    return false;
  }

  PositionRange Position() const { return PositionOf(plan_.matrix); }
  // The reference speaks of the first argument, which for quantile_over_time is not the range.
  PositionRange NotesPosition() const { return PositionOf(0); }

  // The reference loses where a subquery begins.
  PositionRange PositionOf(size_t arg) const {
    const Expr& expr = StripParens(*plan_.expr->args[arg]);
    return expr.kind == ExprKind::kSubquery ? PositionRange{0, expr.pos.end} : expr.pos;
  }

  void CheckCounter(Context& context, int series) {
    const int number = name_[series];
    if (std::exchange(checked_[number], 1)) return;
    const model::LabelsView labels = series_[first_[number]];
    const std::string_view name = labels.MetricName();
    std::string text;
    if (context.type_and_unit_labels) {
      const std::string_view type = labels.Get("__type__");
      if (name.empty() || type == "counter" || type == "histogram") return;
      text = "metric might not be a counter, __type__ label is not set to \"counter\" or "
             "\"histogram\", got ";
      model::AppendQuoted(&text, type);
      text += ": ";
    } else {
      if (name.empty() || LooksLikeCounter(name)) return;
      text = "metric might not be a counter, name does not end in _total/_sum/_count/_bucket: ";
    }
    model::AppendQuoted(&text, name);
    context.annotations->Info(text, Position());
  }

  const PlanNode& plan_;
  const WindowSpec spec_;
  std::unique_ptr<SampleSource> source_;
  std::vector<OperatorPtr> params_;
  std::vector<std::vector<double>> param_values_;
  std::vector<const double*> param_columns_;
  LabelsList series_;  // Empty when metadata is hidden.
  std::vector<char> left_out_;            // By series, or empty.
  bool floats_only_ = false;              // See LeaveOut.
  // See FindNames; only of a function that wants counters.
  std::vector<int> name_;      // Series -> number of its name.
  std::vector<int> first_;     // Of those with that name.
  std::vector<char> checked_;  // By name: nothing more is to be said.
  ExchangePart part_;             // Of a source that is read in its own order.
  std::optional<Exchange> rows_;  // Of one that is not.
};

}  // namespace

void CountInWindows(const chunk::SampleColumns& samples, const WindowGrid& windows, bool reads,
                    SampleTally* tally) {
  const model::TimeMs* times = samples.times.data();
  const size_t n = samples.size();
  const int64_t reach_ms = windows.before_ms + windows.range_ms + windows.after_ms;
  const auto held = [&](size_t first, size_t last) {
    return first < last ? static_cast<int64_t>(samples.Count(first, last)) : 0;
  };
  const auto for_each = [&](auto count) {
    size_t begin = 0, end = 0, read = 0;
    model::TimeMs last = windows.first_end + windows.after_ms;
    for (int i = 0; i < windows.steps; ++i, last += windows.step_ms) {
      const model::TimeMs before = last - reach_ms;
      while (end < n && times[end] <= last) ++end;
      while (begin < end && times[begin] <= before) ++begin;
      count(i, held(begin, end), reads ? held(std::max(begin, read), end) : 0);
      read = end;
    }
  };
  if (tally->by_step()) {
    for_each([&](int step, int64_t inside, int64_t fresh) {
      tally->LookAt(step, inside);
      tally->Read(step, fresh);
    });
  } else {
    int64_t all_inside = 0, all_fresh = 0;
    for_each([&](int, int64_t inside, int64_t fresh) { all_inside += inside, all_fresh += fresh; });
    tally->AddToAll(all_inside, all_fresh);
  }
}

OperatorPtr MakeWindow(const PlanNode& plan, const WindowSpec& spec,
                       std::unique_ptr<SampleSource> source, std::vector<OperatorPtr> params) {
  return std::make_unique<Window>(plan, spec, std::move(source), std::move(params));
}

}  // namespace promql
