#include "server/resource_watch.h"

#include <algorithm>
#include <chrono>

#include <absl/time/time.h>

#include "storage/base/log.h"
#include "storage/base/status.h"

namespace server {
namespace {

using storage::Admission;
using storage::Shed;

constexpr std::string_view kComponent = "resources";
constexpr int kMemoryLookMs = 200, kLooksPerDiskLook = 5;
constexpr int64_t kBetweenFlushesMs = 30'000, kBetweenReleasesMs = 2'000;
constexpr int64_t kBetweenNotesMs = 60'000;
constexpr size_t kNotes = 360;

int64_t SteadyMs() {
  return std::chrono::duration_cast<std::chrono::milliseconds>(
             std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

std::string Bytes(int64_t bytes) {
  return fmt::format("{} MiB", bytes >> 20);
}

}  // namespace

ResourceWatch::ResourceWatch(storage::Database* database, compaction::Scheduler* scheduler,
                             ResourceWatchOptions options)
    : database_(database),
      scheduler_(scheduler),
      options_(options),
      reserve_(database->dir() + "/tidemark") {
  state_.split = options_.memory;
}

ResourceWatch::~ResourceWatch() { Stop(); }

void ResourceWatch::Start() {
  LookAtDisk();
  thread_ = std::thread([this] { Loop(); });
}

void ResourceWatch::Stop() {
  {
    absl::MutexLock lock(&mu_);
    stop_ = true;
    wake_.SignalAll();
  }
  if (thread_.joinable()) thread_.join();
}

api::ResourceState ResourceWatch::state() const {
  absl::MutexLock lock(&mu_);
  return state_;
}

void ResourceWatch::Loop() {
  for (int look = 0;; ++look) {
    LookAtMemory();
    if (look % kLooksPerDiskLook == 0) LookAtDisk();
    absl::MutexLock lock(&mu_);
    if (!stop_) wake_.WaitWithTimeout(&mu_, absl::Milliseconds(kMemoryLookMs));
    if (stop_) return;
  }
}

void ResourceWatch::LookAtMemory() {
  const storage::MemoryUse use = {.resident_bytes = storage::ResidentBytes(),
                                  .head_bytes =
                                      static_cast<int64_t>(database_->head_info().bytes),
                                  .cache_bytes = database_->blocks()->cache_used_bytes()};
  Shed before, now;
  {
    absl::MutexLock lock(&mu_);
    before = state_.stage;
    now = storage::NextStage(before, use, options_.memory);
    state_.use = use;
    state_.stage = now;
  }
  Apply(before, now, use);
  database_->admission()->SetHoldBack(storage::HoldBackMs(scheduler_->FlushLag()));
  if (options_.queries != nullptr) options_.queries->LookForRoom();
}

// Closing again keeps the figures of the text fresh.
void ResourceWatch::Apply(Shed before, Shed now, const storage::MemoryUse& use) {
  const storage::MemorySplit& split = options_.memory;
  const int64_t now_ms = SteadyMs();
  if (now != before) {
    base::Log(now > before ? base::LogLevel::kWarn : base::LogLevel::kInfo, kComponent,
              now > before ? "Memory is short" : "Memory is less short",
              {{"given_up", std::string(storage::ToString(now))},
               {"resident", Bytes(use.resident_bytes)},
               {"head", Bytes(use.head_bytes)},
               {"limit", Bytes(split.limit_bytes)}});
  }
  if ((now >= Shed::kCaches) != (before >= Shed::kCaches)) {
    const int share = now >= Shed::kCaches ? 4 : 1;
    database_->blocks()->SetCacheBytes(split.cache_bytes / share);
    if (options_.results != nullptr) options_.results->SetLimit(options_.result_bytes / share);
  }
  if ((now >= Shed::kFlush || storage::HeadIsLarge(use, split)) && now_ms >= next_flush_ms_) {
    next_flush_ms_ = now_ms + kBetweenFlushesMs;
    scheduler_->RequestFlush();
  }
  const auto gate = [&](bool refuse, Admission::Gate which, std::string_view what) {
    if (!refuse) {
      if (database_->admission()->closed(which)) database_->admission()->Open(which);
      return;
    }
    database_->admission()->Close(
        which, fmt::format("{} are refused for want of memory: {} of {} are in use, {} of them by "
                           "series in memory, whose share is {} (--storage.memory-limit)",
                           what, Bytes(use.resident_bytes), Bytes(split.limit_bytes),
                           Bytes(use.head_bytes), Bytes(split.head_bytes)));
  };
  const bool full = storage::HeadIsFull(head_full_, use, split);
  if (full && !head_full_) {
    base::Log(base::LogLevel::kWarn, kComponent, "Series have filled their share of memory",
              {{"head", Bytes(use.head_bytes)}, {"share", Bytes(split.head_bytes)}});
  }
  head_full_ = full;
  gate(now >= Shed::kQueries, Admission::Gate::kQueries, "new queries");
  gate(full || now >= Shed::kNewSeries, Admission::Gate::kNewSeries, "new series");

  // A flush has freed memory that the allocator still holds.
  const uint64_t flushes = scheduler_->stats().flushes;
  const bool flushed = flushes != flushes_seen_;
  flushes_seen_ = flushes;
  if (flushed || (now >= Shed::kCaches && now_ms >= next_release_ms_)) {
    next_release_ms_ = now_ms + kBetweenReleasesMs;
    storage::ReleaseFreeMemory();
  }
}

void ResourceWatch::LookAtDisk() {
  const absl::StatusOr<storage::DiskSpace> space = storage::AskDiskSpace(database_->dir());
  if (!space.ok()) return;  // Whatever is wrong with it, the next write will say.
  const int64_t least = options_.min_free_bytes > 0
                            ? options_.min_free_bytes
                            : storage::DefaultMinFreeBytes(space->total_bytes);
  storage::DiskState before, now;
  {
    absl::MutexLock lock(&mu_);
    before = state_.disk_state;
    now = storage::NextState(before, space->free_bytes, least);
    state_.disk = *space;
    state_.disk_state = now;
    state_.min_free_bytes = least;
    state_.reserve_bytes = reserve_.exists() ? storage::DiskReserve::Bytes(least) : 0;
  }
  Admission* const admission = database_->admission();
  if (now == storage::DiskState::kLow) {
    const std::string reason = fmt::format(
        "nothing is ingested while the disk of {} has less than {} free: {} are left "
        "(--storage.min-free-bytes); queries are answered, and ingest resumes by itself",
        database_->dir(), Bytes(least), Bytes(space->free_bytes));
    admission->Close(Admission::Gate::kDisk, reason);
    if (before != now) base::Log(base::LogLevel::kError, kComponent, reason);
    if (before != now) scheduler_->RequestFlush();  // Retention first; then the log may go.
  } else if (before != now) {
    admission->Open(Admission::Gate::kDisk);
    base::Log(base::LogLevel::kInfo, kComponent, "There is room on the disk again; ingest resumes",
              {{"free", Bytes(space->free_bytes)},
               {"samples_refused", std::to_string(admission->refused_samples())}});
  }
  if (admission->closed(Admission::Gate::kLog) && database_->Recover().ok()) {
    base::Log(base::LogLevel::kInfo, kComponent, "The disk can be written to again; ingest resumes");
  }
  if (!space->read_only) reserve_.Keep(space->free_bytes, least);
  NoteGrowth();
}

void ResourceWatch::NoteGrowth() {
  const int64_t now_ms = SteadyMs();
  if (now_ms < next_note_ms_) return;
  next_note_ms_ = now_ms + kBetweenNotesMs;
  const int64_t used = static_cast<int64_t>(database_->wal_bytes() + database_->blocks()->bytes());
  notes_.push_back({now_ms, used});
  if (notes_.size() > kNotes) notes_.pop_front();
  const int64_t took_ms = now_ms - notes_.front().at_ms;
  if (took_ms < 10 * kBetweenNotesMs) return;
  const double per_day = static_cast<double>(used - notes_.front().used_bytes) /
                         static_cast<double>(took_ms) * 86'400'000;
  absl::MutexLock lock(&mu_);
  state_.growth_bytes_per_day = per_day;
  state_.growth_known = true;
}

}  // namespace server
