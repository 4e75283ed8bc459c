// The status of a real Database under the routes.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>

#include "api/storage_slot.h"
#include "tests/api/fake_server.h"

namespace api {
namespace {

using testing::HasSubstr;

class StorageRoutesTest : public testing::Test {
 protected:
  StorageRoutesTest() {
    std::string name = std::filesystem::temp_directory_path() / "storage-routes-XXXXXX";
    dir_ = mkdtemp(name.data());
    storage::DatabaseOptions options;
    options.dir = dir_;
    options.limits.max_series_per_metric = 3;
    database_ = *storage::Database::Open(options);
    slot_.Set(database_.get());
    ApiDependencies dependencies = fakes_.dependencies;
    dependencies.storage = &slot_;
    RegisterRoutes(&router_, dependencies);
  }
  ~StorageRoutesTest() override {
    database_.reset();
    std::filesystem::remove_all(dir_);
  }
  void Append(std::string metric, int pod, model::TimeMs t) {
    const auto appender = database_->NewAppender();
    appender->Append(storage::SeriesRef::kNone,
                     model::Labels::FromPairs({{"__name__", std::move(metric)},
                                               {"pod", std::to_string(pod)}}),
                     {t, 1});
    ASSERT_TRUE(appender->Commit().ok());
  }
  std::string Get(std::string_view path) {
    Request request;
    EXPECT_TRUE(SetTarget(path, &request).ok());
    std::string pattern;
    return router_.Route(std::move(request), &pattern).body;
  }

  FakeServer fakes_;
  std::string dir_;
  std::unique_ptr<storage::Database> database_;
  StorageSlot slot_;
  Router router_;
};

TEST_F(StorageRoutesTest, LimitsNameTheFullestAndTheCulprit) {
  for (int pod = 0; pod < 10; ++pod) Append("wild", pod, 1'000);
  const std::string body = Get("/api/v1/status/limits");
  EXPECT_THAT(body, HasSubstr(R"({"name":"max_series_per_metric",)"
                              R"("flag":"--storage.max-series-per-metric","unit":"series",)"
                              R"("limit":3,"current":3,"fullest":"wild","refused":7})"));
  EXPECT_THAT(body, HasSubstr(R"("culprits":[{"metric":"wild","label":"pod","distinctValues":7,)"));
  EXPECT_THAT(body, HasSubstr(R"("refusing":[])"));
  database_->admission()->Close(storage::Admission::Gate::kDisk, "the disk is full");
  EXPECT_THAT(Get("/api/v1/status/limits"),
              HasSubstr(R"("refusing":[{"what":"ingest","reason":"the disk is full"}])"));
}

TEST_F(StorageRoutesTest, MetadataIsOfTargetsAndOfWhatIsKept) {
  const auto appender = database_->NewAppender();
  appender->UpdateMetadata("up", {model::MetricType::kGauge, "Help.", ""});
  appender->UpdateMetadata("up", {model::MetricType::kGauge, "Pushed.", ""});
  appender->UpdateMetadata("pushed", {model::MetricType::kCounter, "Pushed.", "bytes"});
  ASSERT_TRUE(appender->Commit().ok());
  fakes_.targets.metadata = {
      {model::Labels{{"job", "a"}}, "up", {model::MetricType::kGauge, "Help.", ""}}};
  const std::string up = R"("up":[{"type":"gauge","unit":"","help":"Help."},)"
                         R"({"type":"gauge","unit":"","help":"Pushed."}])";
  const std::string pushed = R"("pushed":[{"type":"counter","unit":"bytes","help":"Pushed."}])";
  EXPECT_THAT(Get("/api/v1/metadata"), HasSubstr("{" + pushed + "," + up + "}"));
  EXPECT_THAT(Get("/api/v1/metadata?limit=1"), HasSubstr("{" + pushed + "}"));
  EXPECT_THAT(Get("/api/v1/metadata?metric=up"), HasSubstr("{" + up + "}"));
  EXPECT_THAT(Get("/api/v1/metadata?metric=up&limit_per_metric=1"),
              HasSubstr(R"({"up":[{"type":"gauge","unit":"","help":"Help."}]})"));
  EXPECT_THAT(Get("/api/v1/targets/metadata"), testing::Not(HasSubstr("ushed")));
}

TEST_F(StorageRoutesTest, ExemplarsOfHeadAndBlocksComeTogether) {
  constexpr model::TimeMs kNoon = 1'700'049'600'000;
  const auto append = [&](int pod, model::TimeMs t, double value) {
    const auto appender = database_->NewAppender();
    const model::Labels labels{{"__name__", "m"}, {"pod", std::to_string(pod)}};
    const storage::SeriesRef ref = appender->Append({}, labels, {t, 1}).ref;
    EXPECT_TRUE(appender->AppendExemplar(ref, {{{"trace_id", "x"}}, value, t, true}));
    EXPECT_TRUE(appender->Commit().ok());
  };
  append(2, kNoon, 1);
  append(1, kNoon, 2.5);
  ASSERT_TRUE(database_->FlushHead().ok());
  append(2, kNoon + 500, 3);
  const std::string query = "/api/v1/query_exemplars?query=rate(m[5m])&start=1700049600";
  EXPECT_EQ(Get(query + "&end=1700049601"),
            R"({"status":"success","data":[)"
            R"({"seriesLabels":{"__name__":"m","pod":"1"},"exemplars":[)"
            R"({"labels":{"trace_id":"x"},"value":"2.5","timestamp":1700049600}]},)"
            R"({"seriesLabels":{"__name__":"m","pod":"2"},"exemplars":[)"
            R"({"labels":{"trace_id":"x"},"value":"1","timestamp":1700049600},)"
            R"({"labels":{"trace_id":"x"},"value":"3","timestamp":1700049600.500}]}]})");
  EXPECT_EQ(Get("/api/v1/query_exemplars?query=m&start=1700049600.2&end=1700049601"),
            R"({"status":"success","data":[{"seriesLabels":{"__name__":"m","pod":"2"},"exemplars":[)"
            R"({"labels":{"trace_id":"x"},"value":"3","timestamp":1700049600.500}]}]})");
}

TEST_F(StorageRoutesTest, StorageTellsDaysOfBlocks) {
  constexpr model::TimeMs kNoon = 1'700'049'600'000;  // 2023-11-15T12:00Z
  Append("m", 1, kNoon);
  Append("m", 2, kNoon + 1);
  ASSERT_TRUE(database_->FlushHead().ok());
  const std::string body = Get("/api/v1/status/storage");
  EXPECT_THAT(body, HasSubstr(R"("partitions":[{"day":"2023-11-15","minTime":1700049600000,)"
                              R"("maxTime":1700049600001,"blocks":1,"series":2,"samples":2,)"));
  const storage::BlockMeta meta = database_->blocks()->Metas().at(0);
  EXPECT_THAT(body, HasSubstr(fmt::format(
                        R"("blockList":[{{"ulid":"{}","level":{},"minTime":1700049600000,)"
                        R"("maxTime":1700049600001,"series":2,"samples":2,"chunks":{},"bytes":{},)"
                        R"("bytesPerSample":)",
                        meta.ulid, meta.level, meta.num_chunks, meta.bytes)));
  EXPECT_THAT(body, HasSubstr(R"("disk":{"totalBytes":)"));
  EXPECT_THAT(body, HasSubstr(R"("flushes":1,)"));
}

TEST_F(StorageRoutesTest, StorageCountsMetricsAndForms) {
  constexpr model::TimeMs kNoon = 1'700'049'600'000;
  for (int i = 0; i < 10; ++i) Append("big", i % 3, kNoon + i);
  Append("small", 1, kNoon);
  ASSERT_TRUE(database_->FlushHead().ok());
  Append("fresh", 1, kNoon);  // Only in the head.
  Append("fresh", 2, kNoon);
  Append("big", 1, kNoon + 1000);
  const uint64_t bytes = database_->blocks()->Metas().at(0).bytes;
  const std::string body = Get("/api/v1/status/storage");
  EXPECT_THAT(body, HasSubstr(fmt::format(
                        R"("counted":{{"blocks":1,"blocksToCount":0,"series":4,"samples":11,)"
                        R"("bytes":{},"bytesPerSample":{:.4g},"encodings":{{"xor_chunk":11}}}})",
                        bytes, static_cast<double>(bytes) / 11)));
  EXPECT_THAT(body, HasSubstr(R"("metrics":[{"name":"big","series":3,"samples":10,"bytes":)"));
  EXPECT_THAT(body, HasSubstr(R"("encodings":{"xor_chunk":10},"head":{"series":1,"samples":1,"bytes":)"));
  EXPECT_THAT(body, HasSubstr(R"({"name":"small","series":1,"samples":1,"bytes":)"));
  EXPECT_THAT(body, HasSubstr(R"({"name":"fresh","series":0,"samples":0,"bytes":0,)"
                              R"("encodings":{},"head":{"series":2,"samples":2,"bytes":)"));
  EXPECT_THAT(body, HasSubstr(R"("encodings":{"xor_chunk":11}}],"blockList")"));
  EXPECT_THAT(Get("/api/v1/status/storage?limit=1"), testing::Not(HasSubstr(R"("name":"small")")));
  EXPECT_THAT(Get("/api/v1/status/storage?limit=0"), HasSubstr("limit must be a positive number"));
  EXPECT_THAT(Get("/api/v1/status/storage?limit=1001"), HasSubstr("limit must not exceed 1000"));
}

TEST_F(StorageRoutesTest, TheOldestBlockIsDeletedNext) {
  constexpr model::TimeMs kNoon = 1'700'049'600'000;
  fakes_.status.resources.retention_ms = 1'000'000;
  Append("m", 1, kNoon);
  ASSERT_TRUE(database_->FlushHead().ok());
  EXPECT_THAT(Get("/api/v1/status/storage"), testing::Not(HasSubstr("nextDeletion")));
  const storage::BlockMeta oldest = database_->blocks()->Metas().at(0);
  Append("m", 1, kNoon + 500'000);
  ASSERT_TRUE(database_->FlushHead().ok());
  EXPECT_THAT(Get("/api/v1/status/storage"),
              HasSubstr(fmt::format(
                  R"("nextDeletion":{{"ulid":"{}","bytes":{},"at":1700050600000,"by":"age"}})",
                  oldest.ulid, oldest.bytes)));
  // A policy that keeps some for longer keeps the block; one that keeps some for less takes a part.
  fakes_.status.resources.policies_ms = {3'000'000};
  EXPECT_THAT(Get("/api/v1/status/storage"),
              HasSubstr(fmt::format(
                  R"("nextDeletion":{{"ulid":"{}","at":1700050600000,"by":"policy"}})", oldest.ulid)));
  EXPECT_THAT(Get("/api/v1/status/storage"), HasSubstr(R"("deletedAt":1700052600000)"));
  fakes_.status.resources.policies_ms = {400'000};  // Over for the oldest, so of the other one.
  const std::string other = database_->blocks()->Metas().at(1).ulid;
  EXPECT_THAT(Get("/api/v1/status/storage"),
              HasSubstr(fmt::format(
                  R"("nextDeletion":{{"ulid":"{}","at":1700050500000,"by":"policy"}})", other)));
  fakes_.status.resources.policies_ms.clear();
  // A limit of bytes that is passed now.
  fakes_.status.resources.retention_bytes = 1;
  fakes_.status.resources.growth_known = true;
  fakes_.clock.now_ms = kNoon + 7;
  EXPECT_THAT(Get("/api/v1/status/storage"), HasSubstr(R"("at":1700049600007,"by":"size"})"));
}

TEST_F(StorageRoutesTest, BlocksTellKindsOfSamplesTombstonesAndParents) {
  constexpr model::TimeMs kNoon = 1'700'049'600'000;
  Append("m", 1, kNoon);
  Append("m", 1, kNoon + 1);
  {
    const auto appender = database_->NewAppender();
    model::Histogram h;
    h.count = h.zero_count = 1;
    appender->AppendHistogram(storage::SeriesRef::kNone, model::Labels{{"__name__", "h"}}, kNoon, h);
    ASSERT_TRUE(appender->Commit().ok());
  }
  ASSERT_TRUE(database_->FlushHead().ok());
  const std::vector<model::Matcher> is_m = {model::Matcher::Equal("__name__", "m")};
  const std::vector<std::vector<model::Matcher>> sets = {is_m};
  ASSERT_TRUE(database_->Delete(sets, {kNoon, kNoon}).ok());
  EXPECT_THAT(Get("/api/v1/status/tsdb/blocks"),
              HasSubstr(R"("stats":{"numSamples":3,"numFloatSamples":2,"numHistogramSamples":1,)"
                        R"("numSeries":2,"numChunks":2,"numTombstones":1})"));
  // What stands in for it names it.
  const std::string parent = database_->blocks()->Metas().at(0).ulid;
  auto writer = *database_->blocks()->NewBlock({.level = 1, .parents = {parent}});
  const chunk::SampleColumns columns{.times = {kNoon}, .values = {1}};
  ASSERT_TRUE(writer->AddSamples(model::Labels{{"__name__", "m"}}, columns).ok());
  ASSERT_TRUE(writer->Publish().ok());
  EXPECT_THAT(Get("/api/v1/status/tsdb/blocks"),
              HasSubstr(fmt::format(R"("compaction":{{"level":2,"sources":["{0}"],)"
                                    R"("parents":[{{"ulid":"{0}"}}]}})",
                                    parent)));
}

TEST_F(StorageRoutesTest, StorageListsDamage) {
  EXPECT_THAT(Get("/api/v1/status/storage"),
              HasSubstr(R"("damage":[],"damageFound":0,"damageNotListed":0)"));
  storage::DamageList* const damage = database_->blocks()->damage();
  damage->Add({.block = "01A",
               .series = "{__name__=\"m\"}",
               .range = {5, 7},
               .what = "a chunk's checksum is wrong",
               .found_by = storage::FoundBy::kScrub});
  damage->Add({.what = "log, segment 3 at 5: bad checksum", .found_by = storage::FoundBy::kStart});
  const auto list = damage->list();
  EXPECT_THAT(
      Get("/api/v1/status/storage"),
      HasSubstr(fmt::format(
          R"("damage":[{{"block":"01A","series":"{{__name__=\"m\"}}","mint":5,"maxt":7,)"
          R"("what":"a chunk's checksum is wrong","found_at":{},"found_by":"scrub"}},)"
          R"({{"block":"","series":"","what":"log, segment 3 at 5: bad checksum",)"
          R"("found_at":{},"found_by":"start"}}],"damageFound":2,"damageNotListed":0)",
          list[0].found_at_ms, list[1].found_at_ms)));
}

TEST_F(StorageRoutesTest, WithoutADatabaseTheyAreUnavailable) {
  slot_.Set(nullptr);
  EXPECT_THAT(Get("/api/v1/status/limits"), HasSubstr(R"("errorType":"unavailable")"));
  EXPECT_THAT(Get("/api/v1/status/storage"), HasSubstr(R"("errorType":"unavailable")"));
}

}  // namespace
}  // namespace api
