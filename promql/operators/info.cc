#include "promql/operators/info.h"

#include <algorithm>
#include <utility>

#include "promql/operators/info_index.h"
#include "promql/operators/label_picker.h"
#include "promql/operators/table.h"
#include "storage/base/status.h"

namespace promql {
namespace {

class Info final : public Operator {
 public:
  Info(const PlanNode& plan, OperatorPtr input)
      : plan_(plan), rules_(*plan.expr), input_(std::move(input)) {}

  absl::StatusOr<std::vector<model::Labels>> Series(Context& context) override {
    ASSIGN_OR_RETURN(const BorrowedSeries base, input_->Borrow(context));
    const std::vector<model::Labels> series = VisibleLabels(base);
    RETURN_IF_ERROR(index_.Load(context, plan_.windows, rules_, series));
    return Enrich(series);
  }

  absl::StatusOr<bool> Next(Context& context, Tile* out) override {
    for (;;) {
      ASSIGN_OR_RETURN(const bool more, input_->Next(context, &tile_));
      out->Reset(tile_.steps);
      if (!more) {
        index_.Release(context);
        return false;
      }
      for (int i = 0; i < tile_.size(); ++i) {
        RETURN_IF_ERROR(index_.CheckUnique(tile_.row(i)));
        RETURN_IF_ERROR(Split(tile_.row(i), tile_.rows[i], out));
      }
      if (out->size() > 0) return true;
    }
  }

  std::string Describe() const override { return "info, reads info series first"; }

 private:
  // What becomes of one series while one set of info series goes with it.
  struct Part {
    int out = -1;  // Series of the result. -1: none, dropped.
    std::string conflict;  // The label that two of them give different values.
  };

  std::vector<model::Labels> Enrich(const std::vector<model::Labels>& base) {
    std::vector<model::Labels> series;
    for (size_t b = 0; b < base.size(); ++b) {
      first_part_.push_back(static_cast<int>(parts_.size()));
      const int sets = index_.num_sets(static_cast<int>(b));
      for (int s = 0; s < std::max(sets, 1); ++s) {
        Part part;
        if (sets == 0) {  // Is an info series itself.
          series.push_back(base[b]);
        } else {
          const std::vector<model::LabelsView> found = index_.Set(static_cast<int>(b), s);
          if (found.empty() && !rules_.keeps_unmatched()) {
            parts_.push_back(part);
            continue;
          }
          series.push_back(rules_.Enrich(base[b], found, &part.conflict));
        }
        part.out = static_cast<int>(series.size()) - 1;
        parts_.push_back(std::move(part));
      }
    }
    first_part_.push_back(static_cast<int>(parts_.size()));
    if (!input_->drop_name().empty()) drop_name_.resize(series.size());
    return series;
  }

  // Gives each cell of the row to the series it belongs to at its step.
  absl::Status Split(const Row& row, int base, Tile* out) {
    const int* const set_of_step = index_.SetOfStep(base);
    const std::vector<char>& flags = input_->drop_name();
    for (int p = first_part_[base]; p < first_part_[base + 1]; ++p) {
      const Part& part = parts_[p];
      if (part.out < 0) continue;
      if (!flags.empty()) drop_name_[part.out] = flags[base];
      CopyRow(row, part.out, out);
      Row copy = out->row(out->size() - 1);
      if (set_of_step != nullptr) {
        for (int i = 0; i < row.steps; ++i) {
          if (set_of_step[i] != p - first_part_[base]) copy.Drop(i);
        }
      }
      if (!HasAny(copy)) {
        out->DropLastRow();
      } else if (!part.conflict.empty()) {
        return base::Aborted("conflicting label: {}", part.conflict);
      }
    }
    return absl::OkStatus();
  }

  const PlanNode& plan_;
  const InfoRules rules_;
  OperatorPtr input_;
  InfoIndex index_;
  std::vector<int> first_part_;  // Input series -> its first part; one more at the end.
  std::vector<Part> parts_;
  Tile tile_;
};

}  // namespace

OperatorPtr MakeInfo(const PlanNode& plan, OperatorPtr input) {
  return std::make_unique<Info>(plan, std::move(input));
}

}  // namespace promql
