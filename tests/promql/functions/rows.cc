#include "tests/promql/functions/rows.h"

#include <cmath>
#include <ostream>
#include <utility>

#include "storage/base/check.h"
#include "storage/base/status.h"

namespace promql {
namespace {

class Rows final : public Operator {
 public:
  Rows(std::vector<TestSeries> series, int rows_per_tile)
      : series_(std::move(series)), rows_per_tile_(rows_per_tile) {}

  absl::StatusOr<std::vector<model::Labels>> Series(Context&) override {
    std::vector<model::Labels> labels;
    for (const TestSeries& one : series_) labels.push_back(one.labels);
    return labels;
  }

  absl::StatusOr<bool> Next(Context& context, Tile* out) override {
    out->Reset(context.grid.size());
    for (; next_ < series_.size() && out->size() < rows_per_tile_; ++next_) {
      Row row = out->AddRow(static_cast<int>(next_));
      for (int i = 0; i < row.steps; ++i) {
        row.values[i] = 12345;  // What an absent cell holds must not matter.
        const std::optional<double>& value = series_[next_].values[i];
        if (value.has_value()) row.Set(i, *value);
      }
    }
    return out->size() > 0;
  }

  std::string Describe() const override { return "rows"; }

 private:
  const std::vector<TestSeries> series_;
  const int rows_per_tile_;
  size_t next_ = 0;
};

}  // namespace

void PrintTo(const TestSeries& series, std::ostream* out) {
  *out << series.labels.ToString();
  for (const auto& value : series.values) {
    *out << " " << (value.has_value() ? fmt::format("{}", *value) : "_");
  }
}

OperatorPtr MakeRows(std::vector<TestSeries> series, int rows_per_tile) {
  return std::make_unique<Rows>(std::move(series), rows_per_tile);
}

OperatorPtr MakeScalarRow(std::vector<double> values) {
  TestSeries one;
  one.values.assign(values.begin(), values.end());
  return MakeRows({one});
}

TestQuery::TestQuery(std::string text, int steps, model::TimeMs start, int64_t step_ms)
    : text_(std::move(text)), sink_(text_) {
  ParseOptions options;
  options.experimental_functions = true;
  auto parsed = Parse(text_, options);
  if (!parsed.ok()) throw std::runtime_error(std::string(base::message(parsed.status())));
  expr_ = *std::move(parsed);
  context_.grid.start = start;
  context_.grid.end = start + (steps - 1) * step_ms;
  context_.grid.step_ms = steps == 1 ? 0 : step_ms;
  context_.query_grid = context_.grid;
  context_.samples_left = &samples_left_;
  context_.samples = &samples_;
  context_.annotations = &sink_;
}

absl::StatusOr<std::vector<TestSeries>> TestQuery::Run(std::vector<OperatorPtr> args) {
  ASSIGN_OR_RETURN(OperatorPtr op, MakeFunctionOperator(*expr_, std::move(args)));
  if (op == nullptr) return base::Internal("not a function operator");
  return RunOperator(context_, op.get());
}

std::vector<std::string> TestQuery::TakeAnnotations() {
  Annotations all = sink_.Take();
  std::vector<std::string> out = std::move(all.warnings);
  out.insert(out.end(), all.infos.begin(), all.infos.end());
  return out;
}

absl::StatusOr<std::vector<TestSeries>> RunOperator(Context& context, Operator* op) {
  ASSIGN_OR_RETURN(const std::vector<model::Labels> labels, op->Series(context));
  std::vector<TestSeries> out;
  Tile tile;
  int last = -1;
  for (;;) {
    ASSIGN_OR_RETURN(const bool more, op->Next(context, &tile));
    if (!more) return out;
    if (tile.size() == 0) return base::Internal("an empty tile before the end");
    for (int r = 0; r < tile.size(); ++r) {
      if (tile.rows[r] <= last) return base::Internal("indices do not ascend");
      last = tile.rows[r];
      TestSeries series{labels[last], {}};
      bool any = false;
      for (int i = 0; i < tile.steps; ++i) {
        const Row row = tile.row(r);
        any |= row.has(i);
        const double shown = std::isnan(row.values[i]) ? kNanShown : row.values[i];
        series.values.push_back(row.has(i) ? std::optional(shown) : std::nullopt);
      }
      if (any) out.push_back(std::move(series));
    }
  }
}

}  // namespace promql
