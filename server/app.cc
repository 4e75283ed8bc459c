#include "server/app.h"

#include <unistd.h>

#include <algorithm>
#include <filesystem>

#include "promql/cache/cache_file.h"
#include "server/config/scalar.h"
#include "server/query_memory.h"
#include "storage/base/log.h"
#include "storage/base/status.h"
#include "storage/model/duration_text.h"
#include "storage/model/number_text.h"

namespace server {
namespace {

void Info(std::string_view message, std::initializer_list<base::LogField> fields = {}) {
  base::Log(base::LogLevel::kInfo, "server", message, fields);
}
void Failed(std::string_view message, const absl::Status& status) {
  base::Log(base::LogLevel::kError, "server", message,
            {{"err", std::string(base::message(status))}});
}

std::string Hostname() {
  char name[256] = {};
  return gethostname(name, sizeof name - 1) == 0 ? name : "localhost";
}

promql::Engine::Options EngineOptions(const Flags& flags) {
  promql::Engine::Options options;
  options.max_concurrency = static_cast<int>(flags.Int("query.max-concurrency"));
  options.timeout = absl::Milliseconds(flags.DurationMs("query.timeout"));
  options.lookback = absl::Milliseconds(flags.DurationMs("query.lookback-delta"));
  options.max_samples = flags.Int("query.max-samples");
  options.features.experimental_functions = flags.HasFeature("promql-experimental-functions");
  options.features.extended_range_selectors = flags.HasFeature("promql-extended-range-selectors");
  options.features.binop_fill = flags.HasFeature("promql-binop-fill-modifiers");
  options.delayed_name_removal = flags.HasFeature("promql-delayed-name-removal");
  options.type_and_unit_labels = flags.HasFeature("type-and-unit-labels");
  options.use_start_timestamps = flags.HasFeature("use-start-timestamps");
  options.per_step_stats = flags.HasFeature("promql-per-step-stats");
  return options;
}

storage::MemorySplit MemorySplitOf(const Flags& flags) {
  return storage::SplitMemory(flags.given("storage.memory-limit")
                                  ? static_cast<int64_t>(flags.Bytes("storage.memory-limit"))
                                  : storage::DefaultMemoryLimit());
}

base::MemoryLimits QueryMemoryOf(const Flags& flags) {
  return QueryMemory(MemorySplitOf(flags), static_cast<int64_t>(flags.Bytes("query.max-bytes")));
}

int64_t ResultBytesOf(const Flags& flags) {
  return flags.given("query.cache-bytes") ? static_cast<int64_t>(flags.Bytes("query.cache-bytes"))
                                          : MemorySplitOf(flags).result_bytes;
}

std::string ResultCachePath(const storage::Database& database) {
  return database.dir() + "/tidemark/results";
}

// Stands for the samples, and for the program with what makes it answer otherwise. Empty: nobody
// knows.
std::string ResultCacheId(const storage::Database& database, const Flags& flags) {
  const std::filesystem::path program = "/proc/self/exe";
  std::error_code error;
  const auto size = std::filesystem::file_size(program, error);
  if (error) return "";
  const auto time = std::filesystem::last_write_time(program, error).time_since_epoch().count();
  if (error) return "";
  std::vector<std::string> features = flags.Features();
  std::sort(features.begin(), features.end());
  return fmt::format("{} {} {} {} {}", kVersion, size, time, fmt::join(features, ","),
                     database.Fingerprint());
}

int64_t MinFreeBytes(const Flags& flags, int64_t total_bytes) {
  const auto given = static_cast<int64_t>(flags.Bytes("storage.min-free-bytes"));
  return given > 0 ? given : storage::DefaultMinFreeBytes(total_bytes);
}

// For merges: what may be taken without coming near the minimum.
int64_t SpareBytes(const std::string& dir, const Flags& flags) {
  const auto space = storage::AskDiskSpace(dir);
  if (!space.ok()) return 0;
  return space->free_bytes - MinFreeBytes(flags, space->total_bytes);
}

storage::DatabaseOptions DatabaseOptionsOf(const Flags& flags, const Config& config) {
  storage::DatabaseOptions options;
  options.dir = flags.String("storage.tsdb.path");
  options.lock_dir = !flags.Bool("storage.tsdb.no-lockfile");
  options.wal.segment_bytes = static_cast<uint32_t>(flags.Bytes("storage.tsdb.wal-segment-size"));
  options.wal.compress = flags.Bool("storage.tsdb.wal-compression");
  const std::string& sync = flags.String("storage.wal-sync");
  options.wal.sync = sync == "always" ? wal::Sync::kAlways
                     : sync == "os"   ? wal::Sync::kOs
                                      : wal::Sync::kInterval;
  options.block_cache_bytes = MemorySplitOf(flags).cache_bytes;
  const auto limit = [&](std::string_view flag) {
    return static_cast<uint64_t>(flags.Int(flag));
  };
  options.limits = {.max_series = limit("storage.max-series"),
                    .max_series_per_job = limit("storage.max-series-per-job"),
                    .max_series_per_metric = limit("storage.max-series-per-metric")};
  const bool exemplars = flags.HasFeature("exemplar-storage");
  options.store_starts = flags.HasFeature("st-storage");
  options.starts_as_zero = flags.HasFeature("created-timestamp-zero-ingestion");
  options.max_exemplars =
      exemplars ? std::max<int64_t>(0, config.max_exemplars.value_or(100'000)) : 0;
  return options;
}

}  // namespace

App::App(Flags flags)
    : flags_(std::move(flags)),
      reloader_(flags_.String("config.file"), [this](const Config& c) { return ApplyConfig(c); }),
      status_({.flags = &flags_,
               .reloader = &reloader_,
               .metrics = [this] { return Metrics(); },
               .quit = [this] { events_.Post(Event::kStop); },
               .wal_corruptions = [this]() -> uint64_t {
                 const storage::Database* database = slot_.database();
                 return database == nullptr ? 0 : database->stats().wal_corruptions;
               },
               .retention = [this] { return RetentionText(); },
               .resources = [this] { return Resources(); }}),
      query_memory_(QueryMemoryOf(flags_)),
      database_(base::Unavailable("not open")) {}

App::~App() = default;

int App::CheckFlags() {
  if (flags_.Bool("agent")) {
    base::Log(base::LogLevel::kError, "server", "Agent mode is not supported");
    return 3;
  }
  for (const FlagSpec& spec : FlagTable()) {
    if (!spec.agent_only || !flags_.given(spec.name)) continue;
    base::Log(base::LogLevel::kError, "server", "The following flag can only be used in agent mode",
              {{"flag", fmt::format("--{}", spec.name)}});
    return 3;
  }
  for (const std::string& warning : flags_.Warnings()) {
    base::Log(base::LogLevel::kWarn, "server", warning);
  }
  const auto url =
      MakeExternalUrl(flags_.String("web.external-url"), flags_.String("web.route-prefix"),
                      flags_.List("web.listen-address").front(), Hostname());
  const auto cors = model::AnchoredRegex::Compile(flags_.String("web.cors.origin"));
  const uint64_t segment = flags_.Bytes("storage.tsdb.wal-segment-size");
  absl::Status wrong;
  if (!url.ok()) wrong = base::Annotate(url.status(), "--web.external-url");
  if (!cors.ok()) wrong = base::Annotate(cors.status(), "--web.cors.origin");
  if (segment < 10 << 20 || segment > 256 << 20) {
    wrong = base::InvalidArgument("--storage.tsdb.wal-segment-size must be between 10MB and 256MB");
  }
  for (const char* flag : {"query.max-concurrency", "query.max-waiting", "web.max-connections"}) {
    if (flags_.Int(flag) < 1 || flags_.Int(flag) > INT32_MAX) {
      wrong = base::InvalidArgument("--{} must be at least 1 and fit into 31 bits", flag);
    }
  }
  if (flags_.Int("query.max-samples") < 1) {
    wrong = base::InvalidArgument("--query.max-samples must be at least 1");
  }
  for (const char* flag : {"storage.max-series", "storage.max-series-per-job",
                           "storage.max-series-per-metric"}) {
    if (flags_.Int(flag) < 0) {
      wrong = base::InvalidArgument("--{} must not be negative; 0 means any number", flag);
    }
  }
  if (!wrong.ok()) {
    Failed("Bad flag", wrong);
    return 2;
  }
  external_url_ = *url;
  cors_origin_ = *cors;
  return 0;
}

int App::Run() {
  if (const int code = CheckFlags(); code != 0) return code;
  Info("Starting Tidemark",
       {{"version", std::string(kVersion)}, {"pid", std::to_string(getpid())}});
  if (const absl::Status loaded = reloader_.LoadFirst(); !loaded.ok()) {
    base::Log(base::LogLevel::kError, "server",
              fmt::format("Error loading config (--config.file={})", reloader_.path()),
              {{"err", std::string(base::message(loaded))}});
    return 2;
  }
  if (const absl::Status listening = Listen(); !listening.ok()) {
    Failed("Unable to start web listener", listening);
    return 1;
  }
  opening_ = std::thread([this] { OpenDatabase(); });
  const int code = Loop();
  Stop();
  if (code == 0) Info("See you next time!");
  return code;
}

absl::Status App::Listen() {
  promql::Engine::Options engine_options = EngineOptions(flags_);
  engine_options.observer = &queries_;
  engine_options.result_cache_bytes = ResultBytesOf(flags_);
  engine_ = std::make_unique<promql::Engine>(engine_options);
  ScrapeManagerOptions scrape_options;
  scrape_options.hostname = Hostname();
  scrape_options.listen_address = flags_.List("web.listen-address").front();
  scrape_options.external_url = external_url_.url;
  scrape_options.page.read_starts =
      flags_.HasFeature("st-storage") || flags_.HasFeature("created-timestamp-zero-ingestion");
  scrape_options.page.type_and_unit_labels = flags_.HasFeature("type-and-unit-labels");
  scrapes_ = std::make_unique<ScrapeManager>(&http_client_, &slot_, std::move(scrape_options));
  DiscoveryOptions discovery_options;
  discovery_options.update_interval_ms = flags_.DurationMs("scrape.discovery-reload-interval");
  discovery_ = std::make_unique<DiscoveryManager>(
      [this](const std::string& job, std::vector<TargetGroup> groups) {
        scrapes_->SetTargets(job, std::move(groups));
      },
      discovery_options);

  api::ApiDependencies dependencies;
  dependencies.engine = engine_.get();
  dependencies.queryable = &slot_;
  dependencies.appendable = &slot_;
  dependencies.storage = &slot_;
  dependencies.targets = scrapes_.get();
  dependencies.status = &status_;
  dependencies.stats = &api_stats_;
  dependencies.memory = &query_memory_;
  dependencies.cors_origin = cors_origin_;
  dependencies.route_prefix = external_url_.route_prefix;
  dependencies.page_title = flags_.String("web.page-title");
  api::RegisterRoutes(&router_, dependencies);

  api::HttpServerOptions options;
  options.addresses = flags_.List("web.listen-address");
  options.max_connections = static_cast<int>(flags_.Int("web.max-connections"));
  options.read_timeout = absl::Milliseconds(flags_.DurationMs("web.read-timeout"));
  options.queries = {.max_concurrency = engine_options.max_concurrency,
                     .max_waiting = static_cast<int>(flags_.Int("query.max-waiting")),
                     .timeout = engine_options.timeout,
                     .memory = &query_memory_};
  ASSIGN_OR_RETURN(http_, api::HttpServer::Listen(std::move(options), &router_));
  http_->Start();
  for (size_t i = 0; i < http_->ports().size(); ++i) {
    Info("Listening on", {{"address", flags_.List("web.listen-address")[i]},
                          {"port", std::to_string(http_->ports()[i])}});
  }
  return absl::OkStatus();
}

void App::OpenDatabase() {
  storage::DatabaseOptions options = DatabaseOptionsOf(flags_, *reloader_.config());
  std::error_code error;
  std::filesystem::create_directories(options.dir, error);
  if (error) {
    database_ = base::Unavailable("create data directory {}: {}", options.dir, error.message());
  } else {
    options.replay_on_open = false;
    database_ = storage::Database::Open(options);
  }
  events_.Post(Event::kOpened);
}

void App::ReplayLog() {
  constexpr absl::Duration kBetweenLines = absl::Seconds(5);
  absl::Time next_line = absl::Now() + kBetweenLines;
  const absl::Status status =
      (*database_)->Replay([&](const storage::ReplayProgress& progress) {
        slot_.SetReplay(progress);
        if (absl::Now() >= next_line) {
          next_line += kBetweenLines;
          Info("Reading the log", {{"segment", std::to_string(progress.current)},
                                   {"first", std::to_string(progress.min)},
                                   {"last", std::to_string(progress.max)},
                                   {"percent", std::to_string(progress.percent())},
                                   {"seconds_left", fmt::format("{:.0f}", progress.seconds_left())}});
        }
        return !stop_replay_;
      });
  if (status.ok() || absl::IsCancelled(status)) return;
  Failed("Reading the log failed", status);
  replay_failed_ = true;
  events_.Post(Event::kStop);
}

int App::Loop() {
  bool reload_asked = false;
  while (true) {
    switch (events_.Wait()) {
      case Event::kStop:
        return replay_failed_ ? 1 : 0;
      case Event::kReload:
        reload_asked = true;
        break;
      case Event::kOpened:
        if (const absl::Status started = StartAll(); !started.ok()) {
          Failed("Fatal error", started);
          return 1;
        }
        break;
    }
    if (reload_asked && status_.Ready()) {
      (void)reloader_.Reload();  // It logs what went wrong.
      reload_asked = false;
    }
  }
}

absl::Status App::StartAll() {
  opening_.join();
  if (!database_.ok()) return base::Annotate(database_.status(), "opening storage failed");
  storage::Database* const database = database_->get();
  queries_.StartTracking(database->dir(), engine_->options().max_concurrency);
  LoadResults();
  slot_.Set(database);
  replaying_ = std::thread([this] { ReplayLog(); });
  compaction::SchedulerOptions options;
  options.retention = RetentionOf(*reloader_.config());
  options.scrub = {.interval_ms = flags_.DurationMs("storage.scrub-interval"),
                   .bytes_per_second = static_cast<int64_t>(flags_.Bytes("storage.scrub-rate"))};
  options.spare_bytes = [this, database] { return SpareBytes(database->dir(), flags_); };
  scheduler_ = std::make_unique<compaction::Scheduler>(database, options);
  running_scheduler_ = scheduler_.get();
  slot_.SetCleaner([scheduler = scheduler_.get()] { return scheduler->CleanTombstones(); });
  watch_ = std::make_unique<ResourceWatch>(
      database, scheduler_.get(),
      ResourceWatchOptions{.memory = MemorySplitOf(flags_),
                           .queries = &query_memory_,
                           .min_free_bytes =
                               static_cast<int64_t>(flags_.Bytes("storage.min-free-bytes")),
                           .results = engine_->result_cache(),
                           .result_bytes = ResultBytesOf(flags_)});
  running_watch_ = watch_.get();
  watch_->Start();
  scheduler_->Start();
  RETURN_IF_ERROR(reloader_.ApplyFirst());
  discovery_->Start();
  if (flags_.Bool("config.auto-reload") || flags_.HasFeature("auto-reload-config")) {
    reloader_.Watch(std::max<int64_t>(1000, flags_.DurationMs("config.auto-reload-interval")));
  }
  status_.set_phase(Phase::kReady);
  Info("Server is ready to receive web requests.", {{"retention", RetentionText()}});
  return absl::OkStatus();
}

void App::LoadResults() {
  promql::ResultCache* const cache = engine_->result_cache();
  if (cache == nullptr) return;
  storage::Database* const database = database_->get();
  const std::string id = ResultCacheId(*database, flags_);
  const size_t entries =
      promql::LoadCache(ResultCachePath(*database), id, database->changes(), cache);
  if (entries > 0) Info("Took over results of queries", {{"results", std::to_string(entries)}});
}

// Nobody asks and nothing changes any more. To do without is no harm.
void App::SaveResults() {
  const promql::ResultCache* const cache = engine_->result_cache();
  storage::Database* const database = database_->get();
  if (cache == nullptr) return;
  const std::string id = ResultCacheId(*database, flags_);
  const absl::Status saved =
      id.empty() ? base::Unavailable("the program's own file cannot be looked at")
                 : promql::SaveCache(*cache, *database->changes(), id, ResultCachePath(*database));
  if (!saved.ok()) Failed("Results of queries are not kept for the next start", saved);
}

void App::Stop() {
  const bool was_open = !opening_.joinable();
  status_.set_phase(Phase::kStopping);
  events_.ExitOnSecondSignal();
  reloader_.StopWatching();
  if (discovery_ != nullptr) discovery_->Stop();
  if (scrapes_ != nullptr) scrapes_->Stop();
  if (watch_ != nullptr) watch_->Stop();
  if (scheduler_ != nullptr) scheduler_->Stop();
  if (http_ != nullptr) http_->Stop(absl::Seconds(5));
  stop_replay_ = true;
  if (replaying_.joinable()) replaying_.join();
  if (!was_open) {
    Info("Stopped while starting");
    std::fflush(nullptr);
    _exit(0);
  }
  slot_.Set(nullptr);
  if (database_.ok()) {
    Info("Writing the head to disk");
    const absl::Status closed = (*database_)->Close([this] { SaveResults(); });
    if (!closed.ok()) {
      Failed("Closing storage failed; the log has everything", closed);
    }
  }
}

absl::Status App::ApplyConfig(const Config& config) {
  // What could still go wrong is tried before anything is changed.
  for (const ScrapeConfig& job : config.scrape_configs) {
    if (const auto settings = HttpSettings::Make(job.http); !settings.ok()) {
      return base::Annotate(settings.status(), fmt::format("scrape config {}", job.job_name));
    }
  }
  RETURN_IF_ERROR(queries_.log().SetFile(config.global.query_log_file));
  const std::shared_ptr<const Config> before = reloader_.config();
  const absl::Status applied =
      scrapes_->Apply(config.scrape_configs, config.global.external_labels);
  if (!applied.ok()) {
    (void)scrapes_->Apply(before->scrape_configs, before->global.external_labels);
    (void)queries_.log().SetFile(before->global.query_log_file);
    return applied;
  }
  discovery_->Apply(config.scrape_configs);
  engine_->set_default_subquery_step(absl::Milliseconds(config.global.evaluation_interval_ms));
  scheduler_->SetRetention(RetentionOf(config));
  (*database_)->SetOutOfOrderWindow(config.out_of_order_window_ms);
  return absl::OkStatus();
}

compaction::RetentionOptions App::RetentionOf(const Config& config) const {
  compaction::RetentionOptions out;
  out.policies = config.retention_policies;
  const bool in_file =
      config.retention_time_ms || config.retention_size_bytes || config.retention_percentage;
  if (!in_file) {
    out.retention_bytes = static_cast<int64_t>(flags_.Bytes("storage.tsdb.retention.size"));
    const bool by_age = flags_.given("storage.tsdb.retention.time") || out.retention_bytes == 0;
    out.retention_ms = by_age ? flags_.DurationMs("storage.tsdb.retention.time") : 0;
    return out;
  }
  out.retention_ms = config.retention_time_ms.value_or(0);
  out.retention_bytes = static_cast<int64_t>(config.retention_size_bytes.value_or(0));
  out.percentage = config.retention_percentage.value_or(0);
  return out;
}

std::string App::RetentionText() const {
  const std::shared_ptr<const Config> config = reloader_.config();
  const compaction::RetentionOptions retention = RetentionOf(*config);
  std::string out;
  if (retention.retention_ms > 0) out = model::FormatDurationMs(retention.retention_ms);
  const double percentage = config->retention_percentage.value_or(0);
  if (percentage > 0) {
    out += fmt::format("{}{}%", out.empty() ? "" : " or ", model::FormatFloat(percentage, 'g'));
  } else if (retention.retention_bytes > 0) {
    out += fmt::format("{}{}", out.empty() ? "" : " or ",
                       FormatBytes(static_cast<uint64_t>(retention.retention_bytes)));
  }
  return out;
}

api::ResourceState App::Resources() const {
  const ResourceWatch* watch = running_watch_;
  api::ResourceState state = watch == nullptr ? api::ResourceState() : watch->state();
  const compaction::RetentionOptions retention = RetentionOf(*reloader_.config());
  state.retention_ms = retention.retention_ms;
  state.retention_bytes = retention.retention_bytes;
  for (const compaction::RetentionPolicy& policy : retention.policies) {
    state.policies_ms.push_back(policy.retention_ms);
  }
  state.query_bytes = query_memory_.used_bytes();
  state.queries_refused = query_memory_.refused();
  return state;
}

std::string App::Metrics() {
  const ScrapeStats scrapes = scrapes_->Stats();
  const DiscoveryStats discovery = discovery_->Stats();
  return WriteSelfMetrics({.database = slot_.database(),
                           .engine = engine_.get(),
                           .query_log = &queries_.log(),
                           .scheduler = running_scheduler_,
                           .http = http_.get(),
                           .api = &api_stats_,
                           .scrapes = &scrapes,
                           .discovery = &discovery,
                           .resources = Resources(),
                           .reload = reloader_.status(),
                           .ready = status_.Ready()});
}

}  // namespace server
