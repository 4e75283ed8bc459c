#include "storage/block/block_store.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rocksdb/db.h>
#include <rocksdb/sst_file_writer.h>

#include <sys/resource.h>

#include <csignal>
#include <filesystem>
#include <fstream>
#include <random>
#include <thread>

#include "storage/base/coding.h"
#include "storage/base/status.h"
#include "storage/merge.h"
#include "tests/testing/sample_model.h"
#include "tests/testing/seed.h"
#include "tests/testing/temp_dir.h"

namespace storage {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using testing_support::Difference;
using testing_support::RandomModel;
using testing_support::ReadAll;
using testing_support::SampleModel;
using testing_support::Within;
using testing_support::WriteBlock;

constexpr model::TimeMs kStart = 1'700'000'000'000;
constexpr model::TimeRange kAll;

class BlockStoreTest : public ::testing::Test {
 protected:
  void SetUp() override { Reopen(); }
  void Reopen() {
    store_.reset();
    auto store = BlockStore::Open(dir(), 8 << 20);
    ASSERT_TRUE(store.ok()) << store.status();
    store_ = std::move(*store);
  }
  std::string dir() const { return temp_.path() + "/blocks"; }
  SampleModel Data(int series = 50, int samples = 300, int step_ms = 15'000) {
    return RandomModel(random_, series, kStart, step_ms, samples);
  }
  std::unique_ptr<Querier> QuerierOf(const BlockMeta& meta, model::TimeRange range = kAll) {
    auto querier = store_->NewQuerier(meta.ulid, range);
    EXPECT_TRUE(querier.ok()) << querier.status();
    return std::move(*querier);
  }
  std::vector<std::string> Files(std::string_view extension) const {
    std::vector<std::string> files;
    for (const auto& entry : std::filesystem::directory_iterator(dir())) {
      if (entry.path().extension() == extension) files.push_back(entry.path().string());
    }
    return files;
  }
  std::vector<std::string> Ulids() const {
    std::vector<std::string> ulids;
    for (const BlockMeta& meta : store_->Metas()) ulids.push_back(meta.ulid);
    return ulids;
  }

  testing_support::TempDir temp_;
  std::mt19937 random_{42};
  std::unique_ptr<BlockStore> store_;
};

TEST_F(BlockStoreTest, GivesBackWhatWasWrittenAlsoAfterReopening) {
  const SampleModel data = Data();
  const BlockMeta meta = WriteBlock(*store_, data);
  uint64_t samples = 0;
  for (const auto& [labels, series] : data) samples += series.size();
  EXPECT_EQ(meta.num_series, data.size());
  EXPECT_EQ(meta.num_samples, samples);
  EXPECT_GT(meta.bytes, 0u);
  for (int round = 0; round < 2; ++round) {
    EXPECT_EQ(Difference(ReadAll(*QuerierOf(meta), kAll), data), "");
    ASSERT_THAT(store_->Metas(), SizeIs(1));
    EXPECT_EQ(store_->Metas()[0].range, meta.range);
    EXPECT_EQ(store_->Metas()[0].bytes, meta.bytes);
    EXPECT_EQ(store_->bytes(), meta.bytes);
    Reopen();
  }
}

TEST_F(BlockStoreTest, EveryCompressionReadsBack) {
  for (int level : {0, 1, 2}) {
    const SampleModel data = Data(20, 4000);  // Several rows each.
    BlockMeta like;
    like.level = level;
    const BlockMeta meta = WriteBlock(*store_, data, like);
    EXPECT_EQ(meta.level, level);
    EXPECT_EQ(Difference(ReadAll(*QuerierOf(meta), kAll), data), "");
  }
}

TEST_F(BlockStoreTest, ReadsPartsOfSeriesInAnyOrder) {
  const SampleModel data = Data(30, 4000);
  const BlockMeta meta = WriteBlock(*store_, data);
  const auto querier = QuerierOf(meta);
  for (int round = 0; round < 100; ++round) {
    const model::TimeMs from = kStart + static_cast<int64_t>(random_() % 60'000'000);
    const model::TimeRange range{from, from + static_cast<int64_t>(random_() % 5'000'000)};
    EXPECT_EQ(Difference(ReadAll(*querier, range), Within(data, range)), "") << range.min;
  }
  auto selection = querier->Select({{}, kAll});
  ASSERT_TRUE(selection.ok());
  chunk::SampleColumns columns;
  for (int round = 0; round < 200; ++round) {
    const int i = static_cast<int>(random_() % data.size());
    ASSERT_TRUE((*selection)->Read(i, kAll, &columns).ok());
    EXPECT_EQ(columns.size(), data.at(model::Labels((*selection)->labels(i))).size());
  }
}

TEST_F(BlockStoreTest, MatchersAndNamesAnswerAsAScanWould) {
  const SampleModel data = Data(140, 5);
  const auto querier = QuerierOf(WriteBlock(*store_, data));
  const auto matcher = [](model::MatchType type, std::string name, std::string value) {
    return *model::Matcher::Create(type, std::move(name), std::move(value));
  };
  using enum model::MatchType;
  const std::vector<std::vector<model::Matcher>> sets = {
      {matcher(kEqual, "job", "odd")},
      {matcher(kEqual, "__name__", "metric_3"), matcher(kNotEqual, "instance", "host-004")},
      {matcher(kRegex, "instance", "host-00[1-5]"), matcher(kNotRegex, "__name__", "metric_[12]")},
      {matcher(kEqual, "absent", "")},
      {matcher(kNotEqual, "absent", "")},
      {matcher(kEqual, "instance", "host-004")},
  };
  for (const auto& matchers : sets) {
    SampleModel want;
    std::set<std::string> names, instances;
    for (const auto& [labels, samples] : data) {
      const bool all = std::all_of(matchers.begin(), matchers.end(), [&](const model::Matcher& m) {
        return m.Matches(labels.Get(m.name()));
      });
      if (!all) continue;
      want[labels] = samples;
      instances.emplace(labels.Get("instance"));
      for (const model::Label& label : labels) names.emplace(label.name);
    }
    EXPECT_EQ(Difference(ReadAll(*querier, kAll, matchers), want), "");
    EXPECT_EQ(*querier->LabelNames(matchers, 0), std::vector(names.begin(), names.end()));
    EXPECT_EQ(*querier->LabelValues("instance", matchers, 0),
              std::vector(instances.begin(), instances.end()));
  }
  EXPECT_THAT(*querier->LabelNames({}, 0), ElementsAre("__name__", "instance", "job"));
  EXPECT_THAT(*querier->LabelNames({}, 2), ElementsAre("__name__", "instance"));
  EXPECT_THAT(*querier->LabelValues("job", {}, 0), ElementsAre("even", "odd"));
  EXPECT_THAT(*querier->LabelValues("job", {}, 1), ElementsAre("even"));
  EXPECT_THAT(*querier->LabelValues("jo", {}, 0), IsEmpty());
}

TEST_F(BlockStoreTest, SeriesOutsideTheRangeAreLeftOut) {
  SampleModel data;
  data[testing_support::TestLabels(1)][1000] = 1;
  data[testing_support::TestLabels(2)][5000] = 2;
  const auto querier = QuerierOf(WriteBlock(*store_, data));
  auto selection = querier->Select({{}, {4000, 6000}});
  ASSERT_TRUE(selection.ok());
  EXPECT_EQ((*selection)->size(), 1);
  selection = querier->Select({{}, {2000, 3000}});
  EXPECT_EQ((*selection)->size(), 0);
}

TEST_F(BlockStoreTest, CursorGivesTheVeryBytes) {
  const SampleModel data = Data(20, 2000);
  const BlockMeta meta = WriteBlock(*store_, data);
  auto cursor = store_->NewCursor(meta.ulid);
  ASSERT_TRUE(cursor.ok());
  for (const auto& [labels, samples] : data) {
    auto more = (*cursor)->Next();
    ASSERT_TRUE(more.ok() && *more);
    EXPECT_EQ((*cursor)->labels(), labels.view());
    const testing_support::Chunks want(samples);
    ASSERT_EQ((*cursor)->chunks().size(), want.views().size());
    for (size_t i = 0; i < want.views().size(); ++i) {
      EXPECT_EQ((*cursor)->chunks()[i].bytes, want.views()[i].bytes);
      EXPECT_EQ((*cursor)->chunks()[i].range, want.views()[i].range);
    }
  }
  EXPECT_FALSE(*(*cursor)->Next());
  EXPECT_FALSE(*(*cursor)->Next());
  EXPECT_EQ((*cursor)->damaged_chunks(), 0u);
}

TEST_F(BlockStoreTest, CursorLeavesTheCacheAlone) {
  for (int level : {0, 1}) {  // A merge reads what no query may ever ask for.
    BlockMeta like;
    like.level = level;
    const BlockMeta meta = WriteBlock(*store_, Data(200, 500), like);
    Reopen();
    const int64_t before = store_->cache_used_bytes();
    auto cursor = *store_->NewCursor(meta.ulid);
    while (*cursor->Next()) continue;
    cursor.reset();  // The block it stands in is counted.
    EXPECT_LT(store_->cache_used_bytes() - before, 1024) << level;
    ReadAll(*QuerierOf(meta), kAll);
    EXPECT_GT(store_->cache_used_bytes() - before, 10'000) << level;
  }
}

TEST_F(BlockStoreTest, AWideSelectionLeavesTheCacheAlone) {
  constexpr int kWide = 100'001;
  const testing_support::Chunks chunks({{1, 1}, {2, 2}});
  auto writer = *store_->NewBlock({});
  for (int i = 0; i < kWide; ++i) {
    const model::Labels labels{
        {"__name__", "wide"}, {"i", fmt::format("{:06}", i)}, {"last", i == kWide - 1 ? "yes" : "no"}};
    ASSERT_TRUE(writer->AddSeries(labels.view(), chunks.views()).ok());
  }
  const BlockMeta meta = *writer->Publish();
  const auto grown = [&](std::string name, std::string value) {
    Reopen();
    const int64_t before = store_->cache_used_bytes();
    const model::Matcher matcher = *model::Matcher::Create(model::MatchType::kEqual, name, value);
    const std::vector<model::Matcher> matchers{matcher};
    auto selection = *QuerierOf(meta)->Select({matchers, kAll});
    chunk::SampleColumns columns;
    for (int i = 0; i < selection->size(); ++i) EXPECT_TRUE(selection->Read(i, kAll, &columns).ok());
    selection.reset();
    return store_->cache_used_bytes() - before;
  };
  const int64_t wide = grown("__name__", "wide"), narrow = grown("last", "no");
  EXPECT_LT(wide * 4, narrow);
}

TEST_F(BlockStoreTest, WriterRefusesWhatIsOutOfOrder) {
  const testing_support::Chunks chunks({{1, 1}, {2, 2}});
  auto writer = *store_->NewBlock({});
  ASSERT_TRUE(writer->AddSeries(testing_support::TestLabels(3), chunks.views()).ok());
  const absl::Status status = writer->AddSeries(testing_support::TestLabels(3), chunks.views());
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(base::message(status)), HasSubstr("metric_3"));
  EXPECT_FALSE(writer->Publish().ok());  // The first error sticks.

  writer = *store_->NewBlock({});
  const std::vector<chunk::ChunkView> twice = {chunks.views()[0], chunks.views()[0]};
  EXPECT_FALSE(writer->AddSeries(testing_support::TestLabels(3), twice).ok());
  writer = *store_->NewBlock({});
  EXPECT_FALSE(writer->AddSeries(model::LabelsView(), chunks.views()).ok());
}

TEST_F(BlockStoreTest, AbandonedWriterLeavesNoFile) {
  {
    auto writer = *store_->NewBlock({});
    ASSERT_TRUE(testing_support::AddAll(*writer, Data()).ok());
    EXPECT_FALSE(std::filesystem::is_empty(dir() + "/unfinished"));
  }
  EXPECT_TRUE(std::filesystem::is_empty(dir() + "/unfinished"));
  EXPECT_THAT(store_->Metas(), IsEmpty());
}

TEST_F(BlockStoreTest, WatermarkMovesWithTheBlockOrAlone) {
  EXPECT_EQ(store_->watermark(), 0u);
  for (uint32_t i = 1; i <= 20; ++i) {
    auto writer = *store_->NewBlock({});
    if (i % 2 == 0) {
      ASSERT_TRUE(testing_support::AddAll(*writer, Data(3, 3)).ok());
    }
    auto meta = writer->Publish(i);
    ASSERT_TRUE(meta.ok()) << meta.status();
    EXPECT_EQ(meta->ulid.empty(), i % 2 == 1);
    EXPECT_EQ(store_->watermark(), i);
  }
  EXPECT_THAT(store_->Metas(), SizeIs(10));
  Reopen();
  EXPECT_EQ(store_->watermark(), 20u);
  EXPECT_THAT(store_->Metas(), SizeIs(10));
  EXPECT_THAT(Files(".sst"), SizeIs(::testing::Lt(40u)));  // The default family is compacted.
}

TEST_F(BlockStoreTest, ParentsGoWhenTheirChildComes) {
  const SampleModel data = Data(10, 100);
  const BlockMeta a = WriteBlock(*store_, data), b = WriteBlock(*store_, data);
  const auto before = QuerierOf(a);
  BlockMeta like;
  like.level = 1;
  like.parents = {a.ulid, b.ulid};
  const BlockMeta child = WriteBlock(*store_, data, like);
  EXPECT_THAT(Ulids(), ElementsAre(child.ulid));
  EXPECT_EQ(store_->Drop(a.ulid).code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(store_->NewQuerier(a.ulid, kAll).status().code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(Difference(ReadAll(*before, kAll), data), "");  // Who reads goes on.
  EXPECT_EQ(store_->stats().published, 3u);
}

TEST_F(BlockStoreTest, DroppedBlocksAreReadableWhileHeldAndTheirSpaceComesBack) {
  const SampleModel data = Data(100, 1000);
  const BlockMeta meta = WriteBlock(*store_, data);
  auto querier = QuerierOf(meta);
  auto selection = *querier->Select({{}, kAll});
  auto cursor = *store_->NewCursor(meta.ulid);
  ASSERT_TRUE(store_->Drop(meta.ulid).ok());
  EXPECT_THAT(store_->Metas(), IsEmpty());
  EXPECT_EQ(Difference(ReadAll(*querier, kAll), data), "");
  EXPECT_TRUE(*cursor->Next());
  querier.reset();
  cursor.reset();
  chunk::SampleColumns columns;
  EXPECT_TRUE(selection->Read(0, kAll, &columns).ok());
  EXPECT_GT(columns.size(), 0u);
  selection.reset();
  for (int i = 0; i < 200 && Files(".sst").size() > 1; ++i) {  // Purged in the background.
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  EXPECT_THAT(Files(".sst"), SizeIs(1));  // The format's.
  Reopen();
  EXPECT_THAT(store_->Metas(), IsEmpty());
}

TEST_F(BlockStoreTest, ReadersGoOnWhileBlocksAreReplaced) {
  const SampleModel data = Data(40, 200);
  BlockMeta meta = WriteBlock(*store_, data);
  std::atomic<bool> stop{false};
  std::vector<std::thread> readers;
  std::atomic<int> rounds{0};
  for (int i = 0; i < 3; ++i) {
    readers.emplace_back([&] {
      while (!stop || rounds < 10) {
        auto querier = MergeQueriers(*store_->NewQueriers(kAll));
        const std::string difference = Difference(ReadAll(*querier, kAll), data);
        EXPECT_EQ(difference, "");
        ++rounds;
      }
    });
  }
  for (int i = 0; i < 20; ++i) {
    BlockMeta like;
    like.parents = {meta.ulid};
    meta = WriteBlock(*store_, data, like);
  }
  stop = true;
  for (std::thread& reader : readers) reader.join();
}

// A family without meta and a replaced family are what a crash in the middle leaves.
TEST_F(BlockStoreTest, OpeningRemovesUnfinishedAndReplacedBlocks) {
  const SampleModel data = Data(10, 50);
  const BlockMeta parent = WriteBlock(*store_, data);
  ASSERT_TRUE(store_->Close().ok());
  store_.reset();
  std::filesystem::copy(dir(), temp_.path() + "/copy", std::filesystem::copy_options::recursive);
  Reopen();
  BlockMeta like;
  like.parents = {parent.ulid};
  const BlockMeta child = WriteBlock(*store_, data, like);
  ASSERT_TRUE(store_->Close().ok());
  store_.reset();
  {
    // Puts the parent's family back, as if the crash came before it was dropped, and a started one.
    std::vector<std::string> names;
    ASSERT_TRUE(rocksdb::DB::ListColumnFamilies({}, dir(), &names).ok());
    std::vector<rocksdb::ColumnFamilyDescriptor> descriptors;
    rocksdb::ColumnFamilyOptions family;
    family.num_levels = 2;
    for (const auto& name : names) descriptors.emplace_back(name, family);
    std::vector<rocksdb::ColumnFamilyHandle*> handles;
    rocksdb::DB* db;
    ASSERT_TRUE(rocksdb::DB::Open({}, dir(), descriptors, &handles, &db).ok());
    rocksdb::ColumnFamilyHandle *old, *started;
    ASSERT_TRUE(db->CreateColumnFamily(family, parent.ulid, &old).ok());
    ASSERT_TRUE(db->CreateColumnFamily(family, "01STARTED", &started).ok());
    std::string meta;
    ASSERT_TRUE(db->Get({}, handles[1], "m", &meta).ok());
    // Without parents of its own; the child's meta would name itself.
    BlockMeta plain;
    rocksdb::SstFileWriter sst({}, {});
    ASSERT_TRUE(sst.Open(dir() + "/x").ok());
    ASSERT_TRUE(sst.Put("m", meta).ok());
    ASSERT_TRUE(sst.Finish().ok());
    ASSERT_TRUE(db->IngestExternalFile(old, {dir() + "/x"}, {}).ok());
    handles.push_back(old);
    handles.push_back(started);
    for (auto* handle : handles) db->DestroyColumnFamilyHandle(handle);
    ASSERT_TRUE(db->Close().ok());
    delete db;
  }
  std::ofstream(dir() + "/unfinished/5-c0") << "left behind";
  Reopen();
  EXPECT_THAT(Ulids(), ElementsAre(child.ulid));
  EXPECT_TRUE(std::filesystem::is_empty(dir() + "/unfinished"));
  EXPECT_EQ(Difference(ReadAll(*QuerierOf(child), kAll), data), "");
  ASSERT_TRUE(store_->Close().ok());
  store_.reset();
  std::vector<std::string> names;
  ASSERT_TRUE(rocksdb::DB::ListColumnFamilies({}, dir(), &names).ok());
  EXPECT_THAT(names, ElementsAre("default", child.ulid));
}

// The samples of `model` as sealed rows of a block of level 1.
BlockMeta WriteSealed(BlockStore& store, const SampleModel& model) {
  BlockMeta like;
  like.level = 1;
  auto writer = store.NewBlock(like);
  EXPECT_TRUE(writer.ok()) << writer.status();
  chunk::SampleColumns columns;
  for (const auto& [labels, samples] : model) {
    columns.clear();
    for (const auto& [t, bits] : samples) {
      columns.times.push_back(t);
      columns.values.push_back(std::bit_cast<double>(bits));
    }
    EXPECT_TRUE((*writer)->AddSamples(labels, columns).ok());
  }
  auto meta = (*writer)->Publish();
  EXPECT_TRUE(meta.ok()) << meta.status();
  return meta.ok() ? *meta : BlockMeta();
}

TEST_F(BlockStoreTest, SealedRowsGiveBackWhatCameInInAnyRange) {
  const uint32_t seed = testing_support::Seed();
  SCOPED_TRACE(seed);
  std::mt19937 random(seed);
  const SampleModel model = RandomModel(random, 60, 1'000'000, 1000, 20'000);
  const BlockMeta meta = WriteSealed(*store_, model);
  EXPECT_EQ(meta.num_series, model.size());
  for (int round = 0; round < 20; ++round) {
    model::TimeRange range;
    if (round > 0) {
      range.min = 1'000'000 + static_cast<int64_t>(random() % 20'000) * 1000;
      range.max = range.min + static_cast<int64_t>(random() % 2'000'000);
    }
    const auto querier = store_->NewQuerier(meta.ulid, range);
    ASSERT_TRUE(querier.ok());
    EXPECT_EQ(Difference(ReadAll(**querier, range), Within(model, range)), "");
    EXPECT_TRUE((*querier)->Warnings().empty());
  }
  const auto cursor = *store_->NewCursor(meta.ulid);
  for (const auto& [labels, samples] : model) {
    ASSERT_TRUE(*cursor->Next());
    EXPECT_EQ(cursor->labels(), labels);
    EXPECT_TRUE(cursor->chunks().empty());
    EXPECT_EQ(cursor->sealed().size(), samples.size());
  }
}

TEST_F(BlockStoreTest, SeriesOfOneTargetShareTheirTimes) {
  SampleModel model;
  for (int i = 0; i < 100; ++i) {
    auto& series = model[model::Labels{{"__name__", fmt::format("m{}", i)}, {"instance", "a"}}];
    // Some begin later, and some end before the others.
    for (int k = i % 3 * 100; k < 1000 - i % 2 * 50; ++k) series[k * 15'000 + k * k % 7] = testing_support::Bits(1);
  }
  const BlockMeta meta = WriteSealed(*store_, model);
  const auto querier = *store_->NewQuerier(meta.ulid, {});
  EXPECT_EQ(Difference(ReadAll(*querier, {}), model), "");
  EXPECT_LT(meta.bytes, 12'000u);
}

TEST_F(BlockStoreTest, ChunkRowsOfFormatOneAreReadAtAnyLevel) {
  std::mt19937 random(4);
  const SampleModel model = RandomModel(random, 20, 0, 1000, 500);
  BlockMeta like;
  like.level = 2;
  const BlockMeta meta = WriteBlock(*store_, model, like);
  const auto querier = *store_->NewQuerier(meta.ulid, {});
  EXPECT_EQ(Difference(ReadAll(*querier, {}), model), "");
}

TEST_F(BlockStoreTest, RefusesANewerFormatByName) {
  ASSERT_TRUE(store_->Close().ok());
  store_.reset();
  rocksdb::DB* db;
  ASSERT_TRUE(rocksdb::DB::Open({}, dir(), &db).ok());
  std::string version;
  base::AppendVarint(&version, 7);
  ASSERT_TRUE(db->Put({}, "format", version).ok());
  delete db;
  const absl::Status status = BlockStore::Open(dir(), 1 << 20).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(base::message(status)), HasSubstr("format 7 is newer than 5"));
}

TEST_F(BlockStoreTest, RefusesADatabaseOfSomebodyElse) {
  const std::string other = temp_.path() + "/other";
  rocksdb::DB* db;
  rocksdb::Options options;
  options.create_if_missing = true;
  ASSERT_TRUE(rocksdb::DB::Open(options, other, &db).ok());
  ASSERT_TRUE(db->Put({}, "hello", "world").ok());
  delete db;
  const absl::Status status = BlockStore::Open(other, 1 << 20).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(base::message(status)), HasSubstr("not a block store"));
}

TEST_F(BlockStoreTest, BrokenManifestWithoutASecondListIsAClearError) {
  WriteBlock(*store_, Data(5, 5));
  ASSERT_TRUE(store_->Close().ok());
  store_.reset();
  std::filesystem::remove(dir() + "/LIVE");
  for (const auto& entry : std::filesystem::directory_iterator(dir())) {
    if (entry.path().filename().string().starts_with("MANIFEST")) {
      std::ofstream(entry.path(), std::ios::trunc) << "this is not a manifest";
    }
  }
  const absl::Status status = BlockStore::Open(dir(), 1 << 20).status();
  EXPECT_FALSE(status.ok());
  EXPECT_THAT(std::string(base::message(status)), HasSubstr(dir()));
}

// A limit on the size of files makes RocksDB's MANIFEST, the largest file here, fail as a full disk
// would. Its tables are smaller.
TEST_F(BlockStoreTest, WritesAgainAfterADiskWasFullWithoutLosingItsReaders) {
  const SampleModel data = Data(4, 10);
  const auto manifest_bytes = [&] {
    uintmax_t bytes = 0;
    for (const auto& entry : std::filesystem::directory_iterator(dir())) {
      if (entry.path().filename().string().starts_with("MANIFEST")) bytes = entry.file_size();
    }
    return bytes;
  };
  while (manifest_bytes() < 8000) WriteBlock(*store_, data);
  const size_t blocks = store_->Metas().size();
  auto querier = QuerierOf(store_->Metas().front());
  auto writer = *store_->NewBlock({});
  ASSERT_TRUE(testing_support::AddAll(*writer, data).ok());

  ::signal(SIGXFSZ, SIG_IGN);
  rlimit before;
  ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &before), 0);
  rlimit full = before;
  full.rlim_cur = manifest_bytes();
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &full), 0);
  EXPECT_EQ(writer->Publish(7).status().code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(Difference(ReadAll(*querier, kAll), data), "");
  EXPECT_EQ(store_->Metas().size(), blocks);
  EXPECT_EQ(store_->watermark(), 0u);
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &before), 0);

  // Somebody still reads: not yet.
  const absl::Status busy = store_->Drop(store_->Metas().back().ulid);
  EXPECT_EQ(busy.code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(std::string(base::message(busy)), HasSubstr("waits for its readers"));
  EXPECT_EQ(Difference(ReadAll(*querier, kAll), data), "");
  querier.reset();
  WriteBlock(*store_, data);
  EXPECT_EQ(store_->Metas().size(), blocks + 1);
  Reopen();
  EXPECT_EQ(store_->Metas().size(), blocks + 1);
  EXPECT_EQ(Difference(ReadAll(*QuerierOf(store_->Metas().back()), kAll), data), "");
}

TEST_F(BlockStoreTest, DamagedTablesGiveWarningsOrErrorsNeverWrongSamples) {
  const SampleModel data = Data(60, 3000);
  const BlockMeta meta = WriteBlock(*store_, data);
  ASSERT_TRUE(store_->Close().ok());
  store_.reset();
  const std::string whole = temp_.path() + "/whole";
  std::filesystem::copy(dir(), whole, std::filesystem::copy_options::recursive);
  int warned = 0, refused = 0;
  for (int round = 0; round < 40; ++round) {
    std::filesystem::remove_all(dir());
    std::filesystem::copy(whole, dir(), std::filesystem::copy_options::recursive);
    const std::vector<std::string> files = Files(".sst");
    const std::string& file = files[random_() % files.size()];
    const auto size = std::filesystem::file_size(file);
    if (round % 8 == 7) {
      std::filesystem::resize_file(file, random_() % size);
    } else {
      std::fstream stream(file, std::ios::in | std::ios::out | std::ios::binary);
      stream.seekp(static_cast<std::streamoff>(random_() % size));
      for (int i = 0; i < 8; ++i) stream.put(static_cast<char>(random_()));
    }
    auto store = BlockStore::Open(dir(), 1 << 20);
    if (!store.ok()) {
      EXPECT_FALSE(base::message(store.status()).empty());
      ++refused;
      continue;
    }
    auto querier = (*store)->NewQuerier(meta.ulid, kAll);
    if (!querier.ok()) {
      EXPECT_EQ((*store)->stats().unreadable_blocks, 1u);
      ++refused;
      continue;
    }
    auto selection = (*querier)->Select({{}, kAll});
    ASSERT_TRUE(selection.ok()) << selection.status();
    if ((*selection)->size() < static_cast<int>(data.size())) {
      EXPECT_THAT((*querier)->Warnings(), ::testing::Not(IsEmpty()));
      ++refused;
      continue;
    }
    chunk::SampleColumns columns;
    uint64_t found = 0;
    for (int i = 0; i < (*selection)->size(); ++i) {
      const auto& want = data.at(model::Labels((*selection)->labels(i)));
      ASSERT_TRUE((*selection)->Read(i, kAll, &columns).ok());
      for (size_t k = 0; k < columns.size(); ++k) {
        const auto it = want.find(columns.times[k]);
        ASSERT_TRUE(it != want.end() && it->second == testing_support::Bits(columns.values[k]));
      }
      found += columns.size();
    }
    if (found < meta.num_samples) {
      ASSERT_THAT((*querier)->Warnings(), ::testing::Not(IsEmpty()));
      EXPECT_THAT((*querier)->Warnings()[0], HasSubstr("left out"));
      EXPECT_GT((*store)->stats().damaged_chunks, 0u);
      ++warned;
    }
    auto cursor = (*store)->NewCursor(meta.ulid);
    ASSERT_TRUE(cursor.ok());
    for (;;) {
      auto more = (*cursor)->Next();
      if (!more.ok() || !*more) break;
    }
    EXPECT_EQ((*cursor)->damaged_chunks() > 0, found < meta.num_samples);
  }
  EXPECT_GT(warned, 3);
  EXPECT_GT(refused, 3);
}

// Whatever part of one table file is damaged, also where RocksDB looks when it opens: the store opens,
// the other block is whole, and what is missing from this one is told.
TEST_F(BlockStoreTest, ADamagedTableStaysItsOwnMisfortune) {
  std::mt19937 random(5);
  const SampleModel first = RandomModel(random, 30, 1'000'000'000, 15'000, 200);
  const SampleModel second = RandomModel(random, 30, 2'000'000'000, 15'000, 200);
  WriteSealed(*store_, first);
  const std::vector<std::string> of_first = Files(".sst");
  WriteBlock(*store_, second);
  ASSERT_TRUE(store_->Close().ok());
  store_.reset();
  const std::string whole = temp_.path() + "/whole";
  std::filesystem::copy(dir(), whole, std::filesystem::copy_options::recursive);
  for (const std::string& file : of_first) {
    const std::string name = std::filesystem::path(file).filename();
    const auto size = static_cast<int64_t>(std::filesystem::file_size(whole + "/" + name));
    std::vector<int64_t> places = {-1, -2};  // Cut in half; gone.
    for (const int64_t from_end : {1, 5, 20, 30, 48, 53, 60, 90, 150, 300, 600}) {
      if (from_end <= size) places.push_back(size - from_end);
    }
    for (const int64_t place : places) {
      SCOPED_TRACE(fmt::format("{} at {} of {}", file, place, size));
      std::filesystem::remove_all(dir());
      std::filesystem::copy(whole, dir(), std::filesystem::copy_options::recursive);
      if (place == -1) {
        std::filesystem::resize_file(file, static_cast<uintmax_t>(size / 2));
      } else if (place == -2) {
        std::filesystem::remove(file);
      } else {
        std::fstream stream(file, std::ios::in | std::ios::out | std::ios::binary);
        stream.seekg(place);
        const int byte = stream.get();
        stream.seekp(place);
        stream.put(static_cast<char>(byte ^ 0x10));
      }
      auto store = BlockStore::Open(dir(), 1 << 20);
      ASSERT_TRUE(store.ok()) << store.status();
      auto queriers = (*store)->NewQueriers(kAll);
      ASSERT_TRUE(queriers.ok());
      const bool set_aside = (*store)->stats().unreadable_blocks > 0;
      const auto querier = MergeQueriers(std::move(*queriers));
      const SampleModel got = ReadAll(*querier, kAll);
      const model::TimeRange later{1'900'000'000, 3'000'000'000};
      EXPECT_EQ(Difference(Within(got, later), second), "");
      const SampleModel earlier = Within(got, {0, 1'900'000'000});
      if (Difference(earlier, first).empty()) continue;
      EXPECT_TRUE(set_aside || !querier->Warnings().empty());
      for (const auto& [labels, samples] : earlier) {
        for (const auto& [t, bits] : samples) ASSERT_EQ(first.at(labels).at(t), bits);
      }
    }
  }
}

TEST_F(BlockStoreTest, MergedBlockRemembersWhatWasLeftOut) {
  auto writer = *store_->NewBlock({});
  ASSERT_TRUE(testing_support::AddAll(*writer, Data(3, 3)).ok());
  writer->SetDamagedChunks(2);
  const BlockMeta meta = *writer->Publish();
  Reopen();
  ASSERT_THAT(QuerierOf(meta)->Warnings(), SizeIs(1));
  EXPECT_THAT(QuerierOf(meta)->Warnings()[0], HasSubstr("2 damaged chunks"));
}

}  // namespace
}  // namespace storage
