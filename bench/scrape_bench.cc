// How fast is a page read, and what does a sample cost from page to committed, in the steady state?
// To reach: 300 MB/s; 0.4 µs a sample for a whole scrape (design 8), of which this is the part
// without the network.
//
//   scrape_bench [DIR]   pages are the files of DIR in order of name, or made up when there is none
#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <string>
#include <vector>

#include "bench/bench.h"
#include "server/scrape/openmetrics_parser.h"
#include "server/scrape/page_appender.h"
#include "server/scrape/text_parser.h"
#include "storage/database.h"
#include "tests/testing/exposition_page.h"
#include "tests/testing/temp_dir.h"

namespace {

using server::Entry;

// Recorded pages are of the text format.
std::vector<std::string> ReadPages(const char* dir, bool openmetrics) {
  std::vector<std::string> pages;
  if (dir == nullptr) {
    for (int round = 0; round < 40; ++round) {
      pages.push_back(testing_support::MakePage({.round = round, .openmetrics = openmetrics}));
    }
    return pages;
  }
  std::vector<std::filesystem::path> paths;
  for (const auto& entry : std::filesystem::directory_iterator(dir)) paths.push_back(entry.path());
  std::sort(paths.begin(), paths.end());
  for (const auto& path : paths) {
    std::ifstream file(path, std::ios::binary);
    pages.emplace_back(std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>());
  }
  return pages;
}

size_t Bytes(const std::vector<std::string>& pages) {
  size_t bytes = 0;
  for (const std::string& page : pages) bytes += page.size();
  return bytes;
}

// Reads every page; with the texts of the first as predictions when `predict`.
template <class Parser>
void BenchParse(const char* name, const std::vector<std::string>& pages, bool predict, bool fast) {
  std::vector<std::string> texts;
  {
    Parser parser(pages[0]);
    for (Entry e = parser.Next(); e != Entry::kEnd && e != Entry::kError; e = parser.Next()) {
      if (e == Entry::kSeries) texts.emplace_back(parser.series());
    }
  }
  double sum = 0;
  const bench::Timing timing = bench::Measure([&] {
    for (const std::string& page : pages) {
      Parser parser(page, fast);
      size_t next = 0;
      for (;;) {
        const Entry e = parser.Next(predict && next < texts.size() ? std::string_view(texts[next]) : "");
        if (e == Entry::kSeries) {
          sum += parser.value();
          ++next;
        }
        if (e == Entry::kEnd || e == Entry::kError) break;
      }
    }
    bench::Keep(sum);
  }, 0.5);
  bench::Print(name, static_cast<double>(Bytes(pages)) / timing.median_s / 1e6, "MB/cpu_s");
}

class NoStore : public storage::Appender {
 public:
  storage::Appended Append(storage::SeriesRef hint, model::LabelsView, model::Sample) override {
    return {hint == storage::SeriesRef::kNone ? storage::SeriesRef{++refs_} : hint,
            storage::Outcome::kAccepted};
  }
  bool AppendExemplar(storage::SeriesRef, const model::Exemplar&) override { return true; }
  absl::Status Commit() override { return absl::OkStatus(); }

 private:
  uint64_t refs_ = 0;
};

// Page after page of `targets` targets; returns CPU nanoseconds for a sample.
double BenchScrapes(const std::vector<std::string>& pages, int targets, storage::Database* database) {
  server::ScrapeConfig job;
  server::ScrapeCounters counters;
  std::vector<std::unique_ptr<server::SeriesCache>> caches;
  std::vector<model::Labels> labels;
  for (int i = 0; i < targets; ++i) {
    caches.push_back(std::make_unique<server::SeriesCache>());
    labels.push_back({{"instance", "host-" + std::to_string(i) + ":9100"}, {"job", "node"}});
  }
  NoStore no_store;
  int64_t time_ms = 1'700'000'000'000;
  uint64_t samples = 0;
  double begin = 0;
  for (size_t p = 0; p < pages.size() + 2; ++p) {
    if (p == 2) {  // The first two make series, cache and buffers.
      begin = bench::CpuSeconds();
      samples = 0;
    }
    for (int i = 0; i < targets; ++i) {
      std::unique_ptr<storage::Appender> batch;
      if (database != nullptr) batch = database->NewAppender();
      server::PageAppender appender(job, labels[i].view(), "bench", caches[i].get(), &counters,
                                    batch != nullptr ? batch.get() : &no_store);
      const server::PageResult result = appender.Append(
          pages[(p + i) % pages.size()], server::PageFormat::kText, time_ms, time_ms);
      if (!result.error.empty()) fmt::print(stderr, "{}\n", result.error);
      appender.AppendEnded(false, time_ms);
      caches[i]->EndScrape(true);
      if (batch != nullptr && !batch->Commit().ok()) fmt::print(stderr, "commit failed\n");
      samples += result.total;
    }
    time_ms += 15000;
  }
  return (bench::CpuSeconds() - begin) / static_cast<double>(samples) * 1e9;
}

}  // namespace

int main(int argc, char** argv) {
  const char* dir = argc > 1 ? argv[1] : nullptr;
  const std::vector<std::string> text = ReadPages(dir, false), open = ReadPages(dir, true);
  BenchParse<server::TextParser>("scrape_parse_text", text, false, true);
  BenchParse<server::TextParser>("scrape_parse_text_predicted", text, true, true);
  BenchParse<server::TextParser>("scrape_parse_text_lexer", text, false, false);
  if (dir == nullptr) {
    BenchParse<server::OpenMetricsParser>("scrape_parse_openmetrics", open, false, true);
    BenchParse<server::OpenMetricsParser>("scrape_parse_openmetrics_predicted", open, true, true);
  }
  const int targets = dir == nullptr ? 50 : 10;
  bench::Print("scrape_page_to_batch", BenchScrapes(text, targets, nullptr), "ns/sample",
               "steady state, without a store");
  testing_support::TempDir data;
  storage::DatabaseOptions options;
  options.dir = data.path();
  auto database = storage::Database::Open(options);
  if (!database.ok()) {
    fmt::print(stderr, "{}\n", database.status().ToString());
    return 1;
  }
  bench::Print("scrape_page_to_database", BenchScrapes(text, targets, database->get()), "ns/sample",
               "steady state, committed");
  return 0;
}
