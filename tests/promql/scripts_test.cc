// The scripts: the project's own in tests/promql/scripts, and Prometheus' where they are at hand.
#include <cstdio>
#include <filesystem>

#include <gtest/gtest.h>

#include "promql/engine.h"
#include "tests/promql/script_files.h"
#include "tests/promql/script_runner.h"
#include "tests/testing/memory_queryable.h"

namespace promql_test {
namespace {

namespace fs = std::filesystem;

class MemoryScriptStore final : public ScriptStore {
 public:
  absl::Status Clear() override {
    data_.Clear();
    return absl::OkStatus();
  }
  absl::Status Load(std::span<const Series> all) override {
    for (const Series& series : all) {
      for (const model::Sample& s : series.samples) data_.Add(series.labels, s.t, s.v);
    }
    return absl::OkStatus();
  }
  storage::Queryable* queryable() override { return &data_; }

 private:
  testing::MemoryQueryable data_;
};

promql::Engine::Options EngineOptions() {
  promql::Engine::Options options;
  options.features = ScriptParseOptions();
  options.delayed_name_removal = true;
  return options;
}

// Runs every script of the folder; one line each.
ScriptResult RunFolder(const fs::path& folder) {
  promql::Engine engine(EngineOptions());
  MemoryScriptStore store;
  ScriptRunner runner(&store, [&](std::string_view query, promql::Grid grid,
                                  storage::Queryable* data) {
    return engine.Evaluate(query, grid, data);
  });
  ScriptResult all;
  for (const fs::path& path : ScriptsIn(folder)) {
    const ScriptResult result = runner.Run(ReadFile(path));
    const std::string name = path.filename().string();
    std::printf("%s\n", result.Summary(name).c_str());
    for (const std::string& failure : result.failures) {
      std::printf("  %s:%s\n", name.c_str(), failure.c_str());
    }
    all.Add(result);
  }
  std::printf("%s\n", all.Summary("all").c_str());
  return all;
}

TEST(PromqlScripts, OwnScriptsPass) {
  const ScriptResult result = RunFolder(OwnScripts());
  EXPECT_EQ(result.failed, 0);
  EXPECT_EQ(result.skipped, 0);
  EXPECT_GT(result.passed, 0);
}

TEST(PromqlScripts, SharedScriptsPass) {
  const fs::path folder = SharedScripts();
  if (!fs::is_directory(folder)) {
    std::printf("no shared scripts here: set PROMQLTEST_DIR to run Prometheus' own\n");
    return;
  }
  EXPECT_EQ(RunFolder(folder).failed, 0);
}

}  // namespace
}  // namespace promql_test
