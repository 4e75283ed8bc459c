// Scripts' samples in memory.
#pragma once

#include <span>

#include "promql/testing/memory_queryable.h"
#include "promql/testing/script_runner.h"

namespace promql_test {

class MemoryScriptStore final : public ScriptStore {
 public:
  absl::Status Clear() override;
  absl::Status Load(std::span<const Series> all) override;
  storage::Queryable* queryable() override { return &data_; }

 private:
  MemoryQueryable data_;
};

}  // namespace promql_test
