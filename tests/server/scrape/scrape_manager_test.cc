#include "server/scrape/scrape_manager.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <fstream>
#include <iterator>
#include <string>
#include <thread>
#include <vector>

#include "server/discovery/target_group.h"
#include "server/http_client.h"
#include "server/relabel.h"
#include "storage/base/status.h"
#include "tests/testing/memory_appendable.h"
#include "tests/testing/temp_dir.h"
#include "tests/testing/tiny_http_server.h"

namespace server {
namespace {

using model::Labels;
using testing::ElementsAre;
using testing::HasSubstr;
using testing_support::MemoryAppendable;
using testing_support::TempDir;
using testing_support::TinyHttpServer;
using testing_support::TinyOk;
using testing_support::TinyReply;
using testing_support::TinyRequest;
using testing_support::TinyStatus;

// Also the time a scrape may take: long enough for a busy machine under a sanitizer.
constexpr int kIntervalMs = 120;

class ScrapeManagerTest : public testing::Test {
 protected:
  ScrapeManagerTest() : manager_(&http_, &store_, {.workers = 2, .user_agent = "Tidemark/x", .skip_offset = true}) {
    job_.job_name = "test";
    job_.scrape_interval_ms = job_.scrape_timeout_ms = kIntervalMs;
    job_.scrape_protocols = {ScrapeProtocol::kOpenMetricsText100, ScrapeProtocol::kPrometheusText004};
    job_.yaml = "job_name: test\n";
  }

  void Apply() {
    const absl::Status status = manager_.Apply({job_});
    ASSERT_TRUE(status.ok()) << status;
  }
  void Scrape(const std::vector<std::string>& addresses) {
    TargetGroup group{.source = "s"};
    for (const std::string& address : addresses) group.targets.push_back({{"__address__", address}});
    manager_.SetTargets("test", {group});
  }
  bool WaitUntil(const std::function<bool()>& ready) {
    for (int i = 0; i < 2000; ++i) {
      if (ready()) return true;
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
    return false;
  }
  Labels Series(std::string_view name, std::string_view address) {
    return Labels({{"__name__", name}, {"instance", address}, {"job", "test"}});
  }
  std::vector<model::Sample> Samples(std::string_view name, std::string_view address) {
    return store_.Samples(Series(name, address));
  }
  size_t Count(std::string_view name, std::string_view address) { return Samples(name, address).size(); }

  HttpClient http_;
  MemoryAppendable store_;
  ScrapeConfig job_;
  ScrapeManager manager_;
};

TEST_F(ScrapeManagerTest, ScrapesAgainAndAgainWithItsReport) {
  TinyRequest seen;
  std::mutex mu;
  TinyHttpServer server([&](const TinyRequest& request) {
    std::lock_guard lock(mu);
    seen = request;
    return TinyOk("# HELP a b\na 1\nb{x=\"y\"} 2\n");
  });
  Apply();
  Scrape({server.address()});
  ASSERT_TRUE(WaitUntil([&] { return Count("up", server.address()) >= 4; }));
  manager_.Stop();

  const auto a = Samples("a", server.address());
  const auto up = Samples("up", server.address());
  ASSERT_EQ(a.size(), up.size());
  for (size_t i = 0; i < up.size(); ++i) {
    EXPECT_EQ(up[i].v, 1);
    EXPECT_EQ(up[i].t, a[i].t);  // One batch, one time.
  }
  EXPECT_EQ(Samples("scrape_samples_scraped", server.address())[0].v, 2);
  EXPECT_EQ(Samples("scrape_samples_post_metric_relabeling", server.address())[0].v, 2);
  EXPECT_EQ(Samples("scrape_series_added", server.address())[0].v, 2);
  EXPECT_EQ(Samples("scrape_series_added", server.address())[1].v, 0);
  EXPECT_GT(Samples("scrape_duration_seconds", server.address())[0].v, 0);
  EXPECT_EQ(Count("scrape_timeout_seconds", server.address()), 0u);
  EXPECT_EQ(store_.commits(), static_cast<int>(up.size()));

  std::lock_guard lock(mu);
  EXPECT_EQ(seen.target, "/metrics");
  EXPECT_EQ(seen.Header("user-agent"), "Tidemark/x");
  EXPECT_EQ(seen.Header("accept-encoding"), "gzip");
  EXPECT_EQ(seen.Header("x-prometheus-scrape-timeout-seconds"), "0.12");
  EXPECT_EQ(seen.Header("accept"),
            "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,"
            "text/plain;version=0.0.4;q=0.5,*/*;q=0.4");
}

TEST_F(ScrapeManagerTest, FailuresAreReportedAndSeriesEnd) {
  std::atomic<bool> broken{false};
  TinyHttpServer server([&](const TinyRequest&) {
    return broken ? TinyStatus("503 Service Unavailable") : TinyOk("a 1\n");
  });
  job_.extra_scrape_metrics = true;
  TempDir dir;
  job_.scrape_failure_log_file = dir.path() + "/failures.log";
  Apply();
  Scrape({server.address()});
  ASSERT_TRUE(WaitUntil([&] { return Count("a", server.address()) >= 2; }));
  EXPECT_EQ(manager_.ActiveTargets()[0].health, "up");
  broken = true;
  ASSERT_TRUE(WaitUntil([&] { return Samples("up", server.address()).back().v == 0; }));
  const auto a = Samples("a", server.address());
  EXPECT_TRUE(model::IsStaleNan(a.back().v));
  const api::TargetInfo info = manager_.ActiveTargets()[0];
  EXPECT_EQ(info.health, "down");
  EXPECT_EQ(info.last_error, "server returned HTTP status 503 Service Unavailable");
  EXPECT_GT(info.last_scrape_ns, 0);
  EXPECT_EQ(Samples("scrape_timeout_seconds", server.address())[0].v, 0.12);
  const auto sizes = Samples("scrape_body_size_bytes", server.address());
  EXPECT_TRUE(std::any_of(sizes.begin(), sizes.end(), [](const auto& s) { return s.v == 4; }));
  EXPECT_EQ(sizes.back().v, 0);
  manager_.Stop();
  std::ifstream file(job_.scrape_failure_log_file);
  const std::string lines(std::istreambuf_iterator<char>(file), {});
  EXPECT_THAT(lines, HasSubstr("\"level\":\"ERROR\",\"msg\":\"server returned HTTP status 503 Service "
                              "Unavailable\",\"job_name\":\"test\",\"target\":\"" + server.url() + "\""));
}

// What a target answers, and what becomes of it.
TEST_F(ScrapeManagerTest, EveryKindOfFailureHasItsWords) {
  struct Case {
    TinyReply reply;
    std::string error;
  };
  const std::vector<Case> cases = {
      {TinyOk("a 1\n", ""),
       "non-compliant scrape target sending blank Content-Type and no fallback_scrape_protocol "
       "specified for target"},
      {TinyOk("a 1\n", "text/html"),
       "received unsupported Content-Type \"text/html\" and no fallback_scrape_protocol specified "
       "for target"},
      {TinyOk("a x\n"),
       "strconv.ParseFloat: parsing \"x\": invalid syntax while parsing: \"a x\" (line 1)"},
      {TinyOk("a 1\n", "application/openmetrics-text"), "data does not end with # EOF (line 2)"},
      {TinyOk(std::string(200, '#')), "body size limit exceeded"},
      {TinyOk("abc", "text/plain", "Content-Encoding: gzip\r\n"), "gzip: "},
      {TinyStatus("404 Not Found"), "server returned HTTP status 404 Not Found"},
      {{.bytes = "", .close = true}, "EOF"},
      {{.bytes = "", .delay_ms = 500}, "context deadline exceeded"},
  };
  std::vector<std::unique_ptr<TinyHttpServer>> servers;
  std::vector<std::string> addresses;
  for (const Case& c : cases) {
    servers.push_back(std::make_unique<TinyHttpServer>([reply = c.reply](const TinyRequest&) { return reply; }));
    addresses.push_back(servers.back()->address());
  }
  job_.body_size_limit = 100;
  Apply();
  Scrape(addresses);
  for (size_t i = 0; i < cases.size(); ++i) {
    EXPECT_TRUE(WaitUntil([&] { return Count("up", addresses[i]) > 0; }));
    EXPECT_EQ(Samples("up", addresses[i])[0].v, 0) << cases[i].error;
  }
  const auto targets = manager_.ActiveTargets();
  for (size_t i = 0; i < cases.size(); ++i) {
    for (const api::TargetInfo& info : targets) {
      if (info.scrape_url != servers[i]->url()) continue;
      EXPECT_THAT(info.last_error, HasSubstr(cases[i].error));
    }
  }
  EXPECT_GE(manager_.Stats().counters->exceeded_body_size_limit.value(), 1u);
}

TEST_F(ScrapeManagerTest, ATargetThatGoesIsMarkedStaleAfterTwoIntervals) {
  TinyHttpServer server([](const TinyRequest&) { return TinyOk("a 1\n"); });
  Apply();
  Scrape({server.address()});
  ASSERT_TRUE(WaitUntil([&] { return Count("a", server.address()) >= 2; }));
  Scrape({});
  EXPECT_TRUE(manager_.ActiveTargets().empty());
  ASSERT_TRUE(WaitUntil([&] { return model::IsStaleNan(Samples("up", server.address()).back().v); }));
  const auto a = Samples("a", server.address());
  EXPECT_TRUE(model::IsStaleNan(a.back().v));
  EXPECT_NEAR(static_cast<double>(a.back().t - a[a.size() - 2].t), kIntervalMs, kIntervalMs);
}

TEST_F(ScrapeManagerTest, ATargetThatComesBackIsNotMarked) {
  TinyHttpServer server([](const TinyRequest&) { return TinyOk("a 1\n"); });
  Apply();
  Scrape({server.address()});
  ASSERT_TRUE(WaitUntil([&] { return Count("a", server.address()) >= 1; }));
  Scrape({});
  Scrape({server.address()});
  const size_t before = Count("a", server.address());
  ASSERT_TRUE(WaitUntil([&] { return Count("a", server.address()) >= before + 6; }));
  manager_.Stop();
  for (const char* name : {"a", "up"}) {
    for (const model::Sample& s : Samples(name, server.address())) EXPECT_FALSE(model::IsStaleNan(s.v));
  }
}

TEST_F(ScrapeManagerTest, StoppingWritesNoMarkersAndIsQuick) {
  TinyHttpServer server([](const TinyRequest&) { return TinyOk("a 1\n"); });
  TinyHttpServer hangs([](const TinyRequest&) { return TinyReply{.bytes = "", .delay_ms = 20000}; });
  job_.scrape_timeout_ms = job_.scrape_interval_ms = 20000;
  Apply();
  Scrape({server.address(), hangs.address()});
  ASSERT_TRUE(WaitUntil([&] { return Count("a", server.address()) >= 1 && hangs.connections() > 0; }));
  const auto start = std::chrono::steady_clock::now();
  manager_.Stop();
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(5));
  EXPECT_EQ(Count("a", server.address()), 1u);
  EXPECT_EQ(Count("up", hangs.address()), 0u);
}

TEST_F(ScrapeManagerTest, ReloadKeepsLoopsAndCaches) {
  TinyHttpServer server([](const TinyRequest&) { return TinyOk("a 1\nb 1\n"); });
  Apply();
  Scrape({server.address()});
  ASSERT_TRUE(WaitUntil([&] { return Count("a", server.address()) >= 1; }));
  Apply();  // Nothing has changed.
  EXPECT_EQ(manager_.Stats().counters->pool_reloads.value(), 0u);
  job_.sample_limit = 100;
  job_.scrape_interval_ms = job_.scrape_timeout_ms = 100;
  Apply();
  EXPECT_EQ(manager_.Stats().counters->pool_reloads.value(), 1u);
  EXPECT_EQ(manager_.ActiveTargets()[0].scrape_interval, "100ms");
  EXPECT_NE(manager_.ActiveTargets()[0].health, "unknown");
  const size_t before = Count("a", server.address());
  ASSERT_TRUE(WaitUntil([&] { return Count("a", server.address()) >= before + 3; }));
  double added = 0;
  for (const model::Sample& s : Samples("scrape_series_added", server.address())) added += s.v;
  EXPECT_EQ(added, 2);

  // Other relabeling: other series. What the old rules brought has ended at once.
  RelabelConfig drop{.source_labels = {"__name__"}, .regex = "b", .action = RelabelAction::kDrop};
  ASSERT_TRUE(CompileRelabel(&drop).ok());
  job_.metric_relabel_configs = {drop};
  Apply();
  ASSERT_TRUE(WaitUntil([&] { return model::IsStaleNan(Samples("b", server.address()).back().v); }));
  manager_.Stop();
  for (const model::Sample& s : Samples("a", server.address())) EXPECT_FALSE(model::IsStaleNan(s.v));
}

TEST_F(ScrapeManagerTest, AJobThatIsGoneEndsItsSeries) {
  TinyHttpServer server([](const TinyRequest&) { return TinyOk("a 1\n"); });
  Apply();
  Scrape({server.address()});
  ASSERT_TRUE(WaitUntil([&] { return Count("a", server.address()) >= 1; }));
  EXPECT_THAT(manager_.ScrapePools(), ElementsAre("test"));
  ASSERT_TRUE(manager_.Apply({}).ok());
  EXPECT_TRUE(manager_.ScrapePools().empty());
  EXPECT_TRUE(WaitUntil([&] { return model::IsStaleNan(Samples("a", server.address()).back().v); }));
}

TEST_F(ScrapeManagerTest, TargetLimitFailsAllWithoutScraping) {
  TinyHttpServer server([](const TinyRequest&) { return TinyOk("a 1\n"); });
  job_.target_limit = 1;
  Apply();
  const std::string other = "127.0.0.1:1";
  Scrape({server.address(), other});
  ASSERT_TRUE(WaitUntil([&] { return Count("up", server.address()) >= 1; }));
  EXPECT_EQ(server.connections(), 0);
  EXPECT_TRUE(WaitUntil([&] {
    return manager_.ActiveTargets()[0].last_error ==
           "target_limit exceeded (number of targets: 2, limit: 1)";
  }));
  Scrape({server.address()});
  EXPECT_TRUE(WaitUntil([&] { return Samples("up", server.address()).back().v == 1; }));
}

TEST_F(ScrapeManagerTest, OnlyProtobufIsAClearError) {
  job_.scrape_protocols = {ScrapeProtocol::kPrometheusProto};
  Apply();
  Scrape({"127.0.0.1:1"});
  ASSERT_TRUE(WaitUntil([&] { return Count("up", "127.0.0.1:1") >= 1; }));
  EXPECT_THAT(manager_.ActiveTargets()[0].last_error, HasSubstr("scrape_protocols lists only PrometheusProto"));
}

TEST_F(ScrapeManagerTest, AnswersTheApi) {
  TinyHttpServer server([](const TinyRequest&) { return TinyOk("# HELP a what\n# TYPE a gauge\na 1\n"); });
  RelabelConfig drop{.source_labels = {"__address__"}, .regex = "drop.*", .action = RelabelAction::kDrop};
  ASSERT_TRUE(CompileRelabel(&drop).ok());
  job_.relabel_configs = {drop};
  job_.keep_dropped_targets = 1;
  Apply();
  Scrape({"drop1:1", "drop2:1", server.address(), server.address(), "bad/address"});
  ASSERT_TRUE(WaitUntil([&] { return Count("a", server.address()) >= 2; }));
  EXPECT_EQ(manager_.ActiveTargets().size(), 1u);
  EXPECT_EQ(manager_.ActiveTargets()[0].scrape_pool, "test");
  EXPECT_EQ(manager_.ActiveTargets()[0].global_url, server.url());
  EXPECT_EQ(manager_.DroppedTargets().size(), 1u);
  EXPECT_EQ(manager_.DroppedTargetCounts()["test"], 2);
  EXPECT_EQ(*manager_.ScrapePoolConfig("test"), "job_name: test\n");
  EXPECT_EQ(base::message(manager_.ScrapePoolConfig("x").status()), "scrape pool \"x\" not found");
  const auto metadata = manager_.Metadata();
  ASSERT_EQ(metadata.size(), 1u);
  EXPECT_EQ(metadata[0].metric, "a");
  EXPECT_EQ(metadata[0].metadata, (model::Metadata{model::MetricType::kGauge, "what", ""}));
  const ScrapeStats stats = manager_.Stats();
  EXPECT_EQ(stats.pools.at("test").targets, 1u);
  EXPECT_EQ(stats.pools.at("test").sync_failed, 1u);
  EXPECT_EQ(stats.pools.at("test").metadata_entries, 1u);
  EXPECT_EQ(stats.interval_length.at("120ms").quantiles.size(), 5u);
}

TEST_F(ScrapeManagerTest, TargetsMayComeBeforeTheirJob) {
  TinyHttpServer server([](const TinyRequest&) { return TinyOk("a 1\n"); });
  Scrape({server.address()});
  Apply();
  EXPECT_TRUE(WaitUntil([&] { return Count("a", server.address()) >= 1; }));
}

TEST_F(ScrapeManagerTest, ACommitThatFailsIsSaidAndTheNextOneIsWhole) {
  TinyHttpServer server([](const TinyRequest&) { return TinyOk("a 1\n"); });
  store_.FailCommits(true);
  Apply();
  Scrape({server.address()});
  ASSERT_TRUE(WaitUntil([&] { return manager_.ActiveTargets()[0].health == "down"; }));
  EXPECT_EQ(manager_.ActiveTargets()[0].last_error, "Scrape commit failed: log refused");
  store_.FailCommits(false);
  EXPECT_TRUE(WaitUntil([&] { return Count("a", server.address()) >= 1; }));
  EXPECT_GE(Count("up", server.address()), 1u);
}

TEST_F(ScrapeManagerTest, TimesAreAlignedToTheSchedule) {
  TinyHttpServer server([](const TinyRequest&) { return TinyOk("a 1\n"); });
  job_.scrape_interval_ms = job_.scrape_timeout_ms = 200;  // Tolerance: 2 ms.
  Apply();
  Scrape({server.address()});
  ASSERT_TRUE(WaitUntil([&] { return Count("a", server.address()) >= 6; }));
  manager_.Stop();
  const auto a = Samples("a", server.address());
  int aligned = 0;
  for (const model::Sample& s : a) aligned += (s.t - a[0].t) % 200 == 0;
  EXPECT_GE(aligned, 3);  // A busy machine may be late now and then.
}

}  // namespace
}  // namespace server
