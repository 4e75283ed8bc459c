#include "server/commands/test.h"

#include <cstdio>

#include "promql/testing/memory_script_store.h"
#include "promql/testing/script_runner.h"
#include "server/commands/test_rules.h"
#include "server/commands/usage.h"
#include "server/config/load.h"
#include "storage/base/log.h"
#include "storage/base/status.h"

namespace server {
namespace {

constexpr char kUsage[] =
    "usage: tidemark test promql FILE...\n"
    "       tidemark test rules FILE...     (tidemark test rules --help)\n"
    "\n"
    "promql runs test scripts in Prometheus' own format, each for itself:\n"
    "\n"
    "    load 1m\n"
    "      http_requests_total{job=\"api\"} 0+60x10\n"
    "\n"
    "    eval instant at 5m sum(rate(http_requests_total[5m]))\n"
    "      {} 1\n"
    "\n"
    "All experimental parts of the language are on, and names are removed at the end, as in\n"
    "Prometheus' own tests. Evaluations that need what this program cannot do are skipped, and it says\n"
    "which.\n"
    "\n"
    "Exit code 1 when any fails.\n";

// Prints what became of the script.
promql_test::ScriptResult RunScript(const std::string& path, promql_test::ScriptRunner* runner) {
  std::printf("Testing %s\n", path.c_str());
  promql_test::ScriptResult result;
  const absl::StatusOr<std::string> script = ReadFile(path);
  if (script.ok()) {
    result = runner->Run(*script);
  } else {
    result.failed = 1;
    result.failures.emplace_back(base::message(script.status()));
  }
  std::fflush(stdout);
  for (const std::string& failure : result.failures) {
    std::fprintf(stderr, "  FAILED: %s\n", failure.c_str());
  }
  std::printf("  %s\n", result.Summary(result.failed == 0 ? "SUCCESS" : "FAILED").c_str());
  return result;
}

}  // namespace

int RunTest(std::span<const std::string> args) {
  base::SetLog(base::LogLevel::kError, base::LogFormat::kLogfmt);
  // promtool takes --junit before "rules".
  size_t kind = 0;
  if (!args.empty() && args[0].starts_with("--junit")) kind = args[0] == "--junit" ? 2 : 1;
  if (kind < args.size() && args[kind] == "rules") {
    std::vector<std::string> rest(args.begin(), args.end());
    rest.erase(rest.begin() + static_cast<ptrdiff_t>(kind));
    return RunTestRules(rest);
  }
  const auto read = CommandArgs::Parse(args, {});
  if (!read.ok()) return BadUsage(base::message(read.status()), kUsage);
  if (read->help) {
    std::fputs(kUsage, stdout);
    return kGood;
  }
  if (read->rest.empty() || read->rest[0] != "promql") {
    return BadUsage(read->rest.empty() ? "what to test is missing"
                                       : "unknown kind of test " + read->rest[0],
                    kUsage);
  }
  if (read->rest.size() < 2) return BadUsage("a FILE is missing", kUsage);
  promql::Engine engine(promql_test::ScriptEngineOptions());
  promql_test::MemoryScriptStore store;
  promql_test::ScriptRunner runner(
      &store, [&](std::string_view query, promql::Grid grid, storage::Queryable* data) {
        return engine.Evaluate(query, grid, data);
      });
  promql_test::ScriptResult all;
  for (const std::string& path : std::span(read->rest).subspan(1)) {
    all.Add(RunScript(path, &runner));
  }
  std::printf("\n%d passed, %d failed", all.passed, all.failed);
  if (all.skipped > 0) std::printf(", %d skipped", all.skipped);
  std::printf("\n");
  return all.failed == 0 ? kGood : kFailed;
}

}  // namespace server
