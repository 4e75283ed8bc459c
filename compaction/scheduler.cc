#include "compaction/scheduler.h"

#include <sys/statvfs.h>
#include <time.h>

#include <algorithm>
#include <chrono>
#include <utility>

#include <absl/cleanup/cleanup.h>
#include <absl/time/time.h>

#include "compaction/compactor.h"
#include "storage/base/log.h"
#include "storage/base/status.h"

namespace compaction {
namespace {

constexpr std::string_view kComponent = "compaction";
constexpr model::TimeMs kLongestFlushRetryMs = 5 * 60 * 1000;
constexpr model::TimeMs kBetweenForgettingMs = 6 * 60 * 60 * 1000;
constexpr uint32_t kSeriesBetweenLooks = 4096;
constexpr int64_t kMinScrubStep = 64 << 10, kMaxScrubStep = 1 << 20;

double SecondsSince(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

// Of the file system that holds `dir`; 0 when it cannot be asked.
uint64_t DiskBytes(const std::string& dir) {
  struct statvfs info {};
  if (statvfs(dir.c_str(), &info) != 0) return 0;
  return static_cast<uint64_t>(info.f_blocks) * info.f_frsize;
}

// Goes on while the machine sleeps.
int64_t SystemSteadyMs() {
  struct timespec t {};
  ::clock_gettime(CLOCK_BOOTTIME, &t);
  return int64_t{t.tv_sec} * 1000 + t.tv_nsec / 1'000'000;
}

SchedulerOptions WithDefaults(SchedulerOptions options) {
  if (!options.steady_ms) options.steady_ms = SystemSteadyMs;
  return options;
}

std::optional<model::TimeMs> NewestOf(const storage::Database& database) {
  const model::TimeRange range = database.range();
  if (range.min > range.max) return std::nullopt;
  return range.max;
}

}  // namespace

Scheduler::Scheduler(storage::Database* database, SchedulerOptions options)
    : database_(database),
      options_(WithDefaults(std::move(options))),
      clock_watch_(options_.clock->NowMs(), options_.steady_ms(), NewestOf(*database)),
      flush_slot_(options_.clock->NowMs() / options_.flush_interval_ms),
      scrub_(database->blocks(), database->dir() + "/tidemark/scrub", options_.scrub),
      retention_(options_.retention) {}

Scheduler::~Scheduler() { Stop(); }

void Scheduler::Start() {
  {
    absl::MutexLock lock(&mu_);
    stop_ = false;
    running_ = true;
  }
  thread_ = std::thread([this] { Loop(); });
}

void Scheduler::Stop() {
  {
    absl::MutexLock lock(&mu_);
    stop_ = true;
    wake_.SignalAll();
  }
  if (thread_.joinable()) thread_.join();
  absl::MutexLock lock(&mu_);
  running_ = false;
}

void Scheduler::RequestFlush() {
  absl::MutexLock lock(&mu_);
  flush_requested_ = true;
  wake_.SignalAll();
}

void Scheduler::SetRetention(RetentionOptions retention) {
  absl::MutexLock lock(&mu_);
  retention_ = std::move(retention);
  ++retention_round_;
}

SchedulerStats Scheduler::stats() const {
  absl::MutexLock lock(&mu_);
  SchedulerStats stats = stats_;
  stats.retention = retention_;
  return stats;
}

absl::Status Scheduler::CleanTombstones() {
  absl::MutexLock lock(&mu_);
  if (!running_ || stop_) return base::Unavailable("compaction is not running");
  const uint64_t mine = ++cleanings_asked_;
  wake_.SignalAll();
  const auto over = [&] { return cleanings_done_ >= mine || !running_; };
  mu_.Await(absl::Condition(&over));
  return cleanings_done_ >= mine ? cleaned_ : base::Unavailable("compaction was stopped");
}

void Scheduler::CleanIfAsked() {
  uint64_t asked;
  {
    absl::MutexLock lock(&mu_);
    asked = cleanings_asked_;
    if (asked == cleanings_done_) return;
  }
  const auto start = std::chrono::steady_clock::now();
  absl::Status status = Clean();
  if (absl::IsCancelled(status)) return;  // Stopped, as who waits is told; done after the next start.
  absl::MutexLock lock(&mu_);
  ++stats_.cleanings;
  stats_.cleaning_seconds += SecondsSince(start);
  cleanings_done_ = asked;
  cleaned_ = std::move(status);
}

// The others are rewritten although one of them fails.
absl::Status Scheduler::Clean() {
  absl::Status status;
  for (const storage::BlockMeta& meta : database_->blocks()->Metas()) {
    if (meta.deleted_series > 0) status.Update(CarryOut(CleanPlan(meta)));
  }
  return status;
}

void Scheduler::Loop() {
  while (!stop_) {
    try {
      RunOnce();
      Rest();
      continue;
    } catch (const std::exception& e) {  // Memory, most likely; the next round may have it.
      Failed("A round of compaction failed", base::Internal("{}", e.what()),
             &SchedulerStats::merge_failures);
    }
    // Also what is asked for waits: it would fail again at once, and again.
    const int64_t until = SystemSteadyMs() + options_.check_interval_ms;
    absl::MutexLock lock(&mu_);
    for (int64_t now; !stop_ && (now = SystemSteadyMs()) < until;) {
      wake_.WaitWithTimeout(&mu_, absl::Milliseconds(until - now));
    }
  }
}

bool Scheduler::HasWork() const {
  return stop_ || flush_requested_ || cleanings_asked_ != cleanings_done_;
}

// Reads a little at a time, and what others want done is done first.
void Scheduler::Rest() {
  const int64_t until = SystemSteadyMs() + options_.check_interval_ms;
  const int64_t rate = options_.scrub.bytes_per_second;
  const auto step = static_cast<uint64_t>(std::clamp(rate / 4, kMinScrubStep, kMaxScrubStep));
  bool due = rate > 0;
  for (;;) {
    if (due && !stop_ && SystemSteadyMs() >= next_scrub_ms_) {
      const std::optional<uint64_t> read = scrub_.Step(step, Now());
      due = read.has_value();
      next_scrub_ms_ = SystemSteadyMs() + static_cast<int64_t>(read.value_or(0)) * 1000 / rate;
    }
    absl::MutexLock lock(&mu_);
    stats_.scrub = scrub_.stats();
    const int64_t now = SystemSteadyMs();
    if (HasWork() || now >= until || HeadIsFull(options_.clock->NowMs())) return;
    const int64_t next = std::min({until, now + options_.head_look_ms, due ? next_scrub_ms_ : until});
    wake_.WaitWithTimeout(&mu_, absl::Milliseconds(next - now));
  }
}

model::TimeMs Scheduler::Now() {
  const model::TimeMs now = options_.clock->NowMs();
  if (const int64_t step = clock_watch_.Look(now, options_.steady_ms()); step != 0) Stepped(step);
  return now;
}

void Scheduler::Stepped(int64_t step_ms) {
  base::Log(base::LogLevel::kWarn, kComponent, "The clock of this machine has stepped",
            {{"by", fmt::format("{:.3f}s", static_cast<double>(step_ms) / 1000)},
             {"retention_goes_by_ms", std::to_string(clock_watch_.believed())}});
  next_flush_attempt_ = 0;  // What was put off until then might have to wait for long.
  next_check_in_merge_ = 0;
  set_aside_.clear();
  absl::MutexLock lock(&mu_);
  ++stats_.clock_steps;
}

void Scheduler::RunOnce() {
  DropExpired();  // First, since it makes room.
  FlushIfDue();
  DropExpired();
  CleanIfAsked();
  while (!stop_ && MergeNext()) {
    CleanIfAsked();
  }
  ForgetMetadata();
}

// Metadata is kept as long as the series that are kept for the longest time.
void Scheduler::ForgetMetadata() {
  const model::TimeMs now = Now();
  if (now < next_forgetting_ && next_forgetting_ - now <= kBetweenForgettingMs) return;
  next_forgetting_ = now + kBetweenForgettingMs;
  RetentionOptions retention;
  {
    absl::MutexLock lock(&mu_);
    retention = retention_;
  }
  int64_t longest_ms = retention.retention_ms;
  for (const RetentionPolicy& policy : retention.policies) {
    longest_ms = std::max(longest_ms, policy.retention_ms);
  }
  // By the newest data, as blocks go.
  const model::TimeMs newest = std::min(clock_watch_.believed(), database_->range().max);
  model::TimeMs before;
  if (retention.retention_ms == 0 || __builtin_sub_overflow(newest, longest_ms, &before)) {
    before = std::numeric_limits<model::TimeMs>::min();
  }
  // Under pressure of memory it cannot look at what there is; it will another time.
  database_->ForgetMetadata(before).IgnoreError();
}

void Scheduler::Failed(std::string_view what, const absl::Status& status,
                       uint64_t SchedulerStats::*counter) {
  base::Log(base::LogLevel::kError, kComponent, what,
            {{"err", std::string(base::message(status))}});
  absl::MutexLock lock(&mu_);
  ++(stats_.*counter);
  stats_.last_error = fmt::format("{}: {}", what, base::message(status));
}

bool Scheduler::FlushIsDue(model::TimeMs now) {
  if (flush_requested_.exchange(false)) return true;
  if (now < next_flush_attempt_) return false;
  const storage::HeadInfo head = database_->head_info();
  // Before new ones push out those that came first.
  if (head.num_exemplars > 0 && head.num_exemplars >= head.max_exemplars / 4 * 3) return true;
  if (head.num_samples == 0) {
    flush_slot_ = now / options_.flush_interval_ms;
    return false;
  }
  return now / options_.flush_interval_ms != flush_slot_ || HeadFill() >= 1 ||
         (options_.flush_bytes > 0 && head.bytes >= options_.flush_bytes);
}

double Scheduler::HeadFill() const {
  const storage::HeadInfo head = database_->head_info();
  const uint64_t most = std::max(options_.flush_samples,
                                 options_.flush_samples_per_series * head.num_series);
  return static_cast<double>(head.num_samples) / static_cast<double>(std::max<uint64_t>(1, most));
}

double Scheduler::FlushLag() const { return flushing_ ? HeadFill() : 0; }

absl::Status Scheduler::Flush() {
  flushing_ = true;
  const absl::Cleanup over = [this] { flushing_ = false; };
  return database_->FlushHead();
}

void Scheduler::FlushIfDue() {
  const model::TimeMs now = Now();
  if (!FlushIsDue(now)) return;
  const absl::Status status = Flush();
  if (status.ok()) {
    flush_slot_ = now / options_.flush_interval_ms;
    failed_flushes_ = 0;
    next_flush_attempt_ = 0;
    absl::MutexLock lock(&mu_);
    ++stats_.flushes;
    return;
  }
  // A full disk stays full for a while; the log and the head keep what there is.
  const int64_t wait_ms = options_.check_interval_ms << std::min(failed_flushes_++, 10);
  next_flush_attempt_ = now + std::min(wait_ms, kLongestFlushRetryMs);
  Failed("Flushing the head failed", status, &SchedulerStats::flush_failures);
}

void Scheduler::DropBlock(const std::string& ulid, std::string_view reason,
                          uint64_t SchedulerStats::*counter) {
  const absl::Status status = database_->blocks()->Drop(ulid);
  if (!status.ok()) {
    Failed("Dropping an old block failed", status, &SchedulerStats::drop_failures);
    return;
  }
  next_forgetting_ = 0;
  base::Log(base::LogLevel::kInfo, kComponent, "Dropped an old block",
            {{"block", ulid}, {"retention", std::string(reason)}});
  absl::MutexLock lock(&mu_);
  ++(stats_.*counter);
}

void Scheduler::DropExpired() {
  Now();
  RetentionOptions retention;
  {
    absl::MutexLock lock(&mu_);
    retention = retention_;
    if (std::exchange(thin_round_, retention_round_) != retention_round_) thin_.clear();
  }
  const Expired expired =
      FindExpired(retention, database_->blocks()->Metas(), database_->wal_bytes(),
                  retention.percentage > 0 ? DiskBytes(database_->dir()) : 0,
                  clock_watch_.believed());
  for (const std::string& ulid : expired.by_time) {
    DropBlock(ulid, "time", &SchedulerStats::dropped_by_time);
  }
  for (const std::string& ulid : expired.by_size) {
    DropBlock(ulid, "size", &SchedulerStats::dropped_by_size);
  }
  std::map<std::string, std::vector<bool>> thin;  // Without blocks that are gone.
  for (const Thinning& thinning : expired.thinned) {
    const auto it = thin_.find(thinning.ulid);
    if (it != thin_.end()) thin.insert(*it);
  }
  thin_ = std::move(thin);
  for (const Thinning& thinning : expired.thinned) {
    if (stop_) return;
    const auto it = thin_.find(thinning.ulid);
    const bool done = it != thin_.end() && it->second == thinning.expired;
    if (!done && !set_aside_.contains(thinning.ulid)) Thin(thinning, retention);
  }
}

void Scheduler::Thin(const Thinning& thinning, const RetentionOptions& retention) {
  const absl::Status status = TryThin(thinning, retention);
  if (status.ok()) {
    thin_[thinning.ulid] = thinning.expired;
  } else if (!absl::IsCancelled(status)) {
    Failed("Retention by policy failed for a block", status, &SchedulerStats::drop_failures);
  }
}

absl::Status Scheduler::TryThin(const Thinning& thinning, const RetentionOptions& retention) {
  std::vector<std::vector<std::vector<model::Matcher>>> classes;
  for (const RetentionPolicy& policy : retention.policies) classes.push_back(policy.match);
  ASSIGN_OR_RETURN(const std::vector<uint64_t> series,
                   database_->blocks()->CountByClass(thinning.ulid, classes));
  uint64_t going = 0, staying = 0;
  for (size_t i = 0; i < series.size(); ++i) (thinning.expired[i] ? going : staying) += series[i];
  if (going == 0) return absl::OkStatus();
  if (staying == 0) {
    DropBlock(thinning.ulid, "policy", &SchedulerStats::dropped_by_time);
    return absl::OkStatus();
  }
  for (const storage::BlockMeta& meta : database_->blocks()->Metas()) {
    if (meta.ulid != thinning.ulid) continue;
    const Plan plan{{meta.ulid}, meta.level, "the time of some series is over"};
    RETURN_IF_ERROR(CarryOut(plan, [&](model::LabelsView labels) {
      return !thinning.expired[PolicyOf(retention, labels)];
    }));
    absl::MutexLock lock(&mu_);
    ++stats_.thinned;
  }
  return absl::OkStatus();
}

bool Scheduler::KeepGoing() {
  if (stop_.load(std::memory_order_relaxed)) return false;
  if (++asked_ % kSeriesBetweenLooks != 0) return true;
  const model::TimeMs now = Now();
  if (now >= next_check_in_merge_ || HeadIsFull(now)) {  // A long merge does not hold up the head.
    next_check_in_merge_ = now + options_.check_interval_ms;
    FlushIfDue();
  }
  return true;
}

// The result is at most about as large as its inputs, which go only when it is there.
bool Scheduler::HasRoomFor(const Plan& plan, const std::vector<storage::BlockMeta>& metas) {
  if (!options_.spare_bytes) return true;
  int64_t needed = 0;
  for (const storage::BlockMeta& meta : metas) {
    const bool in_plan = std::find(plan.blocks.begin(), plan.blocks.end(), meta.ulid) !=
                         plan.blocks.end();
    if (in_plan) needed += static_cast<int64_t>(meta.bytes);
  }
  const int64_t spare = options_.spare_bytes();
  const bool missing = needed > spare;
  if (missing && !room_was_missing_) {
    base::Log(base::LogLevel::kWarn, kComponent, "Too little room on the disk to merge blocks",
              {{"needed_bytes", std::to_string(needed)}, {"spare_bytes", std::to_string(spare)}});
  }
  room_was_missing_ = missing;
  return !missing;
}

bool Scheduler::MergeNext() {
  const model::TimeMs now = Now();
  std::vector<storage::BlockMeta> metas = database_->blocks()->Metas();
  std::erase_if(set_aside_, [&](const auto& block) { return block.second <= now; });
  std::erase_if(metas, [&](const storage::BlockMeta& m) { return set_aside_.contains(m.ulid); });
  const std::optional<Plan> plan = MakePlan(options_.plan, metas, now);
  return plan && HasRoomFor(*plan, metas) && CarryOut(*plan).ok();
}

absl::Status Scheduler::CarryOut(const Plan& plan,
                                 const std::function<bool(model::LabelsView)>& keep) {
  const model::TimeMs now = Now();
  next_check_in_merge_ = now + options_.check_interval_ms;
  const auto start = std::chrono::steady_clock::now();
  const absl::StatusOr<std::vector<storage::BlockMeta>> merged =
      Merge(plan, database_->blocks(), [this] { return KeepGoing(); }, keep);
  if (absl::IsCancelled(merged.status())) return merged.status();
  if (!merged.ok()) {
    for (const std::string& ulid : plan.blocks) set_aside_[ulid] = now + options_.retry_merge_ms;
    Failed("Merging blocks failed", merged.status(), &SchedulerStats::merge_failures);
    return merged.status();
  }
  const double seconds = SecondsSince(start);
  for (const storage::BlockMeta& block : *merged) {
    base::Log(base::LogLevel::kInfo, kComponent, "Merged blocks",
              {{"blocks", std::to_string(plan.blocks.size())},
               {"into", block.ulid},
               {"level", std::to_string(block.level)},
               {"reason", plan.reason},
               {"mint", std::to_string(block.range.min)},
               {"maxt", std::to_string(block.range.max)},
               {"series", std::to_string(block.num_series)},
               {"bytes", std::to_string(block.bytes)},
               {"duration", fmt::format("{:.3f}s", seconds)}});
    if (block.damaged_chunks == 0) continue;
    base::Log(base::LogLevel::kError, kComponent, "Damaged chunks were left out of a merge",
              {{"block", block.ulid}, {"chunks", std::to_string(block.damaged_chunks)}});
  }
  absl::MutexLock lock(&mu_);
  ++stats_.merges;
  stats_.merge_seconds += seconds;
  for (const storage::BlockMeta& block : *merged) {
    stats_.merged_samples += block.num_samples;
    stats_.merged_chunks += block.num_chunks;
    stats_.merged_bytes += block.bytes;
  }
  return absl::OkStatus();
}

}  // namespace compaction
