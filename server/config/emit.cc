#include "server/config/emit.h"

#include "server/config/scalar.h"
#include "server/config/schema.h"
#include "storage/model/duration_text.h"

namespace server {
namespace {

// Adds pairs to a mapping; most leave out what is empty.
class Emitter {
 public:
  void Text(std::string_view key, std::string_view value) {
    if (!value.empty()) Always(key, value);
  }
  void Always(std::string_view key, std::string_view value) {
    node.Add(std::string(key), YamlNode::Scalar(std::string(value)));
  }
  void Bool(std::string_view key, bool value) {
    node.Add(std::string(key), YamlNode::Scalar(value ? "true" : "false", true));
  }
  void BoolIf(std::string_view key, bool value) {
    if (value) Bool(key, value);
  }
  void Number(std::string_view key, uint64_t value) {
    if (value != 0) node.Add(std::string(key), YamlNode::Scalar(std::to_string(value), true));
  }
  void Bytes(std::string_view key, uint64_t value) {
    if (value != 0) Always(key, FormatBytes(value));
  }
  void Duration(std::string_view key, int64_t ms) { Always(key, model::FormatDurationMs(ms)); }
  void Strings(std::string_view key, const std::vector<std::string>& values, bool flow = false) {
    if (values.empty()) return;
    YamlNode list = YamlNode::Sequence();
    list.flow = flow;
    for (const std::string& value : values) list.Add(YamlNode::Scalar(value));
    node.Add(std::string(key), std::move(list));
  }
  void Labels(std::string_view key, const model::Labels& labels) {
    if (labels.empty()) return;
    YamlNode map = YamlNode::Mapping();
    for (const model::Label& label : labels) {
      map.Add(std::string(label.name), YamlNode::Scalar(std::string(label.value)));
    }
    node.Add(std::string(key), std::move(map));
  }
  void Section(std::string_view key, Emitter section) {
    if (!section.node.items.empty()) node.Add(std::string(key), std::move(section.node));
  }
  void AsWritten(std::string_view key, const YamlNode& source) {
    const YamlNode* found = source.Find(key);
    if (found != nullptr && !found->is_null()) node.Add(std::string(key), *found);
  }
  void Rules(std::string_view key, const std::vector<RelabelConfig>& rules) {
    if (rules.empty()) return;
    YamlNode list = YamlNode::Sequence();
    for (const RelabelConfig& rule : rules) list.Add(ToYaml(rule));
    node.Add(std::string(key), std::move(list));
  }

  YamlNode node = YamlNode::Mapping();
};

std::vector<std::string> Names(const std::vector<ScrapeProtocol>& protocols) {
  std::vector<std::string> out;
  for (const ScrapeProtocol protocol : protocols) out.emplace_back(ToString(protocol));
  return out;
}

void EmitLimits(const ScrapeConfig& job, Emitter* out) {
  out->Bytes("body_size_limit", job.body_size_limit);
  out->Number("sample_limit", job.sample_limit);
  out->Number("target_limit", job.target_limit);
  out->Number("label_limit", job.label_limit);
  out->Number("label_name_length_limit", job.label_name_length_limit);
  out->Number("label_value_length_limit", job.label_value_length_limit);
}

std::string_view VersionName(TlsVersion version) {
  switch (version) {
    case TlsVersion::kTls10:
      return "TLS10";
    case TlsVersion::kTls11:
      return "TLS11";
    case TlsVersion::kTls12:
      return "TLS12";
    case TlsVersion::kTls13:
      return "TLS13";
    case TlsVersion::kDefault:
      break;
  }
  return "";
}

Emitter EmitTls(const TlsConfig& tls) {
  Emitter out;
  out.Text("ca", tls.ca);
  out.Text("cert", tls.cert);
  out.Text("key", tls.key);
  out.Text("ca_file", tls.ca_file);
  out.Text("cert_file", tls.cert_file);
  out.Text("key_file", tls.key_file);
  out.Text("server_name", tls.server_name);
  const bool more = tls.insecure_skip_verify || tls.min_version != TlsVersion::kDefault ||
                    tls.max_version != TlsVersion::kDefault;
  if (!out.node.items.empty() || more) out.Bool("insecure_skip_verify", tls.insecure_skip_verify);
  out.Text("min_version", VersionName(tls.min_version));
  out.Text("max_version", VersionName(tls.max_version));
  return out;
}

void EmitHttp(const HttpClientConfig& http, const YamlNode& source, Emitter* out) {
  if (http.basic_auth) {
    Emitter basic;
    basic.Text("username", http.basic_auth->username);
    basic.Text("username_file", http.basic_auth->username_file);
    basic.Text("password", http.basic_auth->password);
    basic.Text("password_file", http.basic_auth->password_file);
    out->node.Add("basic_auth", std::move(basic.node));
  }
  if (http.authorization) {
    Emitter authorization;
    authorization.Text("type", http.authorization->type);
    authorization.Text("credentials", http.authorization->credentials);
    authorization.Text("credentials_file", http.authorization->credentials_file);
    out->node.Add("authorization", std::move(authorization.node));
  }
  out->AsWritten("oauth2", source);
  out->Section("tls_config", EmitTls(http.tls));
  out->Bool("follow_redirects", http.follow_redirects);
  out->Bool("enable_http2", http.enable_http2);
  out->Text("proxy_url", http.proxy_url);
  for (const std::string_view key :
       {"no_proxy", "proxy_from_environment", "proxy_connect_header"}) {
    out->AsWritten(key, source);
  }
  Emitter headers;
  for (const HttpHeader& header : http.headers) {
    Emitter one;
    one.Strings("values", header.values);
    one.Strings("secrets", header.secrets);
    one.Strings("files", header.files);
    headers.node.Add(header.name, std::move(one.node));
  }
  out->Section("http_headers", std::move(headers));
}

void EmitDiscovery(const ScrapeConfig& job, const YamlNode& source, Emitter* out) {
  for (const std::string_view key : DiscoveryKeys()) {
    YamlNode list = YamlNode::Sequence();
    if (key == "static_configs") {
      for (const StaticConfig& config : job.static_configs) {
        Emitter one;
        one.Strings("targets", config.targets);
        one.Labels("labels", config.labels);
        list.Add(std::move(one.node));
      }
    } else if (key == "file_sd_configs") {
      for (const FileSdConfig& config : job.file_sd_configs) {
        Emitter one;
        one.Strings("files", config.files);
        one.Duration("refresh_interval", config.refresh_interval_ms);
        list.Add(std::move(one.node));
      }
    } else {
      out->AsWritten(key, source);
    }
    if (!list.items.empty()) out->node.Add(std::string(key), std::move(list));
  }
}

}  // namespace

YamlNode ToYaml(const RelabelConfig& rule) {
  static const RelabelConfig kDefault;
  Emitter out;
  out.Strings("source_labels", rule.source_labels, true);
  out.Always("separator", rule.separator);
  if (rule.regex != kDefault.regex) out.Always("regex", rule.regex);
  out.Number("modulus", rule.modulus);
  out.Text("target_label", rule.target_label);
  out.Always("replacement", rule.replacement);
  out.Always("action", ToString(rule.action));
  return std::move(out.node);
}

YamlNode ToYaml(const ScrapeConfig& job, const YamlNode& source) {
  Emitter out;
  out.Always("job_name", job.job_name);
  out.BoolIf("honor_labels", job.honor_labels);
  out.Bool("honor_timestamps", job.honor_timestamps);
  out.Bool("track_timestamps_staleness", job.track_timestamps_staleness);
  Emitter params;
  for (const auto& [name, values] : job.params) params.Strings(name, values);
  out.Section("params", std::move(params));
  out.Duration("scrape_interval", job.scrape_interval_ms);
  out.Duration("scrape_timeout", job.scrape_timeout_ms);
  out.Strings("scrape_protocols", Names(job.scrape_protocols));
  if (job.fallback_scrape_protocol) {
    out.Always("fallback_scrape_protocol", ToString(*job.fallback_scrape_protocol));
  }
  out.Bool("scrape_native_histograms", job.scrape_native_histograms);
  out.Bool("always_scrape_classic_histograms", job.always_scrape_classic_histograms);
  out.Bool("convert_classic_histograms_to_nhcb", job.convert_classic_histograms_to_nhcb);
  out.Text("scrape_failure_log_file", job.scrape_failure_log_file);
  out.Text("metrics_path", job.metrics_path);
  out.Text("scheme", job.scheme);
  out.Bool("enable_compression", job.enable_compression);
  EmitLimits(job, &out);
  out.AsWritten("native_histogram_bucket_limit", source);
  out.AsWritten("native_histogram_min_bucket_factor", source);
  out.Number("keep_dropped_targets", job.keep_dropped_targets);
  out.Always("metric_name_validation_scheme", job.legacy_names ? "legacy" : "utf8");
  out.Always("metric_name_escaping_scheme", job.metric_name_escaping_scheme);
  out.Bool("extra_scrape_metrics", job.extra_scrape_metrics);
  EmitHttp(job.http, source, &out);
  out.Rules("relabel_configs", job.relabel_configs);
  out.Rules("metric_relabel_configs", job.metric_relabel_configs);
  EmitDiscovery(job, source, &out);
  return std::move(out.node);
}

YamlNode ToYaml(const GlobalConfig& global, const ScrapeDefaults& defaults,
                const YamlNode& source) {
  const ScrapeConfig& job = defaults.job;
  Emitter out;
  out.Duration("scrape_interval", global.scrape_interval_ms);
  out.Duration("scrape_timeout", global.scrape_timeout_ms);
  if (defaults.protocols_set) out.Strings("scrape_protocols", Names(job.scrape_protocols));
  out.Duration("evaluation_interval", global.evaluation_interval_ms);
  out.AsWritten("rule_query_offset", source);
  out.Text("query_log_file", global.query_log_file);
  out.Text("scrape_failure_log_file", global.scrape_failure_log_file);
  out.Labels("external_labels", global.external_labels);
  EmitLimits(job, &out);
  out.Number("keep_dropped_targets", job.keep_dropped_targets);
  out.Always("metric_name_validation_scheme", job.legacy_names ? "legacy" : "utf8");
  out.Always("metric_name_escaping_scheme", job.metric_name_escaping_scheme);
  out.Bool("scrape_native_histograms", job.scrape_native_histograms);
  out.BoolIf("convert_classic_histograms_to_nhcb", job.convert_classic_histograms_to_nhcb);
  out.BoolIf("always_scrape_classic_histograms", job.always_scrape_classic_histograms);
  out.Bool("extra_scrape_metrics", job.extra_scrape_metrics);
  return std::move(out.node);
}

}  // namespace server
