#include "storage/head/record.h"

#include <bit>
#include <cmath>
#include <limits>
#include <random>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "storage/base/status.h"
#include "tests/storage/head/record_log.h"

namespace storage {
namespace {

using model::Labels;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::vector<std::string_view> Pairs(const Labels& labels, std::vector<std::string>* storage) {
  storage->clear();
  for (const model::Label& label : labels) {
    storage->emplace_back();
    model::AppendLabel(&storage->back(), label.name, label.value);
  }
  return {storage->begin(), storage->end()};
}

class RecordTest : public ::testing::Test {
 protected:
  void AddSeries(uint64_t ref, const Labels& labels) {
    std::vector<std::string> storage;
    writer_.AddSeries(SeriesRef{ref}, Pairs(labels, &storage));
  }
  std::vector<std::string> Read() {
    RecordLog log;
    status_ = ReadRecord(writer_.record(), &log);
    return log.lines;
  }

  RecordWriter writer_;
  absl::Status status_;
};

TEST_F(RecordTest, HoldsABatch) {
  writer_.BeginSeries(3);
  AddSeries(7, {{"__name__", "up"}, {"job", "a"}});
  AddSeries(8, {{"__name__", "up"}, {"job", "b"}, {"z", "1"}});
  AddSeries(3, {{"__name__", "up"}});
  writer_.BeginSamples(2);
  writer_.AddSample(SeriesRef{7}, {1000, 1.5});
  writer_.AddSample(SeriesRef{3}, {2000, model::StaleNan()});
  writer_.BeginExemplars(1);
  writer_.AddExemplar(SeriesRef{8}, {{{"trace_id", "x"}}, 2.25, 1500, true});
  writer_.BeginFlushedExemplars(1);
  writer_.AddExemplar(SeriesRef{7}, {{}, -1, -9, false});
  writer_.BeginFlushed(1);
  writer_.AddSample(SeriesRef{8}, {-5, -7});
  writer_.AddCut();
  writer_.BeginMetadata(2);
  writer_.AddMetadata({"x", {model::MetricType::kHistogram, "How\nlong.", "seconds"}, 1500});
  writer_.AddMetadata({"y", {model::MetricType::kStateset, "", ""}, -1});
  EXPECT_THAT(Read(),
              ElementsAre("7 {__name__=\"up\", job=\"a\"}",
                          "8 {__name__=\"up\", job=\"b\", z=\"1\"}", "3 {__name__=\"up\"}",
                          "7 @1000 3ff8000000000000", "3 @2000 7ff0000000000002",
                          "8 {trace_id=\"x\"} @1500 true 4002000000000000",
                          "7 flushed {} @-9 false bff0000000000000",
                          "8 flushed @-5 c01c000000000000", "cut",
                          "x: histogram \"How\nlong.\" \"seconds\" @1500",
                          "y: stateset \"\" \"\" @-1"));
  EXPECT_TRUE(status_.ok()) << status_;
}

TEST_F(RecordTest, KeepsEveryBitOfEveryValue) {
  std::vector<uint64_t> values;
  for (const double v : {0.0, -0.0, 1.0, -1.0, 0.5, 1e300, 5e-324, 1e15, 281474976710655.0,
                         281474976710656.0, 9007199254740993.0, -42.0, 0.1, 12345.678, 0.000001,
                         3.3e-9, -17.25, 1e22, 123456789.123456789, 255.0, 256.0, 65536.0,
                         std::numeric_limits<double>::infinity(),
                         -std::numeric_limits<double>::infinity(),
                         std::numeric_limits<double>::max()}) {
    values.push_back(std::bit_cast<uint64_t>(v));
  }
  values.push_back(model::kStaleNanBits);
  values.push_back(model::kNormalNanBits);
  values.push_back(0xfff8000000abcdef);
  std::mt19937_64 random(1);
  for (int i = 0; i < 20'000; ++i) {
    double v = static_cast<double>(random() >> (random() % 64));
    switch (random() % 5) {
      case 0: values.push_back(random()); break;
      case 1: values.push_back(std::bit_cast<uint64_t>(v)); break;
      case 2: values.push_back(std::bit_cast<uint64_t>(-v / 1000)); break;
      case 3: values.push_back(std::bit_cast<uint64_t>(v * 1e-9)); break;
      case 4: values.push_back(values.back()); break;
    }
  }
  writer_.BeginSamples(values.size());
  std::vector<std::string> want;
  uint64_t ref = 1;
  int64_t t = 0;
  for (const uint64_t bits : values) {
    switch (random() % 5) {
      case 0: ref += random() % 10; break;
      case 1: ref = 1 + random() % (uint64_t{1} << 36); break;
      case 2: t = static_cast<int64_t>(random()); break;
      case 3: t += 15; break;
    }
    writer_.AddSample(SeriesRef{ref}, {t, std::bit_cast<double>(bits)});
    want.push_back(fmt::format("{} @{} {:016x}", ref, t, bits));
  }
  EXPECT_EQ(Read(), want);
  EXPECT_TRUE(status_.ok()) << status_;
}

TEST_F(RecordTest, TakesFewBytesForASampleOfAScrape) {
  // What node_exporter shows: half of it constant or small, counters, byte counts, seconds with
  // two or three decimals, a few with all their digits.
  std::mt19937_64 random(2);
  constexpr size_t kSeries = 1000;
  writer_.BeginSamples(kSeries);
  for (size_t i = 0; i < kSeries; ++i) {
    double v = 0;
    switch (i % 10) {
      case 0: case 1: case 2: v = 0; break;
      case 3: v = 1; break;
      case 4: case 5: v = static_cast<double>(random() % 1'000'000); break;
      case 6: v = static_cast<double>(random() % 16'000'000'000); break;
      case 7: case 8: v = static_cast<double>(random() % 100'000'000) / 100; break;
      case 9: v = std::bit_cast<double>(0x3ff0000000000000 | random() >> 12); break;
    }
    writer_.AddSample(SeriesRef{1000 + i}, {1'700'000'000'000, v});
  }
  EXPECT_LT(writer_.size(), 4 * kSeries);
}

TEST_F(RecordTest, SeriesThatShareLabelsAreSmall) {
  writer_.BeginSeries(100);
  for (uint64_t i = 1; i <= 100; ++i) {
    AddSeries(i, Labels::FromPairs({{"__name__", "node_cpu_seconds_total"},
                                    {"cpu", std::to_string(i)},
                                    {"instance", "a-rather-long-host-name:9100"},
                                    {"job", "node-exporter"}}));
  }
  EXPECT_LT(writer_.size(), 1200u);
  EXPECT_EQ(Read().size(), 100u);
}

TEST_F(RecordTest, RefusesANewerFormatByName) {
  RecordLog log;
  const absl::Status status = ReadRecord("\x09rest", &log);
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(base::message(status), HasSubstr("format 9, this program knows 1"));
}

TEST_F(RecordTest, NamesWhereBytesAreWrong) {
  RecordLog log;
  EXPECT_THAT(base::message(ReadRecord("", &log)), HasSubstr("empty"));
  EXPECT_THAT(base::message(ReadRecord("\x01\x20", &log)), HasSubstr("unknown section 32 at byte 1"));
  EXPECT_THAT(base::message(ReadRecord("\x01\x02\x05", &log)), HasSubstr("at byte 1 is malformed"));
  EXPECT_TRUE(log.lines.empty());
}

TEST_F(RecordTest, EveryCutIsAnErrorOrAPrefix) {
  writer_.BeginSeries(1);
  AddSeries(7, {{"__name__", "up"}, {"job", "a"}});
  writer_.BeginSamples(2);
  writer_.AddSample(SeriesRef{7}, {1000, 1.1});
  writer_.AddSample(SeriesRef{7}, {2000, 0.1234567890123});
  const std::vector<std::string> all = Read();
  for (size_t n = 0; n < writer_.size(); ++n) {
    RecordLog log;
    const absl::Status status = ReadRecord(writer_.record().substr(0, n), &log);
    if (status.ok()) {
      EXPECT_LE(log.lines.size(), 1u);  // Between two sections.
    }
    ASSERT_LE(log.lines.size(), all.size());
    EXPECT_TRUE(std::equal(log.lines.begin(), log.lines.end(), all.begin()));
  }
}

TEST_F(RecordTest, StartTimesGoWithTheSamplesBehindThem) {
  writer_.AddStarts(std::vector<PlacedStart>{{1, 500}, {2, 500}, {4, 510}});
  writer_.BeginSamples(5);
  for (uint64_t ref = 1; ref <= 5; ++ref) writer_.AddSample(SeriesRef{ref}, {1000, 0});
  writer_.BeginMaybeLate(1);
  writer_.AddSample(SeriesRef{6}, {1000, 0});
  writer_.AddStarts(std::vector<PlacedStart>{{0, -7}});
  writer_.BeginMaybeLateHistograms(1);
  writer_.AddHistogram(SeriesRef{7}, 9, model::Histogram());
  const auto lines = Read();
  EXPECT_TRUE(status_.ok()) << status_;
  ASSERT_EQ(lines.size(), 7u);
  EXPECT_THAT(std::vector<std::string>(lines.begin(), lines.begin() + 6),
              ElementsAre("1 @1000 0000000000000000", "2 @1000 0000000000000000 since 500",
                          "3 @1000 0000000000000000 since 500", "4 @1000 0000000000000000",
                          "5 @1000 0000000000000000 since 510",
                          "6 maybe late @1000 0000000000000000"));
  EXPECT_THAT(lines[6], HasSubstr(" since -7"));
}

TEST_F(RecordTest, StartTimesHaveTheirBytesAndMustFit) {
  writer_.AddStarts(std::vector<PlacedStart>{{0, 5}});
  writer_.BeginSamples(1);
  writer_.AddSample(SeriesRef{1}, {2, 0});
  EXPECT_EQ(writer_.record(), std::string_view("\x01\x0b\x01\x00\x01\x0a\x02\x01\x30\x04", 10));
  RecordLog log;
  for (const std::string_view wrong : {
           std::string_view("\x01\x0b\x01\x00\x01\x0a", 6),                          // Of nothing.
           std::string_view("\x01\x0b\x01\x00\x02\x0a\x02\x01\x30\x04", 10),         // Too many.
           std::string_view("\x01\x0b\x01\x00\x00\x0a\x02\x01\x30\x04", 10),         // An empty run.
           std::string_view("\x01\x0b\x00\x02\x01\x30\x04", 7),                       // No run.
           std::string_view("\x01\x0b\x01\x00\x01\x0a\x0b\x01\x00\x01\x0a\x02\x01\x30\x04", 15),
       }) {
    EXPECT_EQ(ReadRecord(wrong, &log).code(), absl::StatusCode::kDataLoss);
  }
}

TEST_F(RecordTest, MetadataHasItsBytes) {
  writer_.BeginMetadata(1);
  writer_.AddMetadata({"up", {model::MetricType::kGauge, "Up.", "s"}, 3});
  EXPECT_EQ(writer_.record(), "\x01\x07\x01\x02up\x02\x03Up.\x01s\x06");
  RecordLog log;
  EXPECT_EQ(ReadRecord("\x01\x07\x01\x02up\x08\x03Up.\x01s\x06", &log).code(),
            absl::StatusCode::kDataLoss);  // No such type.
  EXPECT_TRUE(log.lines.empty());
}

TEST_F(RecordTest, RefusesLabelsThatAreNotCanonical) {
  writer_.BeginSeries(1);
  writer_.AddSeries(SeriesRef{1}, {std::string_view("\1b\1x", 4), std::string_view("\1a\1x", 4)});
  EXPECT_TRUE(Read().empty());
  EXPECT_EQ(status_.code(), absl::StatusCode::kDataLoss);
}

}  // namespace
}  // namespace storage
