#include "server/scrape/target.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "server/relabel.h"
#include "storage/base/status.h"

namespace server {
namespace {

using model::Labels;
using testing::ElementsAre;

ScrapeConfig Job() {
  ScrapeConfig job;
  job.job_name = "node";
  job.scrape_interval_ms = 15000;
  job.scrape_timeout_ms = 5000;
  return job;
}

RelabelConfig Rule(RelabelConfig rule) {
  EXPECT_TRUE(CompileRelabel(&rule).ok());
  return rule;
}

std::string ErrorOf(const ScrapeConfig& job, const Labels& target) {
  const absl::StatusOr<Labels> labels = PopulateLabels(job, DiscoveredLabels(job, target, {}));
  return labels.ok() ? labels->empty() ? "dropped" : "" : std::string(base::message(labels.status()));
}

std::string UrlOf(const ScrapeConfig& job, const Labels& target) {
  const absl::StatusOr<Labels> labels = PopulateLabels(job, DiscoveredLabels(job, target, {}));
  return labels.ok() ? Target(job, *labels, {}).url() : std::string(base::message(labels.status()));
}

TEST(Target, StartsFromItsOwnLabelsThenTheGroupsThenTheJobs) {
  ScrapeConfig job = Job();
  job.params = {{"module", {"http_2xx", "second"}}, {"empty", {}}};
  EXPECT_EQ(DiscoveredLabels(job, {{"__address__", "h:1"}, {"a", "own"}, {"__scheme__", "https"}},
                             {{"a", "group"}, {"b", "group"}}),
            Labels({{"__address__", "h:1"},
                    {"__always_scrape_classic_histograms__", "false"},
                    {"__convert_classic_histograms_to_nhcb__", "false"},
                    {"__metrics_path__", "/metrics"},
                    {"__param_module", "http_2xx"},
                    {"__scheme__", "https"},
                    {"__scrape_interval__", "15s"},
                    {"__scrape_native_histograms__", "false"},
                    {"__scrape_timeout__", "5s"},
                    {"a", "own"},
                    {"b", "group"},
                    {"job", "node"}}));
}

TEST(Target, IsRefusedInPrometheusWords) {
  const ScrapeConfig job = Job();
  EXPECT_EQ(ErrorOf(job, {{"__address__", "h:1"}}), "");
  EXPECT_EQ(ErrorOf(job, {{"a", "b"}}), "no address");
  EXPECT_EQ(ErrorOf(job, {{"__address__", "http://h:1"}}), "\"http://h:1\" is not a valid hostname");
  EXPECT_EQ(ErrorOf(job, {{"__address__", "h"}, {"__scrape_interval__", "x"}}),
            "error parsing scrape interval: not a valid duration string: \"x\"");
  EXPECT_EQ(ErrorOf(job, {{"__address__", "h"}, {"__scrape_interval__", "0s"}}),
            "scrape interval cannot be 0");
  EXPECT_EQ(ErrorOf(job, {{"__address__", "h"}, {"__scrape_timeout__", "y"}}),
            "error parsing scrape timeout: not a valid duration string: \"y\"");
  EXPECT_EQ(ErrorOf(job, {{"__address__", "h"}, {"__scrape_timeout__", "0s"}}),
            "scrape timeout cannot be 0");
  EXPECT_EQ(ErrorOf(job, {{"__address__", "h"}, {"__scrape_timeout__", "20s"}}),
            "scrape timeout cannot be greater than scrape interval (\"20s\" > \"15s\")");
  EXPECT_EQ(ErrorOf(job, {{"__address__", "h"}, {"__scrape_native_histograms__", "maybe"}}),
            "error parsing scrape native histograms: strconv.ParseBool: parsing \"maybe\": invalid "
            "syntax");
  EXPECT_EQ(ErrorOf(job, {{"__address__", "h"}, {"a", "\xff"}}),
            "invalid label value for \"a\": \"\\xff\"");
}

TEST(Target, RelabelingMayDropItAndMetaLabelsGo) {
  ScrapeConfig job = Job();
  job.relabel_configs = {
      Rule({.source_labels = {"__meta_keep"}, .regex = "yes", .action = RelabelAction::kKeep}),
      Rule({.source_labels = {"__meta_zone"}, .target_label = "zone"}),
  };
  EXPECT_EQ(ErrorOf(job, {{"__address__", "h:1"}}), "dropped");
  BuiltTargets built;
  BuildTargets(job,
               {.source = "s",
                .targets = {Labels({{"__address__", "h:1"}, {"__meta_keep", "yes"}, {"__meta_zone", "z"}}),
                            Labels({{"__address__", "h:2"}}), Labels({{"__meta_keep", "yes"}})},
                .labels = {}},
               &built);
  ASSERT_EQ(built.active.size(), 1u);
  EXPECT_EQ(built.active[0]->labels(),
            Labels({{"instance", "h:1"}, {"job", "node"}, {"zone", "z"}}));
  EXPECT_TRUE(built.active[0]->all_labels().Has("__address__"));
  EXPECT_FALSE(built.active[0]->all_labels().Has("__meta_zone"));
  EXPECT_EQ(built.dropped.size(), 1u);
  EXPECT_THAT(built.failures, ElementsAre("instance 2 in group s: no address"));
}

TEST(Target, BuildsItsUrlAsGoDoes) {
  ScrapeConfig job = Job();
  EXPECT_EQ(UrlOf(job, {{"__address__", "h:1"}}), "http://h:1/metrics");
  EXPECT_EQ(UrlOf(job, {{"__address__", "[::1]:80"}, {"__metrics_path__", "m/a b?c"}}),
            "http://[::1]:80/m/a%20b%3Fc");
  job.params = {{"module", {"a b", "c&d"}}, {"target", {"x"}}};
  EXPECT_EQ(UrlOf(job, {{"__address__", "h"}, {"__param_target", "http://y/z"}, {"__param_new", "1"}}),
            "http://h/metrics?module=a+b&module=c%26d&new=1&target=http%3A%2F%2Fy%2Fz");
}

TEST(Target, IsTheSameWithAnotherIntervalButHasAnotherKey) {
  const ScrapeConfig job = Job();
  const auto make = [&](const Labels& labels) {
    return Target(job, *PopulateLabels(job, DiscoveredLabels(job, labels, {})), {});
  };
  const Target a = make({{"__address__", "h"}});
  const Target b = make({{"__address__", "h"}, {"__scrape_interval__", "7s"}});
  const Target c = make({{"__address__", "h"}, {"__x__", "y"}});
  EXPECT_NE(a.key(), b.key());
  EXPECT_EQ(a.identity(), b.identity());
  EXPECT_NE(a.identity(), c.identity());
  EXPECT_EQ(b.interval_ms(), 7000);
}

}  // namespace
}  // namespace server
