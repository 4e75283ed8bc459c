#include "server/config/load.h"

#include <fcntl.h>
#include <glob.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>

#include "promql/parser.h"
#include "server/config/emit.h"
#include "server/config/load_scrape.h"
#include "server/config/schema.h"
#include "server/config/validate.h"
#include "storage/base/hash.h"
#include "storage/base/log.h"
#include "storage/base/status.h"

namespace server {
namespace {

std::string DirectoryOf(const std::string& path) {
  const std::string dir = std::filesystem::path(path).parent_path().string();
  return dir.empty() ? "." : dir;
}

bool IsWord(char c) { return c == '_' || std::isalnum(static_cast<unsigned char>(c)); }
bool IsSpecial(char c) {
  return std::string_view("*#$@!?-").find(c) != std::string_view::npos ||
         std::isdigit(static_cast<unsigned char>(c));
}

// The variable after a '$', as Go's os.Expand finds it; `*used` becomes how far it reaches.
std::string VariableName(std::string_view rest, size_t* used) {
  if (rest.starts_with('{')) {
    if (rest.size() > 2 && IsSpecial(rest[1]) && rest[2] == '}') {
      *used = 3;
      return std::string(rest.substr(1, 1));
    }
    const size_t close = rest.find('}');
    if (close == std::string_view::npos) {
      *used = 1;
      return "";
    }
    *used = close + 1;
    return std::string(rest.substr(1, close - 1));
  }
  if (!rest.empty() && IsSpecial(rest[0])) {
    *used = 1;
    return std::string(rest.substr(0, 1));
  }
  size_t size = 0;
  while (size < rest.size() && IsWord(rest[size])) ++size;
  *used = size;
  return std::string(rest.substr(0, size));
}

std::string FromProcess(const std::string& name) {
  const char* value = std::getenv(name.c_str());
  if (value != nullptr && *value != '\0') return value;
  base::Log(base::LogLevel::kWarn, "config", "Empty environment variable", {{"name", name}});
  return "";
}

std::vector<std::string> Glob(const std::string& pattern) {
  std::vector<std::string> out;
  glob_t found{};
  if (glob(pattern.c_str(), 0, nullptr, &found) == 0) {
    for (size_t i = 0; i < found.gl_pathc; ++i) out.emplace_back(found.gl_pathv[i]);
  }
  globfree(&found);
  return out;
}

class Loader {
 public:
  explicit Loader(const std::string& path) : path_(path), problems_(path) {}

  absl::StatusOr<Config> Run(std::string_view text) {
    config_.files.push_back(path_);
    ASSIGN_OR_RETURN(const YamlNode root, ParseYaml(text, path_));
    CheckSchema(root, "config", "", &problems_);
    const Fields fields(root);
    const std::string dir = DirectoryOf(path_);
    LoadGlobal(fields.Section("global"), dir);
    LoadJobs(fields, dir, "", &problems_);
    if (problems_.size() == 0) {
      ValidateOtherSections(fields, defaults_.job.legacy_names, &problems_);
    }
    LoadPatterns(fields, dir);
    LoadStorage(fields.Section("storage"));
    NoteIdleSections(fields);
    absl::Status status = problems_.status();
    for (const std::string& pattern : config_.scrape_config_files) {
      for (const std::string& file : Glob(pattern)) {
        if (absl::Status s = LoadJobsOf(file); !s.ok()) status = Both(status, s);
      }
    }
    RETURN_IF_ERROR(status);
    Emit(fields);
    return std::move(config_);
  }

 private:
  static absl::Status Both(const absl::Status& a, const absl::Status& b) {
    if (a.ok()) return b;
    return absl::InvalidArgumentError(fmt::format("{}\n{}", base::message(a), base::message(b)));
  }

  void LoadGlobal(const Fields& global, const std::string& dir) {
    defaults_ = LoadScrapeDefaults(global, dir, &problems_);
    GlobalConfig& out = config_.global;
    out.scrape_interval_ms = defaults_.job.scrape_interval_ms;
    out.scrape_timeout_ms = defaults_.job.scrape_timeout_ms;
    const int64_t evaluation = global.DurationMs("evaluation_interval", 0);
    if (evaluation > 0) out.evaluation_interval_ms = evaluation;
    out.query_log_file = ResolvePath(dir, global.String("query_log_file"));
    out.scrape_failure_log_file = defaults_.failure_log_file;
    const model::Labels labels = LoadLabels(global.Section("external_labels").node(),
                                            defaults_.job.legacy_names, &problems_);
    std::vector<model::Labels::Pair> expanded;
    for (const model::Label& label : labels) {
      expanded.emplace_back(label.name, ExpandEnvironment(label.value, FromProcess));
    }
    out.external_labels = model::Labels::FromPairs(std::move(expanded));
  }

  // `where` names the file in "first found in"; "" for the main one.
  void LoadJobs(const Fields& fields, const std::string& dir, const std::string& where,
                Problems* problems) {
    for (const YamlNode& item : fields.List("scrape_configs")) {
      Problems own(problems->file());
      CheckSchema(item, "scrape_config", "", &own);
      if (own.size() > 0) continue;  // Said already; what follows from it would only confuse.
      const Fields job(item);
      config_.scrape_configs.push_back(
          LoadScrapeConfig(job, defaults_, dir, problems, &config_.without_effect));
      const std::string& name = config_.scrape_configs.back().job_name;
      const auto [first, added] = job_files_.emplace(name, where);
      if (added || name.empty()) continue;
      std::string message =
          fmt::format("found multiple scrape configs with job name {}", Quote(name));
      if (!where.empty()) {
        message += ", first found in " +
                   (first->second.empty() ? "main config file" : Quote(first->second));
      }
      problems->Add(job.At("job_name"), "{}", message);
    }
  }

  absl::Status LoadJobsOf(const std::string& file) {
    config_.files.push_back(file);
    ASSIGN_OR_RETURN(const std::string text, ReadFile(file));
    ASSIGN_OR_RETURN(const YamlNode root, ParseYaml(text, file));
    Problems problems(file);
    CheckSchema(root, "scrape_config_file", "", &problems);
    LoadJobs(Fields(root), DirectoryOf(file), file, &problems);
    return problems.status();
  }

  void LoadPatterns(const Fields& fields, const std::string& dir) {
    for (const std::string& pattern : fields.Strings("rule_files")) {
      config_.rule_files.push_back(ResolvePath(dir, pattern));
    }
    for (const YamlNode& item : fields.List("scrape_config_files")) {
      if (!IsValidPattern(item.text)) {
        problems_.Add(item, "invalid scrape config file path {}", Quote(item.text));
      }
      config_.scrape_config_files.push_back(ResolvePath(dir, item.text));
    }
  }

  compaction::RetentionPolicy LoadPolicy(const Fields& fields) {
    compaction::RetentionPolicy policy;
    policy.retention_ms = fields.DurationMs("retention", 0);
    if (policy.retention_ms <= 0) {
      problems_.Add(fields.At("retention"), "the retention of a policy must be above 0");
    }
    for (const YamlNode& item : fields.List("match")) {
      auto set = promql::ParseMetricSelector(item.text);
      if (set.ok()) {
        policy.match.push_back(*std::move(set));
      } else {
        problems_.Add(item, "invalid selector {}: {}", Quote(item.text),
                      base::message(set.status()));
      }
    }
    if (fields.List("match").empty()) {
      problems_.Add(fields.At("match"), "a retention policy needs a selector");
    }
    return policy;
  }

  void LoadStorage(const Fields& storage) {
    const Fields tsdb = storage.Section("tsdb");
    if (tsdb.Has("retention")) {  // Stands in for the flags as a whole.
      const Fields retention = tsdb.Section("retention");
      config_.retention_time_ms = retention.DurationMs("time", 0);
      config_.retention_size_bytes = retention.Bytes("size", 0);
      config_.retention_percentage = retention.Float("percentage", 0);
    }
    for (const YamlNode& item : storage.List("retention_policies")) {
      config_.retention_policies.push_back(LoadPolicy(Fields(item)));
    }
    const Fields exemplars = storage.Section("exemplars");
    if (exemplars.Has("max_exemplars")) config_.max_exemplars = exemplars.Int("max_exemplars", 0);
    config_.out_of_order_window_ms = tsdb.DurationMs("out_of_order_time_window", 0);
    for (const std::string_view key :
         {"stale_series_compaction_threshold", "chunk_encoding"}) {
      if (tsdb.Has(key)) config_.without_effect.push_back(fmt::format("storage.tsdb.{}", key));
    }
  }

  void NoteIdleSections(const Fields& fields) {
    for (const std::string_view key :
         {"alerting", "rule_files", "remote_write", "remote_read", "tracing", "otlp"}) {
      if (fields.Has(key) && !fields.At(key).items.empty())
        config_.without_effect.emplace_back(key);
    }
    if (fields.Section("global").Has("rule_query_offset")) {
      config_.without_effect.emplace_back("global.rule_query_offset");
    }
  }

  void Emit(const Fields& fields) {
    YamlNode out = YamlNode::Mapping();
    const auto as_written = [&](std::string_view key) {
      if (fields.Has(key) && !fields.At(key).items.empty())
        out.Add(std::string(key), fields.At(key));
    };
    const auto strings = [&](std::string_view key, const std::vector<std::string>& values) {
      if (values.empty()) return;
      YamlNode* list = out.Add(std::string(key), YamlNode::Sequence());
      for (const std::string& value : values) list->Add(YamlNode::Scalar(value));
    };
    out.Add("global", ToYaml(config_.global, defaults_, fields.Section("global").node()));
    YamlNode* runtime = out.Add("runtime", YamlNode::Mapping());
    runtime->Add("gogc",
                 YamlNode::Scalar(std::to_string(fields.Section("runtime").Int("gogc", 75)), true));
    as_written("alerting");
    strings("rule_files", config_.rule_files);
    strings("scrape_config_files", config_.scrape_config_files);
    EmitJobs(fields, &out);
    for (const char* key : {"storage", "tracing", "remote_write", "remote_read", "otlp"})
      as_written(key);
    config_.yaml = PrintYaml(HideSecrets(out, "config"));
  }

  // Only those of the main file, as Prometheus does: the others are named by scrape_config_files.
  void EmitJobs(const Fields& fields, YamlNode* out) {
    const std::vector<YamlNode>& sources = fields.List("scrape_configs");
    if (sources.empty()) return;
    YamlNode* list = out->Add("scrape_configs", YamlNode::Sequence());
    for (size_t i = 0; i < sources.size(); ++i)
      list->Add(ToYaml(config_.scrape_configs[i], sources[i]));
  }

  const std::string path_;
  Problems problems_;
  Config config_;
  ScrapeDefaults defaults_;
  std::map<std::string, std::string> job_files_;  // Where each job name was first seen.
};

}  // namespace

std::string ExpandEnvironment(std::string_view text,
                              const std::function<std::string(const std::string&)>& environment) {
  std::string out;
  while (true) {
    const size_t dollar = text.find('$');
    out += text.substr(0, dollar);
    if (dollar == std::string_view::npos) return out;
    text.remove_prefix(dollar + 1);
    size_t used = 0;
    const std::string name = VariableName(text, &used);
    if (used == 0) {
      out += '$';  // It starts nothing.
      continue;
    }
    text.remove_prefix(used);
    if (name == "$")
      out += '$';
    else if (!name.empty())
      out += environment(name);
  }
}

absl::StatusOr<std::string> ReadFile(const std::string& path) {
  constexpr size_t kMost = 64 << 20;
  const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  struct stat info {};
  if (fd < 0 || fstat(fd, &info) != 0 || S_ISDIR(info.st_mode)) {
    const int error = fd < 0 ? errno : S_ISDIR(info.st_mode) ? EISDIR : errno;
    if (fd >= 0) close(fd);
    return base::Error(
        error == ENOENT ? absl::StatusCode::kNotFound : absl::StatusCode::kUnavailable,
        "open {}: {}", path, std::strerror(error));
  }
  std::string out;
  char buffer[64 << 10];
  ssize_t n;
  while ((n = read(fd, buffer, sizeof buffer)) > 0 && out.size() <= kMost) out.append(buffer, n);
  const int error = errno;
  close(fd);
  if (n < 0) return base::Unavailable("read {}: {}", path, std::strerror(error));
  if (out.size() > kMost) return base::InvalidArgument("{}: more than {} MiB", path, kMost >> 20);
  return out;
}

absl::StatusOr<Config> LoadConfig(std::string_view text, const std::string& path) {
  return Loader(path).Run(text);
}

absl::StatusOr<Config> LoadConfigFile(const std::string& path) {
  ASSIGN_OR_RETURN(const std::string text, ReadFile(path));
  return LoadConfig(text, path);
}

}  // namespace server
