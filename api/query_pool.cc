#include "api/query_pool.h"

#include <sys/resource.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <exception>
#include <numeric>
#include <utility>

#include <absl/time/clock.h>

#include "storage/base/log.h"
#include "storage/base/status.h"

namespace api {
namespace {

// What a request of each class is charged before anybody knows, in seconds of a core.
constexpr std::array<double, kCostClasses> kAdvance = {0.01, 0.02, 0.2, 1, 5, 20};
constexpr int kDearPriority = 5;  // As nice(1) counts.
// Waiting for the disk counts as well, but less than computing.
constexpr double kWallPerCpu = 4;

double ThreadCpuSeconds() {
  timespec t = {};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
  return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_nsec) / 1e9;
}

// Of this thread, for good: not every process may raise it again.
void LowerPriority() {
  (void)setpriority(PRIO_PROCESS, static_cast<id_t>(syscall(SYS_gettid)), kDearPriority);
}

absl::Status PutOff() { return base::Cancelled("put off: others go first"); }

bool Gone(const std::atomic<bool>* cancelled) {
  return cancelled != nullptr && cancelled->load(std::memory_order_relaxed);
}

}  // namespace

absl::Status QueryPool::Ticket::Late() const {
  return base::DeadlineExceeded("query timed out after {} (--query.timeout, or the request's own)",
                                absl::FormatDuration(deadline_ - arrived_));
}

double QueryPool::Ticket::Seconds() const {
  const double wall = absl::ToDoubleSeconds(absl::Now() - started_);
  return std::max(ThreadCpuSeconds() - cpu_at_start_, wall / kWallPerCpu);
}

absl::Status QueryPool::Ticket::Check(int64_t used_bytes) {
  if (put_off()) return PutOff();
  if (Gone(job_.cancelled)) {
    cut_short_ = true;
    return base::Cancelled("context canceled");
  }
  const absl::Time now = absl::Now();
  if (now > deadline_) {
    cut_short_ = true;
    return Late();
  }
  if (std::this_thread::get_id() != thread_) return absl::OkStatus();
  peak_bytes_ = std::max(peak_bytes_, used_bytes);
  if (cost_ == kDearest) return absl::OkStatus();
  // The clock of a thread is a system call: first the cheap one, which is never behind it.
  const int64_t total = pool_->total_bytes();
  CostClass cost = ClassOf(absl::ToDoubleSeconds(now - started_), peak_bytes_, total);
  if (cost <= cost_) return absl::OkStatus();
  cost = ClassOf(Seconds(), peak_bytes_, total);
  if (cost <= cost_ || pool_->Move(this, cost)) return absl::OkStatus();
  return PutOff();
}

absl::Status QueryPool::Ticket::OutOfRoom() {
  if (put_off()) return PutOff();
  if (tried_room_ || std::this_thread::get_id() != thread_) return absl::OkStatus();
  tried_room_ = true;
  absl::MutexLock lock(&pool_->mu_);
  if (pool_->RunningFrom(0) == 1) return absl::OkStatus();  // It is not the others'.
  cost_ = std::max(cost_, kDearer);
  put_off_ = true;
  return PutOff();
}

QueryPool::QueryPool(QueryPoolOptions options) : options_(options) {
  int cores = options_.cores;
  if (cores == 0) cores = std::max(1, static_cast<int>(std::thread::hardware_concurrency()));
  // From kModest up a few more than cores, of the dearest fewer: seconds do not wait for minutes.
  const int most = std::max(1, options_.max_concurrency);
  places_ = {std::max(4, cores), std::max(3, cores), cores + 2,
             cores + 1,          cores,              std::max(1, cores - 1)};
  for (int& places : places_) places = std::min(places, most);
  most_threads_ = static_cast<size_t>(places_[kCheap] + places_[kNew] + places_[kModest]);
}

QueryPool::~QueryPool() { Stop(); }

void QueryPool::Submit(Job job) {
  absl::Status refused;
  {
    absl::MutexLock lock(&mu_);
    if (stopped_) return;
    size_t own = 0;
    for (const auto& line : lines_) own += line.SizeOf(job.client.address);
    const auto most = static_cast<size_t>(options_.max_waiting);
    if (waiting_ < most && own < std::max<size_t>(1, most * 3 / 4)) {
      auto ticket = std::make_unique<Ticket>();
      ticket->pool_ = this;
      ticket->arrived_ = absl::Now();
      ticket->deadline_ = ticket->arrived_ + std::min(options_.timeout, job.timeout);
      ticket->job_ = std::move(job);
      const Client client = ticket->job_.client;
      ticket->cost_ = history_.Find(ticket->job_.fingerprint);
      lines_[ticket->cost_].Push(client, std::move(ticket));
      ++waiting_;
      WakeOne();
      return;
    }
    refused_full_.Add();
    refused = base::Unavailable(
        "{} queries are waiting for their turn, {} of them from this address, and at most {} may "
        "(--query.max-waiting), three quarters of them from one address: try again later",
        waiting_, own, most);
  }
  job.refuse(refused);
}

void QueryPool::Sweep() {
  const absl::Time now = absl::Now();
  std::vector<TicketPtr> out;
  std::list<std::thread> ended;
  {
    absl::MutexLock lock(&mu_);
    ended.swap(ended_);
    for (auto& line : lines_) {
      line.Remove([&](const TicketPtr& t) { return now > t->deadline_ || Gone(t->job_.cancelled); },
                  &out);
    }
    waiting_ -= out.size();
    WakeOne();  // There may be room by now.
  }
  for (std::thread& thread : ended) thread.join();
  for (const TicketPtr& ticket : out) {
    if (Gone(ticket->job_.cancelled)) {
      ticket->job_.refuse(base::Cancelled("query was canceled in query queue"));
      continue;
    }
    RefuseLate(*ticket);
  }
}

void QueryPool::RefuseLate(const Ticket& ticket) {
  timed_out_.Add();
  ticket.job_.refuse(base::DeadlineExceeded(
      "query timed out in query queue: others have kept it waiting for all of {} "
      "(--query.timeout, or the request's own)",
      absl::FormatDuration(ticket.deadline_ - ticket.arrived_)));
}

void QueryPool::Stop() {
  std::list<std::thread> ended;
  {
    absl::MutexLock lock(&mu_);
    stopped_ = true;
    wake_.SignalAll();
    while (!threads_.empty()) end_.Wait(&mu_);
    ended.swap(ended_);
  }
  for (std::thread& thread : ended) thread.join();
}

QueryPoolStats QueryPool::stats() const {
  QueryPoolStats stats;
  absl::MutexLock lock(&mu_);
  for (size_t i = 0; i < kCostClasses; ++i) {
    stats.running[i] = running_[i];
    stats.waiting[i] = static_cast<int64_t>(lines_[i].size());
  }
  stats.put_off = put_off_.value();
  stats.refused_full = refused_full_.value();
  stats.timed_out = timed_out_.value();
  return stats;
}

int QueryPool::RunningFrom(int cost) const {
  return std::accumulate(running_.begin() + cost, running_.end(), 0);
}

bool QueryPool::HasPlace(CostClass cost) const {
  if (cost < kModest) return running_[cost] < places_[cost];
  for (int i = kModest; i <= cost; ++i) {
    if (RunningFrom(i) >= places_[static_cast<size_t>(i)]) return false;
  }
  return true;
}

bool QueryPool::HasRoom(CostClass cost) const {
  if (cost < kDearer || options_.memory == nullptr || RunningFrom(0) == 0) return true;
  const int64_t allowed = options_.memory->allowed_bytes();
  return allowed == 0 || options_.memory->used_bytes() <= allowed / 2;
}

// Cheap ones first, then new ones; of the others that which came first.
std::optional<CostClass> QueryPool::Next(bool dear_only) const {
  for (const CostClass cost : {kCheap, kNew}) {
    if (!dear_only && !lines_[cost].empty() && HasPlace(cost)) return cost;
  }
  std::optional<CostClass> best;
  absl::Time oldest;
  for (const CostClass cost : {kModest, kDear, kDearer, kDearest}) {
    if (lines_[cost].empty() || !HasPlace(cost) || !HasRoom(cost)) continue;
    const absl::Time arrived = lines_[cost].Front()->arrived_;
    if (!best || arrived < oldest) best = cost, oldest = arrived;
  }
  return best;
}

void QueryPool::WakeOne() {
  if (stopped_ || !Next(false)) return;
  if (idle_ > 0) {
    wake_.Signal();
  } else if (threads_.size() < most_threads_) {
    threads_.emplace_back([this] { Run(); });
  }
}

bool QueryPool::Move(Ticket* ticket, CostClass cost) {
  {
    absl::MutexLock lock(&mu_);
    ticket->cost_ = cost;
    int& own = running_[ticket->runs_as_];
    --own;
    if (!HasPlace(cost)) {
      ++own;
      ticket->put_off_ = true;
      return false;
    }
    ticket->runs_as_ = cost;
    ++running_[cost];
    WakeOne();  // Its place of before is free.
  }
  LowerPriority();
  return true;
}

QueryPool::TicketPtr QueryPool::Take(bool dear_only) {
  while (!stopped_) {
    if (const std::optional<CostClass> cost = Next(dear_only)) {
      TicketPtr ticket = lines_[*cost].Pop(kAdvance[*cost]);
      ticket->charged_ = kAdvance[*cost];
      ticket->runs_as_ = *cost;
      --waiting_;
      ++running_[*cost];
      WakeOne();  // A thread that was on its way already has not heard the second call.
      return ticket;
    }
    if (dear_only) return nullptr;
    ++idle_;
    wake_.Wait(&mu_);
    --idle_;
  }
  return nullptr;
}

void QueryPool::RunOne(Ticket* ticket) {
  ticket->thread_ = std::this_thread::get_id();
  ticket->started_ = absl::Now();
  ticket->cpu_at_start_ = ThreadCpuSeconds();
  ticket->put_off_ = false;
  if (ticket->started_ > ticket->deadline_) {
    ticket->cut_short_ = true;
    return RefuseLate(*ticket);
  }
  try {
    ticket->job_.run(ticket);
  } catch (const std::exception& e) {
    base::Log(base::LogLevel::kError, "web", "Worker job failed", {{"err", e.what()}});
  }
}

void QueryPool::Finish(TicketPtr* ticket) {
  Ticket& done = **ticket;
  const double seconds = done.Seconds();
  --running_[done.runs_as_];
  const Client client = done.job_.client;
  lines_[done.runs_as_].Charge(client, seconds - done.charged_);
  if (done.put_off() && !stopped_) {
    put_off_.Add();
    ++waiting_;
    lines_[done.cost_].Push(client, std::move(*ticket));
  } else if (const uint64_t fingerprint = done.job_.fingerprint; fingerprint != 0) {
    CostClass cost = ClassOf(seconds, done.peak_bytes_, total_bytes());
    if (done.cut_short_) cost = std::max(cost, history_.Find(fingerprint));
    history_.Note(fingerprint, cost);
  }
  WakeOne();
}

void QueryPool::Run() {
  bool lowered = false;
  TicketPtr ticket;
  for (;;) {
    {
      absl::MutexLock lock(&mu_);
      ticket = Take(lowered);
      if (ticket == nullptr) {
        const auto self = std::find_if(threads_.begin(), threads_.end(), [](const std::thread& t) {
          return t.get_id() == std::this_thread::get_id();
        });
        ended_.splice(ended_.end(), threads_, self);
        WakeOne();
        end_.SignalAll();
        return;
      }
    }
    if (ticket->runs_as_ >= kModest && !lowered) LowerPriority();
    RunOne(ticket.get());
    lowered = lowered || ticket->runs_as_ >= kModest;
    {
      absl::MutexLock lock(&mu_);
      Finish(&ticket);
    }
    ticket = nullptr;  // What it holds goes now, not with the next one.
  }
}

}  // namespace api
