// What does a sample cost on its way into the head, and what does a series cost in memory?
// To reach: <= 0.1 us a sample with a hint, <= 0.3 us by labels, <= 2.5 us a new series, well below
// 1 KB resident per series with 40 samples; and how long 10 k series take to be read.
#include <jemalloc/jemalloc.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <random>

#include "bench/bench.h"
#include "storage/base/check.h"
#include "storage/head/head.h"
#include "wal/writer.h"

namespace {

using storage::Head;
using storage::Outcome;
using storage::SeriesRef;

constexpr int kSeriesPerTarget = 1000;
constexpr int64_t kStart = 1'700'000'000'000, kStep = 15'000;

// The shape of node_exporter: a thousand series a target, eight labels.
model::Labels SeriesOf(int target, int i) {
  return model::Labels::FromPairs(
      {{"__name__", fmt::format("node_subsystem{}_measure{}_total", i / 40, i / 10)},
       {"cluster", "production-eu-central-1"},
       {"cpu", std::to_string(i % 10)},
       {"environment", "production"},
       {"instance", fmt::format("host-{:05}.example.org:9100", target)},
       {"job", "node-exporter"},
       {"mode", i % 2 == 0 ? "system" : "user"},
       {"rack", fmt::format("r{:02}", target % 40)}});
}

// A third stands still, a third counts, a third drifts with all its digits.
double ValueOf(int i, int round) {
  switch (i % 3) {
    case 0: return i % 7;
    case 1: return 1000.0 * i + 17.0 * round;
    default: return i + 0.01 * ((i * 31 + round * 7) % 1000);
  }
}

class Rig {
 public:
  explicit Rig(int targets) : targets_(targets) {
    std::string pattern = (std::filesystem::temp_directory_path() / "head-bench-XXXXXX").string();
    dir_ = ::mkdtemp(pattern.data());
    wal::WriterOptions options;
    options.sync = wal::Sync::kOs;
    log_ = *wal::Writer::Open(dir_, options);
    head_ = std::make_unique<Head>(storage::HeadOptions{});
    head_->AttachLog(log_.get());
    for (int t = 0; t < targets; ++t) {
      for (int i = 0; i < kSeriesPerTarget; ++i) labels_.push_back(SeriesOf(t, i));
    }
    refs_.resize(labels_.size());
  }
  ~Rig() {
    head_.reset();
    log_.reset();
    std::filesystem::remove_all(dir_);
  }

  // One scrape of every target. Returns CPU nanoseconds per sample.
  double Round(bool with_hint) {
    const double begin = bench::CpuSeconds();
    const int64_t t = kStart + kStep * round_;
    size_t n = 0;
    for (int target = 0; target < targets_; ++target) {
      auto appender = head_->NewAppender();
      for (int i = 0; i < kSeriesPerTarget; ++i, ++n) {
        const auto appended =
            with_hint ? appender->Append(refs_[n], {}, {t, ValueOf(i, round_)})
                      : appender->Append(SeriesRef::kNone, labels_[n], {t, ValueOf(i, round_)});
        CHECK(appended.outcome == Outcome::kAccepted);
        refs_[n] = appended.ref;
      }
      CHECK(appender->Commit().ok());
    }
    ++round_;
    return (bench::CpuSeconds() - begin) * 1e9 / static_cast<double>(labels_.size());
  }
  // One scrape of every target of which every twentieth sample comes late. As Round.
  double LateRound() {
    const double begin = bench::CpuSeconds();
    const int64_t t = kStart + kStep * round_;
    size_t n = 0;
    for (int target = 0; target < targets_; ++target) {
      auto appender = head_->NewAppender();
      for (int i = 0; i < kSeriesPerTarget; ++i, ++n) {
        const bool late = (i + round_) % 20 == 0;
        const model::Sample sample{late ? t - 90'000 - i : t, ValueOf(i, round_)};
        CHECK(appender->Append(refs_[n], {}, sample).outcome == Outcome::kAccepted);
      }
      CHECK(appender->Commit().ok());
    }
    ++round_;
    return (bench::CpuSeconds() - begin) * 1e9 / static_cast<double>(labels_.size());
  }
  double BestRound(bool with_hint, int rounds) {
    double best = 1e18;
    for (int i = 0; i < rounds; ++i) best = std::min(best, Round(with_hint));
    return best;
  }

  void Flush() {
    CHECK(head_->CutForFlush().ok());
    auto cursor = head_->FlushCursor();
    while (*cursor->Next()) bench::Keep(cursor->chunks().size());
    cursor.reset();
    head_->DropFlushed(0);
  }

  Head* head() { return head_.get(); }
  wal::WriterStats log_stats() const { return log_->stats(); }

 private:
  const int targets_;
  std::string dir_;
  std::unique_ptr<wal::Writer> log_;
  std::unique_ptr<Head> head_;
  std::vector<model::Labels> labels_;
  std::vector<SeriesRef> refs_;
  int round_ = 0;
};

double HeapBytes() {
  uint64_t epoch = 1;
  size_t bytes = 0, size = sizeof epoch;
  ::mallctl("epoch", &epoch, &size, &epoch, size);
  size = sizeof bytes;
  ::mallctl("stats.allocated", &bytes, &size, nullptr, 0);
  return static_cast<double>(bytes);
}

double ResidentBytes() {
  std::ifstream statm("/proc/self/statm");
  double total = 0, resident = 0;
  statm >> total >> resident;
  return resident * static_cast<double>(::sysconf(_SC_PAGESIZE));
}

void Appending(int targets) {
  Rig rig(targets);
  const std::string size = fmt::format("{}k series", targets);
  const double heap = HeapBytes(), resident = ResidentBytes();
  const double created = rig.Round(false);
  bench::Print("head_new_series", created, "ns/series", size);
  rig.BestRound(false, 2);
  const uint64_t log_before = rig.log_stats().bytes;
  bench::Print("head_append_by_labels", rig.BestRound(false, 10), "ns/sample", size);
  bench::Print("head_append_by_hint", rig.BestRound(true, 27), "ns/sample", size);
  const double series = targets * kSeriesPerTarget;
  bench::Print("head_log_bytes", static_cast<double>(rig.log_stats().bytes - log_before) / (37 * series),
               "bytes/sample", size);
  bench::Print("head_heap", (HeapBytes() - heap) / series, "bytes/series", size + ", 40 samples each");
  bench::Print("head_resident", (ResidentBytes() - resident) / series, "bytes/series", size);
  bench::Print("head_own_estimate", static_cast<double>(rig.head()->info().bytes) / series,
               "bytes/series", size);

  const std::vector<model::Matcher> ten_thousand{
      *model::Matcher::Create(model::MatchType::kRegex, "instance", "host-0000[0-9].*")};
  const int64_t now = kStart + kStep * 40;
  chunk::SampleColumns columns;
  const auto read = [&](model::TimeRange range) {
    return bench::Measure([&] {
      auto querier = rig.head()->NewQuerier(range);
      auto selection = *querier->Select({ten_thousand, range});
      CHECK(selection->size() == 10'000);
      for (int i = 0; i < selection->size(); ++i) {
        CHECK(selection->Read(i, range, &columns).ok());
        bench::Keep(columns.size());
      }
    });
  };
  bench::Print("head_select_read_10k", read({now - 300'000, now}).median_s * 1e3, "cpu_ms",
               size + ", the last 5 minutes of 10 k series");
  bench::Print("head_select_10k", bench::Measure([&] {
                 auto querier = rig.head()->NewQuerier({});
                 bench::Keep((*querier->Select({ten_thousand, {}}))->size());
               }).median_s * 1e3, "cpu_ms", size);

  rig.head()->SetOutOfOrderWindow(3'600'000);
  bench::Print("head_append_window", rig.BestRound(true, 20), "ns/sample",
               size + ", with an out-of-order window and nothing late");
  double late = 1e18;
  for (int i = 0; i < 20; ++i) late = std::min(late, rig.LateRound());
  bench::Print("head_append_5_percent_late", late, "ns/sample", size);
  rig.head()->SetOutOfOrderWindow(0);

  const double begin = bench::CpuSeconds();
  rig.Flush();
  bench::Print("head_flush", (bench::CpuSeconds() - begin) * 1e9 / series, "ns/series",
               size + ", without block and checkpoint");
  bench::Print("head_heap_flushed", (HeapBytes() - heap) / series, "bytes/series", size);
}

}  // namespace

int main() {
  Appending(10);
  Appending(100);
}
