// What `tidemark tsdb list|analyze|dump` prints.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "server/commands/part_histograms.h"
#include "server/commands/tsdb_analyze.h"
#include "server/commands/tsdb_dump.h"
#include "server/commands/tsdb_list.h"
#include "storage/chunk/histogram_columns.h"
#include "storage/database.h"
#include "tests/testing/temp_dir.h"

namespace server {
namespace {

using ::testing::HasSubstr;

constexpr model::TimeMs kStart = 1'700'000'000'000;

TEST(TsdbList, IsThePageOfPromtool) {
  const std::vector<storage::BlockMeta> metas = {
      {.ulid = "01HF8WKZ4V0000000000000001", .range = {kStart, kStart + 7'199'999},
       .num_series = 2, .num_chunks = 30, .num_samples = 1234567890123, .bytes = 1536},
      {.ulid = "01HF8WKZ4V0000000000000002", .range = {kStart, kStart + 1'499}, .bytes = 0}};
  EXPECT_EQ(
      ListText(metas, false),
      "BLOCK ULID                  MIN TIME       MAX TIME       DURATION     NUM SAMPLES    "
      "NUM CHUNKS   NUM SERIES   SIZE\n"
      "01HF8WKZ4V0000000000000001  1700000000000  1700007200000  2h0m0s       1234567890123  "
      "30           2            1536\n"
      "01HF8WKZ4V0000000000000002  1700000000000  1700000001500  1.5s         0              "
      "0            0            0\n");
  EXPECT_EQ(
      ListText(std::span(metas).first(1), true),
      "BLOCK ULID                  MIN TIME                       MAX TIME                       "
      "DURATION     NUM SAMPLES    NUM CHUNKS   NUM SERIES   SIZE\n"
      "01HF8WKZ4V0000000000000001  2023-11-14 22:13:20 +0000 UTC  2023-11-15 00:13:20 +0000 UTC  "
      "2h0m0s       1234567890123  30           2            1KiB512B\n");
}

TEST(TsdbAnalyze, ExtendedShowsHowLargeChunksAre) {
  const auto form = [](storage::SampleForm of) { return static_cast<size_t>(of); };
  PartHistograms parts;
  const std::string bytes(400, 'x');
  for (const auto& [samples, size] : {std::pair(120, 400), std::pair(120, 395), std::pair(57, 90)}) {
    parts.Add({form(storage::SampleForm::kXorChunk), static_cast<uint64_t>(samples),
               std::string_view(bytes).substr(0, static_cast<size_t>(size))});
  }
  chunk::HistogramColumns columns;
  for (int i = 0; i < 3; ++i) {
    model::Histogram h;
    h.count = 2;
    h.positive_spans = {{0, 2}};
    h.positive_buckets = {1, 0};
    h.negative_spans = {{0, 1}};
    h.negative_buckets = {1};
    columns.Add(i * 1000, h);
  }
  const auto chunks = chunk::Encode(columns);
  ASSERT_EQ(chunks.size(), 1u);
  parts.Add({form(storage::SampleForm::kHistogramChunk), 3, chunks[0].bytes});
  const std::string text = parts.Text();
  EXPECT_THAT(text, HasSubstr("\nCompaction analysis:\n\n"
                              "samples per float chunk (min/avg/max): 57/99/120\n"
                              "[ 51,  60]: 1 #########################\n"
                              "[ 61,  70]: 0 \n"
                              "[ 71,  80]: 0 \n"
                              "[ 81,  90]: 0 \n"
                              "[ 91, 100]: 0 \n"
                              "[101, 110]: 0 \n"
                              "[111, 120]: 0 \n"
                              "[121, 130]: 2 ##################################################\n"
                              "[131, 140]: 0 \n"
                              "\n"
                              "bytes per float chunk (min/avg/max): 90/295/400\n"
                              "[  1, 100]: 1 #########################\n"));
  EXPECT_THAT(text, HasSubstr("\nbuckets per histogram chunk (min/avg/max): 9/9/9\n"
                              "[ 1, 10]: 1 #########################\n"
                              "[11, 20]: 0 \n\n"));
  EXPECT_THAT(PartHistograms().Text(), HasSubstr("samples per float chunk: N/A\n\nbytes"));
}

TEST(TsdbList, DurationsAreThoseOfGo) {
  EXPECT_EQ(GoDuration(0), "0s");
  EXPECT_EQ(GoDuration(20), "20ms");
  EXPECT_EQ(GoDuration(60'050), "1m0.05s");
  EXPECT_EQ(GoDuration(86'400'000), "24h0m0s");
  EXPECT_EQ(GoDuration(-3'600'001), "-1h0m0.001s");
}

storage::SeriesContents Contents(const model::Labels& labels, model::TimeRange range,
                                 uint64_t samples, uint64_t bytes) {
  storage::SeriesContents series{.labels = labels, .range = range, .samples = samples,
                                 .bytes = bytes};
  series.by_form[static_cast<size_t>(storage::SampleForm::kXorChunk)] = samples;
  return series;
}

TEST(TsdbAnalyze, ListsChurnCardinalityAndBytes) {
  const storage::BlockMeta meta{.ulid = "01HF8WKZ4V0000000000000001", .range = {0, 999},
                                .num_series = 3, .bytes = 3'000};
  const model::Labels up1 = {{"__name__", "up"}, {"pod", "alpha"}};
  const model::Labels up2 = {{"__name__", "up"}, {"pod", "b"}};
  const model::Labels other = {{"__name__", "other"}, {"pod", "b"}};
  Analysis analysis(meta, {}, "");
  analysis.Add(Contents(up1, {0, 999}, 100, 300));
  analysis.Add(Contents(up2, {0, 0}, 1, 300));
  analysis.Add(Contents(other, {0, 0}, 99, 900));
  EXPECT_EQ(analysis.Text(20),
            "Block ID: 01HF8WKZ4V0000000000000001\n"
            "Duration: 1s\n"
            "Total Series: 3\n"
            "Label names: 2\n"
            "Postings (unique label pairs): 4\n"
            "Postings entries (total label pairs): 6\n"
            "Samples: 200\n"
            "Bytes: 3000\n"
            "Bytes per sample: 15.00\n"
            "\nLabel pairs most involved in churning:\n"
            "2 pod=b\n1 __name__=other\n1 __name__=up\n0 pod=alpha\n"
            "\nLabel names most involved in churning:\n"
            "2 __name__\n2 pod\n"
            "\nMost common label pairs:\n"
            "2 __name__=up\n2 pod=b\n1 __name__=other\n1 pod=alpha\n"
            "\nLabel names with highest cumulative label value length:\n"
            "7 __name__\n6 pod\n"
            "\nHighest cardinality labels:\n"
            "2 __name__\n2 pod\n"
            "\nHighest cardinality metric names:\n"
            "2 up\n1 other\n"
            "\nMetric names with most bytes:\n"
            "1800 other (99 samples, 18.18 bytes per sample)\n"
            "1200 up (101 samples, 11.88 bytes per sample)\n"
            "\nSamples by encoding:\n"
            "200 xor_chunk\n");
  EXPECT_THAT(analysis.Text(1), HasSubstr("\nMost common label pairs:\n2 __name__=up\n\n"));

  Analysis some(meta, {model::Matcher::Equal("pod", "b")}, "{pod=\"b\"}");
  some.Add(Contents(up1, {0, 999}, 100, 300));
  some.Add(Contents(other, {0, 0}, 99, 900));
  EXPECT_THAT(some.Text(20), HasSubstr("Total Series: 3\n"
                                       "Matcher: {pod=\"b\"}\n"
                                       "Label names: 2\n"
                                       "Matched series: 1\n"
                                       "Postings (unique label pairs): 2\n"));
  EXPECT_THAT(some.Text(20), HasSubstr("Bytes: 2250\n"));
}

class TsdbDumpTest : public ::testing::Test {
 protected:
  void SetUp() override {
    storage::DatabaseOptions options;
    options.dir = temp_.path();
    database_ = *storage::Database::Open(options);
  }
  void Append(const model::Labels& labels, model::TimeMs t, double v) {
    const auto appender = database_->NewAppender();
    appender->Append(storage::SeriesRef::kNone, labels, {t, v});
    ASSERT_TRUE(appender->Commit().ok());
  }
  std::string DumpText(std::vector<std::vector<model::Matcher>> sets = {{}},
                       model::TimeRange range = {}, DumpFormat format = DumpFormat::kProm) {
    std::string out;
    const auto querier = *database_->NewQuerier(range);
    const absl::Status status =
        Dump(querier.get(), sets, range, format, [&](std::string_view text) {
          out += text;
          return true;
        });
    EXPECT_TRUE(status.ok()) << status;
    return out;
  }

  testing_support::TempDir temp_;
  std::unique_ptr<storage::Database> database_;
};

TEST_F(TsdbDumpTest, PrintsBlocksAndHeadAsPromtoolDoes) {
  const model::Labels up = {{"__name__", "up"}, {"job", "a\n\"b\""}, {"utf.8", "é"}};
  const model::Labels mixed = {{"__name__", "mixed"}};
  Append(up, kStart, 1234567);
  Append(mixed, kStart, 0.5);
  ASSERT_TRUE(database_->FlushHead().ok());
  Append(up, kStart + 15'000, model::StaleNan());
  {
    model::Histogram h;
    h.count = 3;
    h.sum = 2.5;
    h.positive_spans = {{0, 2}};
    h.positive_buckets = {1, 1};
    const auto appender = database_->NewAppender();
    appender->AppendHistogram(storage::SeriesRef::kNone, mixed, kStart + 15'000, h);
    ASSERT_TRUE(appender->Commit().ok());
  }
  Append(mixed, kStart + 30'000, -1);
  EXPECT_EQ(DumpText(),
            "{__name__=\"mixed\"} 0.5 1700000000000\n"
            "{__name__=\"mixed\"} {count:3, sum:2.5, (0.5,1]:1, (1,2]:2} 1700000015000\n"
            "{__name__=\"mixed\"} -1 1700000030000\n"
            "{__name__=\"up\", job=\"a\\n\\\"b\\\"\", \"utf.8\"=\"é\"} 1.234567e+06 1700000000000\n"
            "{__name__=\"up\", job=\"a\\n\\\"b\\\"\", \"utf.8\"=\"é\"} NaN 1700000015000\n");
  EXPECT_EQ(DumpText({{}}, {kStart + 1, kStart + 15'000}),
            "{__name__=\"mixed\"} {count:3, sum:2.5, (0.5,1]:1, (1,2]:2} 1700000015000\n"
            "{__name__=\"up\", job=\"a\\n\\\"b\\\"\", \"utf.8\"=\"é\"} NaN 1700000015000\n");
  // A series that two selectors find comes once.
  const model::Matcher is_mixed = model::Matcher::Equal("__name__", "mixed");
  EXPECT_EQ(DumpText({{is_mixed}, {is_mixed}}, {kStart + 16'000, kStart + 30'000}),
            "{__name__=\"mixed\"} -1 1700000030000\n");
  EXPECT_EQ(DumpText({{}}, {}, DumpFormat::kSeriesJson),
            "{\"__name__\":\"mixed\"}\n"
            "{\"__name__\":\"up\",\"job\":\"a\\n\\\"b\\\"\",\"utf.8\":\"é\"}\n");
  EXPECT_EQ(DumpText({{}}, {0, 5}), "");
}

}  // namespace
}  // namespace server
