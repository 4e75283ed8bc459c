#include "promql/functions/relabel.h"

#include <algorithm>
#include <utility>
#include <vector>

#include <absl/container/flat_hash_map.h>

#include "storage/base/status.h"

namespace promql {
namespace {

absl::Status SameLabelset() {
  return base::Aborted("vector cannot contain metrics with the same labelset");
}

bool HasAny(const Row& row) {
  const int words = (row.steps + 63) / 64;
  for (int w = 0; w < words; ++w) {
    if (row.present[w] != 0) return true;
  }
  return false;
}

// Copies the cells of `in` into `out`. False when a cell is there already.
bool MergeInto(const Row& in, Row out) {
  for (int w = 0; w < (in.steps + 63) / 64; ++w) {
    if ((in.present[w] & out.present[w]) != 0) return false;
  }
  for (int i = 0; i < in.steps; ++i) {
    if (in.has(i)) out.Set(i, in.values[i]);
  }
  return true;
}

using LabelCounts = absl::flat_hash_map<model::Labels, int, std::hash<model::Labels>>;

class Relabel final : public Operator {
 public:
  Relabel(OperatorPtr input, RelabelFunction relabel, SameLabels same, std::string describe)
      : input_(std::move(input)),
        relabel_(std::move(relabel)),
        same_(same),
        describe_(std::move(describe)) {}

  absl::StatusOr<std::vector<model::Labels>> Series(Context& context) override {
    ASSIGN_OR_RETURN(std::vector<model::Labels> series, input_->Series(context));
    std::vector<char> drop(series.size(), 0);
    if (!input_->drop_name().empty()) drop = input_->drop_name();
    for (size_t i = 0; i < series.size(); ++i) series[i] = relabel_(series[i], &drop[i]);
    LabelCounts members;
    for (const model::Labels& labels : series) ++members[labels];
    if (members.size() != series.size()) Group(members, &series, &drop);
    if (std::find(drop.begin(), drop.end(), 1) != drop.end()) drop_name_ = std::move(drop);
    return series;
  }

  absl::StatusOr<bool> Next(Context& context, Tile* out) override {
    if (out_index_.empty()) return input_->Next(context, out);
    for (;;) {
      ASSIGN_OR_RETURN(const bool more, input_->Next(context, &tile_));
      if (!more) return Flush(context, out);
      out->Reset(tile_.steps);
      for (int i = 0; i < tile_.size(); ++i) {
        const Row row = tile_.row(i);
        const int index = out_index_[tile_.rows[i]];
        if (index < num_single_) {
          Append(row, index, out);
        } else {
          RETURN_IF_ERROR(Hold(context, row, index - num_single_));
        }
      }
      if (out->size() > 0) return true;
    }
  }

  std::string Describe() const override { return describe_; }

 private:
  // Series that stay alone come first and pass through; those that meet others follow and are put
  // together at the end, as indices must ascend.
  void Group(const LabelCounts& members, std::vector<model::Labels>* series,
             std::vector<char>* drop) {
    std::vector<model::Labels> out;
    std::vector<char> out_drop;
    LabelCounts merged;  // Here: index of the merged series.
    out_index_.resize(series->size());
    const auto add = [&](size_t i) {
      out_index_[i] = static_cast<int>(out.size());
      out.push_back((*series)[i]);
      out_drop.push_back((*drop)[i]);
    };
    for (size_t i = 0; i < series->size(); ++i) {
      if (members.at((*series)[i]) == 1) add(i);
    }
    num_single_ = static_cast<int>(out.size());
    for (size_t i = 0; i < series->size(); ++i) {
      if (members.at((*series)[i]) == 1) continue;
      const auto [it, added] = merged.try_emplace((*series)[i], static_cast<int>(out.size()));
      if (added) {
        add(i);
      } else {
        out_index_[i] = it->second;
      }
    }
    held_row_.assign(out.size() - num_single_, -1);
    *series = std::move(out);
    *drop = std::move(out_drop);
  }

  static void Append(const Row& row, int index, Tile* out) {
    const Row copy = out->AddRow(index);
    std::copy_n(row.values, row.steps, copy.values);
    std::copy_n(row.present, (row.steps + 63) / 64, copy.present);
  }

  absl::Status Hold(Context& context, const Row& row, int group) {
    if (!HasAny(row)) return absl::OkStatus();
    if (held_row_[group] < 0) {
      RETURN_IF_ERROR(context.Charge(row.steps));
      charged_ += row.steps;
      if (held_.size() == 0) held_.Reset(row.steps);
      held_row_[group] = held_.size();
      Append(row, num_single_ + group, &held_);
      return absl::OkStatus();
    }
    if (same_ == SameLabels::kReject || !MergeInto(row, held_.row(held_row_[group]))) {
      return SameLabelset();
    }
    return absl::OkStatus();
  }

  // The next of the rows held back, in the order of their indices.
  bool Flush(Context& context, Tile* out) {
    out->Reset(held_.steps);
    while (next_group_ < held_row_.size() && !out->full()) {
      const int at = held_row_[next_group_];
      if (at >= 0) Append(held_.row(at), num_single_ + static_cast<int>(next_group_), out);
      ++next_group_;
    }
    if (out->size() > 0) return true;
    context.Release(charged_);
    charged_ = 0;
    return false;
  }

  OperatorPtr input_;
  const RelabelFunction relabel_;
  const SameLabels same_;
  const std::string describe_;

  std::vector<int> out_index_;  // Input series -> output series. Empty when they are the same.
  int num_single_ = 0;          // Output series below this have one input.
  std::vector<int> held_row_;   // Merged series -> row of held_, or -1.
  size_t next_group_ = 0;
  int64_t charged_ = 0;
  Tile tile_, held_;
};

}  // namespace

OperatorPtr MakeRelabel(OperatorPtr input, RelabelFunction relabel, SameLabels same,
                        std::string describe) {
  return std::make_unique<Relabel>(std::move(input), std::move(relabel), same,
                                   std::move(describe));
}

model::Labels DropMetadataLabels(const model::Labels& labels) {
  std::string kept;
  for (const model::Label& label : labels) {
    if (label.name == model::kMetricName || label.name == "__type__" || label.name == "__unit__") {
      continue;
    }
    model::AppendLabel(&kept, label.name, label.value);
  }
  return model::Labels::FromCanonical(std::move(kept));
}

}  // namespace promql
