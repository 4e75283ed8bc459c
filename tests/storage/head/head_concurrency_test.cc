// Appenders, queriers and the flush at once. What is checked: every query sees whole batches, never
// fewer than the one before it saw, and nothing that came after it began. Meant for TSan.
#include <atomic>
#include <set>
#include <thread>

#include "tests/storage/head/head_fixture.h"

namespace storage {
namespace {

class HeadConcurrencyTest : public HeadFixture {
 protected:
  static constexpr int kWriters = 3, kBatches = 150, kSeries = 40;

  static Labels SeriesOf(int writer, int i) {
    return Labels::FromPairs({{"__name__", "m"},
                              {"i", std::to_string(i)},
                              {"writer", std::to_string(writer)}});
  }
  // Batch b of a writer: one sample at time b in each of its series.
  void WriteAll(int writer) {
    std::vector<SeriesRef> refs(kSeries, SeriesRef::kNone);
    for (int b = 1; b <= kBatches; ++b) {
      auto appender = head_->NewAppender();
      for (int i = 0; i < kSeries; ++i) {
        const bool hint = (b + i) % 3 != 0;
        const Appended appended = appender->Append(hint ? refs[i] : SeriesRef::kNone,
                                                   SeriesOf(writer, i), {1000 * b, b * 1.0});
        EXPECT_EQ(appended.outcome, Outcome::kAccepted);
        refs[i] = appended.ref;
      }
      EXPECT_TRUE(appender->Commit().ok());
      committed_[writer] = b;
    }
    ++done_;
  }
  // All series of a writer must hold the same batches.
  static int BatchesOf(const SampleModel& seen, int writer) {
    std::set<size_t> sizes;
    for (int i = 0; i < kSeries; ++i) {
      const auto it = seen.find(SeriesOf(writer, i));
      sizes.insert(it == seen.end() ? 0 : it->second.size());
    }
    EXPECT_EQ(sizes.size(), 1u) << "part of a batch";
    return static_cast<int>(*sizes.begin());
  }
  void QueryUntilDone(bool with_flush) {
    std::vector<int> last(kWriters);
    while (done_ < kWriters) {
      std::vector<int> before(kWriters);
      for (int w = 0; w < kWriters; ++w) before[w] = committed_[w];
      SampleModel seen = with_flush ? ReadWithBlocks() : InHead();
      for (int w = 0; w < kWriters; ++w) {
        const int batches = BatchesOf(seen, w);
        EXPECT_GE(batches, before[w]);
        EXPECT_GE(batches, last[w]);
        last[w] = batches;
      }
    }
  }
  // As storage/database does it: no block may appear between the two looks.
  SampleModel ReadWithBlocks() {
    while (true) {
      std::unique_ptr<Querier> querier;
      SampleModel all;
      {
        absl::MutexLock lock(&blocks_mu_);
        all = blocks_;
        querier = head_->NewQuerier({});
      }
      const SampleModel in_head = ReadAll(querier.get());
      for (const auto& [labels, samples] : in_head) {
        all[labels].insert(samples.begin(), samples.end());
      }
      return all;
    }
  }
  void FlushUntilDone() {
    while (done_ < kWriters) {
      const auto segment = head_->CutForFlush();
      ASSERT_TRUE(segment.ok());
      SampleModel flushed;
      auto cursor = head_->FlushCursor();
      while (*cursor->Next()) {
        chunk::SampleColumns columns;
        for (const auto& view : cursor->chunks()) ASSERT_TRUE(chunk::Decode(view, {}, &columns).ok());
        for (size_t i = 0; i < columns.size(); ++i) {
          flushed[Labels(cursor->labels())][columns.times[i]] =
              testing_support::Bits(columns.values[i]);
        }
      }
      auto checkpoint = wal::CheckpointWriter::Create(dir_.path(), *segment);
      ASSERT_TRUE(checkpoint.ok());
      ASSERT_TRUE(head_->WriteCheckpoint(checkpoint->get()).ok());
      ASSERT_TRUE((*checkpoint)->Finish().ok());
      {
        absl::MutexLock lock(&blocks_mu_);
        for (const auto& [labels, samples] : flushed) {
          blocks_[labels].insert(samples.begin(), samples.end());
        }
      }
      head_->DropFlushed(std::numeric_limits<int64_t>::max());  // Forgets whatever it may.
      ASSERT_TRUE(log_->RemoveBefore(*segment).ok());
      ASSERT_TRUE(wal::RemoveCheckpointsExcept(dir_.path(), *segment).ok());
      watermark_ = *segment;
    }
  }
  void Run(bool with_flush) {
    std::vector<std::thread> threads;
    for (int w = 0; w < kWriters; ++w) threads.emplace_back([this, w] { WriteAll(w); });
    threads.emplace_back([this, with_flush] { QueryUntilDone(with_flush); });
    threads.emplace_back([this, with_flush] { QueryUntilDone(with_flush); });
    if (with_flush) threads.emplace_back([this] { FlushUntilDone(); });
    for (std::thread& thread : threads) thread.join();
    const SampleModel all = ReadWithBlocks();
    EXPECT_EQ(all.size(), size_t{kWriters} * kSeries);
    for (int w = 0; w < kWriters; ++w) EXPECT_EQ(BatchesOf(all, w), kBatches);
    Start();
    EXPECT_EQ(ReadWithBlocks(), all);
    EXPECT_EQ(replayed_.damaged + replayed_.unknown_series, 0u);
  }

  std::atomic<int> done_{0};
  std::atomic<int> committed_[kWriters] = {};
  absl::Mutex blocks_mu_;
  SampleModel blocks_ ABSL_GUARDED_BY(blocks_mu_);
};

TEST_F(HeadConcurrencyTest, QueriesSeeWholeBatches) { Run(false); }

TEST_F(HeadConcurrencyTest, QueriesSeeWholeBatchesWhileHeadIsFlushed) { Run(true); }

TEST_F(HeadConcurrencyTest, WritersOfTheSameSeriesKeepBatchesWhole) {
  // Both write both series; who comes late is refused there, and may be half overtaken. What a
  // query sees of a series must still be in order and without parts of unfinished commits.
  const Labels a{{"s", "a"}}, b{{"s", "b"}};
  const auto write = [&] {
    for (int i = 1; i <= 300; ++i) {
      auto appender = head_->NewAppender();
      appender->Append({}, a, {i, 1.0});
      appender->Append({}, b, {i, 1.0});
      EXPECT_TRUE(appender->Commit().ok());
    }
    ++done_;
  };
  std::thread first(write), second(write);
  while (done_ < 2) {
    const SampleModel seen = InHead();
    if (seen.empty()) continue;
    ASSERT_EQ(seen.size(), 2u);
  }
  first.join();
  second.join();
  const SampleModel all = InHead();
  EXPECT_EQ(all.at(a).size(), 300u);
  EXPECT_EQ(all.at(b).size(), 300u);
}

TEST_F(HeadConcurrencyTest, ManyNewSeriesFromManySides) {
  std::vector<std::thread> threads;
  for (int w = 0; w < 4; ++w) {
    threads.emplace_back([this, w] {
      for (int b = 0; b < 20; ++b) {
        auto appender = head_->NewAppender();
        for (int i = 0; i < 50; ++i) {  // Half of them shared with the other writers.
          appender->Append({}, SeriesOf(i % 2 == 0 ? w : 9, b * 50 + i), {1000, 1});
        }
        EXPECT_TRUE(appender->Commit().ok());
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(InHead().size(), 4u * 20 * 25 + 20 * 25);
  EXPECT_EQ(head_->info().num_series, 2500u);
  EXPECT_EQ(head_->stats().series_created, 2500u);
}

}  // namespace
}  // namespace storage
