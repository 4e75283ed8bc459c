#include "promql/operators/shared.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "promql/operators/label_picker.h"
#include "promql/operators/table.h"
#include "storage/base/status.h"

namespace promql {
namespace {

// No more cells are kept for one part, nor more than a fourth of what the query may still hold: rows
// that would have passed one by one must not make a query fail.
constexpr int64_t kMostKept = 8 << 20;

}  // namespace

class SharedPart {
 public:
  explicit SharedPart(OperatorPtr made) : input(std::move(made)) {}

  enum class Use { kUnknown, kShared, kAlone };  // kAlone: whoever came first has the input.

  const OperatorPtr input;
  Use use = Use::kUnknown;
  int readers = 0, left_out_by = 0;
  int taking = 0;  // Readers that are not at the end.
  BorrowedSeries series;
  // What looking for series, and then rows, has counted: so it counts for every reader.
  SampleTally of_series, of_rows;
  bool begun = false, done = false;
  std::vector<char> left_out;  // By all readers so far.
  bool floats_only = false;
  Table table;
  std::vector<int> order;  // Of the rows in `table`.

  // Decides what becomes of the part.
  absl::Status Open(Context& context) {
    if (readers == 1) {
      use = Use::kAlone;
      ASSIGN_OR_RETURN(series, input->Borrow(context));
      return absl::OkStatus();
    }
    const int steps = context.grid.size();
    of_series.Reset(context.samples->by_step() ? steps : 0);
    of_rows.Reset(context.samples->by_step() ? steps : 0);
    Context counting = context;
    counting.samples = &of_series;
    ASSIGN_OR_RETURN(series, input->Borrow(counting));
    context.samples->AddAll(of_series);
    const int64_t cells = static_cast<int64_t>(series.labels.size()) * steps;
    use = cells <= std::min(kMostKept, *context.samples_left / 4) ? Use::kShared : Use::kAlone;
    taking = readers;
    table.Resize(static_cast<int>(series.labels.size()));
    return absl::OkStatus();
  }

  void LeaveOut(std::vector<char> unwanted, bool unless_histograms) {
    floats_only |= unless_histograms;
    if (left_out_by++ == 0) {
      left_out = std::move(unwanted);
      return;
    }
    for (size_t i = 0; i < left_out.size(); ++i) left_out[i] &= unwanted[i];
  }

  // Rows nobody has seen yet.
  absl::Status Pull(Context& context, Tile* out) {
    if (!std::exchange(begun, true) && left_out_by == readers) {
      input->LeaveOut(std::move(left_out), floats_only);
    }
    Context counting = context;
    counting.samples = &of_rows;
    ASSIGN_OR_RETURN(const bool more, input->Next(counting, out));
    done = !more;
    for (int i = 0; i < out->size(); ++i) {
      if (!HasAny(out->row(i))) continue;
      RETURN_IF_ERROR(table.Add(context, out->rows[i], out->row(i)));
      order.push_back(out->rows[i]);
    }
    return absl::OkStatus();
  }

  void Leave() {
    if (--taking == 0) table.Clear();
  }
};

namespace {

class Reader final : public Operator {
 public:
  Reader(std::shared_ptr<SharedPart> part, std::function<absl::StatusOr<OperatorPtr>()> make_own,
         std::function<void()> on_shared)
      : part_(std::move(part)), make_own_(std::move(make_own)), on_shared_(std::move(on_shared)) {
    late_ = part_->use != SharedPart::Use::kUnknown;
    if (!late_) ++part_->readers;
  }

  absl::StatusOr<std::vector<model::Labels>> Series(Context& context) override {
    ASSIGN_OR_RETURN(const BorrowedSeries borrowed, Borrow(context));
    return VisibleLabels(borrowed);
  }

  absl::StatusOr<BorrowedSeries> Borrow(Context& context) override {
    const bool first = !late_ && part_->use == SharedPart::Use::kUnknown;
    if (first) RETURN_IF_ERROR(part_->Open(context));
    shared_ = !late_ && part_->use == SharedPart::Use::kShared;
    if (shared_ || first) {
      if (!first) context.samples->AddAll(part_->of_series);
      if (shared_ && on_shared_ != nullptr) on_shared_();
      return part_->series;
    }
    ASSIGN_OR_RETURN(own_, make_own_());
    return own_->Borrow(context);
  }

  const std::vector<char>& drop_name() const override { return alone()->drop_name(); }

  void LeaveOut(std::vector<char> series, bool floats_only) override {
    if (!shared_) return alone()->LeaveOut(std::move(series), floats_only);
    part_->LeaveOut(std::move(series), floats_only);
  }

  absl::StatusOr<bool> Next(Context& context, Tile* out) override {
    if (!shared_) return alone()->Next(context, out);
    out->Reset(context.grid.size());
    if (left_) return false;
    for (; at_ < part_->order.size() && !out->full(); ++at_) {
      const int series = part_->order[at_];
      Row row = out->AddRow(series);
      if (part_->table.has_histograms()) row = out->histogram_row(out->size() - 1);
      part_->table.Expand(series, row);
    }
    if (out->size() > 0) return true;
    if (!part_->done) {
      RETURN_IF_ERROR(part_->Pull(context, out));
      at_ = part_->order.size();
      if (!part_->done) return true;
    }
    context.samples->AddAll(part_->of_rows);
    left_ = true;
    part_->Leave();
    return false;
  }

  std::string Describe() const override { return alone()->Describe(); }

 private:
  Operator* alone() const { return own_ != nullptr ? own_.get() : part_->input.get(); }

  const std::shared_ptr<SharedPart> part_;
  const std::function<absl::StatusOr<OperatorPtr>()> make_own_;
  const std::function<void()> on_shared_;
  bool late_ = false, shared_ = false, left_ = false;
  OperatorPtr own_;  // When the part is another's alone.
  size_t at_ = 0;    // In part_->order.
};

}  // namespace

std::shared_ptr<SharedPart> MakeSharedPart(OperatorPtr input) {
  return std::make_shared<SharedPart>(std::move(input));
}

OperatorPtr MakeReader(std::shared_ptr<SharedPart> part,
                       std::function<absl::StatusOr<OperatorPtr>()> make_own,
                       std::function<void()> on_shared) {
  return std::make_unique<Reader>(std::move(part), std::move(make_own), std::move(on_shared));
}

}  // namespace promql
