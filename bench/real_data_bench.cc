// How many bytes does a sample of real exporters take on the disk, and how fast is it read again?
// Target: <= 0.15 bytes all in, aligned and with 3 ms of jitter, to the bit.
//
//   real_data_bench DIR [INSTANCES [JITTER_MS]]
//
// DIR holds a folder of recorded pages per exporter, <unix ms>.prom each, taken every second. Each page
// stands for a scrape 15 s after the one before; instance i starts i * 37 pages later. All goes
// through the parser, the head, flushes every 48 scrapes, and merges to 2 h and then to one block.
#include <algorithm>
#include <filesystem>
#include <fstream>
#include <map>
#include <random>
#include <sstream>

#include "bench/bench.h"
#include "compaction/compactor.h"
#include "server/scrape/page_appender.h"
#include "storage/base/check.h"
#include "storage/base/log.h"
#include "storage/chunk/sealed/value_codec.h"
#include "storage/database.h"
#include "storage/merge.h"

namespace {

namespace fs = std::filesystem;
constexpr int64_t kStepMs = 15'000, kStart = 1'700'006'400'000;
constexpr int kPagesPerFlush = 48, kPagesPerWindow = 480;

struct Exporter {
  std::string name;
  std::vector<std::string> pages;
};

std::vector<Exporter> LoadPages(const std::string& dir) {
  std::vector<Exporter> exporters;
  for (const auto& folder : fs::directory_iterator(dir)) {
    if (!folder.is_directory()) continue;
    std::vector<fs::path> paths;
    for (const auto& file : fs::recursive_directory_iterator(folder)) {
      if (file.path().extension() == ".prom") paths.push_back(file.path());
    }
    if (paths.empty()) continue;
    std::sort(paths.begin(), paths.end());
    Exporter& exporter = exporters.emplace_back();
    exporter.name = folder.path().filename();
    for (const fs::path& path : paths) {
      std::ostringstream text;
      text << std::ifstream(path).rdbuf();
      exporter.pages.push_back(text.str());
    }
  }
  std::sort(exporters.begin(), exporters.end(),
            [](const Exporter& a, const Exporter& b) { return a.name < b.name; });
  return exporters;
}

struct Target {
  const Exporter* exporter;
  size_t first_page;
  model::Labels labels;
  server::SeriesCache cache;
};

class Replay {
 public:
  Replay(const std::vector<Exporter>& exporters, int instances, int jitter_ms)
      : jitter_ms_(jitter_ms) {
    storage::DatabaseOptions options;
    std::string pattern = (fs::temp_directory_path() / "real-data-bench-XXXXXX").string();
    options.dir = dir_ = ::mkdtemp(pattern.data());
    options.wal.sync = wal::Sync::kOs;
    database_ = *storage::Database::Open(options);
    for (const Exporter& exporter : exporters) {
      for (int i = 0; i < instances; ++i) {
        auto target = std::make_unique<Target>();
        target->exporter = &exporter;
        target->first_page = static_cast<size_t>(i) * 37;
        target->labels = {{"instance", fmt::format("host-{}:9100", i)}, {"job", exporter.name}};
        targets_.push_back(std::move(target));
      }
    }
  }
  ~Replay() {
    database_.reset();
    fs::remove_all(dir_);
  }

  // `pages` scrapes of every target, flushed and merged to windows on the way.
  void Run(int pages) {
    for (int page = 0; page < pages; ++page) {
      for (const auto& target : targets_) Scrape(target.get(), page);
      if ((page + 1) % kPagesPerFlush == 0) CHECK(database_->FlushHead().ok());
      if ((page + 1) % kPagesPerWindow == 0) Merge(0, 1);
    }
    Report("level1");
    Merge(1, 2);
    Report("level2");
  }

 private:
  void Scrape(Target* target, int page) {
    const auto& pages = target->exporter->pages;
    const int64_t offset = static_cast<int64_t>(base::Hash64(target->labels.bytes()) % kStepMs);
    const int64_t late = jitter_ms_ == 0 ? 0 : static_cast<int64_t>(random_() % (2 * jitter_ms_ + 1)) - jitter_ms_;
    const int64_t t = kStart + page * kStepMs + offset + late;
    const std::unique_ptr<storage::Appender> batch = database_->NewAppender();
    server::PageAppender appender(job_, target->labels.view(), "bench", &target->cache, &counters_,
                                  batch.get());
    const size_t n = (static_cast<size_t>(page) + target->first_page) % pages.size();
    const auto result = appender.Append(pages[n], server::PageFormat::kText, t, t);
    CHECK(result.error.empty());
    appender.AppendEnded(false, t);
    target->cache.EndScrape(true);
    CHECK(batch->Commit().ok());
  }

  void Merge(int from, int to) {
    compaction::Plan plan{{}, to, "bench"};
    uint64_t samples = 0;
    for (const auto& meta : database_->blocks()->Metas()) {
      if (meta.level != from) continue;
      plan.blocks.push_back(meta.ulid);
      samples += meta.num_samples;
    }
    const double begin = bench::CpuSeconds();
    CHECK(compaction::Merge(plan, database_->blocks(), [] { return true; }).ok());
    const double seconds = bench::CpuSeconds() - begin;
    bench::Print(fmt::format("real_data_merge_to_level{}", to),
                 static_cast<double>(samples) / seconds / 1e6, "Msamples/cpu_s");
  }

  void Report(const std::string& level) {
    uint64_t samples = 0, bytes = 0, series = 0;
    for (const auto& meta : database_->blocks()->Metas()) {
      samples += meta.num_samples;
      bytes += meta.bytes;
      series = std::max(series, meta.num_series);
    }
    const std::string note = fmt::format("{}: {} targets, {} series, {:.1f} M samples, jitter {} ms",
                                         level, targets_.size(), series,
                                         static_cast<double>(samples) / 1e6, jitter_ms_);
    bench::Print("real_data_bytes", static_cast<double>(bytes) / static_cast<double>(samples),
                 "bytes/sample", note);
    chunk::SampleColumns columns;
    uint64_t read = 0;
    const bench::Timing timing = bench::Measure([&] {
      read = 0;
      const auto querier = storage::MergeQueriers(*database_->blocks()->NewQueriers({}));
      const auto selection = *querier->Select({{}, {}});
      for (int i = 0; i < selection->size(); ++i) {
        CHECK(selection->Read(i, {}, &columns).ok());
        read += columns.size();
      }
    });
    bench::Print("real_data_read", static_cast<double>(read) / timing.median_s / 1e6,
                 "Msamples/cpu_s", note);
    if (level == "level2") Classes();
  }

  // Of the values alone, by form.
  void Classes() {
    std::map<std::string, std::pair<uint64_t, uint64_t>> by_form;
    static constexpr const char* kNames[] = {"constant", "decimal", "noisy decimal", "ordered",
                                             "sparse", "xor", "raw"};
    const auto querier = storage::MergeQueriers(*database_->blocks()->NewQueriers({}));
    const auto selection = *querier->Select({{}, {}});
    chunk::SampleColumns columns;
    std::string part;
    for (int i = 0; i < selection->size(); ++i) {
      CHECK(selection->Read(i, {}, &columns).ok());
      for (size_t k = 0; k < columns.size(); k += chunk::sealed::kMaxValues) {
        const size_t n = std::min(chunk::sealed::kMaxValues, columns.size() - k);
        part.clear();
        chunk::sealed::AppendValues({columns.values.data() + k, n}, &part);
        auto& [samples, bytes] = by_form[kNames[static_cast<int>(chunk::sealed::FormOf(part))]];
        samples += n;
        bytes += part.size();
      }
    }
    for (const auto& [name, sums] : by_form) {
      bench::Print("real_data_values", static_cast<double>(sums.second) / static_cast<double>(sums.first),
                   "bytes/sample", fmt::format("{}, {:.2f} M samples, before zstd", name,
                                               static_cast<double>(sums.first) / 1e6));
    }
  }

  const int jitter_ms_;
  std::string dir_;
  std::unique_ptr<storage::Database> database_;
  std::vector<std::unique_ptr<Target>> targets_;
  server::ScrapeConfig job_;
  server::ScrapeCounters counters_;
  std::mt19937_64 random_{42};
};

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2) {
    fmt::print("{{\"bench\":\"real_data\",\"left_out\":\"no folder of recorded pages given\"}}\n");
    return 0;
  }
  base::SetLog(base::LogLevel::kError, base::LogFormat::kLogfmt);
  const std::vector<Exporter> exporters = LoadPages(argv[1]);
  const int instances = argc > 2 ? std::atoi(argv[2]) : 1;
  const auto replay = [&](int jitter_ms) { Replay(exporters, instances, jitter_ms).Run(960); };
  if (argc > 3) {
    replay(std::atoi(argv[3]));
  } else {
    replay(0);
    replay(3);
  }
}
