// Start times of the samples of neighbouring series, as rows of a block. Series of one target began
// together, so what a row says of one is mostly as of the one before. Bytes: README of this folder.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "storage/model/start_times.h"

namespace storage::block {

// `last`: the ref of the last series in the row.
std::string StartRowKey(uint32_t last);
bool ParseStartRowKey(std::string_view key, uint32_t* last);

struct SeriesStarts {
  uint32_t ref = 0;
  model::StartRuns runs;
};

// Gathers a row, series by series.
class StartRowWriter {
 public:
  // `ref` ascends; `runs` are valid and not empty.
  void Add(uint32_t ref, const model::StartRuns& runs);
  bool empty() const { return count_ == 0; }
  bool full() const;
  std::string key() const { return StartRowKey(last_ref_); }
  std::string Finish();  // The row; then it is empty again.

 private:
  uint32_t count_ = 0, last_ref_ = 0;
  size_t num_runs_ = 0;
  model::StartRuns last_;
  std::string body_;
};

// Replaces *series. False when the row is damaged, or not the one of `key`.
bool ParseStartRow(std::string_view key, std::string_view row, std::vector<SeriesStarts>* series);

}  // namespace storage::block
