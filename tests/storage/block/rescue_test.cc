// A MANIFEST that is lost, cut or damaged costs nothing.
#include "storage/block/rescue.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <random>
#include <sstream>

#include "storage/block/block_store.h"
#include "storage/merge.h"
#include "tests/testing/copy_dir.h"
#include "tests/testing/sample_model.h"
#include "tests/testing/temp_dir.h"

namespace storage::block {
namespace {

namespace fs = std::filesystem;
using ::testing::SizeIs;
using testing_support::Difference;
using testing_support::SampleModel;

constexpr model::TimeMs kStart = 1'700'000'000'000;
constexpr model::TimeRange kAll;

TEST(LiveList, ReadsAsItWasWrittenAndNoOtherWay) {
  const LiveList list{"MANIFEST-000159", 8472, 20,
                      {{"01M8M2W03SFDT0KNXJEEARAE3M", {"000012.sst", "000013.sst"}},
                       {"01M8M2W03SFDT0KNXJEEARAE3N", {"000014.sst"}}}};
  const std::string text = FormatLiveList(list);
  EXPECT_EQ(text,
            "tidemark blocks 1\nmanifest MANIFEST-000159 8472\nwatermark 20\n"
            "block 01M8M2W03SFDT0KNXJEEARAE3M 000012.sst 000013.sst\n"
            "block 01M8M2W03SFDT0KNXJEEARAE3N 000014.sst\ncrc32c 2dd5a42f\n");
  EXPECT_EQ(ParseLiveList(text), list);
  for (size_t i = 0; i < text.size(); ++i) {
    for (int bit = 0; bit < 8; ++bit) {
      std::string damaged = text;
      damaged[i] = static_cast<char>(damaged[i] ^ (1 << bit));
      const auto parsed = ParseLiveList(damaged);
      EXPECT_TRUE(!parsed || *parsed == list) << i << "." << bit;  // A digit of the sum in capitals.
    }
    EXPECT_FALSE(ParseLiveList(text.substr(0, i)));
  }
}

class RescueTest : public ::testing::Test {
 protected:
  // Three blocks, one of them merged, one with deletes, and a watermark.
  void SetUp() override {
    std::mt19937 random(1);
    Open();
    std::vector<BlockMeta> metas;
    for (int i = 0; i < 4; ++i) {
      const SampleModel data = testing_support::RandomModel(random, 20, kStart + i * 100'000, 1000, 80);
      metas.push_back(testing_support::WriteBlock(*store_, data));
      testing_support::AddTo(&want_, data);
    }
    BlockMeta like;
    like.level = 1;
    like.parents = {metas[0].ulid, metas[1].ulid};
    auto writer = *store_->NewBlock(like);
    SampleModel both;
    for (const auto& [labels, samples] : want_) {
      for (const auto& [t, bits] : samples) {
        if (t < kStart + 200'000) both[labels][t] = bits;
      }
    }
    ASSERT_TRUE(testing_support::AddAll(*writer, both).ok());
    ASSERT_TRUE(writer->Publish(/*watermark=*/7).ok());
    for (const auto& [name, range] :
         {std::pair("odd", model::TimeRange{kStart + 50'000, kStart + 250'000}),
          std::pair("even", model::TimeRange{kStart + 330'000, kStart + 340'000})}) {
      const std::vector<model::Matcher> set = {model::Matcher::Equal("job", name)};
      const std::vector<std::vector<model::Matcher>> sets = {set};
      ASSERT_TRUE(store_->Delete(sets, range).ok());
      testing_support::DeleteFrom(&want_, set, range);
    }
    store_.reset();
    testing_support::CopyDir(dir(), whole());
  }
  void Open() {
    auto store = BlockStore::Open(dir(), 8 << 20);
    ASSERT_TRUE(store.ok()) << store.status();
    store_ = *std::move(store);
  }
  void Restore() {
    store_.reset();
    fs::remove_all(dir());
    testing_support::CopyDir(whole(), dir());
  }
  void ExpectWhole(const std::string& what) {
    SCOPED_TRACE(what);
    for (int start = 0; start < 2; ++start) {
      ASSERT_NO_FATAL_FAILURE(Open());
      const auto querier = MergeQueriers(*store_->NewQueriers(kAll));
      EXPECT_EQ(Difference(testing_support::ReadAll(*querier, kAll), want_), "");
      EXPECT_EQ(store_->watermark(), 7u);
      EXPECT_THAT(store_->Metas(), SizeIs(3));
      EXPECT_EQ(store_->stats().unreadable_blocks, 0u);
      EXPECT_FALSE(RescueBegan(dir()));
    }
    store_.reset();
  }
  std::string Manifest() const {
    std::string name;
    std::ifstream(dir() + "/CURRENT") >> name;
    return dir() + "/" + name;
  }
  std::string dir() const { return temp_.path() + "/blocks"; }
  std::string whole() const { return temp_.path() + "/whole"; }

  testing_support::TempDir temp_;
  std::unique_ptr<BlockStore> store_;
  SampleModel want_;
};

TEST_F(RescueTest, AManifestCutAnywhereCostsNothing) {
  const uint64_t size = fs::file_size(Manifest());
  for (uint64_t cut = 0; cut < size; cut += cut < 3 ? 1 : 1 + size / 16) {
    Restore();
    fs::resize_file(Manifest(), cut);
    ExpectWhole(fmt::format("cut to {} of {}", cut, size));
  }
}

// A crash came between the two lists, so that LIVE still tells of the MANIFEST before.
TEST_F(RescueTest, NorDoesANewerOneThanTheList) {
  Open();
  store_.reset();
  fs::copy_file(whole() + "/LIVE", dir() + "/LIVE", fs::copy_options::overwrite_existing);
  ASSERT_EQ(LookAtManifest(dir(), *ReadLiveList(dir())), ManifestState::kNewer);
  const std::string newer = temp_.path() + "/newer";
  testing_support::CopyDir(dir(), newer);
  const uint64_t size = fs::file_size(Manifest());
  ExpectWhole("as it is");
  for (uint64_t cut = 0; cut < size; cut += 1 + size / 40) {
    store_.reset();
    fs::remove_all(dir());
    testing_support::CopyDir(newer, dir());
    fs::resize_file(Manifest(), cut);
    ExpectWhole(fmt::format("cut to {} of {}", cut, size));
  }
}

TEST_F(RescueTest, NoBitOfAManifestOrOfCurrentCostsAnything) {
  std::mt19937 random(2);
  for (int i = 0; i < 18; ++i) {
    Restore();
    const std::string path = i % 6 == 0 ? dir() + "/CURRENT" : Manifest();
    std::stringstream bytes;
    bytes << std::ifstream(path).rdbuf();
    std::string damaged = bytes.str();
    const size_t at = random() % damaged.size();
    damaged[at] = static_cast<char>(damaged[at] ^ (1 << random() % 8));
    std::ofstream(path, std::ios::trunc) << damaged;
    ExpectWhole(fmt::format("byte {} of {}", at, path));
  }
}

TEST_F(RescueTest, NeitherFileIsMissed) {
  for (const bool current : {false, true}) {
    Restore();
    fs::remove(current ? dir() + "/CURRENT" : Manifest());
    ExpectWhole(current ? "CURRENT" : "MANIFEST");
  }
}

TEST_F(RescueTest, IsFinishedByTheNextStart) {
  const auto list = ReadLiveList(dir());
  ASSERT_TRUE(list);
  const auto put_aside = [&](const std::string& folder) {
    fs::create_directories(dir() + folder);
    for (const auto& entry : fs::directory_iterator(dir())) {
      if (entry.path().extension() == ".sst") {
        fs::create_hard_link(entry.path(), dir() + folder + entry.path().filename().string());
      }
    }
  };
  fs::resize_file(Manifest(), 100);
  put_aside("/rescue.tmp/");
  fs::remove(fs::directory_iterator(dir() + "/rescue.tmp")->path());
  ExpectWhole("killed while it put the tables aside");

  Restore();
  put_aside("/rescue/");
  for (const auto& entry : fs::directory_iterator(dir())) {
    if (entry.path().filename().string() < "000020") fs::remove(entry.path());
  }
  ExpectWhole("killed while it cleared");

  Restore();
  put_aside("/rescue/");
  for (const auto& entry : fs::directory_iterator(dir())) {
    if (entry.path() != dir() + "/rescue" && entry.path() != LiveListPath(dir())) {
      fs::remove_all(entry.path());
    }
  }
  fs::create_directories(dir() + "/unfinished");
  std::ofstream(dir() + "/MANIFEST-000005") << "half";
  std::ofstream(dir() + "/000012.sst") << "another";
  ExpectWhole("killed while it built");
}

TEST_F(RescueTest, ATableThatIsGoneAsWellCostsItsBlockAlone) {
  fs::remove(Manifest());
  const auto list = ReadLiveList(dir());
  fs::remove(dir() + "/" + list->blocks[1].tables[0]);
  ASSERT_NO_FATAL_FAILURE(Open());
  EXPECT_THAT(store_->Metas(), SizeIs(2));
  EXPECT_EQ(store_->stats().unreadable_blocks, 1u);
}

// With one of these damaged RocksDB publishes nothing any more, so flushes and merges would fail for ever.
TEST_F(RescueTest, DamageOfWhatConcernsAllBlocksIsOverWithTheNextStart) {
  const auto list = ReadLiveList(dir());
  ASSERT_TRUE(list);
  std::vector<std::string> shared;
  for (const auto& entry : fs::directory_iterator(dir())) {
    const std::string name = entry.path().filename();
    const bool of_block = std::any_of(list->blocks.begin(), list->blocks.end(), [&](const auto& b) {
      return std::find(b.tables.begin(), b.tables.end(), name) != b.tables.end();
    });
    if (name.ends_with(".sst") && !of_block) shared.push_back(name);
  }
  ASSERT_GE(shared.size(), 2u);
  for (const std::string& table : shared) {
    for (const char* how : {"gone", "empty", "rubbish"}) {
      SCOPED_TRACE(table + " " + how);
      Restore();
      const std::string path = dir() + "/" + table;
      const auto size = fs::file_size(path);
      fs::remove(path);
      if (how != std::string_view("gone")) {
        std::ofstream(path) << std::string(how == std::string_view("empty") ? 0 : size, 'x');
      }
      ASSERT_NO_FATAL_FAILURE(Open());
      EXPECT_FALSE(store_->damage()->list().empty());
      EXPECT_EQ(store_->watermark(), 7u);
      EXPECT_THAT(store_->Metas(), SizeIs(3));
      std::mt19937 random(3);
      testing_support::WriteBlock(*store_, testing_support::RandomModel(random, 5, kStart, 1000, 10));
      EXPECT_THAT(store_->Metas(), SizeIs(4));
      store_.reset();
      ASSERT_NO_FATAL_FAILURE(Open());
      EXPECT_TRUE(store_->damage()->list().empty());
      EXPECT_EQ(store_->watermark(), 7u);
      EXPECT_THAT(store_->Metas(), SizeIs(4));
    }
  }
}

TEST_F(RescueTest, WithoutEitherListNothingIsRemoved) {
  fs::remove(dir() + "/CURRENT");
  std::ofstream(LiveListPath(dir()), std::ios::trunc) << "tidemark blocks 1\n";
  const auto tables = [&] {
    return std::count_if(fs::directory_iterator(dir()), fs::directory_iterator(),
                         [](const auto& entry) { return entry.path().extension() == ".sst"; });
  };
  const auto before = tables();
  const absl::Status status = BlockStore::Open(dir(), 1 << 20).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss) << status;
  EXPECT_GT(before, 0);
  EXPECT_EQ(tables(), before);
}

}  // namespace
}  // namespace storage::block
