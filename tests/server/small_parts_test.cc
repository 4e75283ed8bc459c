// Nearest, MakeExternalUrl, MetricText, ReadProcessInfo: small parts of the process.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "server/external_url.h"
#include "server/metric_text.h"
#include "server/nearest.h"
#include "server/process_info.h"
#include "storage/base/status.h"

namespace server {
namespace {

TEST(Nearest, IsFewSlipsAwayOrAWordOfIt) {
  const std::vector<std::string_view> known = {"scrape_interval", "scrape_timeout", "scheme",
                                               "job_name"};
  EXPECT_EQ(Nearest("scrape_intervall", known), "scrape_interval");
  EXPECT_EQ(Nearest("shceme", known), "scheme");
  EXPECT_EQ(Nearest("jobname", known), "job_name");
  EXPECT_EQ(Nearest("interval", known), "scrape_interval");
  EXPECT_EQ(Nearest("qqqq", known), "");
  EXPECT_EQ(Nearest("", known), "");
  EXPECT_EQ(Nearest(std::string(10'000, 'x'), known), "");
}

std::string Url(std::string_view external, std::string_view prefix = "") {
  const auto url = MakeExternalUrl(external, prefix, "0.0.0.0:9090", "host");
  return url.ok() ? url->url + " " + url->route_prefix : std::string(base::message(url.status()));
}

TEST(ExternalUrl, FollowsHostPortAndPath) {
  EXPECT_EQ(Url(""), "http://host:9090 /");
  EXPECT_EQ(Url("http://x.example/prom/"), "http://x.example/prom /prom");
  EXPECT_EQ(Url("https://x.example:8443"), "https://x.example:8443 /");
  EXPECT_EQ(Url("http://x/prom", "/"), "http://x/prom /");
  EXPECT_EQ(Url("http://x/prom", "other/"), "http://x/prom /other");
  EXPECT_EQ(Url("/prom"), "/prom /prom");
  EXPECT_EQ(Url("http://x/a?b#c"), "http://x/a /a");
  EXPECT_EQ(Url("'http://x'"), "URL must not begin or end with quotes");
  EXPECT_EQ(Url("http://x y/"), "parse \"http://x y/\": invalid character in URL");
  EXPECT_FALSE(MakeExternalUrl("", "", "nowhere", "host").ok());
}

TEST(MetricText, EscapesHelpAndLabelValues) {
  MetricText text;
  text.Family("a_total", "counter", "Back\\slash\nline");
  text.Sample(uint64_t{1'000'000}, {{"x", "q\"b\\n\n"}, {"y", ""}});
  text.Sample(0.5, {}, "_sum");
  text.Gauge("b", "B.", 1);
  EXPECT_EQ(text.Take(),
            "# HELP a_total Back\\\\slash\\nline\n# TYPE a_total counter\n"
            "a_total{x=\"q\\\"b\\\\n\\n\",y=\"\"} 1e+06\na_total_sum 0.5\n"
            "# HELP b B.\n# TYPE b gauge\nb 1\n");
}

TEST(ProcessInfo, KnowsThisProcess) {
  const ProcessInfo info = ReadProcessInfo();
  EXPECT_GT(info.resident_bytes, 1u << 20);
  EXPECT_GE(info.virtual_bytes, info.resident_bytes);
  EXPECT_GT(info.open_fds, 2u);
  EXPECT_GE(info.max_fds, info.open_fds);
  EXPECT_GE(info.threads, 1u);
  EXPECT_LT(std::abs(info.start_time_s - static_cast<double>(time(nullptr))), 3600);
}

}  // namespace
}  // namespace server
