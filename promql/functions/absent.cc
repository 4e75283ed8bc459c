#include "promql/functions/absent.h"

#include <string>
#include <utility>

#include "promql/plan.h"
#include "promql/signatures.h"
#include "storage/base/hash.h"
#include "storage/base/status.h"

namespace promql {
namespace {

class Absent final : public Operator {
 public:
  Absent(const Expr& call, OperatorPtr input) : call_(call), input_(std::move(input)) {}

  absl::StatusOr<std::vector<model::Labels>> Series(Context& context) override {
    RETURN_IF_ERROR(input_->Borrow(context).status());
    return std::vector<model::Labels>{AbsentLabels(*call_.args[0])};
  }

  absl::StatusOr<bool> Next(Context& context, Tile* out) override {
    out->Reset(context.grid.size());
    if (std::exchange(done_, true)) return false;
    std::vector<uint64_t> found(out->words);
    for (;;) {
      ASSIGN_OR_RETURN(const bool more, input_->Next(context, out));
      if (!more) break;
      for (int r = 0; r < out->size(); ++r) {
        const Row row = out->row(r);
        for (size_t w = 0; w < found.size(); ++w) found[w] |= row.present[w];
      }
    }
    out->Reset(context.grid.size());
    Row row = out->AddRow(0);
    for (int i = 0; i < row.steps; ++i) {
      if (((found[i >> 6] >> (i & 63)) & 1) == 0) row.Set(i, 1);
    }
    return true;
  }

  std::string Describe() const override { return std::string(call_.function->name); }

 private:
  const Expr& call_;
  OperatorPtr input_;
  bool done_ = false;
};

}  // namespace

OperatorPtr MakeAbsent(const Expr& call, std::vector<OperatorPtr> args) {
  return std::make_unique<Absent>(call, std::move(args[0]));
}

model::Labels AbsentLabels(const Expr& arg) {
  const Expr* selector = &StripParens(arg);
  if (selector->kind == ExprKind::kMatrixSelector) selector = selector->lhs.get();
  if (selector->kind != ExprKind::kVectorSelector) return {};
  base::StringSet seen;
  model::LabelsBuilder builder;
  for (const model::Matcher& matcher : selector->matchers) {
    if (matcher.name() == model::kMetricName) continue;
    // Only a first '=' counts as seen: Prometheus has it so, and dashboards know it.
    if (matcher.type() == model::MatchType::kEqual && seen.insert(matcher.name()).second) {
      builder.Set(matcher.name(), matcher.value());
    } else {
      builder.Remove(matcher.name());
    }
  }
  return builder.Build();
}

}  // namespace promql
