#include "server/reload.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "server/self_metrics.h"
#include "storage/base/status.h"

namespace server {
namespace {

class Reloading : public testing::Test {
 protected:
  Reloading()
      : path_(std::filesystem::path(testing::TempDir()) /
              (std::string(testing::UnitTest::GetInstance()->current_test_info()->name()) +
               ".yml")) {}
  ~Reloading() override { std::filesystem::remove(path_); }
  void Write(std::string_view text) { std::ofstream(path_) << text; }

  Reloader reloader() {
    return {path_, [this](const Config& config) {
              if (refuse_) return base::Unavailable("no");
              absl::MutexLock lock(&mu_);
              applied_ = config.scrape_configs.empty() ? "" : config.scrape_configs[0].job_name;
              ++times_;
              return absl::OkStatus();
            }};
  }

  const std::string path_;
  bool refuse_ = false;
  absl::Mutex mu_;
  std::string applied_;
  int times_ = 0;
};

TEST_F(Reloading, ABadFileNeverReplacesARunningConfiguration) {
  Write("scrape_configs: [{job_name: a}]");
  Reloader reloader = this->reloader();
  ASSERT_TRUE(reloader.LoadFirst().ok());
  EXPECT_EQ(times_, 0);
  ASSERT_TRUE(reloader.ApplyFirst().ok());
  EXPECT_EQ(applied_, "a");
  const double success = reloader.status().success_time_s;
  EXPECT_GT(success, 1e9);

  Write("scrape_configs: [{job_nam: b}]");
  const absl::Status bad = reloader.Reload();
  EXPECT_NE(base::message(bad).find("did you mean \"job_name\"?"), std::string::npos) << bad;
  EXPECT_EQ(base::message(bad).find("couldn't load configuration (--config.file=\""), 0u);
  EXPECT_EQ(applied_, "a");
  EXPECT_EQ(reloader.config()->scrape_configs[0].job_name, "a");
  EXPECT_FALSE(reloader.status().successful);
  EXPECT_EQ(reloader.status().success_time_s, success);

  Write("scrape_configs: [{job_name: c}]");
  refuse_ = true;
  EXPECT_FALSE(reloader.Reload().ok());
  EXPECT_EQ(reloader.config()->scrape_configs[0].job_name, "a");
  refuse_ = false;
  EXPECT_TRUE(reloader.Reload().ok());
  EXPECT_EQ(applied_, "c");
  EXPECT_EQ(reloader.config()->scrape_configs[0].job_name, "c");
  EXPECT_TRUE(reloader.status().successful);

  std::filesystem::remove(path_);
  EXPECT_FALSE(reloader.Reload().ok());
}

TEST_F(Reloading, WatchingReloadsWhenTheBytesChange) {
  Write("scrape_configs: [{job_name: a}]");
  Reloader reloader = this->reloader();
  ASSERT_TRUE(reloader.LoadFirst().ok());
  ASSERT_TRUE(reloader.ApplyFirst().ok());
  reloader.Watch(5);
  absl::SleepFor(absl::Milliseconds(30));  // So that it has seen the first bytes.
  Write("scrape_configs: [{job_name: b}]");
  {
    absl::MutexLock lock(&mu_);
    const auto changed = [this] { return applied_ == "b"; };
    EXPECT_TRUE(mu_.AwaitWithTimeout(absl::Condition(&changed), absl::Seconds(20)));
  }
  reloader.StopWatching();
}

TEST(SelfMetrics, HaveHelpAndTypeBeforeEverySampleAndNoFamilyTwice) {
  const promql::Engine engine({});
  ScrapeCounters counters;
  ScrapeStats scrapes{.counters = &counters};
  scrapes.pools["j"] = {};
  scrapes.interval_length["15s"] = {.count = 1, .sum_s = 15, .quantiles = {{0.5, 15}}};
  DiscoveryStats discovery;
  discovery.targets["j"] = 2;
  api::ApiStats api;
  const std::string text = WriteSelfMetrics({.engine = &engine,
                                             .api = &api,
                                             .scrapes = &scrapes,
                                             .discovery = &discovery,
                                             .ready = true});
  std::set<std::string> families;
  std::string family;
  std::istringstream in(text);
  for (std::string line; std::getline(in, line);) {
    if (line.starts_with("# HELP ")) {
      family = line.substr(7, line.find(' ', 7) - 7);
      EXPECT_TRUE(families.insert(family).second) << family;
    } else if (line.starts_with("# TYPE ")) {
      EXPECT_EQ(line.find(family + " "), 7u) << line;
    } else {
      EXPECT_TRUE(line.starts_with(family)) << line;
    }
  }
  for (const char* expected :
       {"prometheus_ready 1\n", "prometheus_build_info{version=\"3.14.0\"",
        "prometheus_target_interval_length_seconds{interval=\"15s\",quantile=\"0.5\"} 15\n",
        "prometheus_sd_discovered_targets{name=\"scrape\",config=\"j\"} 2\n",
        "prometheus_engine_query_duration_seconds_count{slice=\"inner_eval\"} 0\n",
        "process_resident_memory_bytes "}) {
    EXPECT_NE(text.find(expected), std::string::npos) << expected;
  }
}

}  // namespace
}  // namespace server
