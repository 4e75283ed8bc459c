#include "server/flags.h"

#include <absl/time/time.h>

#include <algorithm>
#include <array>
#include <charconv>

#include "server/config/fields.h"
#include "server/config/scalar.h"
#include "server/nearest.h"
#include "storage/base/check.h"
#include "storage/base/status.h"
#include "storage/model/duration_text.h"
#include "storage/model/number_text.h"

namespace server {
namespace {

// Features that change something here. The others Prometheus knows are accepted with a warning.
constexpr auto kWorking = std::to_array<std::string_view>(
    {"exemplar-storage", "promql-experimental-functions", "promql-extended-range-selectors",
     "promql-binop-fill-modifiers", "promql-delayed-name-removal", "promql-per-step-stats",
     "auto-reload-config", "created-timestamp-zero-ingestion", "st-storage",
     "type-and-unit-labels", "use-start-timestamps"});
constexpr std::string_view kAllPromql = "promql-all";  // Ours: every promql-*, and use-start-timestamps.
constexpr auto kAlwaysOn =
    std::to_array<std::string_view>({"metadata-wal-records", "promql-duration-expr"});
constexpr auto kIdle = std::to_array<std::string_view>({"concurrent-rule-eval",
                                                        "delayed-compaction",
                                                        "extra-scrape-metrics",
                                                        "fast-startup",
                                                        "histograms-st-encoding",
                                                        "memory-snapshot-on-shutdown",
                                                        "native-histograms",
                                                        "old-ui",
                                                        "ooo-native-histograms",
                                                        "otlp-deltatocumulative",
                                                        "otlp-native-delta-ingestion",
                                                        "search-api",
                                                        "st-synthesis",
                                                        "use-uncached-io",
                                                        "xor2-encoding"});

template <class List>
bool Contains(const List& list, std::string_view name) {
  return std::find(list.begin(), list.end(), name) != list.end();
}

const FlagSpec* FindSpec(std::string_view name) {
  for (const FlagSpec& spec : FlagTable()) {
    if (spec.name == name) return &spec;
  }
  return nullptr;
}

// Prometheus' notation, or Go's ("1.5h", "300us"), which some of its flags take.
std::optional<int64_t> ParseDuration(const std::string& text) {
  if (const auto ms = model::ParseDurationMs(text); ms.ok()) return *ms;
  absl::Duration parsed;
  if (text.find("inf") != std::string::npos || !absl::ParseDuration(text, &parsed))
    return std::nullopt;
  if (parsed < absl::ZeroDuration()) return std::nullopt;
  return absl::ToInt64Milliseconds(parsed);
}

std::optional<int64_t> ParseInt(std::string_view text) {
  int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (text.empty() || error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

absl::Status CheckValue(const FlagSpec& spec, const std::string& value) {
  if (!spec.choices.empty()) {
    const std::string padded = fmt::format("|{}|", spec.choices);
    if (value.empty() || padded.find(fmt::format("|{}|", value)) == std::string::npos) {
      std::string choices(spec.choices);
      std::replace(choices.begin(), choices.end(), '|', ',');
      return base::InvalidArgument("--{}: enum value must be one of {}, got '{}'", spec.name,
                                   choices, value);
    }
  }
  std::string_view wanted;
  if (spec.type == FlagType::kInt && !ParseInt(value)) wanted = "a whole number";
  if (spec.type == FlagType::kFloat && !model::ParseFloat(value)) wanted = "a number";
  if (spec.type == FlagType::kDuration && !ParseDuration(value)) wanted = "a duration such as 5m";
  if (spec.type == FlagType::kBytes && !ParseBytes(value)) wanted = "a size such as 512MB";
  if (spec.type == FlagType::kBool && value != "true" && value != "false") wanted = "true or false";
  if (wanted.empty()) return absl::OkStatus();
  return base::InvalidArgument("--{}: expected {}, got {}", spec.name, wanted, Quote(value));
}

absl::Status Unknown(std::string_view flag) {
  std::vector<std::string_view> names = {"help", "version"};
  for (const FlagSpec& spec : FlagTable()) names.push_back(spec.name);
  const std::string nearest = Nearest(flag.substr(flag.find_first_not_of('-')), names);
  return base::InvalidArgument(
      "unknown flag '{}'{}", flag,
      nearest.empty() ? "" : fmt::format(", did you mean '--{}'?", nearest));
}

// One argument, split.
struct Given {
  std::string_view flag;  // With its dashes, for messages.
  const FlagSpec* spec = nullptr;
  std::optional<std::string> value;
};

absl::StatusOr<Given> Read(std::string_view arg) {
  Given given;
  const size_t equals = arg.find('=');
  given.flag = arg.substr(0, equals);
  if (equals != std::string_view::npos) given.value = std::string(arg.substr(equals + 1));
  const std::string_view name = given.flag.substr(2);
  given.spec = FindSpec(name);
  if (given.spec == nullptr && name.starts_with("no-")) {
    given.spec = FindSpec(name.substr(3));
    if (given.spec == nullptr || given.spec->type != FlagType::kBool) return Unknown(given.flag);
    if (given.value) return base::InvalidArgument("{} takes no value", given.flag);
    given.value = "false";
  }
  if (given.spec == nullptr) return Unknown(given.flag);
  if (given.spec->type == FlagType::kBool && !given.value) given.value = "true";
  return given;
}

}  // namespace

absl::StatusOr<Flags> Flags::Parse(std::span<const std::string> args) {
  Flags flags;
  for (const FlagSpec& spec : FlagTable()) {
    auto& values = flags.values_[std::string(spec.name)];
    if (!spec.repeated || !spec.value.empty()) values.emplace_back(spec.value);
  }
  for (size_t i = 0; i < args.size(); ++i) {
    const std::string& arg = args[i];
    if (arg == "-h" || arg == "--help" || arg == "--help-long") {
      flags.help_ = true;
      continue;
    }
    if (arg == "--version") {
      flags.version_ = true;
      continue;
    }
    if (arg.size() > 1 && arg[0] == '-' && arg[1] != '-') return Unknown(arg);
    if (!arg.starts_with("--") || arg == "--") return base::InvalidArgument("unexpected '{}'", arg);
    ASSIGN_OR_RETURN(Given given, Read(arg));
    if (!given.value) {
      if (i + 1 == args.size()) {
        return base::InvalidArgument("expected argument for flag '{}'", given.flag);
      }
      given.value = args[++i];
    }
    RETURN_IF_ERROR(CheckValue(*given.spec, *given.value));
    auto& values = flags.values_[std::string(given.spec->name)];
    const bool first = flags.given_.insert(std::string(given.spec->name)).second;
    if (!first && !given.spec->repeated) {
      return base::InvalidArgument("flag '--{}' cannot be repeated", given.spec->name);
    }
    if (first) values.clear();
    values.push_back(*std::move(given.value));
  }
  // Whoever asks for protection must not get an open listener.
  if (!flags.String("web.config.file").empty()) {
    return base::InvalidArgument(
        "--web.config.file: TLS and passwords of the listener are not supported yet; put a proxy "
        "before the server and leave the flag out");
  }
  return flags;
}

const std::vector<std::string>& Flags::List(std::string_view name) const {
  const auto found = values_.find(name);
  CHECK(found != values_.end());
  return found->second;
}

const std::string& Flags::String(std::string_view name) const {
  const std::vector<std::string>& values = List(name);
  CHECK(values.size() == 1);
  return values.front();
}

bool Flags::Bool(std::string_view name) const { return String(name) == "true"; }
int64_t Flags::Int(std::string_view name) const { return ParseInt(String(name)).value_or(0); }
double Flags::Float(std::string_view name) const {
  return model::ParseFloat(String(name)).value_or(0);
}
int64_t Flags::DurationMs(std::string_view name) const {
  return ParseDuration(String(name)).value_or(0);
}
uint64_t Flags::Bytes(std::string_view name) const { return ParseBytes(String(name)).value_or(0); }
bool Flags::given(std::string_view name) const { return given_.contains(name); }

std::vector<std::string> Flags::Features() const {
  std::vector<std::string> out;
  for (std::string_view list : List("enable-feature")) {
    while (!list.empty()) {
      const size_t comma = std::min(list.find(','), list.size());
      if (comma > 0) out.emplace_back(list.substr(0, comma));
      list.remove_prefix(std::min(comma + 1, list.size()));
    }
  }
  return out;
}

bool Flags::HasFeature(std::string_view name) const {
  const std::vector<std::string> features = Features();
  const bool of_promql = name.starts_with("promql-") || name == "use-start-timestamps";
  return Contains(features, name) || (of_promql && Contains(features, kAllPromql));
}

std::vector<std::string> Flags::Warnings() const {
  std::vector<std::string> out;
  for (const FlagSpec& spec : FlagTable()) {
    if (spec.works || !given(spec.name)) continue;
    out.push_back(fmt::format("--{} has no effect yet", spec.name));
  }
  for (const std::string& feature : Features()) {
    if (Contains(kWorking, feature) || feature == kAllPromql) continue;
    if (Contains(kAlwaysOn, feature)) {
      out.push_back(fmt::format("--enable-feature={} is always on", feature));
    } else if (Contains(kIdle, feature)) {
      out.push_back(fmt::format("--enable-feature={} has no effect yet", feature));
    } else {
      out.push_back(fmt::format("Unknown option for --enable-feature: {}", feature));
    }
  }
  return out;
}

std::map<std::string, std::string> Flags::All() const {
  std::map<std::string, std::string> out;
  for (const auto& [name, values] : values_) {
    std::string joined;
    for (const std::string& value : values) joined += (joined.empty() ? "" : ",") + value;
    out.emplace(name, std::move(joined));
  }
  return out;
}

std::string HelpText() {
  std::string out =
      "usage: tidemark [<flags>]\n"
      "       tidemark check config FILE...\n"
      "       tidemark check backup BACKUP...\n"
      "       tidemark check healthy|ready [--url=http://localhost:9090]\n"
      "       tidemark query instant|range|series|labels SERVER ...\n"
      "       tidemark test promql|rules FILE...\n"
      "       tidemark tsdb list|analyze|dump|verify [DIR]\n"
      "       tidemark backup [--url=http://localhost:9090] [--storage.tsdb.path=DIR] DESTINATION\n"
      "       tidemark restore BACKUP --storage.tsdb.path=DIR\n\n"
      "A time-series server that stands in for Prometheus.\n\nFlags:\n"
      "  -h, --help\n      Show this.\n  --version\n      Show the version.\n";
  for (const FlagSpec& spec : FlagTable()) {
    if (spec.hidden) continue;
    const bool boolean = spec.type == FlagType::kBool;
    if (boolean) {
      out += fmt::format("  --{}{}\n", spec.value == "true" ? "[no-]" : "", spec.name);
    } else {
      out += fmt::format("  --{}={}\n", spec.name, spec.value.empty() ? "..." : spec.value);
    }
    out += fmt::format("      {}{}\n", spec.help, spec.works ? "" : " (no effect yet)");
  }
  return out;
}

std::string VersionText() {
  return fmt::format("tidemark, version {} (stands in for Prometheus {})\n", kVersion,
                     kCompatibleVersion);
}

}  // namespace server
