// Series in memory that rules read and write: what a test of rules runs over.
#pragma once

#include <memory>
#include <string>

#include "promql/testing/memory_queryable.h"
#include "storage/appender.h"

namespace server {

// Not thread-safe. Answers as a head without a window for late samples does: per series only what
// is newer than its newest, or the same once more. Histograms read back with the hints that chunks
// would give them.
class TestStore final : public storage::Appendable {
 public:
  std::unique_ptr<storage::Appender> NewAppender() override;
  storage::Queryable* queryable() { return &data_; }

  // All series, one sample a line, as Prometheus prints a matrix.
  std::string Dump() const;

 private:
  class Batch;
  promql_test::MemoryQueryable data_;
};

}  // namespace server
