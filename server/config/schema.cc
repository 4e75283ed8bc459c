#include "server/config/schema.h"

#include <array>
#include <map>

#include "server/config/scalar.h"
#include "server/nearest.h"
#include "storage/base/check.h"
#include "storage/model/duration_text.h"
#include "storage/model/labels.h"

namespace server {
namespace {

// One line a section: "key", "key:type", "key!" when it must be there, "+other" to take over the
// keys of another. Types: string (when none is said), secret, bool, int, uint, float, duration,
// bytes, url, strings, secrets, labels and map (text by text), maplist (lists by text), secretlist,
// any, {section}, [section] (a list of it), <section> (a map of it).
struct SectionText {
  std::string_view name, fields;
};
constexpr SectionText kSections[] = {
    {"config",
     "global:{global} runtime:{runtime} alerting:{alerting} rule_files:strings "
     "scrape_config_files:strings scrape_configs:[scrape_config] storage:{storage} "
     "tracing:{tracing} remote_write:[remote_write] remote_read:[remote_read] otlp:{otlp}"},
    {"scrape_config_file", "scrape_configs:[scrape_config]"},
    {"rule_file", "groups:[rule_group]"},
    {"rule_group",
     "name interval:duration query_offset:duration limit:int labels:map rules:[rule]"},
    {"rule",
     "record alert expr for:duration keep_firing_for:duration labels:map annotations:map"},
    {"rule_test_file",
     "rule_files:strings evaluation_interval:duration group_eval_order:strings tests:[rule_test] "
     "fuzzy_compare:bool"},
    {"rule_test",
     "interval:duration input_series:[input_series] alert_rule_test:[alert_rule_test] "
     "promql_expr_test:[promql_expr_test] external_labels:map external_url name start_timestamp"},
    {"input_series", "series values"},
    {"alert_rule_test", "eval_time:duration alertname exp_alerts:[exp_alert]"},
    {"exp_alert", "exp_labels:map exp_annotations:map"},
    {"promql_expr_test", "expr eval_time:duration exp_samples:[exp_sample]"},
    {"exp_sample", "labels value:float histogram"},
    {"limits",
     "body_size_limit:bytes sample_limit:uint target_limit:uint label_limit:uint "
     "label_name_length_limit:uint label_value_length_limit:uint keep_dropped_targets:uint"},
    {"scrape_choices",
     "scrape_interval:duration scrape_timeout:duration scrape_protocols:strings "
     "scrape_failure_log_file metric_name_validation_scheme metric_name_escaping_scheme "
     "scrape_native_histograms:bool always_scrape_classic_histograms:bool "
     "convert_classic_histograms_to_nhcb:bool extra_scrape_metrics:bool +limits"},
    {"global",
     "evaluation_interval:duration rule_query_offset:duration query_log_file "
     "external_labels:labels +scrape_choices"},
    {"runtime", "gogc:int"},
    {"scrape_config",
     "job_name! honor_labels:bool honor_timestamps:bool track_timestamps_staleness:bool "
     "params:maplist fallback_scrape_protocol metrics_path scheme enable_compression:bool "
     "native_histogram_bucket_limit:uint native_histogram_min_bucket_factor:float "
     "relabel_configs:[relabel] metric_relabel_configs:[relabel] +scrape_choices +http +sd"},
    {"relabel",
     "source_labels:strings separator regex modulus:uint target_label replacement action"},

    {"http",
     "basic_auth:{basic_auth} authorization:{authorization} oauth2:{oauth2} bearer_token:secret "
     "bearer_token_file tls_config:{tls} follow_redirects:bool enable_http2:bool "
     "http_headers:<header> +proxy"},
    {"proxy", "proxy_url:url no_proxy proxy_from_environment:bool proxy_connect_header:secretlist"},
    {"basic_auth",
     "username username_file username_ref password:secret password_file password_ref"},
    {"authorization", "type credentials:secret credentials_file credentials_ref"},
    {"header", "values:strings secrets:secrets files:strings"},
    {"oauth2",
     "client_id client_secret:secret client_secret_file client_secret_ref "
     "client_certificate_key_id client_certificate_key:secret client_certificate_key_file "
     "client_certificate_key_ref grant_type signature_algorithm iss audience claims:any "
     "scopes:strings token_url endpoint_params:map tls_config:{tls} +proxy"},
    {"tls",
     "ca ca_file ca_ref cert cert_file cert_ref key:secret key_file key_ref server_name "
     "insecure_skip_verify:bool min_version max_version"},

    {"alerting", "alert_relabel_configs:[relabel] alertmanagers:[alertmanager]"},
    {"alertmanager",
     "timeout:duration path_prefix scheme api_version sigv4:{sigv4} relabel_configs:[relabel] "
     "alert_relabel_configs:[relabel] +http +sd"},
    {"sigv4",
     "region access_key secret_key:secret profile role_arn external_id "
     "use_fips_sts_endpoint:bool service_name"},
    {"remote_write",
     "url!:url remote_timeout:duration headers:map write_relabel_configs:[relabel] name "
     "send_exemplars:bool send_native_histograms:bool round_robin_dns:bool protobuf_message "
     "failed_request_logging:bool queue_config:{queue} metadata_config:{metadata} sigv4:{sigv4} "
     "azuread:{azuread} google_iam:{google_iam} +http"},
    {"queue",
     "capacity:int max_shards:int min_shards:int max_samples_per_send:int "
     "batch_send_deadline:duration min_backoff:duration max_backoff:duration "
     "retry_on_http_429:bool sample_age_limit:duration"},
    {"metadata", "send:bool send_interval:duration max_samples_per_send:int"},
    {"azuread",
     "managed_identity:{azure_client} workload_identity:{azure_workload} oauth:{azure_oauth} "
     "sdk:{azure_tenant} certificate:{azure_certificate} cloud scope"},
    {"azure_client", "client_id"},
    {"azure_workload", "client_id tenant_id token_file_path"},
    {"azure_oauth", "client_id client_secret:secret tenant_id"},
    {"azure_tenant", "tenant_id"},
    {"azure_certificate",
     "client_id tenant_id certificate_path certificate_key_path certificate_password:secret "
     "send_certificate_chain:bool"},
    {"google_iam", "credentials_file!"},
    {"remote_read",
     "url!:url remote_timeout:duration chunked_read_limit:uint headers:map read_recent:bool name "
     "required_matchers:labels filter_external_labels:bool +http"},
    {"storage", "tsdb:{tsdb} exemplars:{exemplars} retention_policies:[retention_policy]"},
    {"retention_policy", "match!:strings retention!:duration"},  // Ours.
    {"tsdb",
     "out_of_order_time_window:duration stale_series_compaction_threshold:float "
     "chunk_encoding:{chunk_encoding} retention:{retention}"},
    {"chunk_encoding", "floats"},
    {"retention", "time:duration size:bytes percentage:float"},
    {"exemplars", "max_exemplars:int"},
    {"tracing",
     "client_type endpoint! sampling_fraction:float insecure:bool tls_config:{tls} headers:map "
     "compression timeout:duration"},
    {"otlp",
     "promote_all_resource_attributes:bool promote_resource_attributes:strings "
     "ignore_resource_attributes:strings translation_strategy "
     "keep_identifying_resource_attributes:bool convert_histograms_to_nhcb:bool "
     "promote_scope_metadata:bool label_name_underscore_sanitization:bool "
     "label_name_preserve_multiple_underscores:bool"},

    {"filter", "name values:strings"},
    {"aws",
     "region endpoint access_key secret_key:secret profile role_arn external_id "
     "refresh_interval:duration port:int +http"},
    {"kubernetes_namespaces", "own_namespace:bool names:strings"},
    {"kubernetes_selector", "role label field"},
    {"kubernetes_metadata", "node:bool namespace:bool deployment:bool job:bool cronjob:bool"},
};

// Service discovery, spec 5.12; each becomes the section "<name>_sd_configs".
constexpr SectionText kDiscovery[] = {
    {"static_configs", "targets:strings labels:labels"},
    {"file_sd_configs", "files!:strings refresh_interval:duration"},
    {"http_sd_configs", "url!:url refresh_interval:duration +http"},
    {"dns_sd_configs", "names!:strings type port:int refresh_interval:duration"},
    {"docker_sd_configs",
     "host!:url port:int filters:[filter] host_networking_host refresh_interval:duration "
     "match_first_network:bool +http"},
    {"dockerswarm_sd_configs",
     "host!:url role! port:int filters:[filter] refresh_interval:duration +http"},
    {"consul_sd_configs",
     "server path_prefix token:secret datacenter namespace partition tag_separator scheme username "
     "password:secret allow_stale:bool refresh_interval:duration services:strings tags:strings "
     "node_meta:map filter health_filter +http"},
    {"kubernetes_sd_configs",
     "api_server:url role! kubeconfig_file namespaces:{kubernetes_namespaces} "
     "selectors:[kubernetes_selector] attach_metadata:{kubernetes_metadata} +http"},
    {"aws_sd_configs", "role! filters:[filter] clusters:strings +aws"},
    {"ec2_sd_configs", "filters:[filter] +aws"},
    {"ecs_sd_configs", "clusters:strings request_concurrency:int +aws"},
    {"elasticache_sd_configs", "clusters:strings request_concurrency:int +aws"},
    {"lightsail_sd_configs", "+aws"},
    {"msk_sd_configs", "clusters:strings request_concurrency:int +aws"},
    {"rds_sd_configs", "clusters:strings filters:[filter] request_concurrency:int +aws"},
    {"azure_sd_configs",
     "environment port:int subscription_id! tenant_id client_id client_secret:secret "
     "refresh_interval:duration authentication_method resource_group +http"},
    {"gce_sd_configs", "project! zone! filter refresh_interval:duration port:int tag_separator"},
    {"openstack_sd_configs",
     "identity_endpoint username userid password:secret project_name project_id domain_name "
     "domain_id application_credential_name application_credential_id "
     "application_credential_secret:secret role! region! refresh_interval:duration port:int "
     "all_tenants:bool tls_config:{tls} availability"},
    {"hetzner_sd_configs", "refresh_interval:duration port:int role! label_selector +http"},
    {"digitalocean_sd_configs", "refresh_interval:duration port:int role +http"},
    {"eureka_sd_configs", "server! refresh_interval:duration +http"},
    {"linode_sd_configs", "refresh_interval:duration port:int tag_separator region +http"},
    {"nomad_sd_configs",
     "allow_stale:bool namespace refresh_interval:duration region server tag_separator +http"},
    {"ovhcloud_sd_configs",
     "endpoint application_key! application_secret!:secret consumer_key!:secret "
     "refresh_interval:duration service!"},
    {"puppetdb_sd_configs",
     "refresh_interval:duration url!:url query! include_parameters:bool port:int +http"},
    {"scaleway_sd_configs",
     "project_id! api_url zone access_key! secret_key:secret secret_key_file name_filter "
     "tags_filter:strings refresh_interval:duration port:int role! +http"},
    {"triton_sd_configs",
     "account! role dns_suffix! endpoint! groups:strings port:int refresh_interval:duration "
     "tls_config:{tls} version:int"},
    {"uyuni_sd_configs",
     "server! username! password!:secret entitlement separator refresh_interval:duration +http"},
    {"vultr_sd_configs", "refresh_interval:duration port:int +http"},
    {"ionos_sd_configs", "datacenter_id! refresh_interval:duration port:int +http"},
    {"marathon_sd_configs",
     "servers!:strings refresh_interval:duration auth_token:secret auth_token_file +http"},
    {"nerve_sd_configs", "servers!:strings paths!:strings timeout:duration"},
    {"serverset_sd_configs", "servers!:strings paths!:strings timeout:duration"},
    {"kuma_sd_configs", "server! client_id refresh_interval:duration fetch_timeout:duration +http"},
    {"outscale_sd_configs",
     "endpoint region access_key! secret_key:secret secret_key_file refresh_interval:duration "
     "port:int +http"},
    {"stackit_sd_configs",
     "project! region endpoint port:int refresh_interval:duration service_account_key:secret "
     "private_key:secret service_account_key_path private_key_path credentials_file_path +http"},
    {"oci_sd_configs",
     "auth tenancy user fingerprint key_file key_passphrase:secret key_passphrase_file region! "
     "compartments:strings port:int refresh_interval:duration +http"},
};

struct Field {
  std::string_view name, type;
  bool required = false;
};
struct Section {
  std::vector<Field> fields;
  std::vector<std::string_view> names;
  const Field* Find(std::string_view name) const {
    for (const Field& field : fields) {
      if (field.name == name) return &field;
    }
    return nullptr;
  }
};

class Table {
 public:
  static const Table& Get() {
    static const Table* const table = new Table;
    return *table;
  }
  const Section& section(std::string_view name) const {
    const auto found = sections_.find(name);
    CHECK(found != sections_.end());
    return found->second;
  }
  const std::vector<std::string_view>& discovery() const { return discovery_; }

 private:
  Table() {
    for (const SectionText& text : kSections) texts_.emplace(text.name, text.fields);
    for (const SectionText& text : kDiscovery) {
      texts_.emplace(text.name, text.fields);
      discovery_.push_back(text.name);
    }
    std::sort(discovery_.begin(), discovery_.end());
    for (const auto& [name, fields] : texts_) AddFields(fields, &sections_[name]);
  }

  void AddFields(std::string_view text, Section* section) const {
    while (!text.empty()) {
      const size_t end = std::min(text.find(' '), text.size());
      std::string_view word = text.substr(0, end);
      text.remove_prefix(std::min(end + 1, text.size()));
      if (word == "+sd") {
        for (std::string_view name : discovery_) AddField({name, name}, section);
      } else if (word.starts_with('+')) {
        AddFields(texts_.at(word.substr(1)), section);
      } else {
        const size_t colon = word.find(':');
        Field field{word.substr(0, colon), "string"};
        if (colon != std::string_view::npos) field.type = word.substr(colon + 1);
        if (field.name.ends_with('!')) {
          field.required = true;
          field.name.remove_suffix(1);
        }
        AddField(field, section);
      }
    }
  }
  static void AddField(Field field, Section* section) {
    section->fields.push_back(field);
    section->names.push_back(field.name);
  }

  std::map<std::string_view, std::string_view> texts_;
  std::map<std::string_view, Section> sections_;
  std::vector<std::string_view> discovery_;
};

// {x}, [x], <x>, or a discovery key, which is a list of its own section: the section's name.
std::string_view SectionOf(std::string_view type) {
  if (type.starts_with('{') || type.starts_with('[') || type.starts_with('<')) {
    return type.substr(1, type.size() - 2);
  }
  return type;
}
bool IsSectionList(std::string_view type) {
  return type.starts_with('[') || type.ends_with("_configs");
}

std::string Join(std::string_view path, std::string_view key) {
  return path.empty() ? std::string(key) : fmt::format("{}.{}", path, key);
}

std::string_view KindName(const YamlNode& node) {
  switch (node.kind) {
    case YamlNode::Kind::kNull:
      return "nothing";
    case YamlNode::Kind::kScalar:
      return "a value";
    case YamlNode::Kind::kSequence:
      return "a list";
    case YamlNode::Kind::kMapping:
      return "a mapping";
  }
  return "";
}

class Checker {
 public:
  Checker(Problems* problems, UnknownKeys unknown) : problems_(problems), unknown_(unknown) {}

  void CheckSection(const YamlNode& node, std::string_view name, std::string_view path) {
    const Section& section = Table::Get().section(name);
    if (!node.is_null() && !Expect(node, YamlNode::Kind::kMapping, "a mapping", path)) return;
    for (size_t i = 0; i < node.keys.size(); ++i) {
      const YamlNode::Key& key = node.keys[i];
      if (const Field* field = section.Find(key.name)) {
        CheckValue(node.items[i], field->type, Join(path, key.name));
      } else if (unknown_ == UnknownKeys::kProblems) {
        Unknown(key, section, path);
      }
    }
    for (const Field& field : section.fields) {
      const YamlNode* value = field.required ? node.Find(field.name) : nullptr;
      if (field.required && (value == nullptr || value->is_null()))
        Missing(node, field, name, path);
    }
  }

 private:
  void Unknown(const YamlNode::Key& key, const Section& section, std::string_view path) {
    const std::string nearest = Nearest(key.name, section.names);
    problems_->Add(key.line, key.column, "unknown field \"{}\" in {}{}", key.name,
                   path.empty() ? "the configuration" : path,
                   nearest.empty() ? "" : fmt::format("; did you mean \"{}\"?", nearest));
  }

  void Missing(const YamlNode& node, const Field& field, std::string_view section,
               std::string_view path) {
    if (section == "scrape_config") {
      problems_->Add(node, "job_name is empty in {}", path);
    } else {
      problems_->Add(node, "{} is missing in {}", field.name, path);
    }
  }

  bool Expect(const YamlNode& node, YamlNode::Kind kind, std::string_view what,
              std::string_view path) {
    if (node.kind == kind) return true;
    problems_->Add(node, "{} must be {}, not {}", path.empty() ? "the configuration" : path, what,
                   KindName(node));
    return false;
  }

  void CheckValue(const YamlNode& node, std::string_view type, const std::string& path) {
    if (type == "any" || node.is_null()) return;
    if (type.starts_with('{')) return CheckSection(node, SectionOf(type), path);
    if (type.starts_with('<')) return CheckSectionMap(node, SectionOf(type), path);
    if (IsSectionList(type)) return CheckSectionList(node, SectionOf(type), path);
    if (type == "strings" || type == "secrets") return CheckStrings(node, path);
    if (type == "map" || type == "labels") return CheckMap(node, type == "labels", path);
    if (type == "maplist" || type == "secretlist") {
      if (!Expect(node, YamlNode::Kind::kMapping, "a mapping", path)) return;
      for (size_t i = 0; i < node.items.size(); ++i) {
        CheckStrings(node.items[i], Join(path, node.keys[i].name));
      }
      return;
    }
    CheckScalar(node, type, path);
  }

  void CheckSectionList(const YamlNode& node, std::string_view section, const std::string& path) {
    if (!Expect(node, YamlNode::Kind::kSequence, "a list", path)) return;
    for (size_t i = 0; i < node.items.size(); ++i) {
      const std::string item = fmt::format("{}[{}]", path, i);
      if (node.items[i].is_null()) {
        problems_->Add(node.items[i], "{} is empty", item);
      } else {
        CheckSection(node.items[i], section, item);
      }
    }
  }

  void CheckSectionMap(const YamlNode& node, std::string_view section, const std::string& path) {
    if (!Expect(node, YamlNode::Kind::kMapping, "a mapping", path)) return;
    for (size_t i = 0; i < node.items.size(); ++i) {
      CheckSection(node.items[i], section, Join(path, node.keys[i].name));
    }
  }

  void CheckStrings(const YamlNode& node, const std::string& path) {
    if (node.is_null() || !Expect(node, YamlNode::Kind::kSequence, "a list", path)) return;
    for (size_t i = 0; i < node.items.size(); ++i) {
      if (!node.items[i].is_null()) {
        CheckScalar(node.items[i], "string", fmt::format("{}[{}]", path, i));
      }
    }
  }

  void CheckMap(const YamlNode& node, bool labels, const std::string& path) {
    if (!Expect(node, YamlNode::Kind::kMapping, "a mapping", path)) return;
    for (size_t i = 0; i < node.items.size(); ++i) {
      const YamlNode::Key& key = node.keys[i];
      if (labels && (key.name.empty() || !model::IsValidUtf8(key.name))) {
        std::string quoted;
        model::AppendQuoted(&quoted, key.name);
        problems_->Add(key.line, key.column, "{} is not a valid label name", quoted);
      }
      if (!node.items[i].is_null()) CheckScalar(node.items[i], "string", Join(path, key.name));
    }
  }

  void CheckScalar(const YamlNode& node, std::string_view type, const std::string& path) {
    if (!Expect(node, YamlNode::Kind::kScalar, "a single value", path)) return;
    const auto wrong = [&](std::string_view wanted) {
      problems_->Add(node, "{}: expected {}, got \"{}\"", path, wanted, node.text);
    };
    if (type == "bool" && !YamlBool(node)) return wrong("true or false");
    if (type == "int" && !YamlInt(node)) return wrong("a whole number");
    if (type == "uint" && !YamlUint(node)) return wrong("a whole number, not negative");
    if (type == "float" && !YamlFloat(node)) return wrong("a number");
    if (type == "bytes" && !ParseBytes(node.text)) return wrong("a size such as 512MB");
    if (type == "url" && !node.text.empty() &&
        node.text.find_first_of(" \t\n") != std::string::npos) {
      return wrong("a URL");
    }
    if (type == "duration") {
      if (const auto parsed = model::ParseDurationMs(node.text); !parsed.ok()) {
        problems_->Add(node, "{}: {}", path, base::message(parsed.status()));
      }
    }
  }

  Problems* const problems_;
  const UnknownKeys unknown_;
};

void HideIn(YamlNode* node, std::string_view type);

void HideSection(YamlNode* node, std::string_view name) {
  const Section& section = Table::Get().section(name);
  for (size_t i = 0; i < node->keys.size(); ++i) {
    if (const Field* field = section.Find(node->keys[i].name)) HideIn(&node->items[i], field->type);
  }
}

// user:password@ as user:xxxxx@.
void HidePassword(std::string* url) {
  const size_t scheme = url->find("://");
  if (scheme == std::string::npos) return;
  const size_t start = scheme + 3;
  const size_t at = url->substr(0, url->find_first_of("/?#", start)).rfind('@');
  if (at == std::string::npos || at < start) return;
  const size_t colon = url->find(':', start);
  if (colon < at) url->replace(colon + 1, at - colon - 1, "xxxxx");
}

void HideIn(YamlNode* node, std::string_view type) {
  if (type == "secret") {
    if (!node->text.empty()) *node = YamlNode::Scalar("<secret>");
  } else if (type == "url") {
    HidePassword(&node->text);
  } else if (type == "secrets") {
    for (YamlNode& item : node->items) HideIn(&item, "secret");
  } else if (type == "secretlist") {
    for (YamlNode& item : node->items) HideIn(&item, "secrets");
  } else if (type.starts_with('{')) {
    HideSection(node, SectionOf(type));
  } else if (type.starts_with('<') || IsSectionList(type)) {
    for (YamlNode& item : node->items) HideSection(&item, SectionOf(type));
  }
}

}  // namespace

void CheckSchema(const YamlNode& node, std::string_view schema, std::string_view path,
                 Problems* problems, UnknownKeys unknown) {
  Checker(problems, unknown).CheckSection(node, schema, path);
}

YamlNode HideSecrets(const YamlNode& node, std::string_view schema) {
  YamlNode copy = node;
  HideSection(&copy, schema);
  return copy;
}

const std::vector<std::string_view>& DiscoveryKeys() { return Table::Get().discovery(); }

}  // namespace server
