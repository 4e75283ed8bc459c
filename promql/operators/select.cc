#include "promql/operators/select.h"

#include <algorithm>
#include <array>
#include <bit>
#include <limits>
#include <optional>
#include <span>
#include <utility>

#include "promql/functions/mixed_windows.h"
#include "promql/kernels/extended.h"
#include "promql/operators/exchange.h"
#include "promql/operators/histogram_cells.h"
#include "promql/printer.h"
#include "storage/base/status.h"

namespace promql {
namespace {

class Select final : public Operator {
 public:
  Select(const PlanNode& plan, Selections* selections, SelectValue value)
      : plan_(plan), selections_(selections), value_(value) {}

  absl::StatusOr<std::vector<model::Labels>> Series(Context& context) override {
    ASSIGN_OR_RETURN(const BorrowedSeries borrowed, Borrow(context));
    return std::vector<model::Labels>(borrowed.labels.begin(), borrowed.labels.end());
  }

  absl::StatusOr<BorrowedSeries> Borrow(Context& context) override {
    ASSIGN_OR_RETURN(selection_, selections_->Get(context, plan_.selector));
    rows_.emplace(selection_->size(),
                  [this](Context& context, int begin, int end, ExchangePart* part) {
                    return Fill(context, begin, end, part);
                  });
    return BorrowLabels(*selection_);
  }

  void LeaveOut(std::vector<char> series, bool floats_only) override {
    if (plan_.smoothing != Smoothing::kNone) return;
    left_out_ = std::move(series);
    floats_only_ = floats_only;
  }

  absl::StatusOr<bool> Next(Context& context, Tile* out) override {
    notes_.clear();
    auto more = rows_->Next(context, out, &notes_);
    for (const SeriesNotes& notes : notes_) {
      Annotate(notes.notes, notes.overlaps, selection_->labels(notes.series).MetricName(),
               plan_.expr->pos, context.annotations);
    }
    return more;
  }

  std::string Describe() const override { return "select " + ToString(*plan_.expr); }

 private:
  absl::Status Fill(Context& context, int begin, int end, ExchangePart* part) const {
    Tile& tile = part->tile;
    const auto want =
        plan_.smoothing == Smoothing::kNone ? chunk::Want::kLast : chunk::Want::kAll;
    std::array<model::Sample, kNewestAtOnce> newest;
    const bool ask_newest = plan_.windows.steps == 1 && value_ != SelectValue::kStart &&
                            plan_.smoothing == Smoothing::kNone && left_out_.empty();
    for (int i = begin; i < end; ++i) {
      const size_t at = static_cast<size_t>(i - begin) % kNewestAtOnce;
      if (ask_newest) {
        if (at == 0) {
          RETURN_IF_ERROR(context.Check());
          const auto n = std::min<size_t>(kNewestAtOnce, static_cast<size_t>(end - i));
          selection_->ReadNewest(i, std::span(newest).first(n));
        }
        if (newest[at].t != storage::Selection::kUnread) {
          AddNewest(i, newest[at], part);
          continue;
        }
      }
      RETURN_IF_ERROR(context.Check());
      ASSIGN_OR_RETURN(const bool left_out, IsLeftOut(i));
      if (left_out) continue;
      Samples& samples = part->samples;
      RETURN_IF_ERROR(
          Selections::Read(*selection_, i, plan_, want, &samples));
      if (samples.size() == 0) continue;
      Row row = tile.AddRow(i);
      if (samples.histograms.size() > 0) row = tile.histogram_row(tile.size() - 1);
      if (plan_.smoothing == Smoothing::kSmoothed) {
        LaySmoothed(i, part, row);
      } else if (samples.histograms.size() == 0 && value_ != SelectValue::kStart) {
        LayNewest(samples.floats, plan_.windows, value_, row);
      } else {
        LayNewestMixed(samples, plan_.windows, value_, row);
      }
      int64_t cells = SizeOfHistograms(row) - NumHistograms(row);
      for (int w = 0; w < tile.words; ++w) cells += std::popcount(row.present[w]);
      // Without leave to use starts they are looked for and not found.
      if (cells == 0 || (value_ == SelectValue::kStart && !plan_.starts)) tile.DropLastRow();
      if (!part->samples_read.by_step()) {
        part->samples_read.AddToAll(cells, cells);
        continue;
      }
      for (int s = 0; cells > 0 && s < row.steps; ++s) {
        if (row.has(s)) {
          part->samples_read.Add(s, row.is_histogram(s) ? SampleSize(*row.histograms[s]) : 1);
        }
      }
    }
    return absl::OkStatus();
  }

  static constexpr size_t kNewestAtOnce = 256;

  // As LayNewest does.
  void AddNewest(int series, model::Sample sample, ExchangePart* part) const {
    const model::TimeMs end = plan_.windows.first_end;
    if (sample.t > end || sample.t <= end - plan_.windows.range_ms) return;
    if (model::IsStaleNan(sample.v)) return;
    const double v = value_ == SelectValue::kSample ? sample.v : static_cast<double>(sample.t) / 1000;
    Tile& tile = part->tile;  // Its rows are of one cell.
    tile.rows.push_back(series);
    tile.values.push_back(v);
    tile.present.push_back(1);
    if (!tile.histograms.empty()) tile.histograms.resize(tile.values.size());
    part->samples_read.Add(0, 1);
  }

  absl::StatusOr<bool> IsLeftOut(int series) const {
    if (left_out_.empty() || !left_out_[series]) return false;
    if (!floats_only_) return true;
    return Selections::HoldsFloatsOnly(*selection_, series, plan_.windows);
  }

  void LaySmoothed(int series, ExchangePart* part, Row row) const {
    RemoveStaleMarkers(&part->samples);
    if (part->samples.histograms.size() == 0) {
      return kernels::LaySmoothed(part->samples.floats, plan_.windows, row);
    }
    uint32_t notes = 0;
    LaySmoothedMixed(part->samples, plan_.windows, row, &notes);
    if (notes != 0) part->notes.push_back({series, notes, 0});
  }

  const PlanNode& plan_;
  Selections* selections_;
  const SelectValue value_;
  const storage::Selection* selection_ = nullptr;
  std::vector<SeriesNotes> notes_;
  std::vector<char> left_out_;  // By series, or empty.
  bool floats_only_ = false;    // See LeaveOut.
  std::optional<Exchange> rows_;
};

}  // namespace

void LayNewest(const chunk::SampleColumns& samples, const WindowGrid& windows, SelectValue value,
               Row out) {
  const model::TimeMs* times = samples.times.data();
  const double* values = samples.values.data();
  const size_t n = samples.size();
  size_t next = 0;  // The first sample later than the step.
  model::TimeMs end = windows.first_end;
  for (int i = 0; i < out.steps; ++i, end += windows.step_ms) {
    while (next < n && times[next] <= end) ++next;
    if (next == 0) continue;
    const size_t at = next - 1;
    if (times[at] <= end - windows.range_ms || model::IsStaleNan(values[at])) continue;
    out.Set(i, value == SelectValue::kSample ? values[at] : static_cast<double>(times[at]) / 1000);
  }
}

void LayNewestMixed(const Samples& samples, const WindowGrid& windows, SelectValue value,
                    Row out) {
  size_t next_float = 0, next_histogram = 0;
  const auto pass = [](const std::vector<model::TimeMs>& times, model::TimeMs end, size_t* next) {
    while (*next < times.size() && times[*next] <= end) ++*next;
    return *next == 0 ? std::numeric_limits<model::TimeMs>::min() : times[*next - 1];
  };
  for (int i = 0; i < out.steps; ++i) {
    const model::TimeMs end = windows.end(i);
    const model::TimeMs of_float = pass(samples.floats.times, end, &next_float);
    const model::TimeMs of_histogram = pass(samples.histograms.times, end, &next_histogram);
    const model::TimeMs newest = std::max(of_float, of_histogram);
    if (newest <= end - windows.range_ms) continue;
    const bool is_float = of_float > of_histogram;
    const double v = is_float ? samples.floats.values[next_float - 1] : 0;
    const HistogramPtr* h =
        is_float ? nullptr : &samples.histograms.values[next_histogram - 1];
    if (is_float ? model::IsStaleNan(v) : (*h)->stale()) continue;
    if (value == SelectValue::kStart) {
      out.Put(i, static_cast<double>(model::StartAt(samples.starts, newest)) / 1000);
    } else if (value == SelectValue::kTimestamp) {
      out.Put(i, static_cast<double>(newest) / 1000);
    } else if (is_float) {
      out.Put(i, v);
    } else {
      out.Put(i, *h);
    }
  }
}

OperatorPtr MakeSelect(const PlanNode& plan, Selections* selections, SelectValue value) {
  return std::make_unique<Select>(plan, selections, value);
}

}  // namespace promql
