// Runs test scripts: loads what they say, evaluates what they ask, counts what comes out.
//
// An instant evaluation is run several times, as the format wants: as it stands; with every
// selector pinned by @ to its time, at other times; and in the middle of a range query.
#pragma once

#include <functional>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <absl/status/statusor.h>

#include "promql/engine.h"
#include "storage/querier.h"
#include "promql/testing/script.h"

namespace promql_test {

// Where scripts keep their samples.
class ScriptStore {
 public:
  struct Series {
    model::Labels labels;
    std::vector<model::Sample> samples;
    std::vector<promql::HistogramSample> histograms;
    model::StartRuns starts;  // Of both.
  };
  virtual ~ScriptStore() = default;
  virtual absl::Status Clear() = 0;
  virtual absl::Status Load(std::span<const Series> series) = 0;
  virtual storage::Queryable* queryable() = 0;
};

struct ScriptResult {
  int passed = 0, failed = 0, skipped = 0;
  std::vector<std::string> failures;         // One line each, naming the script's line.
  std::map<std::string, int> skip_reasons;

  void Add(const ScriptResult& other);
  std::string Summary(std::string_view name) const;  // name: 3 passed, 0 failed, 1 skipped (1 ...)
};

class ScriptRunner {
 public:
  using Evaluate = std::function<absl::StatusOr<promql::Result>(
      std::string_view query, promql::Grid grid, storage::Queryable* data)>;
  // `store` must outlive the runner.
  ScriptRunner(ScriptStore* store, Evaluate evaluate)
      : store_(store), evaluate_(std::move(evaluate)) {}

  // Starts with an empty store. A script that cannot be read, or a load that fails, is a failure.
  ScriptResult Run(std::string_view script);

 private:
  // What became of one evaluation: passed when both are empty.
  struct Outcome {
    std::string failure, skip_reason;
    bool passed() const { return failure.empty() && skip_reason.empty(); }
  };
  void Count(const EvalCommand& eval, const Outcome& outcome, ScriptResult* result);
  absl::Status Load(const LoadCommand& load);
  Outcome Eval(const EvalCommand& eval);
  Outcome EvalRange(const EvalCommand& eval);
  Outcome EvalInstant(const EvalCommand& eval, const std::string& query, model::TimeMs at);
  Outcome CheckInRange(const EvalCommand& eval, const std::string& query, model::TimeMs at,
                       bool scalar);
  Outcome OnError(const EvalCommand& eval, const absl::Status& status) const;

  ScriptStore* const store_;
  const Evaluate evaluate_;
};

// All experimental parts of the language, as the scripts expect.
promql::ParseOptions ScriptParseOptions();
promql::Engine::Options ScriptEngineOptions();

}  // namespace promql_test
