// Snapshots of a database in which everything goes on at once.
#include <gtest/gtest.h>

#include <atomic>
#include <filesystem>
#include <thread>

#include <absl/time/clock.h>

#include "compaction/compactor.h"
#include "storage/base/status.h"
#include "storage/database.h"
#include "tests/testing/sample_model.h"
#include "tests/testing/temp_dir.h"

namespace compaction {
namespace {

using testing_support::SampleModel;

constexpr model::TimeMs kStart = 1'700'000'000'000;
constexpr int kWriters = 2, kSeries = 20;

class FixedClock : public base::Clock {
 public:
  int64_t NowMs() const override { return kStart + 3600'000; }
};

// Batch n of a writer: a sample at kStart + n seconds of each of its series, one of which gets a
// late one besides. Waits at batch `limit`: what there is to check would have no end on a machine on which
// checking is slower than writing.
class Writer {
 public:
  Writer(storage::Database* db, int number) : db_(db), number_(number) {}
  void Run(const std::atomic<bool>& stop) {
    for (int n = 1; !stop; ++n) {
      while (n > limit && !stop) absl::SleepFor(absl::Milliseconds(1));
      auto appender = db_->NewAppender();
      begun = n;
      for (int i = 0; i < kSeries; ++i) {
        appender->Append(storage::SeriesRef::kNone, Labels(i), {At(n), static_cast<double>(n)});
      }
      appender->Append(storage::SeriesRef::kNone, Labels(0), {Late(n), static_cast<double>(n)});
      ASSERT_TRUE(appender->Commit().ok());
      acknowledged = n;
      absl::SleepFor(absl::Microseconds(300));
    }
  }
  model::Labels Labels(int i) const {
    return model::Labels{{"__name__", "load"},
                         {"series", fmt::format("{:02}", i)},
                         {"writer", std::to_string(number_)}};
  }
  static model::TimeMs At(int n) { return kStart + n * 1000; }
  static model::TimeMs Late(int n) { return At(n) - 1500; }

  std::atomic<int> acknowledged{0}, begun{0}, limit{0};

 private:
  storage::Database* const db_;
  const int number_;
};

absl::StatusOr<std::unique_ptr<storage::Database>> Open(const std::string& dir) {
  static FixedClock clock;
  storage::DatabaseOptions options;
  options.dir = dir;
  options.clock = &clock;
  options.out_of_order_window_ms = 3600'000;
  options.block_cache_bytes = 4 << 20;
  return storage::Database::Open(std::move(options));
}

TEST(Snapshot, UnderLoadHoldsWholeBatchesAndAllThatWereAcknowledged) {
  testing_support::TempDir temp;
  auto opened = Open(temp.path() + "/data");
  ASSERT_TRUE(opened.ok()) << opened.status();
  storage::Database& db = **opened;
  std::vector<std::unique_ptr<Writer>> writers;
  for (int i = 0; i < kWriters; ++i) writers.push_back(std::make_unique<Writer>(&db, i));

  std::atomic<bool> stop{false};
  std::atomic<int> deleted{0}, merges{0};  // Batches up to `deleted` are deleted of series 01.
  struct Threads : std::vector<std::thread> {  // A failed assertion leaves, too.
    explicit Threads(std::atomic<bool>* stop) : stop(stop) {}
    ~Threads() { Join(); }
    void Join() {
      *stop = true;
      for (std::thread& thread : *this) thread.join();
      clear();
    }
    std::atomic<bool>* stop;
  } threads(&stop);
  for (auto& writer : writers) threads.emplace_back([&] { writer->Run(stop); });
  threads.emplace_back([&] {
    while (!stop) ASSERT_TRUE(db.FlushHead().ok());
  });
  threads.emplace_back([&] {
    const std::vector<std::vector<model::Matcher>> sets = {{model::Matcher::Equal("series", "01")}};
    while (!stop) {
      const int until = std::min(writers[0]->acknowledged.load(), writers[1]->acknowledged.load());
      ASSERT_TRUE(db.Delete(sets, {kStart, Writer::At(until)}).ok());
      deleted = until;
    }
  });
  threads.emplace_back([&] {
    while (!stop) {
      Plan plan{{}, 1, ""};
      for (const storage::BlockMeta& meta : db.blocks()->Metas()) plan.blocks.push_back(meta.ulid);
      if (plan.blocks.size() < 4) continue;
      const auto merged = Merge(plan, db.blocks(), [] { return true; });
      ASSERT_TRUE(merged.ok()) << merged.status();
      ++merges;
    }
  });

  for (int round = 0; round < 5 || (merges < 3 && round < 100); ++round) {
    const std::string path = fmt::format("{}/snapshot-{}", temp.path(), round);
    for (auto& writer : writers) writer->limit += 1000;
    std::vector<int> before;
    for (auto& writer : writers) before.push_back(writer->acknowledged);
    const int deleted_before = deleted;
    const absl::Status status = db.Snapshot(path, false);
    ASSERT_TRUE(status.ok()) << status;
    std::vector<int> after;
    for (auto& writer : writers) after.push_back(writer->begun);

    auto copy = Open(path);
    ASSERT_TRUE(copy.ok()) << copy.status();
    auto querier = (*copy)->NewQuerier({});
    ASSERT_TRUE(querier.ok());
    SampleModel got = testing_support::ReadAll(**querier, {});
    for (int w = 0; w < kWriters; ++w) {
      SCOPED_TRACE(fmt::format("round {}, writer {}", round, w));
      const auto& first = got[writers[w]->Labels(2)];
      const int last = first.empty() ? 0 : static_cast<int>((first.rbegin()->first - kStart) / 1000);
      EXPECT_GE(last, before[w]);
      EXPECT_LE(last, after[w]);
      for (int n = 1; n <= last; ++n) {
        for (int i = 0; i < kSeries; ++i) {
          if (i == 1) continue;
          const auto series = got.find(writers[w]->Labels(i));
          ASSERT_TRUE(series != got.end() && series->second.contains(Writer::At(n)))
              << "series " << i << " of batch " << n << " of " << last;
        }
        ASSERT_TRUE(got[writers[w]->Labels(0)].contains(Writer::Late(n))) << n;
      }
      EXPECT_FALSE(got[writers[w]->Labels(0)].contains(Writer::At(last + 1)));
      EXPECT_FALSE(got[writers[w]->Labels(0)].contains(Writer::Late(last + 1)));
      const auto series = got.find(writers[w]->Labels(1));
      if (series == got.end()) continue;
      for (int n = 1; n <= deleted_before; ++n) {
        ASSERT_FALSE(series->second.contains(Writer::At(n))) << n;
      }
    }
    querier->reset();
    copy->reset();
    std::filesystem::remove_all(path);
  }
  threads.Join();
  EXPECT_GE(merges.load(), 3);
  EXPECT_GT(deleted.load(), 0);
}

}  // namespace
}  // namespace compaction
