#include "server/config/validate.h"

#include <algorithm>
#include <array>
#include <set>

#include "server/config/load_http.h"
#include "server/config/load_scrape.h"
#include "server/config/schema.h"

namespace server {
namespace {

std::string Lower(std::string_view s) {
  std::string out(s);
  for (char& c : out) c |= c >= 'A' && c <= 'Z' ? 0x20 : 0;
  return out;
}

void CheckReservedHeaders(const Fields& section, std::string_view authorization,
                          Problems* problems) {
  static constexpr std::array<std::string_view, 16> kReserved = {
      "host",
      "content-encoding",
      "content-length",
      "content-type",
      "user-agent",
      "connection",
      "keep-alive",
      "proxy-authenticate",
      "proxy-authorization",
      "www-authenticate",
      "accept-encoding",
      "x-prometheus-remote-write-version",
      "x-prometheus-remote-read-version",
      "x-amz-date",
      "x-amz-security-token",
      "x-amz-content-sha256"};
  for (const YamlNode::Key& key : section.Section("headers").node().keys) {
    const std::string name = Lower(key.name);
    if (name == "authorization") {
      problems->Add(key.line, key.column, "{}", authorization);
    } else if (std::find(kReserved.begin(), kReserved.end(), name) != kReserved.end()) {
      problems->Add(key.line, key.column, "{} is a reserved header. It must not be changed",
                    key.name);
    }
  }
}

void CheckUniqueNames(const std::vector<YamlNode>& list, std::string_view what,
                      Problems* problems) {
  std::set<std::string> names;
  for (const YamlNode& item : list) {
    const Fields section(item);
    const std::string name = section.String("name");
    if (!name.empty() && !names.insert(name).second) {
      problems->Add(section.At("name"), "found multiple {} configs with job name {}", what,
                    Quote(name));
    }
  }
}

void CheckAlerting(const Fields& alerting, bool legacy, Problems* problems) {
  LoadRelabelConfigs(alerting.List("alert_relabel_configs"), legacy, problems);
  for (const YamlNode& item : alerting.List("alertmanagers")) {
    const Fields manager(item);
    CheckHttpClient(manager, problems);
    const bool auth =
        manager.Has("basic_auth") || manager.Has("authorization") || manager.Has("oauth2");
    if (auth && manager.Has("sigv4")) {
      problems->Add(manager.At("sigv4"),
                    "at most one of basic_auth, authorization, oauth2, & sigv4 must be configured");
    }
    const std::string version = manager.String("api_version", "v2");
    if (version != "v2") {
      problems->Add(manager.At("api_version"),
                    "expected Alertmanager api version to be one of [v2] but got {}", version);
    }
    LoadRelabelConfigs(manager.List("relabel_configs"), legacy, problems);
    LoadRelabelConfigs(manager.List("alert_relabel_configs"), legacy, problems);
    for (const YamlNode& group : manager.List("static_configs")) {
      for (const YamlNode& target : Fields(group).List("targets")) {
        if (manager.List("relabel_configs").empty() && target.text.find('/') != std::string::npos) {
          problems->Add(target, "{} is not a valid hostname", Quote(target.text));
        }
      }
    }
  }
}

void CheckQueue(const Fields& queue, Problems* problems) {
  const auto positive = [&](std::string_view key, int64_t otherwise) {
    const int64_t value = queue.Int(key, otherwise);
    if (value <= 0) problems->Add(queue.At(key), "remote write queue {} must be positive", key);
    return value;
  };
  const int64_t max_shards = positive("max_shards", 50), min_shards = positive("min_shards", 1);
  positive("max_samples_per_send", 2000);
  positive("capacity", 10000);
  if (min_shards > max_shards) {
    problems->Add(queue.node(),
                  "remote write queue min_shards must not be greater than max_shards");
  }
  if (queue.DurationMs("max_backoff", 5000) < queue.DurationMs("min_backoff", 30)) {
    problems->Add(queue.node(), "remote write queue max_backoff must not be less than min_backoff");
  }
}

void CheckRemoteWrite(const Fields& write, bool legacy, Problems* problems) {
  CheckHttpClient(write, problems);
  CheckReservedHeaders(write,
                       "authorization header must be changed via the basic_auth, authorization, "
                       "oauth2, sigv4, azuread or google_iam parameter",
                       problems);
  LoadRelabelConfigs(write.List("write_relabel_configs"), legacy, problems);
  const std::string message = write.String("protobuf_message", "prometheus.WriteRequest");
  if (message != "prometheus.WriteRequest" && message != "io.prometheus.write.v2.Request") {
    problems->Add(
        write.At("protobuf_message"),
        "invalid protobuf_message value: unknown type for remote write protobuf message {}, "
        "supported: prometheus.WriteRequest, io.prometheus.write.v2.Request",
        message);
  }
  CheckQueue(write.Section("queue_config"), problems);
  std::string configured;
  int count = 0;
  for (const char* key :
       {"basic_auth", "authorization", "oauth2", "sigv4", "azuread", "google_iam"}) {
    if (!write.Has(key)) continue;
    configured += (count++ > 0 ? " " : "") + std::string(key);
  }
  if (count > 1) {
    problems->Add(write.node(),
                  "at most one of basic_auth, authorization, oauth2, sigv4, azuread or google_iam "
                  "must be configured. Currently configured: [{}]",
                  configured);
  }
}

void CheckTracing(const Fields& tracing, Problems* problems) {
  if (tracing.node().is_null()) return;
  CheckReservedHeaders(tracing, "custom authorization header configuration is not yet supported",
                       problems);
  const std::string type = tracing.String("client_type", "grpc");
  if (type != "grpc" && type != "http") {
    problems->Add(tracing.At("client_type"),
                  "expected tracing client type to be to be http or grpc, but got {}", type);
  }
  const std::string compression = tracing.String("compression");
  if (!compression.empty() && compression != "gzip") {
    problems->Add(tracing.At("compression"),
                  "invalid compression type {} provided, valid options: gzip", compression);
  }
}

void CheckAttributes(const Fields& otlp, std::string_view key, std::string_view adjective,
                     Problems* problems) {
  std::set<std::string> seen;
  for (const YamlNode& item : otlp.List(key)) {
    if (item.text.find_first_not_of(" \t") == std::string::npos) {
      problems->Add(item, "invalid '{}': empty {} OTel resource attribute", key, adjective);
    } else if (!seen.insert(item.text).second) {
      problems->Add(item, "invalid '{}': duplicated {} OTel resource attribute {}", key, adjective,
                    Quote(item.text));
    }
  }
}

void CheckOtlp(const Fields& otlp, bool legacy, Problems* problems) {
  const bool all = otlp.Bool("promote_all_resource_attributes", false);
  if (all && !otlp.List("promote_resource_attributes").empty()) {
    problems->Add(otlp.At("promote_resource_attributes"),
                  "'promote_all_resource_attributes' and 'promote_resource_attributes' cannot be "
                  "configured simultaneously");
  }
  if (!all && !otlp.List("ignore_resource_attributes").empty()) {
    problems->Add(otlp.At("ignore_resource_attributes"),
                  "'ignore_resource_attributes' cannot be configured unless "
                  "'promote_all_resource_attributes' is true");
  }
  CheckAttributes(otlp, "ignore_resource_attributes", "ignored", problems);
  CheckAttributes(otlp, "promote_resource_attributes", "promoted", problems);
  const std::string strategy =
      otlp.String("translation_strategy", "UnderscoreEscapingWithSuffixes");
  if (strategy == "NoTranslation" || strategy == "NoUTF8EscapingWithSuffixes") {
    if (legacy) {
      problems->Add(otlp.At("translation_strategy"),
                    "OTLP translation strategy {} is not allowed when UTF8 is disabled",
                    Quote(strategy));
    }
  } else if (!strategy.empty() && strategy != "UnderscoreEscapingWithSuffixes" &&
             strategy != "UnderscoreEscapingWithoutSuffixes") {
    problems->Add(otlp.At("translation_strategy"), "unsupported OTLP translation strategy {}",
                  Quote(strategy));
  }
}

void CheckStorage(const Fields& storage, Problems* problems) {
  const Fields tsdb = storage.Section("tsdb");
  const Fields retention = tsdb.Section("retention");
  const double percentage = retention.Float("percentage", 0);
  if (!(percentage >= 0 && percentage <= 100)) {
    problems->Add(retention.At("percentage"),
                  "'storage.tsdb.retention.percentage' must be in the range [0, 100], got {}",
                  percentage);
  }
  const Fields encoding = tsdb.Section("chunk_encoding");
  const std::string floats = encoding.String("floats");
  if (!floats.empty() && floats != "xor" && floats != "xor2") {
    problems->Add(encoding.At("floats"),
                  "'storage.tsdb.chunk_encoding.floats' must be 'xor' or 'xor2', or the field must "
                  "be omitted entirely, got {}",
                  Quote(floats));
  }
}

}  // namespace

bool IsValidPattern(std::string_view path) {
  const size_t star = path.find('*');
  return star == std::string_view::npos || path.find('/', star) == std::string_view::npos;
}

void ValidateOtherSections(const Fields& config, bool legacy_names, Problems* problems) {
  for (const YamlNode& item : config.List("rule_files")) {
    if (!IsValidPattern(item.text)) {
      problems->Add(item, "invalid rule file path {}", Quote(item.text));
    }
  }
  CheckAlerting(config.Section("alerting"), legacy_names, problems);
  CheckUniqueNames(config.List("remote_write"), "remote write", problems);
  for (const YamlNode& item : config.List("remote_write")) {
    CheckRemoteWrite(Fields(item), legacy_names, problems);
  }
  CheckUniqueNames(config.List("remote_read"), "remote read", problems);
  for (const YamlNode& item : config.List("remote_read")) {
    const Fields read(item);
    CheckHttpClient(read, problems);
    CheckReservedHeaders(read,
                         "authorization header must be changed via the basic_auth, authorization, "
                         "oauth2, sigv4, azuread or google_iam parameter",
                         problems);
  }
  CheckStorage(config.Section("storage"), problems);
  CheckTracing(config.Section("tracing"), problems);
  CheckOtlp(config.Section("otlp"), legacy_names, problems);
}

}  // namespace server
