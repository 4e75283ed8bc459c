#include "server/scrape/scrape_job.h"

#include "server/scrape/content_type.h"
#include "storage/base/status.h"

namespace server {
namespace {

// Fields joined so that no two configurations read alike.
class Fingerprint {
 public:
  Fingerprint& Add(std::string_view s) {
    text_ += std::to_string(s.size());
    text_ += ':';
    text_ += s;
    return *this;
  }
  Fingerprint& Add(uint64_t n) { return Add(std::to_string(n)); }
  Fingerprint& Add(const std::vector<std::string>& list) {
    Add(list.size());
    for (const std::string& s : list) Add(std::string_view(s));
    return *this;
  }
  Fingerprint& Add(const std::vector<RelabelConfig>& rules) {
    Add(rules.size());
    for (const RelabelConfig& rule : rules) {
      Add(rule.source_labels).Add(std::string_view(rule.separator)).Add(std::string_view(rule.regex));
      Add(std::string_view(rule.target_label)).Add(std::string_view(rule.replacement));
      Add(rule.modulus).Add(static_cast<uint64_t>(rule.action));
    }
    return *this;
  }
  std::string Take() { return std::move(text_); }

 private:
  std::string text_;
};

std::string_view View(const std::string& s) { return s; }

void AddHttp(const HttpClientConfig& http, Fingerprint* print) {
  print->Add(http.basic_auth.has_value());
  if (http.basic_auth) {
    print->Add(View(http.basic_auth->username)).Add(View(http.basic_auth->username_file));
    print->Add(View(http.basic_auth->password)).Add(View(http.basic_auth->password_file));
  }
  print->Add(http.authorization.has_value());
  if (http.authorization) {
    print->Add(View(http.authorization->type)).Add(View(http.authorization->credentials));
    print->Add(View(http.authorization->credentials_file));
  }
  const TlsConfig& tls = http.tls;
  for (const std::string* s :
       {&tls.ca, &tls.ca_file, &tls.cert, &tls.cert_file, &tls.key, &tls.key_file, &tls.server_name}) {
    print->Add(View(*s));
  }
  print->Add(tls.insecure_skip_verify).Add(static_cast<uint64_t>(tls.min_version));
  print->Add(static_cast<uint64_t>(tls.max_version)).Add(http.follow_redirects);
  print->Add(http.enable_http2).Add(View(http.proxy_url)).Add(http.headers.size());
  for (const HttpHeader& header : http.headers) {
    print->Add(View(header.name)).Add(header.values).Add(header.secrets).Add(header.files);
  }
}

// What decides which series come of a page, and how they are labelled.
void AddMeaning(const ScrapeConfig& c, Fingerprint* print) {
  print->Add(View(c.job_name)).Add(c.honor_labels).Add(c.honor_timestamps);
  print->Add(c.track_timestamps_staleness).Add(c.label_limit).Add(c.label_name_length_limit);
  print->Add(c.label_value_length_limit).Add(c.legacy_names);
  print->Add(View(c.metric_name_escaping_scheme)).Add(c.metric_relabel_configs);
  print->Add(c.fallback_scrape_protocol ? static_cast<uint64_t>(*c.fallback_scrape_protocol) : 99);
  for (const ScrapeProtocol protocol : c.scrape_protocols) print->Add(static_cast<uint64_t>(protocol));
}

}  // namespace

absl::StatusOr<std::shared_ptr<ScrapeJob>> MakeScrapeJob(ScrapeConfig config) {
  auto job = std::make_shared<ScrapeJob>();
  absl::StatusOr<std::shared_ptr<HttpSettings>> http = HttpSettings::Make(config.http);
  if (!http.ok()) return base::Annotate(http.status(), "error creating HTTP client");
  job->http = *std::move(http);
  job->accept = AcceptHeader(config.scrape_protocols, config.metric_name_escaping_scheme);

  Fingerprint meaning;
  AddMeaning(config, &meaning);
  job->cache_fingerprint = meaning.Take();

  Fingerprint all;
  all.Add(View(job->cache_fingerprint)).Add(View(config.yaml));
  all.Add(config.scrape_interval_ms).Add(config.scrape_timeout_ms);
  all.Add(View(config.metrics_path)).Add(View(config.scheme)).Add(config.params.size());
  for (const auto& [name, values] : config.params) all.Add(View(name)).Add(values);
  all.Add(config.enable_compression).Add(config.body_size_limit).Add(config.sample_limit);
  all.Add(config.target_limit).Add(config.keep_dropped_targets).Add(config.extra_scrape_metrics);
  all.Add(config.scrape_native_histograms).Add(config.always_scrape_classic_histograms);
  all.Add(config.convert_classic_histograms_to_nhcb).Add(View(config.scrape_failure_log_file));
  all.Add(config.relabel_configs);
  AddHttp(config.http, &all);
  job->fingerprint = all.Take();

  job->config = std::move(config);
  return job;
}

}  // namespace server
