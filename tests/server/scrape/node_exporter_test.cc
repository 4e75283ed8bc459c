// A real exporter into the real store. Skipped where node_exporter is not installed.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <string>
#include <thread>
#include <vector>

#include "server/discovery/target_group.h"
#include "server/http_client.h"
#include "server/scrape/scrape_manager.h"
#include "storage/database.h"
#include "tests/testing/temp_dir.h"
#include "tests/testing/tiny_http_server.h"

namespace server {
namespace {

constexpr const char* kExporter = "/usr/bin/prometheus-node-exporter";

class Child {
 public:
  explicit Child(std::vector<std::string> arguments) {
    pid_ = ::fork();
    if (pid_ != 0) return;
    std::vector<char*> argv;
    for (std::string& argument : arguments) argv.push_back(argument.data());
    argv.push_back(nullptr);
    if (std::freopen("/dev/null", "w", stderr) == nullptr) ::_exit(126);
    ::execv(argv[0], argv.data());
    ::_exit(127);
  }
  ~Child() {
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
  }

 private:
  pid_t pid_;
};

class NodeExporterTest : public testing::Test {
 protected:
  void SetUp() override {
    if (!std::filesystem::exists(kExporter)) GTEST_SKIP() << "no node_exporter here";
    storage::DatabaseOptions options;
    options.dir = dir_.path() + "/data";
    auto database = storage::Database::Open(options);
    ASSERT_TRUE(database.ok()) << database.status();
    database_ = *std::move(database);
  }

  // Samples of every series of this metric.
  std::vector<chunk::SampleColumns> Read(const std::string& metric) {
    auto querier = database_->NewQuerier({});
    const std::vector<model::Matcher> matchers = {model::Matcher::Equal("__name__", metric)};
    auto selection = (*querier)->Select({matchers, {}});
    std::vector<chunk::SampleColumns> all((*selection)->size());
    for (int i = 0; i < (*selection)->size(); ++i) {
      EXPECT_TRUE((*selection)->Read(i, {}, &all[i]).ok());
    }
    return all;
  }

  testing_support::TempDir dir_;
  std::unique_ptr<storage::Database> database_;
};

TEST_F(NodeExporterTest, IsScrapedIntoTheDatabase) {
  const std::string address = "127.0.0.1:" + std::to_string(testing_support::UnusedPort());
  const Child exporter({kExporter, "--web.listen-address=" + address});
  HttpClient http;
  ScrapeManager manager(&http, database_.get(), {.skip_offset = true});
  ScrapeConfig job;
  job.job_name = "node";
  job.scrape_interval_ms = job.scrape_timeout_ms = 500;
  job.scrape_protocols = {ScrapeProtocol::kOpenMetricsText100, ScrapeProtocol::kOpenMetricsText001,
                          ScrapeProtocol::kPrometheusText100, ScrapeProtocol::kPrometheusText004};
  ASSERT_TRUE(manager.Apply({job}).ok());
  manager.SetTargets("node", {{.source = "s", .targets = {{{"__address__", address}}}, .labels = {}}});
  const auto good = [&] {
    const auto up = Read("up");
    return up.empty() ? 0 : std::count(up[0].values.begin(), up[0].values.end(), 1.0);
  };
  for (int i = 0; i < 300 && good() < 3; ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
  }
  EXPECT_GE(good(), 3) << manager.ActiveTargets()[0].last_error;
  EXPECT_GT(manager.Metadata().size(), 100u);
  manager.Stop();
  const auto cpu = Read("node_cpu_seconds_total");
  EXPECT_GE(cpu.size(), 8u);
  EXPECT_GE(cpu[0].values.size(), 3u);
  // Steady state: nothing new but what the exporter itself brought up late.
  EXPECT_LT(Read("scrape_series_added")[0].values.back(), 100);
  EXPECT_EQ(manager.Stats().counters->sample_duplicate.value(), 0u);
  EXPECT_TRUE(database_->Close().ok());
}

}  // namespace
}  // namespace server
