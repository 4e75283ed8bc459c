// Writer and reader together: what goes in comes out, whatever happens to the bytes between.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <random>
#include <thread>

#include "tests/testing/faulty_files.h"
#include "tests/testing/temp_dir.h"
#include "wal/crc32c.h"
#include "wal/format.h"
#include "wal/reader.h"
#include "wal/segment.h"
#include "wal/writer.h"

namespace wal {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

class LogTest : public ::testing::Test {
 protected:
  void Open() {
    auto writer = Writer::Open(dir(), options_);
    ASSERT_TRUE(writer.ok()) << writer.status();
    writer_ = std::move(*writer);
  }
  void Close() {
    ASSERT_TRUE(writer_->Close().ok());
    writer_.reset();
  }
  absl::Status Write(std::vector<std::string_view> records) {
    if (writer_ == nullptr) Open();
    return writer_->Append(records);
  }
  std::vector<std::string> ReadAll(uint32_t first = 0) {
    std::vector<std::string> records;
    damage_.clear();
    auto reader = Reader::Open(dir(), first);
    EXPECT_TRUE(reader.ok());
    (*reader)->OnDamage([&](const Damage& d) { damage_.push_back(d); });
    std::string_view record;
    while (true) {
      auto more = (*reader)->Next(&record);
      EXPECT_TRUE(more.ok()) << more.status();
      if (!more.ok() || !*more) return records;
      records.emplace_back(record);
    }
  }
  std::string dir() { return temp_.path() + "/log"; }
  std::string SegmentPath(uint32_t n) { return dir() + "/" + SegmentName(n); }
  uint64_t SegmentBytes(uint32_t n) { return std::filesystem::file_size(SegmentPath(n)); }
  void CutLastBytes(uint64_t n, uint32_t segment = 0) {
    std::filesystem::resize_file(SegmentPath(segment), SegmentBytes(segment) - n);
  }
  void ZeroBytes(uint64_t offset, uint64_t n) {
    std::fstream file(SegmentPath(0), std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(static_cast<std::streamoff>(offset));
    file << std::string(n, '\0');
  }
  void FlipBit(uint64_t offset, uint32_t segment = 0) {
    std::fstream file(SegmentPath(segment), std::ios::in | std::ios::out | std::ios::binary);
    file.seekg(static_cast<std::streamoff>(offset));
    const char c = static_cast<char>(file.get() ^ 1);
    file.seekp(static_cast<std::streamoff>(offset));
    file.put(c);
  }

  testing_support::TempDir temp_;
  testing_support::FaultyFiles files_;
  WriterOptions options_{.sync = Sync::kOs, .compress = false};
  std::unique_ptr<Writer> writer_;
  std::vector<Damage> damage_;
};

TEST(Crc32c, HasTheUsualValue) {
  EXPECT_EQ(Crc32c("123456789"), 0xe3069283u);
  EXPECT_EQ(Crc32c("56789", Crc32c("1234")), 0xe3069283u);
  EXPECT_EQ(Crc32c(""), 0u);
}

TEST_F(LogTest, AnAbsentDirectoryIsAnEmptyLog) { EXPECT_THAT(ReadAll(), IsEmpty()); }

TEST_F(LogTest, RecordsComeBackInOrder) {
  ASSERT_TRUE(Write({"a", "", "ccc"}).ok());
  ASSERT_TRUE(Write({"d"}).ok());
  EXPECT_THAT(ReadAll(), ElementsAre("a", "", "ccc", "d"));
  EXPECT_THAT(damage_, IsEmpty());
}

TEST_F(LogTest, RecordsOfEverySizeAroundAPageComeBack) {
  std::vector<std::string> records;
  for (uint32_t n = kPageBytes - 40; n < kPageBytes + 10; ++n) records.emplace_back(n, char('a' + n % 26));
  records.emplace_back(5 * kPageBytes, 'z');
  for (const std::string& r : records) ASSERT_TRUE(Write({r}).ok());
  EXPECT_EQ(ReadAll(), records);
  EXPECT_THAT(damage_, IsEmpty());
}

TEST_F(LogTest, CompressedRecordsComeBack) {
  options_.compress = true;
  std::mt19937 random(7);
  std::string noise(5000, 0);
  for (char& c : noise) c = static_cast<char>(random());
  const std::string same(100'000, 'x');
  ASSERT_TRUE(Write({noise, same, "short"}).ok());
  EXPECT_LT(SegmentBytes(0), 20'000u);
  EXPECT_THAT(ReadAll(), ElementsAre(noise, same, "short"));
}

TEST_F(LogTest, TornTailIsACleanEnd) {
  ASSERT_TRUE(Write({"a", "bb"}).ok());
  for (int cut = 1; cut <= 8; ++cut) {
    CutLastBytes(1);
    EXPECT_THAT(ReadAll(), ElementsAre("a")) << cut;
    EXPECT_THAT(damage_, IsEmpty()) << cut;
  }
}

TEST_F(LogTest, ASegmentShorterThanTheNextOneKnowsItIsReported) {
  ASSERT_TRUE(Write({"a", "bb"}).ok());
  ASSERT_TRUE(writer_->CutSegment().ok());
  ASSERT_TRUE(Write({"c"}).ok());
  EXPECT_THAT(ReadAll(), ElementsAre("a", "bb", "c"));
  EXPECT_THAT(damage_, IsEmpty());
  const auto bytes = static_cast<uint32_t>(SegmentBytes(0));
  CutLastBytes(9);
  EXPECT_THAT(ReadAll(), ElementsAre("a", "c"));
  ASSERT_THAT(damage_, SizeIs(1));
  EXPECT_EQ(damage_[0].from.segment, 0u);
  EXPECT_EQ(damage_[0].from.offset, bytes - 9);
  EXPECT_EQ(damage_[0].bytes, 9u);
  EXPECT_EQ(damage_[0].reason, "cut short");
  CutLastBytes(SegmentBytes(0));
  EXPECT_THAT(ReadAll(), ElementsAre("c"));
  EXPECT_THAT(damage_, SizeIs(1));
}

// Of a writer that is gone nobody knows what it had yet to write.
TEST_F(LogTest, ASegmentOfAnEarlierWriterMayBeTorn) {
  ASSERT_TRUE(Write({"a", "bb"}).ok());
  Close();
  ASSERT_TRUE(Write({"c"}).ok());
  CutLastBytes(1);
  EXPECT_THAT(ReadAll(), ElementsAre("a", "c"));
  EXPECT_THAT(damage_, IsEmpty());
}

TEST_F(LogTest, SegmentsOfTheFirstFormatAreRead) {
  ASSERT_TRUE(Write({"a", "bb"}).ok());
  Close();
  std::ifstream file(SegmentPath(0), std::ios::binary);
  const std::string two((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  std::string one = std::string(kMagicOne) + std::string(4, '\0');
  const uint32_t checksum = Crc32c(one);
  one.append(reinterpret_cast<const char*>(&checksum), sizeof checksum);
  one += two.substr(kFileHeaderBytes);
  std::ofstream(SegmentPath(0), std::ios::binary) << one;
  EXPECT_THAT(ReadAll(), ElementsAre("a", "bb"));
  EXPECT_THAT(damage_, IsEmpty());
}

TEST_F(LogTest, TornTailOverPagesIsACleanEnd) {
  const std::string big(3 * kPageBytes, 'x');
  ASSERT_TRUE(Write({"a", big}).ok());
  CutLastBytes(kPageBytes + 100);
  EXPECT_THAT(ReadAll(), ElementsAre("a"));
  EXPECT_THAT(damage_, IsEmpty());
}

TEST_F(LogTest, ZerosAtTheEndAreACleanEnd) {
  ASSERT_TRUE(Write({"a"}).ok());
  std::filesystem::resize_file(SegmentPath(0), 3 * kPageBytes + 17);
  EXPECT_THAT(ReadAll(), ElementsAre("a"));
  EXPECT_THAT(damage_, IsEmpty());
}

// Of a segment that was ended in order, which the next one knows.
TEST_F(LogTest, ZerosInPlaceOfTheLastRecordsAreReported) {
  ASSERT_TRUE(Write({"a", "bb", std::string(300, 'c')}).ok());
  ASSERT_TRUE(writer_->CutSegment().ok());
  ASSERT_TRUE(Write({"d"}).ok());
  const auto bytes = static_cast<uint32_t>(SegmentBytes(0));
  const uint32_t from = kFileHeaderBytes + 8;  // All but "a".
  for (const uint32_t at : {from, from + 2, from + 9, from + 11}) {
    std::filesystem::copy_file(SegmentPath(0), dir() + "/copy");
    ZeroBytes(at, bytes - at);
    EXPECT_THAT(ReadAll(), SizeIs(at < from + 9 ? 2 : 3)) << at;
    ASSERT_THAT(damage_, SizeIs(1)) << at;
    EXPECT_EQ(damage_[0].from.segment, 0u);
    EXPECT_EQ(damage_[0].from.offset, at < from + 9 ? from : from + 9) << at;
    EXPECT_EQ(damage_[0].from.offset + damage_[0].bytes, bytes) << at;
    std::filesystem::rename(dir() + "/copy", SegmentPath(0));
  }
}

TEST_F(LogTest, ZerosBeforeARecordAreReported) {
  const std::string page(kPageBytes - kFileHeaderBytes - 20 - kFragmentHeaderBytes, 'p');
  const std::string whole(kPageBytes - kFragmentHeaderBytes, 'w');
  ASSERT_TRUE(Write({page, std::string(13, 's'), whole, "last"}).ok());
  ASSERT_THAT(ReadAll(), SizeIs(4));
  ZeroBytes(kPageBytes - 20, 20);
  EXPECT_THAT(ReadAll(), ElementsAre(page, whole, "last"));
  ASSERT_THAT(damage_, SizeIs(1));
  EXPECT_EQ(damage_[0].from.offset, kPageBytes - 20);
  EXPECT_EQ(damage_[0].bytes, 20u);
  ZeroBytes(kPageBytes, kPageBytes);
  EXPECT_THAT(ReadAll(), ElementsAre(page, "last"));
  ASSERT_THAT(damage_, SizeIs(1));
  EXPECT_EQ(damage_[0].bytes, 20u + kPageBytes);
  EXPECT_EQ(damage_[0].reason, "zeros");
}

TEST_F(LogTest, EveryPrefixOfASegmentReadsAsAPrefixOfTheRecords) {
  std::vector<std::string> records;
  for (int i = 0; i < 20; ++i) records.emplace_back(i * 7, char('a' + i));
  for (const std::string& r : records) ASSERT_TRUE(Write({r}).ok());
  while (SegmentBytes(0) > 0) {
    CutLastBytes(1);
    const auto got = ReadAll();
    ASSERT_LE(got.size(), records.size());
    EXPECT_TRUE(std::equal(got.begin(), got.end(), records.begin()));
    EXPECT_THAT(damage_, IsEmpty()) << SegmentBytes(0);
  }
}

TEST_F(LogTest, AFlippedBitCostsOneRecordAndIsReported) {
  ASSERT_TRUE(Write({"first", "second", "third"}).ok());
  FlipBit(kFileHeaderBytes + 12 + 9);  // In the data of the second.
  EXPECT_THAT(ReadAll(), ElementsAre("first", "third"));
  ASSERT_THAT(damage_, SizeIs(1));
  EXPECT_EQ(damage_[0].from.offset, kFileHeaderBytes + 12);
  EXPECT_EQ(damage_[0].bytes, 13u);
  EXPECT_EQ(damage_[0].reason, "bad checksum");
}

TEST_F(LogTest, AFlippedLengthCostsOneRecord) {
  const std::string filler(10'000, 'f');
  ASSERT_TRUE(Write({"first", "second", filler, filler, filler, filler, "last"}).ok());
  FlipBit(kFileHeaderBytes + 12 + 5);  // High byte of the second's length.
  EXPECT_THAT(ReadAll(), ElementsAre("first", filler, filler, filler, filler, "last"));
  EXPECT_THAT(damage_, SizeIs(1));
}

TEST_F(LogTest, EveryFlippedBitIsReportedAndHarmsNoOtherRecord) {
  const std::vector<std::string> records = {"alpha", "beta", std::string(300, 'g'), "delta", "end"};
  for (const std::string& r : records) ASSERT_TRUE(Write({r}).ok());
  for (uint64_t at = 0; at < SegmentBytes(0); ++at) {
    FlipBit(at);
    const auto got = ReadAll();
    EXPECT_GE(got.size() + 1, records.size()) << at;
    for (const std::string& r : got) {
      EXPECT_TRUE(std::count(records.begin(), records.end(), r)) << "invented at " << at;
    }
    EXPECT_FALSE(damage_.empty()) << at;
    FlipBit(at);
  }
}

TEST_F(LogTest, AMissingSegmentIsReported) {
  ASSERT_TRUE(Write({"a"}).ok());
  ASSERT_EQ(*writer_->CutSegment(), 1u);
  ASSERT_TRUE(Write({"b"}).ok());
  ASSERT_EQ(*writer_->CutSegment(), 2u);
  ASSERT_TRUE(Write({"c"}).ok());
  std::filesystem::remove(SegmentPath(1));
  EXPECT_THAT(ReadAll(), ElementsAre("a", "c"));
  ASSERT_THAT(damage_, SizeIs(1));
  EXPECT_EQ(damage_[0].from.segment, 1u);
}

TEST_F(LogTest, ABadFileHeaderIsReportedAndRecordsStillRead) {
  ASSERT_TRUE(Write({"a"}).ok());
  FlipBit(3);
  EXPECT_THAT(ReadAll(), ElementsAre("a"));
  EXPECT_THAT(damage_, SizeIs(1));
}

// Too short for a header: what a crash leaves is its beginning, perhaps with zeros.
TEST_F(LogTest, AShortFileThatIsNoTornHeaderIsReported) {
  ASSERT_TRUE(Write({"a"}).ok());
  Close();
  std::ifstream file(SegmentPath(0), std::ios::binary);
  std::string header(kFileHeaderBytes, 0);
  ASSERT_TRUE(file.read(header.data(), static_cast<std::streamsize>(header.size())).good());
  const auto put = [&](const std::string& bytes) {
    std::ofstream(SegmentPath(0), std::ios::binary) << bytes;
    ReadAll();
  };
  for (size_t n = 0; n < header.size(); ++n) {
    put(header.substr(0, n));
    EXPECT_THAT(damage_, IsEmpty()) << n;
    put(header.substr(0, n / 2) + std::string(n - n / 2, '\0'));
    EXPECT_THAT(damage_, IsEmpty()) << n;
  }
  for (const char* other : {"x", "some other text", "TIDEWAL3", "TIDEWAL2\1\1"}) {
    put(other);
    EXPECT_THAT(damage_, SizeIs(1)) << other;
  }
}

TEST_F(LogTest, OpeningStartsANewSegment) {
  ASSERT_TRUE(Write({"a"}).ok());
  Close();
  ASSERT_TRUE(Write({"b"}).ok());
  EXPECT_EQ(writer_->stats().segment, 1u);
  EXPECT_THAT(ReadAll(), ElementsAre("a", "b"));
  EXPECT_THAT(ReadAll(1), ElementsAre("b"));
}

TEST_F(LogTest, OpeningStartsNotBelowTheMinimum) {
  writer_ = *Writer::Open(dir(), options_, 42);
  EXPECT_EQ(writer_->stats().segment, 42u);
}

TEST_F(LogTest, RotatesBetweenBatchesAndRemovesOldSegments) {
  options_.segment_bytes = 1000;
  const std::string r(400, 'r');
  for (int i = 0; i < 6; ++i) ASSERT_TRUE(Write({r, "x"}).ok());
  EXPECT_EQ(writer_->stats().segment, 2u);
  EXPECT_THAT(ReadAll(), SizeIs(12));
  ASSERT_TRUE(writer_->RemoveBefore(2).ok());
  EXPECT_THAT(*ListSegments(dir()), SizeIs(1));
  EXPECT_THAT(ReadAll(), SizeIs(4));
}

TEST_F(LogTest, ABatchLargerThanASegmentIsWrittenWhole) {
  options_.segment_bytes = 1000;
  const std::string big(5000, 'b');
  ASSERT_TRUE(Write({"a"}).ok());
  ASSERT_TRUE(Write({big, "c"}).ok());
  EXPECT_THAT(ReadAll(1), ElementsAre(big, "c"));
}

TEST_F(LogTest, AppendersSideBySideKeepTheirBatchesWhole) {
  options_.sync = Sync::kAlways;
  options_.segment_bytes = 20'000;
  Open();
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < 50; ++i) {
        const std::string a = std::to_string(t) + ":" + std::to_string(i);
        const std::string b = a + "'";
        const std::string_view batch[] = {a, b};
        ASSERT_TRUE(writer_->Append(batch).ok());
      }
    });
  }
  for (auto& t : threads) t.join();
  const auto records = ReadAll();
  ASSERT_THAT(records, SizeIs(400));
  for (size_t i = 0; i < records.size(); i += 2) EXPECT_EQ(records[i] + "'", records[i + 1]);
  EXPECT_LT(writer_->stats().syncs, 250u);
}

TEST_F(LogTest, IntervalSyncsByItself) {
  options_ = {.sync = Sync::kInterval, .sync_interval_ms = 5, .files = &files_};
  ASSERT_TRUE(Write({"a"}).ok());
  while (writer_->stats().syncs == 0) std::this_thread::yield();
  files_.DropUnsynced();
  EXPECT_THAT(ReadAll(), ElementsAre("a"));
}

TEST_F(LogTest, AlwaysMeansOnTheDisk) {
  options_ = {.sync = Sync::kAlways, .files = &files_};
  ASSERT_TRUE(Write({"a"}).ok());
  ASSERT_TRUE(Write({"b"}).ok());
  files_.DropUnsynced();
  EXPECT_THAT(ReadAll(), ElementsAre("a", "b"));
}

TEST_F(LogTest, AFailedWriteLeavesNothingAndTheNextSucceeds) {
  options_.files = &files_;
  ASSERT_TRUE(Write({"a"}).ok());
  files_.ShortWrites(9);
  files_.FailAfter(0);
  EXPECT_EQ(Write({"lost"}).code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(Write({"lost too"}).code(), absl::StatusCode::kUnavailable);
  files_.Heal();
  ASSERT_TRUE(Write({"b"}).ok());
  EXPECT_THAT(ReadAll(), ElementsAre("a", "b"));
  EXPECT_EQ(writer_->stats().append_failures, 2u);
}

TEST_F(LogTest, AFailureAtAnyOperationLosesNothingAcknowledgedAndInventsNothing) {
  for (int fail_at = 0; fail_at < 40; ++fail_at) {
    std::filesystem::remove_all(dir());
      options_ = {.segment_bytes = 300, .sync = Sync::kAlways, .files = &files_};
    Open();
    files_.ShortWrites(fail_at % 20);
    files_.FailAfter(fail_at);
    std::vector<std::string> acknowledged;
    for (int i = 0; i < 30; ++i) {
      if (i == 20) files_.Heal();
      const std::string record = "record " + std::to_string(i) + std::string(50, '.');
      if (Write({record}).ok()) acknowledged.push_back(record);
    }
    files_.DropUnsynced();
    const auto got = ReadAll();
    for (const std::string& r : acknowledged) {
      EXPECT_TRUE(std::count(got.begin(), got.end(), r) == 1) << fail_at << " lost " << r;
    }
    EXPECT_GE(acknowledged.size(), 10u) << fail_at;
    writer_.reset();
  }
}

TEST_F(LogTest, AMissingFirstSegmentIsDamage) {
  options_.segment_bytes = kPageBytes;
  const std::string record(kPageBytes, 'x');
  for (int i = 0; i < 4; ++i) ASSERT_TRUE(Write({record}).ok());
  Close();
  ASSERT_GE(ListSegments(dir())->size(), 3u);
  std::filesystem::remove(SegmentPath(0));
  ReadAll(1);
  EXPECT_THAT(damage_, IsEmpty());
  ReadAll(0);
  ASSERT_THAT(damage_, SizeIs(1));
  EXPECT_EQ(damage_[0].from, (Position{0, 0}));
  EXPECT_EQ(damage_[0].reason, "segment missing");
}

TEST_F(LogTest, AFolderThatIsNamedAsASegmentHoldsNothing) {
  ASSERT_TRUE(Write({"a"}).ok());
  Close();
  std::filesystem::create_directories(SegmentPath(1));
  EXPECT_THAT(ReadAll(), ElementsAre("a"));
}

}  // namespace
}  // namespace wal
