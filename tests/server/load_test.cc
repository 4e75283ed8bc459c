#include "server/config/load.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "server/config/scalar.h"
#include "storage/base/status.h"

namespace server {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::string ErrorOf(std::string_view text) {
  const auto config = LoadConfig(text, "prometheus.yml");
  return config.ok() ? "" : std::string(base::message(config.status()));
}

Config MustLoad(std::string_view text, const std::string& path = "/etc/tidemark/prometheus.yml") {
  auto config = LoadConfig(text, path);
  EXPECT_TRUE(config.ok()) << config.status();
  return config.ok() ? *std::move(config) : Config{};
}

TEST(LoadConfig, FillsInPrometheusDefaults) {
  const Config config = MustLoad("");
  EXPECT_EQ(config.global.scrape_interval_ms, 60'000);
  EXPECT_EQ(config.global.scrape_timeout_ms, 10'000);
  EXPECT_TRUE(config.scrape_configs.empty());
  EXPECT_EQ(config.yaml,
            "global:\n  scrape_interval: 1m\n  scrape_timeout: 10s\n  evaluation_interval: 1m\n"
            "  metric_name_validation_scheme: utf8\n  metric_name_escaping_scheme: allow-utf-8\n"
            "  scrape_native_histograms: false\n  extra_scrape_metrics: false\n"
            "runtime:\n  gogc: 75\n");
  EXPECT_EQ(MustLoad("global:\n").yaml, config.yaml);
  EXPECT_EQ(MustLoad("global: {scrape_interval: 5s}").global.scrape_timeout_ms, 5'000);
}

TEST(LoadConfig, ReadsAJobWithEverythingInIt) {
  const Config config = MustLoad(R"(
global:
  scrape_interval: 15s
  sample_limit: 7
  external_labels: {dc: 'eu'}
scrape_configs:
  - job_name: node
    scrape_interval: 5s
    scrape_protocols: [PrometheusText0.0.4]
    fallback_scrape_protocol: PrometheusText0.0.4
    metrics_path: /m
    scheme: https
    params: {module: [a, b]}
    honor_labels: true
    honor_timestamps: false
    body_size_limit: 10MB
    label_limit: 30
    basic_auth: {username: joe, password: hush}
    tls_config: {ca_file: ca.pem, insecure_skip_verify: true, min_version: TLS12}
    http_headers: {X-A: {values: [v], secrets: [s], files: [f]}}
    relabel_configs:
      - source_labels: [__address__]
        target_label: instance
        regex: '([^:]+):.*'
    metric_relabel_configs:
      - {source_labels: [__name__], regex: 'go_.*', action: drop}
    static_configs:
      - targets: [a:1, b:2]
        labels: {env: prod}
    file_sd_configs:
      - files: [sd/*.yml]
)");
  ASSERT_EQ(config.scrape_configs.size(), 1u);
  const ScrapeConfig& job = config.scrape_configs[0];
  EXPECT_EQ(job.scrape_interval_ms, 5'000);
  EXPECT_EQ(job.scrape_timeout_ms, 5'000);
  EXPECT_THAT(job.scrape_protocols, ElementsAre(ScrapeProtocol::kPrometheusText004));
  EXPECT_EQ(job.fallback_scrape_protocol, ScrapeProtocol::kPrometheusText004);
  EXPECT_EQ(job.body_size_limit, 10u << 20);
  EXPECT_EQ(job.sample_limit, 7u);
  EXPECT_EQ(job.http.basic_auth->password, "hush");
  EXPECT_EQ(job.http.tls.ca_file, "/etc/tidemark/ca.pem");
  EXPECT_EQ(job.http.tls.min_version, TlsVersion::kTls12);
  EXPECT_THAT(job.http.headers[0].files, ElementsAre("/etc/tidemark/f"));
  EXPECT_EQ(job.relabel_configs.size(), 1u);
  EXPECT_NE(job.relabel_configs[0].compiled, nullptr);
  EXPECT_EQ(job.metric_relabel_configs[0].action, RelabelAction::kDrop);
  EXPECT_THAT(job.static_configs[0].targets, ElementsAre("a:1", "b:2"));
  EXPECT_THAT(job.file_sd_configs[0].files, ElementsAre("/etc/tidemark/sd/*.yml"));
  EXPECT_EQ(config.global.external_labels.ToString(), R"({dc="eu"})");
  EXPECT_TRUE(config.without_effect.empty());
}

TEST(LoadConfig, PrintsTheEffectiveJobWithoutItsSecrets) {
  const Config config = MustLoad(R"(
scrape_configs:
  - job_name: a
    bearer_token: hush
    proxy_url: http://me:hush@proxy:1
    http_headers: {X-A: {secrets: [hush]}}
    relabel_configs: [{source_labels: [a, b], target_label: c}]
    static_configs: [{targets: ['x:1']}]
)");
  EXPECT_EQ(config.scrape_configs[0].yaml, R"(job_name: a
honor_timestamps: true
track_timestamps_staleness: false
scrape_interval: 1m
scrape_timeout: 10s
scrape_protocols:
- OpenMetricsText1.0.0
- OpenMetricsText0.0.1
- PrometheusText1.0.0
- PrometheusText0.0.4
scrape_native_histograms: false
always_scrape_classic_histograms: false
convert_classic_histograms_to_nhcb: false
metrics_path: /metrics
scheme: http
enable_compression: true
metric_name_validation_scheme: utf8
metric_name_escaping_scheme: allow-utf-8
extra_scrape_metrics: false
authorization:
  type: Bearer
  credentials: <secret>
follow_redirects: true
enable_http2: true
proxy_url: http://me:xxxxx@proxy:1
http_headers:
  X-A:
    secrets:
    - <secret>
relabel_configs:
- source_labels: [a, b]
  separator: ;
  target_label: c
  replacement: $1
  action: replace
static_configs:
- targets:
  - x:1
)");
  EXPECT_EQ(config.yaml.find("hush"), std::string::npos);
  // What it prints is a configuration with the same effect.
  EXPECT_EQ(MustLoad(config.yaml).yaml, config.yaml);
}

TEST(LoadConfig, AChangedSecretIsAChangedJob) {
  const auto job = [](std::string_view password) {
    return MustLoad(fmt::format("scrape_configs: [{{job_name: a, basic_auth: {{password: {}}}}}]",
                                password))
        .scrape_configs[0];
  };
  EXPECT_EQ(job("one").fingerprint, job("one").fingerprint);
  EXPECT_NE(job("one").fingerprint, job("two").fingerprint);
  EXPECT_EQ(job("one").yaml, job("two").yaml);
}

TEST(LoadConfig, NamesThePlaceAndTheNearestKey) {
  EXPECT_EQ(ErrorOf("scrape_configs:\n  - job_name: a\n    scrape_intervall: 5s\n"),
            "prometheus.yml:3:5: unknown field \"scrape_intervall\" in scrape_configs[0]; did you "
            "mean \"scrape_interval\"?");
  EXPECT_EQ(ErrorOf("globl: {}\n"),
            "prometheus.yml:1:1: unknown field \"globl\" in the configuration; did you mean "
            "\"global\"?");
  EXPECT_EQ(ErrorOf("global: {qqqqqqq: 1}\n"),
            "prometheus.yml:1:10: unknown field \"qqqqqqq\" in global");
  EXPECT_EQ(
      ErrorOf(
          "scrape_configs: [{job_name: a, kubernetes_sd_configs: [{role: pod, namespace: {}}]}]"),
      "prometheus.yml:1:68: unknown field \"namespace\" in "
      "scrape_configs[0].kubernetes_sd_configs[0]; did you mean \"namespaces\"?");
}

TEST(LoadConfig, ReportsEverythingAtOnceInTheOrderOfTheFile) {
  EXPECT_EQ(
      ErrorOf("global:\n  scrape_interval: 5x\n  external_lables: {}\nscrape_configs:\n"
              "- job_name: a\n  honor_labels: 'true'\n- {}\n- 7\nremote_write: {}\n"),
      "prometheus.yml:2:20: global.scrape_interval: unknown unit \"x\" in duration \"5x\"\n"
      "prometheus.yml:3:3: unknown field \"external_lables\" in global; did you mean "
      "\"external_labels\"?\n"
      "prometheus.yml:6:17: scrape_configs[0].honor_labels: expected true or false, got \"true\"\n"
      "prometheus.yml:7:3: job_name is empty in scrape_configs[1]\n"
      "prometheus.yml:8:3: scrape_configs[2] must be a mapping, not a value\n"
      "prometheus.yml:9:15: remote_write must be a list, not a mapping");
}

struct Rule {
  const char* text;
  const char* error;  // Contained in it; "" when all is well.
};

TEST(LoadConfig, SaysWhatMustHold) {
  const Rule rules[] = {
      {"scrape_configs: [{job_name: a}, {job_name: a}]",
       "1:44: found multiple scrape configs with job name \"a\""},
      {"scrape_configs: [{job_name: ''}]", "job_name is empty"},
      {"scrape_configs: [{job_name: a, scrape_interval: 5s, scrape_timeout: 6s}]",
       "scrape timeout greater than scrape interval for scrape config with job name \"a\""},
      {"global: {scrape_interval: 5s, scrape_timeout: 6s}",
       "global scrape timeout greater than scrape interval"},
      {"scrape_configs: [{job_name: a, scrape_protocols: []}]",
       "scrape_protocols cannot be empty for scrape config with job name \"a\""},
      {"scrape_configs: [{job_name: a, scrape_protocols: [prometheusproto]}]",
       "unknown scrape protocol prometheusproto, supported: [OpenMetricsText0.0.1"},
      {"scrape_configs: [{job_name: a, scrape_protocols: [PrometheusProto, PrometheusProto]}]",
       "duplicated protocol in scrape_protocols"},
      {"scrape_configs: [{job_name: a, fallback_scrape_protocol: x}]",
       "invalid fallback_scrape_protocol for scrape config with job name \"a\": unknown scrape"},
      {"scrape_configs: [{job_name: a, static_configs: [{targets: ['http://x/']}]}]",
       "\"http://x/\" is not a valid hostname"},
      {"scrape_configs: [{job_name: a, relabel_configs: [{action: drop}], "
       "static_configs: [{targets: ['http://x/']}]}]",
       ""},
      {"scrape_configs: [{job_name: a, relabel_configs: [{action: smash}]}]",
       "unknown relabel action \"smash\""},
      {"scrape_configs: [{job_name: a, relabel_configs: [{regex: '('}]}]",
       "relabel configuration for replace action requires 'target_label' value"},
      {"scrape_configs: [{job_name: a, relabel_configs: [{regex: '(', target_label: a}]}]",
       "1:58: error parsing regexp: "},
      {"scrape_configs: [{job_name: a, relabel_configs: [null]}]",
       "scrape_configs[0].relabel_configs[0] is empty"},
      {"scrape_configs: [{job_name: a, file_sd_configs: [{files: [a.txt]}]}]",
       "path name \"a.txt\" is not valid for file discovery"},
      {"scrape_configs: [{job_name: a, file_sd_configs: [{files: []}]}]",
       "file service discovery config must contain at least one path name"},
      {"scrape_configs: [{job_name: a, basic_auth: {}, authorization: {}}]",
       "at most one of basic_auth, oauth2 & authorization must be configured"},
      {"scrape_configs: [{job_name: a, bearer_token: a, bearer_token_file: b}]",
       "at most one of bearer_token & bearer_token_file must be configured"},
      {"scrape_configs: [{job_name: a, basic_auth: {password: a, password_file: b}}]",
       "at most one of basic_auth password, password_file & password_ref must be configured"},
      {"scrape_configs: [{job_name: a, basic_auth: {password_ref: a}}]",
       "password_ref: there is no secret manager"},
      {"scrape_configs: [{job_name: a, authorization: {type: ' Basic '}}]",
       "authorization type cannot be set to \"basic\""},
      {"scrape_configs: [{job_name: a, tls_config: {cert_file: a}}]",
       "exactly one of key or key_file must be configured"},
      {"scrape_configs: [{job_name: a, tls_config: {min_version: TLS9}}]",
       "unknown TLS version: TLS9"},
      {"scrape_configs: [{job_name: a, http_headers: {Host: {values: [x]}}}]",
       "setting header \"Host\" is not allowed"},
      {"scrape_configs: [{job_name: a, metric_name_validation_scheme: odd}]",
       "must be either '', 'legacy' or 'utf8', got odd"},
      {"scrape_configs: [{job_name: a, metric_name_validation_scheme: legacy, "
       "metric_name_escaping_scheme: allow-utf-8}]",
       "utf8 metric names requested but validation scheme is not set to UTF8"},
      {"scrape_configs: [{job_name: a, metric_name_validation_scheme: legacy}]", ""},
      {"global: {metric_name_validation_scheme: legacy, external_labels: {a-b: c}}",
       "\"a-b\" is not a valid label name"},
      {"scrape_configs: [{job_name: a, body_size_limit: 5}]", "expected a size such as 512MB"},
      {"scrape_configs: [{job_name: a, sample_limit: -1}]",
       "expected a whole number, not negative"},
      {"rule_files: ['a/*/b.yml']", "invalid rule file path \"a/*/b.yml\""},
      {"scrape_config_files: ['a/*/b.yml']", "invalid scrape config file path \"a/*/b.yml\""},
      {"remote_write: [{name: x}]", "url is missing in remote_write[0]"},
      {"remote_write: [{url: 'http://a', name: x}, {url: 'http://b', name: x}]",
       "found multiple remote write configs with job name \"x\""},
      {"remote_write: [{url: 'http://a', headers: {Host: x}}]", "Host is a reserved header"},
      {"remote_write: [{url: 'http://a', basic_auth: {}, sigv4: {}}]",
       "Currently configured: [basic_auth sigv4]"},
      {"remote_write: [{url: 'http://a', queue_config: {max_shards: 0}}]",
       "remote write queue max_shards must be positive"},
      {"remote_read: [{url: 'http://a', headers: {Authorization: x}}]",
       "authorization header must be changed via"},
      {"alerting: {alertmanagers: [{api_version: v1}]}",
       "expected Alertmanager api version to be one of [v2] but got v1"},
      {"tracing: {insecure: true}", "endpoint is missing in tracing"},
      {"storage: {tsdb: {retention: {percentage: 101}}}", "must be in the range [0, 100]"},
      {"storage: {retention_policies: [{match: ['up{'], retention: 1d}]}",
       "1:41: invalid selector \"up{\": "},
      {"storage: {retention_policies: [{match: [up], retention: 0s}]}",
       "1:57: the retention of a policy must be above 0"},
      {"storage: {retention_policies: [{match: [], retention: 1d}]}", "needs a selector"},
      {"storage: {retention_policies: [{match: [up]}]}", "retention is missing in"},
      {"storage: {retention_policies: [{matchers: [up], retention: 1d}]}",
       "unknown field \"matchers\""},
      {"storage: {retention_policies: [{match: [up, '{job=\"a\"}'], retention: 1d}]}", ""},
      {"storage: {tsdb: {chunk_encoding: {floats: zip}}}", "must be 'xor' or 'xor2'"},
      {"otlp: {translation_strategy: Odd}", "unsupported OTLP translation strategy \"Odd\""},
      {"otlp: {ignore_resource_attributes: [a]}", "cannot be configured unless"},
      {"- a\n", "the configuration must be a mapping, not a list"},
  };
  for (const Rule& rule : rules) {
    const std::string error = ErrorOf(rule.text);
    if (*rule.error == '\0')
      EXPECT_EQ(error, "") << rule.text;
    else
      EXPECT_THAT(error, HasSubstr(rule.error)) << rule.text;
  }
}

TEST(LoadConfig, AcceptsWhatComesLaterAndSaysSo) {
  const Config config = MustLoad(R"(
rule_files: [rules/*.yml]
alerting: {alertmanagers: [{static_configs: [{targets: ['am:9093']}]}]}
remote_write: [{url: 'http://u:hush@x/w', sigv4: {secret_key: hush}, queue_config: {capacity: 5}}]
remote_read: [{url: 'http://x/r', read_recent: true}]
storage: {tsdb: {out_of_order_time_window: 30m, retention: {time: 90d}}, exemplars: {max_exemplars: 5}}
tracing: {endpoint: 'x:1'}
otlp: {promote_resource_attributes: [a]}
scrape_configs:
  - job_name: k
    kubernetes_sd_configs: [{role: pod}]
    oauth2: {client_id: a, client_secret: hush, token_url: 'http://t'}
)");
  EXPECT_THAT(config.without_effect,
              ElementsAre("oauth2 of job \"k\"", "kubernetes_sd_configs of job \"k\"",
                          "alerting", "rule_files",
                          "remote_write", "remote_read", "tracing", "otlp"));
  EXPECT_EQ(config.retention_time_ms, 90ll * 86400 * 1000);
  EXPECT_EQ(config.retention_size_bytes, 0u);
  EXPECT_EQ(config.max_exemplars, 5);
  EXPECT_EQ(config.yaml.find("hush"), std::string::npos) << config.yaml;
  EXPECT_THAT(config.yaml, HasSubstr("rule_files:\n- /etc/tidemark/rules/*.yml\n"));
}

TEST(LoadConfig, ExpandsTheEnvironmentAsGoDoes) {
  const auto environment = [](const std::string& name) { return "<" + name + ">"; };
  EXPECT_EQ(ExpandEnvironment("a $B ${C}d $$ ${$} $1x ${ $", environment),
            "a <B> <C>d $ $ <1>x  $");
  setenv("TIDEMARK_TEST_DC", "eu", 1);
  EXPECT_EQ(
      MustLoad("global: {external_labels: {dc: '$TIDEMARK_TEST_DC-$$1', none: '${TIDEMARK_NO}'}}")
          .global.external_labels.ToString(),
      R"({dc="eu-$1"})");
}

TEST(LoadConfig, ReadsScrapeConfigFilesRelativeToThemselves) {
  const std::filesystem::path dir = std::filesystem::path(testing::TempDir()) / "load_files";
  std::filesystem::create_directories(dir / "more");
  std::ofstream(dir / "main.yml")
      << "scrape_config_files: ['more/*.yml']\nscrape_configs: [{job_name: a}]\n";
  std::ofstream(dir / "more/one.yml")
      << "scrape_configs:\n- job_name: b\n  basic_auth: {password_file: pw}\n";
  auto config = LoadConfigFile(dir / "main.yml");
  ASSERT_TRUE(config.ok()) << config.status();
  ASSERT_EQ(config->scrape_configs.size(), 2u);
  EXPECT_EQ(config->scrape_configs[1].http.basic_auth->password_file, dir / "more/pw");
  EXPECT_EQ(config->files.size(), 2u);
  std::ofstream(dir / "more/one.yml") << "scrape_configs:\n- job_name: a\n";
  config = LoadConfigFile(dir / "main.yml");
  EXPECT_THAT(std::string(base::message(config.status())),
              HasSubstr("one.yml:2:13: found multiple scrape configs with job name \"a\", first "
                        "found in main config file"));
  EXPECT_TRUE(absl::IsNotFound(LoadConfigFile(dir / "none.yml").status()));
  EXPECT_THAT(std::string(base::message(LoadConfigFile(dir).status())),
              HasSubstr("Is a directory"));
  std::filesystem::remove_all(dir);
}

TEST(Scalars, ReadsNumbersAndSizesAsGoDoes) {
  const auto number = [](const char* text) { return YamlInt(YamlNode::Scalar(text, true)); };
  EXPECT_EQ(number("12"), 12);
  EXPECT_EQ(number("-0x1f"), -31);
  EXPECT_EQ(number("0o17"), 15);
  EXPECT_EQ(number("017"), 15);
  EXPECT_EQ(number("1_000"), 1000);
  EXPECT_EQ(number("1e3"), 1000);
  EXPECT_EQ(number("1.5"), std::nullopt);
  EXPECT_EQ(number("9223372036854775808"), std::nullopt);
  EXPECT_EQ(number("inf"), std::nullopt);
  EXPECT_EQ(number("x"), std::nullopt);
  EXPECT_EQ(ParseBytes("0"), 0u);
  EXPECT_EQ(ParseBytes("512MB"), 512u << 20);
  EXPECT_EQ(ParseBytes("1.5GiB"), 3u << 29);
  EXPECT_EQ(ParseBytes("1KB24B"), 1048u);
  EXPECT_EQ(ParseBytes("100"), std::nullopt);
  EXPECT_EQ(ParseBytes("100EB"), std::nullopt);
  EXPECT_EQ(ParseBytes("-1KB"), std::nullopt);
  EXPECT_EQ(FormatBytes((3u << 29) + 1), "1GiB512MiB1B");
}

}  // namespace
}  // namespace server
