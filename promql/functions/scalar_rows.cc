#include "promql/functions/scalar_rows.h"

#include "storage/base/status.h"
#include "storage/model/sample.h"

namespace promql {

absl::Status Open(Context& context, Operator* input) {
  return input->Borrow(context).status();
}

absl::StatusOr<std::vector<double>> ReadScalar(Context& context, Operator* scalar) {
  RETURN_IF_ERROR(Open(context, scalar));
  std::vector<double> values(context.grid.size(), model::NormalNan());
  Tile tile;
  for (;;) {
    ASSIGN_OR_RETURN(const bool more, scalar->Next(context, &tile));
    if (!more) return values;
    for (int r = 0; r < tile.size(); ++r) {
      const Row row = tile.row(r);
      if (static_cast<size_t>(row.steps) != values.size()) {
        return base::Internal("{}: {} steps where {} were asked for", scalar->Describe(),
                              row.steps, values.size());
      }
      for (int i = 0; i < row.steps; ++i) {
        if (row.has(i)) values[i] = row.values[i];
      }
    }
  }
}

}  // namespace promql
