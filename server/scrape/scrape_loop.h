// Scrapes one target, again and again, at its own moments. spec 6.2, 6.7, 6.8.
//
// One scrape is: a tick (timing thread) → Fetch (io thread) → Process (a worker): page into samples,
// stale markers, report series, all in one batch, one Commit. The next tick is set when it is done,
// so a loop never overlaps itself, and the cache needs no lock.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include <absl/base/thread_annotations.h>
#include <absl/synchronization/mutex.h>

#include "server/scrape/content_type.h"
#include "server/scrape/scrape_job.h"
#include "server/scrape/series_cache.h"
#include "server/scrape/target.h"

namespace server {

// The eight series about the scrape itself: up, scrape_duration_seconds, ...
class ScrapeReport {
 public:
  struct Values {
    bool up = false;
    double duration_s = 0;
    uint64_t scraped = 0, added = 0, series_added = 0;
    double timeout_s = 0;
    uint64_t sample_limit = 0;
    int64_t body_bytes = 0;
  };
  explicit ScrapeReport(model::LabelsView target_labels);
  // Out of order and duplicates are let pass: the target has come back by another loop. Anything
  // else the store refuses is an error.
  absl::Status Append(const Values& values, bool extra, int64_t time_ms, storage::Appender* batch);
  void AppendStale(bool extra, int64_t time_ms, storage::Appender* batch);

 private:
  static constexpr size_t kSeries = 8, kWithoutExtra = 5;
  absl::Status AppendAll(const std::array<double, kSeries>& values, bool extra, int64_t time_ms,
                         storage::Appender* batch);
  std::array<model::Labels, kSeries> labels_;
  std::array<storage::SeriesRef, kSeries> refs_{};
};

// Thread-safe. Held by its pool and by whatever is under way for it.
class ScrapeLoop : public std::enable_shared_from_this<ScrapeLoop> {
 public:
  // `superseded`: whether the target is scraped by another loop; asked before the markers of a
  // target that has gone are written.
  ScrapeLoop(std::shared_ptr<ScrapeContext> context, std::shared_ptr<const ScrapeJob> job,
             std::shared_ptr<Target> target, std::function<bool()> superseded);

  void Start();
  // From the next scrape on: another configuration, or the same target with another interval.
  void Update(std::shared_ptr<const ScrapeJob> job, std::shared_ptr<Target> target);
  // Scrapes fail with this at once, without a request. Empty: they do not.
  void SetForcedError(std::string error);
  // No more scrapes. Two intervals later, what it scraped is marked stale.
  void End();
  // The server stops: no more scrapes, no markers. (The manager calls off what is under way.)
  void Abort();

  std::shared_ptr<Target> target() const;
  // Type, help, unit by family, and sizes, for the API. Any thread.
  std::vector<std::pair<std::string, model::Metadata>> Metadata() const;
  void Measure(uint64_t* metadata_entries, uint64_t* metadata_bytes, uint64_t* series) const;

 private:
  enum class Phase : uint8_t { kIdle, kWaiting, kBusy, kEnded };
  // What one scrape works with, taken when it begins.
  struct Round {
    std::shared_ptr<const ScrapeJob> job;
    std::shared_ptr<Target> target;
    int64_t time_ns = 0;   // The samples' time.
    std::chrono::steady_clock::time_point start;
    std::string error;     // Instead of a page.
  };

  void Schedule(std::chrono::nanoseconds wait) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void ScheduleFirst() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void ScheduleNext() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void BeginEnd() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  int64_t ScrapeTime(int64_t now_ns) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void OnTick(uint64_t timer);
  void Fetch(std::shared_ptr<Round> round);
  void Process(Round* round, absl::StatusOr<HttpResponse> response);
  void Finish(Round* round, std::string_view page, std::string_view content_type);
  void Done();
  void WriteEnd(int64_t time_ms);

  const std::shared_ptr<ScrapeContext> context_;
  const std::function<bool()> superseded_;

  // Of the scrape under way alone (phase kBusy), or of the end.
  std::shared_ptr<SeriesCache> cache_;
  std::unique_ptr<ScrapeReport> report_;
  std::string report_labels_;  // What report_ was made for.
  std::string cache_fingerprint_;

  mutable absl::Mutex mu_;
  Phase phase_ ABSL_GUARDED_BY(mu_) = Phase::kIdle;
  bool ending_ ABSL_GUARDED_BY(mu_) = false, aborted_ ABSL_GUARDED_BY(mu_) = false;
  std::shared_ptr<const ScrapeJob> job_ ABSL_GUARDED_BY(mu_);
  std::shared_ptr<Target> target_ ABSL_GUARDED_BY(mu_);
  std::shared_ptr<SeriesCache> shown_cache_ ABSL_GUARDED_BY(mu_);  // For the API.
  uint64_t series_ ABSL_GUARDED_BY(mu_) = 0;
  std::string forced_error_ ABSL_GUARDED_BY(mu_);
  uint64_t timer_ ABSL_GUARDED_BY(mu_) = 0;       // The tick that counts; older ones are void.
  int64_t aligned_ns_ ABSL_GUARDED_BY(mu_) = 0;   // The moment this scrape was meant for; 0: none yet.
  int64_t last_start_ns_ ABSL_GUARDED_BY(mu_) = 0;
};

}  // namespace server
