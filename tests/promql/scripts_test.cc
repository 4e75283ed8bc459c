// The scripts: the project's own in tests/promql/scripts, and Prometheus' where they are at hand.
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <limits>

#include <gtest/gtest.h>

#include "promql/engine.h"
#include "promql/testing/memory_script_store.h"
#include "promql/testing/script_runner.h"
#include "storage/base/status.h"
#include "storage/database.h"
#include "tests/promql/script_files.h"
#include "tests/testing/temp_dir.h"

namespace promql_test {
namespace {

namespace fs = std::filesystem;

// The real store, in its head or, `flushed`, in blocks.
class DatabaseScriptStore final : public ScriptStore {
 public:
  explicit DatabaseScriptStore(bool flushed) : flushed_(flushed) {}

  absl::Status Clear() override {
    loaded_.clear();
    return Reopen();
  }
  // A store refuses what is much older than its newest sample, a script does not: everything loaded
  // so far goes in again, as one batch.
  absl::Status Load(std::span<const Series> all) override {
    if (!loaded_.empty()) RETURN_IF_ERROR(Reopen());
    loaded_.insert(loaded_.end(), all.begin(), all.end());
    const std::unique_ptr<storage::Appender> appender = database_->NewAppender();
    for (const Series& series : loaded_) {
      const auto check = [&](model::TimeMs t, storage::Outcome outcome) {
        if (outcome == storage::Outcome::kAccepted) return absl::OkStatus();
        return base::InvalidArgument("{} at {}: {}", series.labels.ToString(), t,
                                     storage::ToString(outcome));
      };
      size_t h = 0;  // In the order of time.
      const auto append_histograms = [&](model::TimeMs until) -> absl::Status {
        for (; h < series.histograms.size() && series.histograms[h].t < until; ++h) {
          const promql::HistogramSample& s = series.histograms[h];
          appender->SetStart(model::StartAt(series.starts, s.t));
          RETURN_IF_ERROR(check(s.t, appender->AppendHistogram(storage::SeriesRef::kNone,
                                                               series.labels, s.t, *s.h)
                                         .outcome));
        }
        return absl::OkStatus();
      };
      for (const model::Sample& s : series.samples) {
        RETURN_IF_ERROR(append_histograms(s.t));
        appender->SetStart(model::StartAt(series.starts, s.t));
        RETURN_IF_ERROR(check(
            s.t, appender->Append(storage::SeriesRef::kNone, series.labels, s).outcome));
      }
      RETURN_IF_ERROR(append_histograms(std::numeric_limits<model::TimeMs>::max()));
    }
    RETURN_IF_ERROR(appender->Commit());
    return flushed_ ? database_->FlushHead() : absl::OkStatus();
  }
  storage::Queryable* queryable() override { return database_.get(); }

 private:
  absl::Status Reopen() {
    database_.reset();
    dir_ = std::make_unique<testing_support::TempDir>();
    storage::DatabaseOptions options;
    options.dir = dir_->path();
    options.store_starts = true;
    ASSIGN_OR_RETURN(database_, storage::Database::Open(std::move(options)));
    return absl::OkStatus();
  }

  const bool flushed_;
  std::vector<Series> loaded_;
  std::unique_ptr<testing_support::TempDir> dir_;
  std::unique_ptr<storage::Database> database_;
};

// Runs every script of the folder; one line each.
ScriptResult RunFolder(const fs::path& folder, ScriptStore* store) {
  promql::Engine engine(ScriptEngineOptions());
  ScriptRunner runner(store, [&](std::string_view query, promql::Grid grid,
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

void ExpectOwnScriptsPass(ScriptStore* store) {
  const ScriptResult result = RunFolder(OwnScripts(), store);
  EXPECT_EQ(result.failed, 0);
  EXPECT_EQ(result.skipped, 0);
  EXPECT_GT(result.passed, 0);
}

TEST(PromqlScripts, OwnScriptsPass) {
  MemoryScriptStore store;
  ExpectOwnScriptsPass(&store);
}

TEST(PromqlScripts, OwnScriptsPassOverTheHead) {
  DatabaseScriptStore store(/*flushed=*/false);
  ExpectOwnScriptsPass(&store);
}

TEST(PromqlScripts, OwnScriptsPassOverBlocks) {
  DatabaseScriptStore store(/*flushed=*/true);
  ExpectOwnScriptsPass(&store);
}

void ExpectSharedScriptsPass(ScriptStore* store) {
  if (fs::is_directory(SharedScripts())) {
    const ScriptResult result = RunFolder(SharedScripts(), store);
    EXPECT_EQ(result.failed, 0);
    EXPECT_EQ(result.skipped, 0);
  } else {
    std::printf("no shared scripts here: set PROMQLTEST_DIR to run Prometheus' own\n");
  }
}

TEST(PromqlScripts, SharedScriptsPass) {
  MemoryScriptStore store;
  ExpectSharedScriptsPass(&store);
}

// Takes a minute: only for who names the folder.
TEST(PromqlScripts, SharedScriptsPassOverBlocks) {
  if (std::getenv("PROMQLTEST_DIR") == nullptr) return;
  DatabaseScriptStore store(/*flushed=*/true);
  ExpectSharedScriptsPass(&store);
}

}  // namespace
}  // namespace promql_test
