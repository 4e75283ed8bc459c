#include "promql/testing/memory_script_store.h"

namespace promql_test {

absl::Status MemoryScriptStore::Clear() {
  data_.Clear();
  return absl::OkStatus();
}

absl::Status MemoryScriptStore::Load(std::span<const Series> all) {
  for (const Series& series : all) {
    for (const model::Sample& s : series.samples) data_.Add(series.labels, s.t, s.v);
  }
  return absl::OkStatus();
}

}  // namespace promql_test
