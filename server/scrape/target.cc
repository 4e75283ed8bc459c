#include "server/scrape/target.h"

#include <algorithm>
#include <map>

#include "server/relabel.h"
#include "server/scrape/exposition.h"
#include "storage/base/hash.h"
#include "storage/base/status.h"
#include "storage/model/duration_text.h"

namespace server {
namespace {

constexpr std::string_view kAddress = "__address__";
constexpr std::string_view kInterval = "__scrape_interval__";
constexpr std::string_view kTimeout = "__scrape_timeout__";
constexpr std::string_view kParam = "__param_";
constexpr std::pair<std::string_view, std::string_view> kBooleans[] = {
    {"__convert_classic_histograms_to_nhcb__", "convert classic histograms to nhcb"},
    {"__always_scrape_classic_histograms__", "always scrape classic histograms"},
    {"__scrape_native_histograms__", "scrape native histograms"},
};

std::string_view BoolText(bool b) { return b ? "true" : "false"; }

// What Go's strconv.ParseBool takes.
bool IsBool(std::string_view s) {
  constexpr std::string_view kWords[] = {"1", "t", "T", "TRUE",  "true",  "True",
                                         "0", "f", "F", "FALSE", "false", "False"};
  return std::find(std::begin(kWords), std::end(kWords), s) != std::end(kWords);
}

bool IsUnreserved(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
         c == '_' || c == '.' || c == '~';
}

void AppendEscaped(std::string* out, std::string_view text, std::string_view also_plain) {
  constexpr char kDigits[] = "0123456789ABCDEF";
  for (const char c : text) {
    if (IsUnreserved(c) || also_plain.find(c) != std::string_view::npos) {
      *out += c;
    } else {
      *out += '%';
      *out += kDigits[static_cast<uint8_t>(c) >> 4];
      *out += kDigits[static_cast<uint8_t>(c) & 15];
    }
  }
}

// A query component: a space is a plus.
void AppendQueryPart(std::string* out, std::string_view text) {
  for (size_t i = 0; i <= text.size();) {
    const size_t space = std::min(text.find(' ', i), text.size());
    AppendEscaped(out, text.substr(i, space - i), "");
    if (space < text.size()) *out += '+';
    i = space + 1;
  }
}

std::string BuildUrl(const ScrapeConfig& job, const model::Labels& labels) {
  std::string url(labels.Get("__scheme__"));
  url += "://";
  AppendEscaped(&url, labels.Get(kAddress), "!$&'()*+,;=:[]<>\"@");
  const std::string_view path = labels.Get("__metrics_path__");
  if (!path.empty() && path.front() != '/') url += '/';
  AppendEscaped(&url, path, "$&+,/:;=@");

  std::map<std::string, std::vector<std::string>, std::less<>> params;
  for (const auto& [name, values] : job.params) params[name] = values;
  for (const model::Label& label : labels) {
    if (!label.name.starts_with(kParam)) continue;
    std::vector<std::string>& values = params[std::string(label.name.substr(kParam.size()))];
    if (values.empty()) values.emplace_back();
    values[0] = label.value;
  }
  char separator = '?';
  for (const auto& [name, values] : params) {
    for (const std::string& value : values) {
      url += separator;
      separator = '&';
      AppendQueryPart(&url, name);
      url += '=';
      AppendQueryPart(&url, value);
    }
  }
  return url;
}

absl::StatusOr<int64_t> ParsePositive(std::string_view text, std::string_view what) {
  const absl::StatusOr<int64_t> ms = model::ParseDurationMs(text);
  if (!ms.ok()) {
    return base::InvalidArgument("error parsing {}: {}", what, base::message(ms.status()));
  }
  if (*ms == 0) return base::InvalidArgument("{} cannot be 0", what);
  return *ms;
}

}  // namespace

model::Labels DiscoveredLabels(const ScrapeConfig& job, const model::Labels& target,
                               const model::Labels& group) {
  model::LabelsBuilder labels(target);
  for (const model::Label& label : group) {
    if (labels.Get(label.name).empty()) labels.Set(label.name, label.value);
  }
  const auto set_default = [&](std::string_view name, std::string_view value) {
    if (labels.Get(name).empty()) labels.Set(name, value);
  };
  set_default("job", job.job_name);
  set_default(kInterval, model::FormatDurationMs(job.scrape_interval_ms));
  set_default(kTimeout, model::FormatDurationMs(job.scrape_timeout_ms));
  set_default("__metrics_path__", job.metrics_path);
  set_default("__scheme__", job.scheme);
  set_default(kBooleans[0].first, BoolText(job.convert_classic_histograms_to_nhcb));
  set_default(kBooleans[1].first, BoolText(job.always_scrape_classic_histograms));
  set_default(kBooleans[2].first, BoolText(job.scrape_native_histograms));
  for (const auto& [name, values] : job.params) {
    if (!values.empty()) set_default(std::string(kParam) + name, values[0]);
  }
  return labels.Build();
}

absl::StatusOr<model::Labels> PopulateLabels(const ScrapeConfig& job,
                                             const model::Labels& discovered) {
  model::LabelsBuilder labels(discovered);
  if (!Relabel(job.relabel_configs, &labels)) return model::Labels();
  const std::string address(labels.Get(kAddress));
  if (address.empty()) return base::InvalidArgument("no address");
  if (address.find('/') != std::string::npos) {
    return base::InvalidArgument("{} is not a valid hostname", Quoted(address));
  }
  const std::string interval(labels.Get(kInterval)), timeout(labels.Get(kTimeout));
  ASSIGN_OR_RETURN(const int64_t interval_ms, ParsePositive(interval, "scrape interval"));
  ASSIGN_OR_RETURN(const int64_t timeout_ms, ParsePositive(timeout, "scrape timeout"));
  if (timeout_ms > interval_ms) {
    return base::InvalidArgument(
        "scrape timeout cannot be greater than scrape interval ({} > {})", Quoted(timeout),
        Quoted(interval));
  }
  for (const auto& [name, description] : kBooleans) {
    const std::string_view value = labels.Get(name);
    if (!value.empty() && !IsBool(value)) {
      return base::InvalidArgument("error parsing {}: strconv.ParseBool: parsing {}: invalid syntax",
                                   description, Quoted(value));
    }
  }
  std::vector<std::string> meta;
  for (const auto& [name, value] : labels.pairs()) {
    if (name.starts_with("__meta_")) meta.push_back(name);
  }
  for (const std::string& name : meta) labels.Remove(name);
  if (labels.Get("instance").empty()) labels.Set("instance", address);
  for (const auto& [name, value] : labels.pairs()) {
    if (!model::IsValidUtf8(value)) {
      return base::InvalidArgument("invalid label value for {}: {}", Quoted(name), Quoted(value));
    }
  }
  return labels.Build();
}

Target::Target(const ScrapeConfig& job, model::Labels labels, model::Labels discovered)
    : labels_(std::move(labels)), url_(BuildUrl(job, labels_)) {
  model::LabelsBuilder visible, lasting;
  for (const model::Label& label : labels_) {
    if (!label.name.starts_with("__")) visible.Set(label.name, label.value);
    if (label.name != kInterval && label.name != kTimeout) lasting.Set(label.name, label.value);
  }
  public_labels_ = visible.Build();
  key_ = labels_.bytes() + '\0' + url_;
  identity_ = lasting.Build().bytes() + '\0' + url_;
  hash_ = base::Hash64(key_);
  interval_ms_ = model::ParseDurationMs(interval_text()).value_or(job.scrape_interval_ms);
  timeout_ms_ = model::ParseDurationMs(timeout_text()).value_or(job.scrape_timeout_ms);
  status_.discovered = std::move(discovered);
}

void Target::SetDiscovered(model::Labels discovered) {
  absl::MutexLock lock(&mu_);
  status_.discovered = std::move(discovered);
}

void Target::Report(int64_t start_ns, double duration_s, std::string error) {
  absl::MutexLock lock(&mu_);
  status_.health = error.empty() ? Health::kUp : Health::kDown;
  status_.last_error = std::move(error);
  status_.last_scrape_ns = start_ns;
  status_.last_duration_s = duration_s;
}

void Target::TakeStatusFrom(const Target& other) {
  Status theirs = other.status();
  absl::MutexLock lock(&mu_);
  theirs.discovered = std::move(status_.discovered);
  status_ = std::move(theirs);
}

Target::Status Target::status() const {
  absl::MutexLock lock(&mu_);
  return status_;
}

std::string_view ToString(Target::Health health) {
  switch (health) {
    case Target::Health::kUp:
      return "up";
    case Target::Health::kDown:
      return "down";
    case Target::Health::kUnknown:
      break;
  }
  return "unknown";
}

void BuildTargets(const ScrapeConfig& job, const TargetGroup& group, BuiltTargets* out) {
  for (size_t i = 0; i < group.targets.size(); ++i) {
    model::Labels discovered = DiscoveredLabels(job, group.targets[i], group.labels);
    absl::StatusOr<model::Labels> labels = PopulateLabels(job, discovered);
    if (!labels.ok()) {
      out->failures.push_back(fmt::format("instance {} in group {}: {}", i, group.source,
                                          base::message(labels.status())));
      continue;
    }
    auto target = std::make_shared<Target>(job, *std::move(labels), discovered);
    if (target->labels().empty()) {
      out->dropped.push_back(std::move(discovered));
    } else {
      out->active.push_back(std::move(target));
    }
  }
}

}  // namespace server
