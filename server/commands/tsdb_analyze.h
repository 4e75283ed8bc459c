// tidemark tsdb analyze.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "storage/block/block_store.h"
#include "storage/block/contents.h"
#include "storage/model/matcher.h"

namespace server {

// What `promtool tsdb analyze` tells of a block, and where its bytes and samples are.
class Analysis {
 public:
  // `matchers`: only series that satisfy all are looked at; `match` is how they were written.
  Analysis(storage::BlockMeta meta, std::vector<model::Matcher> matchers, std::string match);
  bool Matches(model::LabelsView labels) const;
  void Add(const storage::SeriesContents& series);
  // Lists with up to `limit` lines each.
  std::string Text(size_t limit) const;

 private:
  struct Pair {
    uint64_t series = 0, uncovered_ms = 0;
  };
  struct Name {
    std::map<std::string, Pair, std::less<>> values;
    uint64_t uncovered_ms = 0;
  };
  struct Metric {
    uint64_t series = 0, samples = 0, bytes = 0;
  };
  struct Line {
    std::string text;
    uint64_t number = 0;
    std::string behind;  // Printed after `text`.
  };

  void Print(std::string_view title, std::vector<Line> lines, size_t limit, std::string* out) const;
  uint64_t OfTables(uint64_t bytes) const;  // Their share of what the block takes on the disk.
  uint64_t Churn(uint64_t uncovered_ms) const;
  void PrintBytes(size_t limit, std::string* out) const;

  const storage::BlockMeta meta_;
  const std::vector<model::Matcher> matchers_;
  const std::string match_;
  std::map<std::string, Name, std::less<>> names_;
  std::map<std::string, Metric, std::less<>> metrics_;
  storage::SamplesByForm by_form_{};
  uint64_t series_ = 0, samples_ = 0, pairs_ = 0, entries_ = 0;
  uint64_t bytes_ = 0;      // Of the series that match, before tables are packed.
  uint64_t all_bytes_ = 0;  // Of all.
};

}  // namespace server
