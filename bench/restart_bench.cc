// How long until a store that was killed takes new samples, and until it answers for all old ones;
// what that costs, and how much memory it takes beside what the store took before it was killed.
// To reach, with 1 M series: 2 s and 4 s on two cores, and never more memory than before.
//
//   restart_bench [SERIES [ROUNDS]]     a million series, 20 samples of each
//
// Before the kill that many were flushed while as many came again: a server flushes about as often.
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <thread>

#include <absl/synchronization/mutex.h>

#include "bench/bench.h"
#include "storage/base/check.h"
#include "storage/database.h"

namespace {

using storage::Database;
using storage::Outcome;
using storage::SeriesRef;

constexpr int kSeriesPerTarget = 1000;
constexpr int64_t kStart = 1'700'000'000'000, kStepMs = 15'000;

// node_exporter's shape, in the order of scrapes.
model::Labels SeriesOf(int n) {
  const int target = n / kSeriesPerTarget, i = n % kSeriesPerTarget;
  return model::Labels::FromPairs(
      {{"__name__", fmt::format("node_subsystem{}_measure{}_total", i / 40, i / 10)},
       {"cluster", "production-eu-central-1"},
       {"cpu", std::to_string(i % 10)},
       {"instance", fmt::format("host-{:05}.example.org:9100", target)},
       {"job", "node-exporter"},
       {"mode", i % 2 == 0 ? "system" : "user"}});
}

double ValueOf(int i, int round) {
  switch (i % 3) {
    case 0: return i % 7;
    case 1: return 1000.0 * (i % 1000) + 17.0 * round;
    default: return i % 1000 + 0.01 * ((i * 31 + round * 7) % 1000);
  }
}

double PeakMb() {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with("VmHWM:")) return std::atof(line.c_str() + 6) / 1024;
  }
  return 0;
}

double Seconds() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

class Store {
 public:
  Store(const std::string& dir, int series) : series_(series) {
    storage::DatabaseOptions options;
    options.dir = dir;
    options.wal.sync = wal::Sync::kOs;
    options.replay_on_open = false;
    auto opened = Database::Open(options);
    CHECK(opened.ok());
    db_ = opened->release();
    refs_.resize(series);
  }
  Database* operator->() { return db_; }

  // One scrape of every target. `wait_s`: as long as that, evenly.
  void Round(int round, double wait_s = 0, const std::atomic<bool>& stop = false) {
    const double begin = Seconds();
    for (int first = 0; first < series_ && !stop; first += kSeriesPerTarget) {
      const double due = begin + wait_s * first / series_;
      while (wait_s > 0 && Seconds() < due) ::usleep(500);
      auto appender = db_->NewAppender();
      for (int n = first; n < std::min(series_, first + kSeriesPerTarget); ++n) {
        const storage::Appended appended =
            appender->Append(refs_[n], refs_[n] == SeriesRef::kNone ? SeriesOf(n) : model::Labels(),
                             {kStart + round * kStepMs, ValueOf(n, round)});
        CHECK(appended.outcome == Outcome::kAccepted);
        refs_[n] = appended.ref;
      }
      CHECK(appender->Commit().ok());
    }
  }

 private:
  const int series_;
  Database* db_;  // Never closed.
  std::vector<SeriesRef> refs_;
};

struct Figures {
  double accepting_s = 0, all_s = 0, cpu_s = 0, peak_mb = 0;
};

// Runs `life` in a process of its own, which dies without any goodbye.
template <class F>
Figures Live(F&& life) {
  int ends[2];
  CHECK(::pipe(ends) == 0);
  const pid_t pid = ::fork();
  CHECK(pid >= 0);
  if (pid == 0) {
    Figures figures = life();
    figures.peak_mb = PeakMb();
    CHECK(::write(ends[1], &figures, sizeof figures) == sizeof figures);
    ::kill(::getpid(), SIGKILL);
  }
  ::close(ends[1]);
  Figures figures;
  CHECK(::read(ends[0], &figures, sizeof figures) == sizeof figures);
  ::close(ends[0]);
  CHECK(::waitpid(pid, nullptr, 0) == pid);
  return figures;
}

// `scrape_s`: 0: nothing is sent meanwhile; else a scrape of all takes so long, again and again.
Figures Restart(const std::string& dir, int series, int rounds, double scrape_s) {
  const double begin = Seconds();
  Store store(dir, series);
  {
    auto appender = store->NewAppender();
    appender->Append(SeriesRef::kNone, SeriesOf(0), {kStart + 2 * rounds * kStepMs - 1, 1});
    CHECK(appender->Commit().ok());
  }
  Figures figures;
  figures.accepting_s = Seconds() - begin;
  std::atomic<bool> read{false};
  std::thread scrapes([&] {
    for (int round = 2 * rounds; scrape_s > 0 && !read; ++round) store.Round(round, scrape_s, read);
  });
  // The scheduler's rule.
  std::thread flushes([&] {
    while (!read) {
      ::usleep(100'000);
      if (store->head_info().num_samples >= 16'000'000) CHECK(store->FlushHead().ok());
    }
  });
  const absl::Status status = store->Replay(nullptr);
  CHECK(status.ok());
  figures.all_s = Seconds() - begin;
  figures.cpu_s = bench::CpuSeconds();
  read = true;
  scrapes.join();
  flushes.join();
  return figures;
}

}  // namespace

int main(int argc, char** argv) {
  absl::SetMutexDeadlockDetectionMode(absl::OnDeadlockCycle::kIgnore);  // As server/main.cc.
  const int series = argc > 1 ? std::atoi(argv[1]) : 1'000'000;
  const int rounds = argc > 2 ? std::atoi(argv[2]) : 20;
  std::string pattern = (std::filesystem::temp_directory_path() / "restart-bench-XXXXXX").string();
  const std::string dir = ::mkdtemp(pattern.data());
  const Figures before = Live([&] {
    Store store(dir, series);
    CHECK(store->Replay(nullptr).ok());
    for (int round = 0; round < rounds; ++round) store.Round(round);
    std::thread flush([&] { CHECK(store->FlushHead().ok()); });
    for (int round = rounds; round < 2 * rounds; ++round) store.Round(round);
    flush.join();
    return Figures();
  });
  for (const double scrape_s : {0.0, 15.0, 1.0}) {
    const std::string copy = dir + "/copy";
    std::filesystem::create_directory(copy);
    std::filesystem::copy(dir + "/tidemark", copy + "/tidemark", std::filesystem::copy_options::recursive);
    const Figures now = Live([&] { return Restart(copy, series, rounds, scrape_s); });
    std::filesystem::remove_all(copy);
    const std::string note =
        fmt::format("{} series, {} samples in the log; {}", series, int64_t{series} * rounds,
                    scrape_s == 0 ? "no new ones meanwhile"
                                  : fmt::format("new ones of each every {} s meanwhile", scrape_s));
    bench::Print("restart_accepting", now.accepting_s, "s", note);
    bench::Print("restart_all", now.all_s, "s", note);
    bench::Print("restart_cpu", now.cpu_s, "cpu_s", note + ", with that of the new ones");
    bench::Print("restart_peak", now.peak_mb / before.peak_mb, "of before",
                 fmt::format("{}; {:.0f} MB, before {:.0f} MB", note, now.peak_mb, before.peak_mb));
  }
  std::filesystem::remove_all(dir);
}
