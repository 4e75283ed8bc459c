#include "server/config/load_scrape.h"

#include <algorithm>
#include <array>

#include "server/config/emit.h"
#include "server/config/load_http.h"
#include "server/config/scalar.h"
#include "server/config/schema.h"
#include "storage/base/hash.h"

namespace server {
namespace {

constexpr std::array<std::string_view, 5> kProtocolNames = {
    "PrometheusProto", "PrometheusText0.0.4", "PrometheusText1.0.0", "OpenMetricsText0.0.1",
    "OpenMetricsText1.0.0"};
constexpr std::array<std::string_view, 4> kEscapings = {"allow-utf-8", "underscores", "dots",
                                                        "values"};

std::optional<ScrapeProtocol> ParseProtocol(std::string_view name) {
  const auto found = std::find(kProtocolNames.begin(), kProtocolNames.end(), name);
  if (found == kProtocolNames.end()) return std::nullopt;
  return static_cast<ScrapeProtocol>(found - kProtocolNames.begin());
}

std::string UnknownProtocol(std::string_view name) {
  return fmt::format(
      "unknown scrape protocol {}, supported: [OpenMetricsText0.0.1 OpenMetricsText1.0.0 "
      "PrometheusProto PrometheusText0.0.4 PrometheusText1.0.0]",
      name);
}

std::vector<ScrapeProtocol> DefaultProtocols(bool proto_first) {
  std::vector<ScrapeProtocol> out = {
      ScrapeProtocol::kOpenMetricsText100, ScrapeProtocol::kOpenMetricsText001,
      ScrapeProtocol::kPrometheusText100, ScrapeProtocol::kPrometheusText004};
  if (proto_first) out.insert(out.begin(), ScrapeProtocol::kPrometheusProto);
  return out;
}

std::vector<ScrapeProtocol> LoadProtocols(const Fields& fields, std::string_view where,
                                          Problems* problems) {
  std::vector<ScrapeProtocol> out;
  const YamlNode& list = fields.At("scrape_protocols");
  if (list.items.empty()) problems->Add(list, "scrape_protocols cannot be empty for {}", where);
  for (const YamlNode& item : list.items) {
    const auto protocol = ParseProtocol(item.text);
    if (!protocol) {
      problems->Add(item, "scrape_protocols: {} for {}", UnknownProtocol(item.text), where);
    } else if (std::find(out.begin(), out.end(), *protocol) != out.end()) {
      problems->Add(item, "duplicated protocol in scrape_protocols, got {} twice for {}", item.text,
                    where);
    } else {
      out.push_back(*protocol);
    }
  }
  return out;
}

// "utf8", "legacy" or nothing.
void LoadNames(const Fields& fields, const ScrapeConfig& otherwise, std::string_view where,
               ScrapeConfig* job, Problems* problems) {
  const std::string scheme = fields.String("metric_name_validation_scheme");
  if (!scheme.empty() && scheme != "utf8" && scheme != "legacy") {
    problems->Add(fields.At("metric_name_validation_scheme"),
                  "unknown {} name validation method specified, must be either '', 'legacy' or "
                  "'utf8', got {}",
                  where, scheme);
  }
  job->legacy_names = scheme.empty() ? otherwise.legacy_names : scheme == "legacy";
  job->metric_name_escaping_scheme = fields.String("metric_name_escaping_scheme");
  std::string& escaping = job->metric_name_escaping_scheme;
  if (escaping.empty()) {
    escaping = !scheme.empty() ? (job->legacy_names ? "underscores" : "allow-utf-8")
                               : otherwise.metric_name_escaping_scheme;
  } else if (std::find(kEscapings.begin(), kEscapings.end(), escaping) == kEscapings.end()) {
    problems->Add(fields.At("metric_name_escaping_scheme"),
                  "unknown {} name escaping method specified, must be one of 'allow-utf-8', "
                  "'underscores', 'dots', or 'values', got {}",
                  where, Quote(escaping));
  } else if (escaping == "allow-utf-8" && job->legacy_names) {
    problems->Add(fields.At("metric_name_escaping_scheme"),
                  "utf8 metric names requested but validation scheme is not set to UTF8");
  }
}

uint64_t OrGlobal(uint64_t own, uint64_t global) { return own == 0 ? global : own; }

// Limits and switches; 0 and absent mean the global one.
void LoadChoices(const Fields& fields, const ScrapeConfig& otherwise, ScrapeConfig* job) {
  const auto limit = [&](std::string_view key, uint64_t global) {
    return OrGlobal(fields.Uint(key, 0), global);
  };
  job->body_size_limit = OrGlobal(fields.Bytes("body_size_limit", 0), otherwise.body_size_limit);
  job->sample_limit = limit("sample_limit", otherwise.sample_limit);
  job->target_limit = limit("target_limit", otherwise.target_limit);
  job->label_limit = limit("label_limit", otherwise.label_limit);
  job->label_name_length_limit =
      limit("label_name_length_limit", otherwise.label_name_length_limit);
  job->label_value_length_limit =
      limit("label_value_length_limit", otherwise.label_value_length_limit);
  job->keep_dropped_targets = limit("keep_dropped_targets", otherwise.keep_dropped_targets);
  job->scrape_native_histograms =
      fields.Bool("scrape_native_histograms", otherwise.scrape_native_histograms);
  job->always_scrape_classic_histograms =
      fields.Bool("always_scrape_classic_histograms", otherwise.always_scrape_classic_histograms);
  job->convert_classic_histograms_to_nhcb = fields.Bool(
      "convert_classic_histograms_to_nhcb", otherwise.convert_classic_histograms_to_nhcb);
  job->extra_scrape_metrics = fields.Bool("extra_scrape_metrics", otherwise.extra_scrape_metrics);
}

void LoadTimes(const Fields& fields, const ScrapeConfig& global, ScrapeConfig* job,
               Problems* problems) {
  const int64_t interval = fields.DurationMs("scrape_interval", 0);
  const int64_t timeout = fields.DurationMs("scrape_timeout", 0);
  job->scrape_interval_ms = interval == 0 ? global.scrape_interval_ms : interval;
  if (timeout > job->scrape_interval_ms) {
    problems->Add(fields.At("scrape_timeout"),
                  "scrape timeout greater than scrape interval for scrape config with job name {}",
                  Quote(job->job_name));
  }
  job->scrape_timeout_ms =
      timeout == 0 ? std::min(global.scrape_timeout_ms, job->scrape_interval_ms) : timeout;
}

void LoadStatic(const Fields& fields, bool check_addresses, ScrapeConfig* job, Problems* problems) {
  for (const YamlNode& item : fields.List("static_configs")) {
    const Fields entry(item);
    StaticConfig& added = job->static_configs.emplace_back();
    added.targets = entry.Strings("targets");
    added.labels = LoadLabels(entry.Section("labels").node(), false, problems);
    if (!check_addresses) continue;
    for (const YamlNode& target : entry.List("targets")) {
      if (target.text.find('/') != std::string::npos) {
        problems->Add(target, "{} is not a valid hostname", Quote(target.text));
      }
    }
  }
}

bool IsFileSdName(std::string_view path) {
  const size_t star = path.find('*');
  if (star != std::string_view::npos && path.find('/', star) != std::string_view::npos)
    return false;
  for (const std::string_view end : {".json", ".yml", ".yaml", ".JSON", ".YML", ".YAML"}) {
    if (path.ends_with(end)) return true;
  }
  return false;
}

void LoadFileSd(const Fields& fields, std::string_view dir, ScrapeConfig* job, Problems* problems) {
  for (const YamlNode& item : fields.List("file_sd_configs")) {
    const Fields entry(item);
    FileSdConfig& added = job->file_sd_configs.emplace_back();
    added.refresh_interval_ms = entry.DurationMs("refresh_interval", 5 * 60 * 1000);
    if (added.refresh_interval_ms <= 0) added.refresh_interval_ms = 5 * 60 * 1000;
    if (entry.List("files").empty()) {
      problems->Add(item, "file service discovery config must contain at least one path name");
    }
    for (const YamlNode& file : entry.List("files")) {
      if (!IsFileSdName(file.text)) {
        problems->Add(file, "path name {} is not valid for file discovery", Quote(file.text));
      }
      added.files.push_back(ResolvePath(dir, file.text));
    }
  }
}

void LoadDiscovery(const Fields& fields, std::string_view dir, ScrapeConfig* job,
                   Problems* problems, std::vector<std::string>* without_effect) {
  LoadStatic(fields, fields.List("relabel_configs").empty(), job, problems);
  LoadFileSd(fields, dir, job, problems);
  for (const std::string_view key : DiscoveryKeys()) {
    if (key == "static_configs" || key == "file_sd_configs" || !fields.Has(key)) continue;
    without_effect->emplace_back(key);
    for (const YamlNode& item : fields.List(key)) CheckHttpClient(Fields(item), problems);
  }
}

RelabelConfig LoadRelabel(const YamlNode& node, bool legacy_names, Problems* problems) {
  const Fields fields(node);
  RelabelConfig rule;
  rule.source_labels = fields.Strings("source_labels");
  rule.separator = fields.String("separator", rule.separator);
  if (const YamlNode* regex = node.Find("regex")) rule.regex = regex->text;
  rule.modulus = fields.Uint("modulus", 0);
  rule.target_label = fields.String("target_label");
  rule.replacement = fields.String("replacement", rule.replacement);
  if (fields.Has("action")) {
    const auto action = ParseRelabelAction(fields.String("action"));
    if (!action.ok()) {
      problems->Add(fields.At("action"), "{}", base::message(action.status()));
      return rule;
    }
    rule.action = *action;
  }
  const absl::Status compiled = CompileRelabel(&rule, legacy_names);
  if (!compiled.ok()) {
    const bool regex = base::message(compiled).starts_with("error parsing regexp");
    problems->Add(regex ? fields.At("regex") : node, "{}", base::message(compiled));
  }
  return rule;
}

}  // namespace

std::string_view ToString(ScrapeProtocol protocol) {
  return kProtocolNames[static_cast<int>(protocol)];
}

std::vector<RelabelConfig> LoadRelabelConfigs(const std::vector<YamlNode>& list, bool legacy_names,
                                              Problems* problems) {
  std::vector<RelabelConfig> out;
  for (const YamlNode& item : list) out.push_back(LoadRelabel(item, legacy_names, problems));
  return out;
}

model::Labels LoadLabels(const YamlNode& map, bool legacy_names, Problems* problems) {
  std::vector<model::Labels::Pair> pairs;
  for (size_t i = 0; i < map.keys.size(); ++i) {
    const YamlNode::Key& key = map.keys[i];
    const std::string& value = map.items[i].text;
    if (legacy_names && !model::IsLegacyLabelName(key.name)) {
      problems->Add(key.line, key.column, "{} is not a valid label name", Quote(key.name));
    }
    if (!model::IsValidUtf8(value)) {
      problems->Add(map.items[i], "{} is not a valid label value", Quote(value));
    }
    pairs.emplace_back(key.name, value);
  }
  return model::Labels::FromPairs(std::move(pairs));
}

ScrapeDefaults LoadScrapeDefaults(const Fields& global, std::string_view dir, Problems* problems) {
  ScrapeDefaults out;
  ScrapeConfig built_in;
  built_in.metric_name_escaping_scheme = "allow-utf-8";
  LoadNames(global, built_in, "global", &out.job, problems);
  LoadChoices(global, built_in, &out.job);
  out.protocols_set = global.Has("scrape_protocols");
  if (out.protocols_set)
    out.job.scrape_protocols = LoadProtocols(global, "global config", problems);
  out.failure_log_file = ResolvePath(dir, global.String("scrape_failure_log_file"));

  const int64_t interval = global.DurationMs("scrape_interval", 0);
  const int64_t timeout = global.DurationMs("scrape_timeout", 0);
  if (interval > 0) out.job.scrape_interval_ms = interval;
  if (timeout > out.job.scrape_interval_ms) {
    problems->Add(global.At("scrape_timeout"),
                  "global scrape timeout greater than scrape interval");
  }
  out.job.scrape_timeout_ms =
      timeout > 0 ? timeout : std::min(out.job.scrape_timeout_ms, out.job.scrape_interval_ms);
  return out;
}

ScrapeConfig LoadScrapeConfig(const Fields& fields, const ScrapeDefaults& defaults,
                              std::string_view dir, Problems* problems,
                              std::vector<std::string>* without_effect) {
  ScrapeConfig job;
  job.job_name = fields.String("job_name");
  if (job.job_name.empty()) problems->Add(fields.At("job_name"), "job_name is empty");
  const std::string where = fmt::format("scrape config with job name {}", Quote(job.job_name));
  LoadTimes(fields, defaults.job, &job, problems);
  LoadNames(fields, defaults.job, "scrape config", &job, problems);
  LoadChoices(fields, defaults.job, &job);
  if (fields.Has("scrape_protocols")) {
    job.scrape_protocols = LoadProtocols(fields, where, problems);
  } else {
    job.scrape_protocols = defaults.protocols_set ? defaults.job.scrape_protocols
                                                  : DefaultProtocols(job.scrape_native_histograms);
  }
  if (const std::string fallback = fields.String("fallback_scrape_protocol"); !fallback.empty()) {
    job.fallback_scrape_protocol = ParseProtocol(fallback);
    if (!job.fallback_scrape_protocol) {
      problems->Add(fields.At("fallback_scrape_protocol"),
                    "invalid fallback_scrape_protocol for {}: {}", where,
                    UnknownProtocol(fallback));
    }
  }
  job.metrics_path = fields.String("metrics_path", job.metrics_path);
  job.scheme = fields.String("scheme", job.scheme);
  if (job.scheme != "http" && job.scheme != "https") {
    problems->Add(fields.At("scheme"), "scheme must be http or https, got {}", Quote(job.scheme));
  }
  const Fields params = fields.Section("params");
  for (const YamlNode::Key& key : params.node().keys) {
    job.params.emplace_back(key.name, params.Strings(key.name));
  }
  job.honor_labels = fields.Bool("honor_labels", job.honor_labels);
  job.honor_timestamps = fields.Bool("honor_timestamps", job.honor_timestamps);
  job.track_timestamps_staleness =
      fields.Bool("track_timestamps_staleness", job.track_timestamps_staleness);
  job.enable_compression = fields.Bool("enable_compression", job.enable_compression);
  job.scrape_failure_log_file = ResolvePath(dir, fields.String("scrape_failure_log_file"));
  if (job.scrape_failure_log_file.empty()) job.scrape_failure_log_file = defaults.failure_log_file;
  std::vector<std::string> idle;
  job.http = LoadHttpClient(fields, dir, problems, &idle);
  job.relabel_configs =
      LoadRelabelConfigs(fields.List("relabel_configs"), job.legacy_names, problems);
  job.metric_relabel_configs =
      LoadRelabelConfigs(fields.List("metric_relabel_configs"), job.legacy_names, problems);
  LoadDiscovery(fields, dir, &job, problems, &idle);
  if (job.scrape_native_histograms) idle.emplace_back("scrape_native_histograms");
  if (job.convert_classic_histograms_to_nhcb)
    idle.emplace_back("convert_classic_histograms_to_nhcb");
  for (const char* key : {"native_histogram_bucket_limit", "native_histogram_min_bucket_factor"}) {
    if (fields.Has(key)) idle.emplace_back(key);
  }
  for (const std::string& key : idle) {
    without_effect->push_back(fmt::format("{} of job {}", key, Quote(job.job_name)));
  }
  const YamlNode node = ToYaml(job, fields.node());
  job.fingerprint = base::Hash64(PrintYaml(node));
  job.yaml = PrintYaml(HideSecrets(node, "scrape_config"));
  return job;
}

}  // namespace server
