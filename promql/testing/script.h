// A test script in Prometheus' format (spec 2), read into commands. Blocks end at an empty line:
//   load 1m
//     up{job="a"} 1 0x3
//   eval instant at 2m sum(up)
//     expect no_warn
//     {} 0
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include <absl/status/statusor.h>
#include <re2/re2.h>

#include "promql/engine.h"
#include "storage/model/sample.h"
#include "promql/testing/series_description.h"
#include "promql/testing/start_offsets.h"

namespace promql_test {

struct ClearCommand {};

struct LoadCommand {
  int64_t gap_ms = 0;
  bool with_nhcb = false;  // Classic histograms become native ones, too.
  struct Line {
    SeriesDescription series;
    StartOffsets starts;  // Of an @st line before it: as many as there are values; or none.
  };
  std::vector<Line> lines;
};

enum class Expectation { kOrdered, kFail, kWarn, kNoWarn, kInfo, kNoInfo };

// A message, a pattern, or neither: anything.
struct Expected {
  std::optional<std::string> message;
  std::shared_ptr<const RE2> regex;
  bool Matches(std::string_view text) const;
  std::string Describe() const;
};

struct EvalCommand {
  std::string query;
  int line = 0;
  bool is_range = false;
  promql::Grid grid;        // Of the query; for `expect range vector` of the points expected.
  model::TimeMs at = 0;     // Instant: when to evaluate.
  bool any_warning = false, any_info = false;  // eval_warn, eval_info
  bool any_error = false;  // eval_fail, until an expect line says which.
  std::map<Expectation, std::vector<Expected>> expect;
  std::optional<double> scalar;
  std::optional<std::string> text;
  struct Series {
    int position = 0;  // From 1.
    std::vector<SequenceValue> values;
  };
  std::map<model::Labels, Series> series;
  bool instant_only = false;  // Gives a range vector or a string: not repeated as a range query.

  bool expects(Expectation e) const { return expect.contains(e); }
};

using Command = std::variant<ClearCommand, LoadCommand, EvalCommand>;

// Errors begin with `line N: `.
absl::StatusOr<std::vector<Command>> ParseScript(std::string_view text);

}  // namespace promql_test
