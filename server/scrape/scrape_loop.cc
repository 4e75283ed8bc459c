#include "server/scrape/scrape_loop.h"

#include <algorithm>
#include <chrono>

#include "api/compress.h"
#include "server/scrape/page_appender.h"
#include "storage/base/log.h"
#include "storage/base/log_throttle.h"
#include "storage/base/status.h"
#include "storage/model/number_text.h"

namespace server {
namespace {

using std::chrono::nanoseconds;
constexpr int64_t kNsPerMs = 1'000'000;
constexpr int64_t kToleranceNs = 2 * kNsPerMs;
constexpr size_t kKeptScratchBytes = 4 << 20;

int64_t WallNs() {
  return std::chrono::duration_cast<nanoseconds>(std::chrono::system_clock::now().time_since_epoch())
      .count();
}

constexpr std::string_view kReportNames[] = {
    "up",
    "scrape_duration_seconds",
    "scrape_samples_scraped",
    "scrape_samples_post_metric_relabeling",
    "scrape_series_added",
    "scrape_timeout_seconds",
    "scrape_sample_limit",
    "scrape_body_size_bytes",
};

// Decoded pages are needed only until they are appended: one buffer for each worker, not too big.
std::string* Scratch() {
  thread_local std::string scratch;
  if (scratch.capacity() > kKeptScratchBytes) std::string().swap(scratch);
  return &scratch;
}

}  // namespace

ScrapeReport::ScrapeReport(model::LabelsView target_labels) {
  for (size_t i = 0; i < kSeries; ++i) {
    labels_[i] = model::LabelsBuilder(target_labels).Set(model::kMetricName, kReportNames[i]).Build();
  }
}

absl::Status ScrapeReport::AppendAll(const std::array<double, kSeries>& values, bool extra,
                                     int64_t time_ms, storage::Appender* batch) {
  for (size_t i = 0; i < (extra ? kSeries : kWithoutExtra); ++i) {
    const model::Sample sample{time_ms, values[i]};
    storage::Appended appended{refs_[i], storage::Outcome::kInvalidLabels};
    if (refs_[i] != storage::SeriesRef::kNone) appended = batch->Append(refs_[i], {}, sample);
    if (appended.outcome == storage::Outcome::kInvalidLabels) {
      appended = batch->Append(storage::SeriesRef::kNone, labels_[i].view(), sample);
    }
    switch (appended.outcome) {
      case storage::Outcome::kAccepted:
        refs_[i] = appended.ref;
        break;
      case storage::Outcome::kOutOfOrder:
      case storage::Outcome::kDuplicate:
        break;
      default:
        return base::Aborted("{}: {}", kReportNames[i], storage::ToString(appended.outcome));
    }
  }
  return absl::OkStatus();
}

absl::Status ScrapeReport::Append(const Values& v, bool extra, int64_t time_ms,
                                  storage::Appender* batch) {
  return AppendAll({v.up ? 1.0 : 0.0, v.duration_s, static_cast<double>(v.scraped),
                    static_cast<double>(v.added), static_cast<double>(v.series_added), v.timeout_s,
                    static_cast<double>(v.sample_limit), static_cast<double>(v.body_bytes)},
                   extra, time_ms, batch);
}

void ScrapeReport::AppendStale(bool extra, int64_t time_ms, storage::Appender* batch) {
  std::array<double, kSeries> values;
  values.fill(model::StaleNan());
  const absl::Status status = AppendAll(values, extra, time_ms, batch);
  if (!status.ok()) {
    base::Log(base::LogLevel::kWarn, "scrape", "Stale report failed",
              {{"err", std::string(base::message(status))}});
  }
}

ScrapeLoop::ScrapeLoop(std::shared_ptr<ScrapeContext> context, std::shared_ptr<const ScrapeJob> job,
                       std::shared_ptr<Target> target, std::function<bool()> superseded)
    : context_(std::move(context)),
      superseded_(std::move(superseded)),
      cache_(std::make_shared<SeriesCache>()),
      cache_fingerprint_(job->cache_fingerprint),
      job_(std::move(job)),
      target_(std::move(target)),
      shown_cache_(cache_) {}

// ---- Timing. ----

void ScrapeLoop::Start() {
  absl::MutexLock lock(&mu_);
  if (phase_ != Phase::kIdle) return;
  phase_ = Phase::kWaiting;
  ScheduleFirst();
}

void ScrapeLoop::Schedule(nanoseconds wait) {
  const uint64_t timer = ++timer_;
  context_->scheduler->RunAt(std::chrono::steady_clock::now() + wait,
                             [self = shared_from_this(), timer] { self->OnTick(timer); });
}

// Targets have their moments spread over the interval, at the same place of it after a restart.
void ScrapeLoop::ScheduleFirst() {
  aligned_ns_ = 0;
  const int64_t interval_ns = target_->interval_ms() * kNsPerMs;
  int64_t wait_ns = 0;
  if (!context_->skip_offset) {
    const uint64_t offset = (target_->hash() ^ context_->offset_seed.load()) %
                            static_cast<uint64_t>(interval_ns);
    wait_ns = interval_ns - WallNs() % interval_ns + static_cast<int64_t>(offset);
    if (wait_ns > interval_ns) wait_ns -= interval_ns;
  }
  Schedule(nanoseconds(wait_ns));
}

// By the wall clock, so that ticks do not drift from it; never later than one interval from now,
// however the clock was set meanwhile.
void ScrapeLoop::ScheduleNext() {
  const int64_t interval_ns = target_->interval_ms() * kNsPerMs;
  const int64_t wait_ns = aligned_ns_ + interval_ns - WallNs();
  Schedule(nanoseconds(std::clamp<int64_t>(wait_ns, 0, interval_ns)));
}

// Timer jitter costs bytes on the disk: within the tolerance the scheduled moment is the time.
int64_t ScrapeLoop::ScrapeTime(int64_t now_ns) {
  const int64_t interval_ns = target_->interval_ms() * kNsPerMs;
  if (aligned_ns_ == 0 || now_ns < aligned_ns_) {
    aligned_ns_ = now_ns - now_ns % kNsPerMs;  // The first one, or the clock was set.
    return aligned_ns_;
  }
  // The moment nearest to now; moments that were missed are passed over.
  const int64_t tolerance = std::min(kToleranceNs, interval_ns / 100);
  aligned_ns_ += (now_ns - aligned_ns_ + tolerance) / interval_ns * interval_ns;
  return std::abs(now_ns - aligned_ns_) <= tolerance ? aligned_ns_ : now_ns;
}

void ScrapeLoop::OnTick(uint64_t timer) {
  auto round = std::make_shared<Round>();
  {
    absl::MutexLock lock(&mu_);
    if (timer != timer_ || phase_ != Phase::kWaiting || ending_ || aborted_) return;
    phase_ = Phase::kBusy;
    const int64_t now_ns = WallNs();
    *round = {job_, target_, ScrapeTime(now_ns), std::chrono::steady_clock::now(), forced_error_};
    if (last_start_ns_ != 0) {
      context_->observe_interval(target_->interval_text(), (now_ns - last_start_ns_) * 1e-9);
    }
    last_start_ns_ = now_ns;
    if (job_->cache_fingerprint != cache_fingerprint_) {
      // Other rules make other series: a new cache, which knows what the old one leaves behind.
      auto fresh = std::make_shared<SeriesCache>();
      fresh->Inherit(*cache_);
      cache_ = std::move(fresh);
      shown_cache_ = cache_;
      cache_fingerprint_ = job_->cache_fingerprint;
    }
  }
  if (round->error.empty() && round->job->accept.empty()) {
    round->error =
        "scrape_protocols lists only PrometheusProto, and the protobuf format is not supported yet";
  }
  if (round->error.empty()) {
    Fetch(std::move(round));
  } else {
    context_->scheduler->Post([self = shared_from_this(), round] {
      self->Process(round.get(), absl::FailedPreconditionError(""));
    });
  }
}

void ScrapeLoop::Fetch(std::shared_ptr<Round> round) {
  const ScrapeConfig& config = round->job->config;
  const Target& target = *round->target;
  HttpRequest request;
  request.url = target.url();
  request.unix_socket = target.unix_socket();
  request.timeout_ms = target.timeout_ms();
  request.body_limit_bytes = config.body_size_limit;
  request.decode = false;  // On the worker, into its scratch.
  request.take_body_slot = true;
  request.headers = {
      {"User-Agent", context_->user_agent},
      {"Accept", round->job->accept},
      {"Accept-Encoding", config.enable_compression ? "gzip" : "identity"},
      {"X-Prometheus-Scrape-Timeout-Seconds",
       model::FormatFloat(static_cast<double>(target.timeout_ms()) / 1000, 'f')},
  };
  uint64_t id;
  {
    absl::MutexLock lock(&context_->mu);
    id = context_->next_fetch++;
    context_->fetches.emplace(id, nullptr);
  }
  const std::shared_ptr<HttpSettings> settings = round->job->http;
  std::shared_ptr<HttpFetch> fetch = context_->http->Fetch(
      settings, std::move(request),
      [self = shared_from_this(), round, id](absl::StatusOr<HttpResponse> response) {
        auto shared = std::make_shared<absl::StatusOr<HttpResponse>>(std::move(response));
        self->context_->scheduler->Post(
            [self, round, shared] { self->Process(round.get(), std::move(*shared)); });
        absl::MutexLock lock(&self->context_->mu);
        self->context_->fetches.erase(id);
      });
  absl::MutexLock lock(&context_->mu);
  if (context_->stopping) fetch->Cancel();
  const auto it = context_->fetches.find(id);
  if (it != context_->fetches.end()) it->second = std::move(fetch);
}

// ---- One scrape, on a worker. ----

void ScrapeLoop::Process(Round* round, absl::StatusOr<HttpResponse> response) {
  if (!response.ok() && absl::IsCancelled(response.status())) return Done();  // The server stops.
  if (!round->error.empty()) {
    Finish(round, {}, {});
    return Done();
  }
  if (!response.ok()) {
    round->error = base::message(response.status());
  } else if (response->status != 200) {
    round->error = "server returned HTTP status " + response->StatusText();
  }
  std::string_view page;
  if (round->error.empty()) {
    page = response->body;
    if (response->Header("Content-Encoding") == "gzip") {
      const uint64_t limit = round->job->config.body_size_limit;
      std::string* const scratch = Scratch();
      const absl::Status decoded =
          api::Uncompress(page, api::Deflate::kGzip,
                          limit == 0 ? kMaxBodyBytes - 1 : std::min(limit, kMaxBodyBytes) - 1, scratch);
      page = *scratch;
      if (!decoded.ok()) {
        round->error = absl::IsResourceExhausted(decoded) ? "body size limit exceeded"
                                                          : std::string(base::message(decoded));
      }
    }
  }
  Finish(round, round->error.empty() ? page : std::string_view(),
         response.ok() ? response->Header("Content-Type") : std::string_view());
  Done();
}

// Page (or the error of the round) → one batch, committed; the target told.
void ScrapeLoop::Finish(Round* round, std::string_view page, std::string_view content_type) {
  const ScrapeConfig& config = round->job->config;
  Target& target = *round->target;
  ScrapeCounters& counters = *context_->counters;
  const int64_t time_ms = round->time_ns / kNsPerMs;
  counters.scrapes.Add();
  const bool too_big = round->error == "body size limit exceeded";
  if (too_big) counters.exceeded_body_size_limit.Add();
  if (!round->error.empty() && round->job->failure_log != nullptr) {
    round->job->failure_log->Write(round->error, config.job_name, target.url());
  }

  std::unique_ptr<storage::Appender> batch = context_->storage->NewAppender();
  const auto appender = [&] {
    return PageAppender(config, target.labels().view(), target.url(), cache_.get(), &counters,
                        batch.get(), context_->page);
  };
  PageResult result;
  bool success = round->error.empty() && !page.empty();
  if (success) {
    const absl::StatusOr<PageFormat> format =
        ChooseFormat(content_type, config.fallback_scrape_protocol);
    if (format.ok()) {
      result = appender().Append(page, *format, time_ms, WallNs() / kNsPerMs);
    } else {
      result.error = base::message(format.status());
    }
    if (!result.error.empty()) {
      success = false;
      round->error = result.error;
      batch = context_->storage->NewAppender();  // Nothing of the page is kept.
    }
  }
  if (success) cache_->metadata().TellTo(batch.get(), cache_->iteration(), WallNs() / kNsPerMs);
  appender().AppendEnded(!success, time_ms);
  if (cache_->EndScrape(success)) counters.cache_flush_forced.Add();
  if (!round->error.empty()) counters.scrapes_failed.Add();
  counters.samples_scraped.Add(result.total);
  if (success) counters.samples_appended.Add(result.added);

  if (report_ == nullptr || report_labels_ != target.labels().bytes()) {
    report_ = std::make_unique<ScrapeReport>(target.labels().view());
    report_labels_ = target.labels().bytes();
  }
  const double seconds =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - round->start).count();
  absl::Status status = report_->Append(
      {.up = round->error.empty(),
       .duration_s = seconds,
       .scraped = result.total,
       .added = result.added,
       .series_added = result.series_added,
       .timeout_s = static_cast<double>(target.timeout_ms()) / 1000,
       .sample_limit = config.sample_limit,
       .body_bytes = too_big ? -1 : static_cast<int64_t>(page.size())},
      config.extra_scrape_metrics, time_ms, batch.get());
  const char* what = "Appending scrape report failed";
  if (status.ok()) {
    what = "Scrape commit failed";
    status = batch->Commit();
    if (!status.ok()) counters.commits_failed.Add();
  }
  if (!status.ok()) {
    // With a full disk all targets fail, every time: a line now and then says it.
    static base::LogThrottle throttle(absl::Seconds(10));
    if (const auto unsaid = throttle.Ask()) {
      base::Log(base::LogLevel::kError, "scrape", what,
                {{"scrape_pool", config.job_name},
                 {"target", target.url()},
                 {"err", std::string(base::message(status))},
                 {"not_logged", std::to_string(*unsaid)}});
    }
    if (round->error.empty()) round->error = fmt::format("{}: {}", what, base::message(status));
  }
  target.Report(round->time_ns, seconds, std::move(round->error));
}

void ScrapeLoop::Done() {
  absl::MutexLock lock(&mu_);
  series_ = cache_->size();
  phase_ = Phase::kWaiting;
  if (aborted_) {
    phase_ = Phase::kEnded;
  } else if (ending_) {
    BeginEnd();
  } else if (aligned_ns_ == 0) {
    ScheduleFirst();  // The interval was changed meanwhile.
  } else {
    ScheduleNext();
  }
}

// ---- Changes and the end. ----

void ScrapeLoop::Update(std::shared_ptr<const ScrapeJob> job, std::shared_ptr<Target> target) {
  absl::MutexLock lock(&mu_);
  const bool retime = target->interval_ms() != target_->interval_ms();
  if (target != target_) target->TakeStatusFrom(*target_);
  job_ = std::move(job);
  target_ = std::move(target);
  if (!retime) return;
  aligned_ns_ = 0;
  if (phase_ == Phase::kWaiting && !ending_ && !aborted_) ScheduleFirst();
}

void ScrapeLoop::SetForcedError(std::string error) {
  absl::MutexLock lock(&mu_);
  forced_error_ = std::move(error);
}

void ScrapeLoop::End() {
  absl::MutexLock lock(&mu_);
  if (ending_ || phase_ == Phase::kEnded) return;
  ending_ = true;
  if (phase_ != Phase::kBusy) BeginEnd();
}

// The target may come back at once under another loop, so the markers wait for two intervals and
// a bit. Their time is that of the tick which did not happen.
void ScrapeLoop::BeginEnd() {
  phase_ = Phase::kEnded;
  ++timer_;
  if (last_start_ns_ == 0 || aborted_) return;  // Nothing was ever scraped.
  const int64_t interval_ns = target_->interval_ms() * kNsPerMs;
  const int64_t to_tick_ns =
      std::clamp<int64_t>(aligned_ns_ + interval_ns - WallNs(), 0, interval_ns);
  const int64_t time_ms = (WallNs() + to_tick_ns) / kNsPerMs;
  context_->scheduler->RunAt(
      std::chrono::steady_clock::now() + nanoseconds(to_tick_ns + interval_ns + interval_ns / 10),
      [self = shared_from_this(), time_ms] {
        self->context_->scheduler->Post([self, time_ms] { self->WriteEnd(time_ms); });
      });
}

void ScrapeLoop::WriteEnd(int64_t time_ms) {
  std::shared_ptr<const ScrapeJob> job;
  std::shared_ptr<Target> target;
  {
    absl::MutexLock lock(&mu_);
    if (aborted_) return;
    job = job_;
    target = target_;
  }
  if (superseded_()) return;
  const std::unique_ptr<storage::Appender> batch = context_->storage->NewAppender();
  PageAppender appender(job->config, target->labels().view(), target->url(), cache_.get(),
                        context_->counters, batch.get(), context_->page);
  appender.AppendEnded(/*failed=*/true, time_ms);
  if (report_ != nullptr) report_->AppendStale(job->config.extra_scrape_metrics, time_ms, batch.get());
  const absl::Status status = batch->Commit();
  if (!status.ok()) {
    base::Log(base::LogLevel::kWarn, "scrape", "Stale commit failed",
              {{"target", target->url()}, {"err", std::string(base::message(status))}});
  }
}

void ScrapeLoop::Abort() {
  absl::MutexLock lock(&mu_);
  aborted_ = true;
  ++timer_;
}

std::shared_ptr<Target> ScrapeLoop::target() const {
  absl::MutexLock lock(&mu_);
  return target_;
}

std::vector<std::pair<std::string, model::Metadata>> ScrapeLoop::Metadata() const {
  std::shared_ptr<SeriesCache> cache;
  {
    absl::MutexLock lock(&mu_);
    cache = shown_cache_;
  }
  return cache->metadata().List();
}

void ScrapeLoop::Measure(uint64_t* metadata_entries, uint64_t* metadata_bytes,
                         uint64_t* series) const {
  std::shared_ptr<SeriesCache> cache;
  {
    absl::MutexLock lock(&mu_);
    cache = shown_cache_;
    *series += series_;
  }
  cache->metadata().Measure(metadata_entries, metadata_bytes);
}

}  // namespace server
