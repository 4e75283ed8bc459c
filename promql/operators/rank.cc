#include "promql/operators/rank.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>
#include <utility>

#include "promql/operators/aggregate.h"
#include "promql/operators/label_picker.h"
#include "promql/operators/table.h"
#include "storage/base/status.h"
#include "storage/model/number_text.h"

namespace promql {
namespace {

struct Candidate {
  double value;
  int series;
};

// The heap of Prometheus (that is, of Go): which of equal values are kept depends on its moves, so
// they are the same. The worst candidate is on top; NaN is worst of all.
class CandidateHeap {
 public:
  CandidateHeap(Candidate* items, int* size, bool top) : items_(items), size_(*size), top_(top) {}

  void Push(Candidate c) {
    items_[size_++] = c;
    Up(size_ - 1);
  }
  bool Beats(double value) const {
    const double worst = items_[0].value;
    if (std::isnan(worst)) return !std::isnan(value);
    return top_ ? worst < value : worst > value;
  }
  void ReplaceWorst(Candidate c) {
    items_[0] = c;
    Down(0);
  }

 private:
  bool Less(int i, int j) const {
    const double a = items_[i].value, b = items_[j].value;
    if (std::isnan(a)) return true;
    return top_ ? a < b : a > b;
  }
  void Up(int j) {
    while (j > 0) {
      const int parent = (j - 1) / 2;
      if (!Less(j, parent)) break;
      std::swap(items_[j], items_[parent]);
      j = parent;
    }
  }
  void Down(int i) {
    for (;;) {
      const int left = 2 * i + 1;
      if (left >= size_) break;
      const int right = left + 1;
      const int child = right < size_ && Less(right, left) ? right : left;
      if (!Less(child, i)) break;
      std::swap(items_[i], items_[child]);
      i = child;
    }
  }

  Candidate* items_;
  int& size_;
  const bool top_;
};

// The best value that was left out, by group and step.
class Losers {
 public:
  Losers(size_t cells, bool top) : best_(cells), any_(cells), top_(top) {}

  void Add(size_t cell, double value) {
    if (any_[cell] == 0 || Better(value, best_[cell])) best_[cell] = value;
    any_[cell] = 1;
  }
  bool Has(size_t cell, double value) const {
    if (any_[cell] == 0) return false;
    return value == best_[cell] || (std::isnan(value) && std::isnan(best_[cell]));
  }

 private:
  bool Better(double a, double b) const {  // NaN is worst.
    return std::isnan(b) || (top_ ? a > b : a < b);
  }

  std::vector<double> best_;
  std::vector<char> any_;
  const bool top_;
};

class Rank final : public Operator {
 public:
  Rank(const Expr& aggregate, OperatorPtr input, OperatorPtr param)
      : aggregate_(aggregate),
        top_(aggregate.aggregate == AggregateOp::kTopk),
        input_(std::move(input)),
        param_(std::move(param)) {}

  absl::StatusOr<std::vector<model::Labels>> Series(Context& context) override {
    steps_ = context.grid.size();
    ASSIGN_OR_RETURN(const std::vector<double> ks, DrainScalar(context, param_.get()));
    ASSIGN_OR_RETURN(const BorrowedSeries series, input_->Borrow(context));
    ASSIGN_OR_RETURN(const bool any, CheckK(ks));
    if (!any) {
      RETURN_IF_ERROR(PassOver(context, input_.get()));
      return std::vector<model::Labels>();
    }
    const double largest = *std::max_element(ks.begin(), ks.end());
    groups_ = MakeGroups(aggregate_, series);
    RETURN_IF_ERROR(Collect(context, ks, largest));
    return Choose(series, input_->drop_name());
  }

  absl::StatusOr<bool> Next(Context& context, Tile* out) override {
    out->Reset(steps_);
    while (next_ < chosen_.size() && !out->full()) {
      Row row = out->AddRow(chosen_[next_].out);
      const int series = chosen_[next_].out;
      for (; next_ < chosen_.size() && chosen_[next_].out == series; ++next_) {
        row.Set(chosen_[next_].step, chosen_[next_].value);
      }
    }
    if (out->size() > 0) return true;
    context.Release(std::exchange(charged_, 0));
    return false;
  }

  std::string Describe() const override {
    return fmt::format("{}, keeps its candidates", ToString(aggregate_.aggregate));
  }

 private:
  struct Chosen {  // A cell of the result.
    int out;
    int step;
    double value;
  };

  // Keeps the best candidates of every group and step while rows pass.
  absl::Status Collect(Context& context, const std::vector<double>& ks, double largest) {
    const int num_groups = static_cast<int>(groups_.labels.size());
    std::vector<int> members(num_groups);
    for (const int group : groups_.of) ++members[group];
    room_.resize(num_groups);
    first_.resize(num_groups);
    size_t total = 0;
    for (int group = 0; group < num_groups; ++group) {
      room_[group] = CutK(largest, members[group]);
      first_[group] = total;
      total += size_t(room_[group]) * steps_;
    }
    RETURN_IF_ERROR(context.Charge(static_cast<int64_t>(total)));
    charged_ = static_cast<int64_t>(total);
    // And what is chosen of them.
    RETURN_IF_ERROR(context.CheckRoom(total * (sizeof(Candidate) + 2 * sizeof(Chosen))));
    candidates_.resize(total);
    sizes_.resize(size_t(num_groups) * steps_);
    std::optional<Losers> losers;
    if (context.watch != nullptr && context.watch->unordered.contains(&aggregate_)) {
      losers.emplace(sizes_.size(), top_);
    }

    Tile tile;
    for (;;) {
      ASSIGN_OR_RETURN(const bool more, input_->Next(context, &tile));
      if (!more) {
        if (losers.has_value() && Tied(*losers)) context.watch->hangs = true;
        return absl::OkStatus();
      }
      for (int i = 0; i < tile.size(); ++i) {
        const Row row = tile.row(i);
        const int series = tile.rows[i];
        const int group = groups_.of[series];
        for (int step = 0; step < steps_; ++step) {
          if (!row.has(step)) continue;
          const int k = CutK(ks[step], room_[group]);
          if (k == 0) continue;
          if (row.is_histogram(step)) {
            InformOfIgnored(aggregate_, aggregate_.pos, context.annotations);
            continue;
          }
          int& size = sizes_[size_t(group) * steps_ + step];
          CandidateHeap heap(At(group, step), &size, top_);
          const Candidate candidate{row.values[step], series};
          if (size < k) {
            heap.Push(candidate);
            continue;
          }
          const bool beats = heap.Beats(candidate.value);
          if (losers.has_value()) {
            losers->Add(size_t(group) * steps_ + step,
                        beats ? At(group, step)->value : candidate.value);
          }
          if (beats) heap.ReplaceWorst(candidate);
        }
      }
    }
  }

  // Whether somewhere the best that was left out equals the worst that was kept: then the order of
  // the input has decided.
  bool Tied(const Losers& losers) {
    for (size_t group = 0; group < room_.size(); ++group) {
      for (int step = 0; step < steps_; ++step) {
        const size_t at = group * steps_ + step;
        if (sizes_[at] > 0 &&
            losers.Has(at, At(static_cast<int>(group), step)->value)) {
          return true;
        }
      }
    }
    return false;
  }

  Candidate* At(int group, int step) {
    return candidates_.data() + first_[group] + size_t(room_[group]) * step;
  }

  std::vector<model::Labels> Choose(const BorrowedSeries& series, const std::vector<char>& flags) {
    const int num_groups = static_cast<int>(groups_.labels.size());
    for (int group = 0; group < num_groups; ++group) {
      for (int step = 0; step < steps_; ++step) {
        Candidate* begin = At(group, step);
        Candidate* end = begin + sizes_[size_t(group) * steps_ + step];
        if (steps_ == 1) {
          std::stable_sort(begin, end, [this](const Candidate& a, const Candidate& b) {
            if (std::isnan(a.value) || std::isnan(b.value)) {
              return !std::isnan(a.value) && std::isnan(b.value);
            }
            return top_ ? a.value > b.value : a.value < b.value;
          });
        }
        for (Candidate* c = begin; c != end; ++c) chosen_.push_back({c->series, step, c->value});
      }
    }
    candidates_ = {};
    if (steps_ > 1) SortBySeries(series.labels.size());
    std::vector<model::Labels> labels;
    int last = -1;
    for (Chosen& cell : chosen_) {
      if (cell.out != last) {
        last = cell.out;
        labels.push_back(VisibleLabels(series.labels[last], series.hide_metadata));
        if (!flags.empty()) drop_name_.push_back(flags[last]);
      }
      cell.out = static_cast<int>(labels.size()) - 1;
    }
    return labels;
  }

  // A series is of one group, and of that group steps came in order.
  void SortBySeries(size_t num_series) {
    std::vector<size_t> next(num_series + 1);
    for (const Chosen& cell : chosen_) ++next[static_cast<size_t>(cell.out) + 1];
    for (size_t i = 1; i <= num_series; ++i) next[i] += next[i - 1];
    std::vector<Chosen> sorted(chosen_.size());
    for (const Chosen& cell : chosen_) sorted[next[static_cast<size_t>(cell.out)]++] = cell;
    chosen_ = std::move(sorted);
  }

  const Expr& aggregate_;
  const bool top_;
  OperatorPtr input_, param_;
  int steps_ = 0;
  Groups groups_;
  std::vector<Candidate> candidates_;  // Per group: steps x room.
  std::vector<int> room_;
  std::vector<size_t> first_;
  std::vector<int> sizes_;             // groups x steps
  std::vector<Chosen> chosen_;
  size_t next_ = 0;
  int64_t charged_ = 0;
};

}  // namespace

int CutK(double k, int most) {
  if (!(k >= 1)) return 0;
  return k >= most ? most : static_cast<int>(k);
}

absl::StatusOr<bool> CheckK(const std::vector<double>& ks) {
  double largest = -INFINITY, smallest = INFINITY;
  for (const double k : ks) {
    if (std::isnan(k)) return base::Aborted("Parameter value is NaN");
    largest = std::max(largest, k);
    smallest = std::min(smallest, k);
  }
  if (largest < 1) return false;
  if (smallest <= -0x1p63) {
    return base::Aborted("Scalar value {} underflows int64", model::FormatFloat(smallest, 'g'));
  }
  if (largest >= 9223372036854774784.0) {
    return base::Aborted("Scalar value {} overflows int64", model::FormatFloat(largest, 'g'));
  }
  return true;
}

OperatorPtr MakeRank(const Expr& aggregate, OperatorPtr input, OperatorPtr param) {
  return std::make_unique<Rank>(aggregate, std::move(input), std::move(param));
}

}  // namespace promql
