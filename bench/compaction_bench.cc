// What does it cost to move samples into blocks, to merge blocks, and to read them back?
// Answers to: the night shift takes well under a tenth of a core at 100 k series scraped every 15 s
// (6.7 k samples/s each); reading 10 k neighbouring series is a matter of milliseconds.
#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <random>
#include <string>
#include <vector>

#include "bench/bench.h"
#include "compaction/compactor.h"
#include "storage/chunk/xor_chunk.h"
#include "storage/database.h"
#include "storage/merge.h"

namespace {

constexpr model::TimeMs kStart = 1'700'006'400'000;
constexpr int64_t kStepMs = 15'000;
constexpr int kPerFlush = 48;  // 12 minutes.

class TempDir {
 public:
  TempDir() {
    std::string pattern = std::filesystem::temp_directory_path() / "tidemark-bench-XXXXXX";
    path_ = ::mkdtemp(pattern.data());
  }
  ~TempDir() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

template <class T>
T Must(absl::StatusOr<T> value) {
  if (!value.ok()) {
    fmt::print(stderr, "{}\n", value.status().ToString());
    std::exit(1);
  }
  return *std::move(value);
}
void Must(const absl::Status& status) {
  if (!status.ok()) {
    fmt::print(stderr, "{}\n", status.ToString());
    std::exit(1);
  }
}

// Exporters' shape: 200 metrics, as many instances as it takes, labels of node_exporter's kind.
// Sorted in label order.
std::vector<model::Labels> SeriesLabels(int n) {
  std::vector<model::Labels> all;
  for (int i = 0; i < n; ++i) {
    all.push_back(model::Labels::FromPairs(
        {{"__name__", fmt::format("node_subsystem_{:03}_seconds_total", i % 200)},
         {"device", fmt::format("disk{}", i % 3)},
         {"instance", fmt::format("10.0.{}.{}:9100", i / 200 / 250, i / 200 % 250)},
         {"job", "node"}}));
  }
  std::sort(all.begin(), all.end());
  return all;
}

// Idle gauges, counters with whole and with broken rates, noise: a quarter each.
double Value(int series, int k) {
  switch (series % 4) {
    case 0: return 1;
    case 1: return std::floor(k * (10.0 + series % 7) + (k * 2654435761u >> series % 8) % 50);
    case 2: return k * 0.37 + (series % 100) / 10.0;
    default: return std::floor(50 + 40 * std::sin(k * 0.1 + series)) / 4;
  }
}

storage::BlockMeta WriteBlock(storage::BlockStore& store, const std::vector<model::Labels>& labels,
                              int first, int samples) {
  auto writer = Must(store.NewBlock({}));
  for (size_t i = 0; i < labels.size(); ++i) {
    chunk::XorEncoder encoder;
    for (int k = first; k < first + samples; ++k) {
      if (!encoder.Append({kStart + k * kStepMs, Value(static_cast<int>(i), k)})) std::exit(1);
    }
    const chunk::ChunkView view = encoder.view();
    Must(writer->AddSeries(labels[i], {&view, 1}));
  }
  return Must(writer->Publish());
}

void FlushBench(int num_series) {
  const TempDir temp;
  storage::DatabaseOptions options;
  options.dir = temp.path();
  options.wal.sync = wal::Sync::kOs;
  auto db = Must(storage::Database::Open(options));
  const std::vector<model::Labels> labels = SeriesLabels(num_series);
  std::vector<storage::SeriesRef> refs(labels.size(), storage::SeriesRef::kNone);
  for (int k = 0; k < kPerFlush; ++k) {
    auto appender = db->NewAppender();
    for (size_t i = 0; i < labels.size(); ++i) {
      const model::Sample sample{kStart + k * kStepMs, Value(static_cast<int>(i), k)};
      refs[i] = appender->Append(refs[i], labels[i], sample).ref;
    }
    Must(appender->Commit());
  }
  const double begin = bench::CpuSeconds();
  Must(db->FlushHead());
  const double seconds = bench::CpuSeconds() - begin;
  const storage::BlockMeta meta = db->blocks()->Metas().front();
  const auto samples = static_cast<double>(meta.num_samples);
  const std::string note = fmt::format("{} series x {} samples", num_series, kPerFlush);
  bench::Print("flush_head", samples / seconds / 1e6, "Msamples/cpu_s", note);
  bench::Print("flush_head_seconds", seconds, "cpu_s", note);
  bench::Print("level0_bytes", static_cast<double>(meta.bytes) / samples, "bytes/sample", note);
}

void MergeAndReadBench(int num_series) {
  const TempDir temp;
  auto store = Must(storage::BlockStore::Open(temp.path() + "/blocks", 64 << 20));
  const std::vector<model::Labels> labels = SeriesLabels(num_series);
  compaction::Plan plan{{}, 1, "bench"};
  for (int block = 0; block < 10; ++block) {
    plan.blocks.push_back(WriteBlock(*store, labels, block * kPerFlush, kPerFlush).ulid);
  }
  const auto read = [&](std::string_view name) {
    const auto matcher = model::Matcher::Equal("__name__", "node_subsystem_007_seconds_total");
    const auto everything = model::Matcher::Equal("job", "node");
    const model::TimeRange range{kStart, kStart + 1000 * kStepMs};
    chunk::SampleColumns columns;
    int series = 0;
    uint64_t samples = 0;
    const auto query = [&](const model::Matcher& m, bool with_samples) {
      auto querier = storage::MergeQueriers(Must(store->NewQueriers(range)));
      auto selection = Must(querier->Select({{&m, 1}, range}));
      series = selection->size();
      samples = 0;
      for (int i = 0; with_samples && i < series; ++i) {
        Must(selection->Read(i, range, &columns));
        samples += columns.size();
      }
    };
    bench::Timing t = bench::Measure([&] { query(everything, false); });
    bench::Print(fmt::format("{}_select", name), t.median_s * 1e3, "cpu_ms",
                 fmt::format("{} series, labels only", series));
    t = bench::Measure([&] { query(everything, true); });
    bench::Print(fmt::format("{}_select_read", name), t.median_s * 1e3, "cpu_ms",
                 fmt::format("{} series, {} samples", series, samples));
    bench::Print(fmt::format("{}_read", name), static_cast<double>(samples) / t.median_s / 1e6,
                 "Msamples/cpu_s");
    t = bench::Measure([&] { query(matcher, true); });
    bench::Print(fmt::format("{}_one_metric", name), t.median_s * 1e3, "cpu_ms",
                 fmt::format("{} series, {} samples", series, samples));
  };
  read("ten_blocks");

  const double begin = bench::CpuSeconds();
  const storage::BlockMeta merged =
      Must(compaction::Merge(plan, store.get(), [] { return true; })).front();
  const double seconds = bench::CpuSeconds() - begin;
  const auto samples = static_cast<double>(merged.num_samples);
  const std::string note =
      fmt::format("10 blocks of {} series x {} samples", num_series, kPerFlush);
  bench::Print("merge", samples / seconds / 1e6, "Msamples/cpu_s", note);
  bench::Print("level1_bytes", static_cast<double>(merged.bytes) / samples, "bytes/sample", note);
  read("one_block");
}

}  // namespace

int main() {
  FlushBench(100'000);
  MergeAndReadBench(10'000);
  return 0;
}
