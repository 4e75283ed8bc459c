// prometheus.yml as values, defaults filled in. Read by config/load; spec 5.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "compaction/retention.h"
#include "server/relabel.h"
#include "storage/model/labels.h"

namespace server {

enum class ScrapeProtocol : uint8_t {
  kPrometheusProto,
  kPrometheusText004,
  kPrometheusText100,
  kOpenMetricsText001,
  kOpenMetricsText100,
};

// A secret never prints: /status/config shows <secret>.
struct BasicAuth {
  std::string username, username_file, password, password_file;
};
struct Authorization {
  std::string type = "Bearer", credentials, credentials_file;
};
enum class TlsVersion : uint8_t { kDefault, kTls10, kTls11, kTls12, kTls13 };
struct TlsConfig {
  std::string ca, ca_file, cert, cert_file, key, key_file, server_name;
  bool insecure_skip_verify = false;
  TlsVersion min_version = TlsVersion::kDefault, max_version = TlsVersion::kDefault;
};
struct HttpHeader {
  std::string name;
  std::vector<std::string> values, secrets, files;
};

struct HttpClientConfig {
  std::optional<BasicAuth> basic_auth;
  std::optional<Authorization> authorization;  // bearer_token(_file) becomes this.
  TlsConfig tls;
  bool follow_redirects = true;
  bool enable_http2 = true;  // Accepted; HTTP/1.1 is spoken.
  std::string proxy_url;
  std::vector<HttpHeader> headers;
};

struct StaticConfig {
  std::vector<std::string> targets;
  model::Labels labels;
};
struct FileSdConfig {
  std::vector<std::string> files;  // Absolute or relative to the config's directory; resolved.
  int64_t refresh_interval_ms = 5 * 60 * 1000;
};

struct ScrapeConfig {
  std::string job_name;
  int64_t scrape_interval_ms = 60'000, scrape_timeout_ms = 10'000;
  std::vector<ScrapeProtocol> scrape_protocols;  // In order of preference.
  std::optional<ScrapeProtocol> fallback_scrape_protocol;
  std::string metrics_path = "/metrics", scheme = "http";
  std::vector<std::pair<std::string, std::vector<std::string>>> params;
  bool honor_labels = false, honor_timestamps = true, track_timestamps_staleness = false;
  bool enable_compression = true;
  uint64_t body_size_limit = 0, sample_limit = 0, target_limit = 0, label_limit = 0;
  uint64_t label_name_length_limit = 0, label_value_length_limit = 0, keep_dropped_targets = 0;
  bool legacy_names = false;  // metric_name_validation_scheme: legacy
  std::string metric_name_escaping_scheme = "allow-utf-8";
  bool extra_scrape_metrics = false;
  // Kept for __scrape_native_histograms__ and its siblings; native histograms are not ingested yet.
  bool scrape_native_histograms = false, always_scrape_classic_histograms = false;
  bool convert_classic_histograms_to_nhcb = false;
  std::string scrape_failure_log_file;
  HttpClientConfig http;
  std::vector<RelabelConfig> relabel_configs, metric_relabel_configs;
  std::vector<StaticConfig> static_configs;
  std::vector<FileSdConfig> file_sd_configs;
  std::string yaml;          // This job as effective YAML, secrets hidden.
  uint64_t fingerprint = 0;  // Of all of it, secrets included: has it changed?
};

struct GlobalConfig {
  int64_t scrape_interval_ms = 60'000, scrape_timeout_ms = 10'000, evaluation_interval_ms = 60'000;
  model::Labels external_labels;  // Expanded.
  std::string query_log_file, scrape_failure_log_file;
};

struct Config {
  GlobalConfig global;
  std::vector<ScrapeConfig> scrape_configs;
  int64_t out_of_order_window_ms = 0;
  // storage.tsdb.retention of the file; unset: the flags decide.
  std::optional<int64_t> retention_time_ms;
  std::optional<uint64_t> retention_size_bytes;
  std::optional<double> retention_percentage;                // Of the file system's size.
  std::vector<compaction::RetentionPolicy> retention_policies;  // storage.retention_policies
  std::optional<int64_t> max_exemplars;                      // storage.exemplars.max_exemplars
  std::vector<std::string> rule_files, scrape_config_files;  // Patterns, resolved.
  std::vector<std::string> files;  // All files it was read from; the first is the main one.
  std::vector<std::string> without_effect;  // Sections accepted that do nothing yet: "alerting".
  std::string yaml;                         // The whole as effective YAML, secrets hidden.
};

}  // namespace server
