// Start times as OpenMetrics 1.0 has them: x_created, a line among those of the same family, says in
// its value when the series x of the same labels began. As Prometheus reads it: the next such line below
// a series counts, and only if it is of that series.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "storage/model/metadata.h"

namespace server {

// Whether samples of the type count from a start.
bool HasStart(model::MetricType type);
// Whether the text of a series, which a parser has accepted, is such a line.
bool IsCreatedLine(std::string_view series, model::MetricType type);

// Of one page. Each line is read at most once more, however many series ask. Not thread-safe.
class CreatedLines {
 public:
  explicit CreatedLines(std::string_view page) : page_(page) {}
  // In ms, 0 when nobody says. `family_size`: of the family's name, with which that of the series
  // begins. `next_line`: where in the page the line behind the series begins; it ascends.
  int64_t Find(std::string_view series, size_t family_size, model::MetricType type,
               size_t next_line);

 private:
  void Scan(model::MetricType type, size_t from);

  const std::string_view page_;
  // For lines from scanned_from_ up to scanned_to_ the next one is this; none when ahead_ is empty.
  size_t scanned_from_ = 1, scanned_to_ = 0;
  std::string ahead_;
  int64_t ahead_ms_ = 0;
  // The series found last, as its lines need not stand together.
  std::string found_;
  int64_t found_ms_ = 0;
};

}  // namespace server
