#include "promql/operators/subquery.h"

#include <algorithm>
#include <utility>

#include "promql/kernels/extended.h"
#include "storage/base/status.h"

namespace promql {
namespace {

const std::vector<char>& NoFlags() {
  static const auto* none = new std::vector<char>;
  return *none;
}

class SelectorSource final : public SampleSource {
 public:
  SelectorSource(const PlanNode& plan, chunk::Want want, Selections* selections)
      : plan_(plan), want_(want), selections_(selections) {}

  absl::StatusOr<BorrowedSeries> Borrow(Context& context) override {
    ASSIGN_OR_RETURN(selection_, selections_->Get(context, plan_.selector));
    return BorrowLabels(*selection_);
  }

  const std::vector<char>& drop_name() const override { return NoFlags(); }

  absl::StatusOr<bool> Next(Context& context, Samples* out, int* series) override {
    while (next_ < selection_->size()) {
      RETURN_IF_ERROR(context.Check());
      *series = next_++;
      RETURN_IF_ERROR(Read(*series, out));
      if (out->size() > 0) return true;
    }
    return false;
  }

  bool random_access() const override { return true; }

  absl::StatusOr<bool> HoldsFloatsOnly(int series) const override {
    return Selections::HoldsFloatsOnly(*selection_, series, plan_.windows);
  }

  absl::Status Read(int series, Samples* out) const override {
    RETURN_IF_ERROR(Selections::Read(*selection_, series, plan_, want_, out));
    RemoveStaleMarkers(out);
    if (plan_.kind == PlanKind::kMatrix && plan_.smoothing != Smoothing::kNone) {
      if (out->histograms.size() > 0) {
        return base::Aborted("{} modifier is not supported with histograms",
                             plan_.smoothing == Smoothing::kAnchored ? "anchored" : "smoothed");
      }
      kernels::ExtendToEdges(plan_.windows, plan_.smoothing, &out->floats);
    }
    return absl::OkStatus();
  }

 private:
  const PlanNode& plan_;
  const chunk::Want want_;
  Selections* selections_;
  const storage::Selection* selection_ = nullptr;
  int next_ = 0;
};

class SubquerySource final : public SampleSource {
 public:
  SubquerySource(const PlanNode& plan, OperatorPtr input) : plan_(plan), input_(std::move(input)) {}

  absl::StatusOr<BorrowedSeries> Borrow(Context& context) override {
    if (input_ == nullptr) return BorrowedSeries();
    const WindowGrid& windows = plan_.windows;
    samples_inside_.Reset(windows.steps > 1 && windows.step_ms > 0 ? plan_.grid.size() : 0);
    Context inner = Inner(context);
    return input_->Borrow(inner);
  }

  const std::vector<char>& drop_name() const override {
    return input_ == nullptr ? NoFlags() : input_->drop_name();
  }

  absl::StatusOr<bool> Next(Context& context, Samples* out, int* series) override {
    out->clear();
    if (input_ == nullptr) return false;
    while (at_ == tile_.size()) {
      Context inner = Inner(context);
      ASSIGN_OR_RETURN(const bool more, input_->Next(inner, &tile_));
      at_ = 0;
      if (!more) {
        CountReads(context);
        return false;
      }
    }
    const Row row = tile_.row(at_);
    *series = tile_.rows[at_++];
    const Grid& grid = plan_.grid;
    for (int i = 0; i < row.steps; ++i) {
      if (!row.has(i)) continue;
      if (row.is_histogram(i)) {
        out->histograms.Add(grid.at(i), row.histograms[i]);
        continue;
      }
      out->floats.times.push_back(grid.at(i));
      out->floats.values.push_back(row.values[i]);
    }
    RemoveStaleMarkers(out);
    return true;
  }

 private:
  void CountReads(Context& context) {
    const WindowGrid& windows = plan_.windows;
    if (!samples_inside_.by_step()) {
      context.samples->Read(0, samples_inside_.read());
    }
    const std::vector<int64_t>& read = samples_inside_.read_by_step();
    for (size_t k = 0; k < read.size(); ++k) {
      const model::TimeMs t = plan_.grid.at(static_cast<int>(k));
      int64_t step = 0;
      if (t > windows.first_end) {
        step = (t - windows.first_end + windows.step_ms - 1) / windows.step_ms;
      }
      const int at = static_cast<int>(std::min<int64_t>(step, windows.steps - 1));
      if (t > windows.end(at) - windows.range_ms) context.samples->Read(at, read[k]);
    }
    samples_inside_.Reset(0);
  }

  Context Inner(const Context& context) {
    Context inner = context;
    inner.grid = plan_.grid;
    inner.samples = &samples_inside_;
    return inner;
  }

  const PlanNode& plan_;
  OperatorPtr input_;
  Tile tile_;
  int at_ = 0;
  // What the inside looks at counts where its rows are used, by the windows over them; what it
  // reads counts at the first step with a window that it is in.
  SampleTally samples_inside_;
};

}  // namespace

absl::Status SampleSource::Read(int, Samples*) const {
  return base::Internal("no random access to these samples");
}

std::unique_ptr<SampleSource> MakeSelectorSource(const PlanNode& plan, chunk::Want want,
                                                 Selections* selections) {
  return std::make_unique<SelectorSource>(plan, want, selections);
}

std::unique_ptr<SampleSource> MakeSubquerySource(const PlanNode& plan, OperatorPtr input) {
  return std::make_unique<SubquerySource>(plan, std::move(input));
}

}  // namespace promql
