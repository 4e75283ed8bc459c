#include "promql/operators/histogram_groups.h"

#include <utility>

#include "promql/functions/messages.h"
#include "storage/base/status.h"
#include "storage/model/labels.h"

namespace promql {

absl::Status HistogramGroups::Fold(Context& context, const Row& row, const Row& floats, int group,
                                   std::string_view metric, int64_t* charged) {
  if (cells_.empty()) {
    RETURN_IF_ERROR(context.CheckRoom(num_cells_ * sizeof(cells_[0])));
    cells_.resize(num_cells_);
  }
  for (int i = 0; i < row.steps; ++i) {
    if (!row.has(i)) continue;
    std::unique_ptr<Cell>& cell = cells_[size_t(group) * steps_ + i];
    if (!row.is_histogram(i)) {
      if (cell != nullptr && !cell->incompatible) cell->has_float = true;
      continue;
    }
    const model::FloatHistogram& h = *row.histograms[i];
    if (cell == nullptr) {
      const int64_t size = SampleSize(h);
      RETURN_IF_ERROR(context.Charge(size));
      *charged += size;
      cell = std::make_unique<Cell>();
      cell->has_float = floats.has(i);
      if (cell->has_float) continue;
      cell->running = aggregate_.aggregate == AggregateOp::kSum
                          ? std::make_unique<Running>(histogram::RunningSum(h))
                          : std::make_unique<Running>(histogram::RunningMean(h));
    } else if (cell->running != nullptr && !cell->incompatible) {
      Add(h, metric, context.annotations, cell.get());
    }
  }
  return absl::OkStatus();
}

void HistogramGroups::Add(const model::FloatHistogram& h, std::string_view metric,
                          AnnotationSink* annotations, Cell* cell) const {
  std::visit(
      [&](auto& running) {
        const bool reconciled = running.reconciled();
        if (!running.Add(h)) {
          cell->incompatible = true;
          std::string text =
              "vector contains a mix of histograms with exponential and custom buckets schemas "
              "for metric name ";
          model::AppendQuoted(&text, metric);
          annotations->Warn(text, ArgumentPosition(*aggregate_.lhs));
        }
        if (running.reconciled() && !reconciled) {
          annotations->Info("mismatched custom buckets were reconciled during aggregation",
                            ArgumentPosition(*aggregate_.lhs));
        }
      },
      *cell->running);
}

void HistogramGroups::Finish(int group, AnnotationSink* annotations, Row out) {
  const PositionRange pos = ArgumentPosition(*aggregate_.lhs);
  for (int i = 0; i < steps_; ++i) {
    const std::unique_ptr<Cell> cell = std::move(cells_[size_t(group) * steps_ + i]);
    if (cell == nullptr) continue;
    out.Drop(i);
    if (cell->has_float) {
      annotations->Warn("encountered a mix of histograms and floats for aggregation", pos);
      continue;
    }
    if (cell->incompatible) continue;
    std::visit(
        [&](auto& running) {
          if (running.collision()) {
            annotations->Warn("conflicting counter resets during histogram aggregation", pos);
          }
          model::FloatHistogram h = std::move(running).Take();
          histogram::Compact(&h);
          out.Put(i, Share(std::move(h)));
        },
        *cell->running);
  }
}

}  // namespace promql
