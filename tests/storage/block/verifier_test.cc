#include "storage/block/verifier.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rocksdb/db.h>
#include <rocksdb/sst_file_writer.h>

#include <filesystem>
#include <fstream>
#include <random>

#include "storage/base/coding.h"
#include "storage/base/status.h"
#include "storage/block/block_keys.h"
#include "storage/block/sealed_row.h"
#include "tests/testing/copy_dir.h"
#include "tests/testing/mixed_model.h"
#include "tests/testing/sample_model.h"
#include "tests/testing/temp_dir.h"
#include "wal/crc32c.h"

namespace storage {
namespace {

using ::testing::Contains;
using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;
using testing_support::RandomModel;
using testing_support::SampleModel;

constexpr model::TimeMs kStart = 1'700'000'000'000;
using KeyValues = std::map<std::string, std::string>;

chunk::SampleColumns Columns(const testing_support::SeriesSamples& samples) {
  chunk::SampleColumns columns;
  for (const auto& [t, bits] : samples) {
    columns.times.push_back(t);
    columns.values.push_back(std::bit_cast<double>(bits));
  }
  return columns;
}

class VerifierTest : public ::testing::Test {
 protected:
  void SetUp() override { Reopen(); }
  std::string dir() const { return temp_.path() + "/blocks"; }
  void Close() {
    if (store_ != nullptr) {
      ASSERT_TRUE(store_->Close().ok());
    }
    store_.reset();
  }
  void Reopen() {
    Close();
    auto store = BlockStore::Open(dir(), 8 << 20);
    ASSERT_TRUE(store.ok()) << store.status();
    store_ = std::move(*store);
  }
  // Series of chunks, of sealed rows, some with exemplars; and with `histograms` one of both, and one
  // of exemplars only.
  BlockMeta Write(const SampleModel& model, bool sealed, bool histograms = false) {
    BlockMeta like;
    like.level = sealed;
    auto writer = *store_->NewBlock(like);
    int added = 0;
    for (const auto& [labels, samples] : model) {
      if (sealed) {
        EXPECT_TRUE(writer->AddSamples(labels, Columns(samples)).ok());
      } else {
        const testing_support::Chunks chunks(samples);
        EXPECT_TRUE(writer->AddSeries(labels, chunks.views()).ok());
      }
      if (++added % 10 == 0) {
        EXPECT_TRUE(writer->AddExemplars(labels, Exemplars()).ok());
      }
    }
    if (histograms) {
      chunk::HistogramColumns columns;
      testing_support::RandomHistogram random(7, false, false, false);
      for (int i = 0; i < 1000; ++i) columns.Add(kStart + 7 + i * 60'000, random.Next());
      const auto chunks = chunk::Encode(columns);
      std::vector<chunk::ChunkView> views;
      for (const auto& chunk : chunks) views.push_back(chunk.view());
      EXPECT_TRUE(writer
                      ->AddMixed(model::Labels{{"__name__", "zz"}},
                                 Columns(model.begin()->second), views)
                      .ok());
      EXPECT_TRUE(writer->AddExemplars(model::Labels{{"__name__", "zzz"}}, Exemplars()).ok());
    }
    auto meta = writer->Publish();
    EXPECT_TRUE(meta.ok()) << meta.status();
    return *meta;
  }
  static std::vector<model::Exemplar> Exemplars() {
    std::vector<model::Exemplar> exemplars;
    for (int i = 0; i < 1000; ++i) {  // More than a row.
      exemplars.push_back({model::Labels{{"trace_id", std::to_string(i * 7919)}},
                           static_cast<double>(i), kStart + i * 1000, false});
    }
    return exemplars;
  }
  // All that is found in the only block, in slices of so many bytes.
  std::vector<Damage> Verify(uint64_t slice = 1 << 20) {
    std::vector<Damage> found;
    const auto metas = store_->Metas();
    EXPECT_THAT(metas, SizeIs(1));
    auto verifier = store_->NewVerifier(metas[0].ulid, [&](Damage d) { found.push_back(d); });
    EXPECT_TRUE(verifier.ok()) << verifier.status();
    slices_ = 1;
    while ((*verifier)->Next(slice)) ++slices_;
    EXPECT_EQ((*verifier)->damaged(), found.size());
    bytes_read_ = (*verifier)->bytes_read();
    for (const Damage& damage : found) EXPECT_EQ(damage.block, metas[0].ulid);
    return found;
  }
  std::vector<std::string> Whats(uint64_t slice = 1 << 20) {
    std::vector<std::string> whats;
    for (const Damage& damage : Verify(slice)) whats.push_back(damage.what);
    return whats;
  }
  // Gives the only block other contents, as if a writer had gone wrong.
  void Rewrite(const std::function<void(KeyValues*)>& change) {
    Close();
    std::vector<std::string> names;
    ASSERT_TRUE(rocksdb::DB::ListColumnFamilies({}, dir(), &names).ok());
    ASSERT_THAT(names, SizeIs(2));
    std::vector<rocksdb::ColumnFamilyDescriptor> families;
    rocksdb::ColumnFamilyOptions two_levels;
    two_levels.num_levels = 2;
    for (const auto& name : names) families.emplace_back(name, two_levels);
    std::vector<rocksdb::ColumnFamilyHandle*> handles;
    rocksdb::DB* db;
    ASSERT_TRUE(rocksdb::DB::Open({}, dir(), families, &handles, &db).ok());
    KeyValues all;
    {
      std::unique_ptr<rocksdb::Iterator> it(db->NewIterator({}, handles[1]));
      for (it->SeekToFirst(); it->Valid(); it->Next()) {
        all[it->key().ToString()] = it->value().ToString();
      }
    }
    change(&all);
    rocksdb::ColumnFamilyHandle* fresh;
    ASSERT_TRUE(db->DropColumnFamily(handles[1]).ok());
    ASSERT_TRUE(db->DestroyColumnFamilyHandle(handles[1]).ok());
    ASSERT_TRUE(db->CreateColumnFamily(two_levels, names[1], &fresh).ok());
    for (const char* kinds : {"c", "d", "e", "mp", "s", "t"}) {
      rocksdb::SstFileWriter sst({}, {});
      const std::string path = dir() + "/x";
      ASSERT_TRUE(sst.Open(path).ok());
      int written = 0;
      for (const auto& [key, value] : all) {
        if (std::string_view(kinds).find(key[0]) == std::string_view::npos) continue;
        ASSERT_TRUE(sst.Put(key, value).ok());
        ++written;
      }
      if (written == 0) continue;
      ASSERT_TRUE(sst.Finish().ok());
      ASSERT_TRUE(db->IngestExternalFile(fresh, {path}, {}).ok());
    }
    for (auto* handle : {handles[0], fresh}) db->DestroyColumnFamilyHandle(handle);
    ASSERT_TRUE(db->Close().ok());
    delete db;
    Reopen();
  }

  testing_support::TempDir temp_;
  std::mt19937 random_{42};
  std::unique_ptr<BlockStore> store_;
  int slices_ = 0;
  uint64_t bytes_read_ = 0;
};

TEST_F(VerifierTest, FindsNothingInGoodBlocksOfAnyKind) {
  for (const bool sealed : {false, true}) {
    const BlockMeta meta = Write(RandomModel(random_, 100, kStart, 15'000, 9000), sealed, sealed);
    for (const uint64_t slice : {1, 100'000, 1 << 30}) {
      EXPECT_THAT(Whats(slice), IsEmpty());
      EXPECT_GT(bytes_read_, meta.bytes * 9 / 10);
      EXPECT_LT(bytes_read_, meta.bytes * 5 / 2);
      EXPECT_EQ(slices_ == 1, slice > meta.bytes);
    }
    ASSERT_TRUE(store_->Drop(meta.ulid).ok());
  }
}

TEST_F(VerifierTest, NoByteOfAnyTableChangesUntold) {
  const int every = std::getenv("EVERY_BYTE") != nullptr ? 1 : 29;
  for (const bool sealed : {false, true}) {
    const BlockMeta meta = Write(RandomModel(random_, 6, kStart, 15'000, 60), sealed);
    const std::vector<std::vector<model::Matcher>> sets = {{model::Matcher::Equal("job", "odd")}};
    ASSERT_TRUE(store_->Delete(sets, {kStart, kStart + 100'000}).ok());
    for (const auto& entry : std::filesystem::directory_iterator(dir())) {
      if (entry.path().extension() != ".sst") continue;
      std::fstream file(entry.path(), std::ios::in | std::ios::out | std::ios::binary);
      const auto size = static_cast<int>(entry.file_size());
      for (int at = static_cast<int>(random_() % static_cast<uint32_t>(every)); at < size; at += every) {
        file.seekg(at);
        const int was = file.get();
        const auto put = [&](int byte) {
          file.seekp(at);
          file.put(static_cast<char>(byte));
          file.flush();
        };
        put(was ^ 1 << (at % 2 == 0 ? 7 : random_() % 8));
        size_t found = Verify().size();
        ASSERT_TRUE(store_->VerifyShared([&](const Damage&) { ++found; }).ok());
        EXPECT_GT(found, 0u) << "byte " << at << " of " << size << " in " << entry.path();
        put(was);
      }
    }
    EXPECT_THAT(Verify(), IsEmpty());
    ASSERT_TRUE(store_->VerifyShared([](const Damage& d) { ADD_FAILURE() << d.what; }).ok());
    ASSERT_TRUE(store_->Drop(meta.ulid).ok());
  }
}

// RocksDB looks at it before the checksum, and would end the process.
TEST_F(VerifierTest, TheLastBitOfATablesPropertiesEndsNoProcess) {
  Write(RandomModel(random_, 6, kStart, 15'000, 60), /*sealed=*/true);
  Close();
  int tables = 0;
  for (const auto& entry : std::filesystem::directory_iterator(dir())) {
    if (entry.path().extension() != ".sst") continue;
    std::fstream file(entry.path(), std::ios::in | std::ios::out | std::ios::binary);
    for (auto at = static_cast<std::streamoff>(entry.file_size()) - 120;
         at < static_cast<std::streamoff>(entry.file_size()) - 60; ++at) {
      file.seekg(at);
      const int was = file.get();
      const auto put = [&](int byte) {
        file.seekp(at);
        file.put(static_cast<char>(byte));
        file.flush();
      };
      put(was ^ 0x80);
      auto store = BlockStore::Open(dir(), 1 << 20);
      if (store.ok()) {
        for (const BlockMeta& meta : (*store)->Metas()) {
          const auto verifier = (*store)->NewVerifier(meta.ulid, [](const Damage&) {});
          while (verifier.ok() && (*verifier)->Next(1 << 20)) {
          }
        }
      }
      store = absl::UnavailableError("");
      put(was);
    }
    ++tables;
    break;  // They are alike, and each opening of a store takes its time.
  }
  EXPECT_EQ(tables, 1);
}

TEST_F(VerifierTest, ReadsOnWhenTheBlockIsDropped) {
  const BlockMeta meta = Write(RandomModel(random_, 50, kStart, 15'000, 9000), false);
  int damaged = 0;
  const auto verifier = *store_->NewVerifier(meta.ulid, [&](const Damage&) { ++damaged; });
  ASSERT_TRUE(verifier->Next(1000));
  ASSERT_TRUE(store_->Drop(meta.ulid).ok());
  ASSERT_TRUE(store_->Close().ok());
  while (verifier->Next(1000)) {
  }
  EXPECT_EQ(damaged, 0);
  store_.reset();
}

// Wherever a table is hurt, it is told, and what cannot be read any more lies where it was told.
TEST_F(VerifierTest, TellsOfEachByteThatIsChangedAndOfAllThatIsLostByIt) {
  const SampleModel model = RandomModel(random_, 80, kStart, 15'000, 300);
  for (const bool sealed : {false, true}) {
    Write(model, sealed);
    Close();
    const std::string whole = temp_.path() + "/whole";
    testing_support::CopyDir(dir(), whole);
    std::vector<std::string> files;
    for (const auto& entry : std::filesystem::directory_iterator(dir())) {
      if (entry.path().extension() == ".sst") files.push_back(entry.path().string());
    }
    int untold = 0, rounds = 0;
    for (const std::string& file : files) {
      const auto size = static_cast<int64_t>(std::filesystem::file_size(file));
      std::vector<int64_t> places = {-1, -2};  // Cut; gone.
      for (int i = 0; i < 12; ++i) places.push_back(static_cast<int64_t>(random_()) % size);
      for (const int64_t back : {8, 30, 60, 100, 200, 400, 600, 800, 1000, 1200}) {
        if (back < size) places.push_back(size - back);
      }
      for (const int64_t place : places) {
        SCOPED_TRACE(fmt::format("{} at {} of {}", file, place, size));
        testing_support::CopyDir(whole, dir());
        if (place == -1) {
          std::filesystem::resize_file(file, static_cast<uintmax_t>(size / 2));
        } else if (place == -2) {
          std::filesystem::remove(file);
        } else {
          std::fstream stream(file, std::ios::in | std::ios::out | std::ios::binary);
          stream.seekg(place);
          const int byte = stream.get();
          stream.seekp(place);
          stream.put(static_cast<char>(byte ^ (1 << (random_() % 8))));
        }
        ++rounds;
        auto store = BlockStore::OpenReadOnly(dir(), 1 << 20);
        ASSERT_TRUE(store.ok()) << store.status();
        store_ = std::move(*store);
        std::vector<Damage> found;
        ASSERT_TRUE(store_->VerifyShared([&](Damage d) { found.push_back(d); }).ok());
        if (store_->Metas().empty()) {
          EXPECT_THAT(store_->damage()->list(), SizeIs(1));
          continue;  // Set aside for its meta.
        }
        for (Damage& damage : Verify()) found.push_back(std::move(damage));
        // The footer has bytes that mean nothing.
        if (found.empty() && place < size - 53) ++untold;
        const auto querier = *store_->NewQuerier(store_->Metas()[0].ulid, {});
        const SampleModel got = testing_support::ReadAll(*querier, {});
        for (const auto& [labels, samples] : model) {
          const auto series = got.find(labels);
          const std::string name = labels.ToString();
          for (const auto& [t, bits] : samples) {
            if (series != got.end() && series->second.contains(t)) continue;
            const bool told = std::any_of(found.begin(), found.end(), [&](const Damage& d) {
              return (d.series.empty() || d.series == name) && d.range.Contains(t);
            });
            ASSERT_TRUE(told) << name << " at " << t;
          }
        }
        if (!querier->Warnings().empty()) {
          EXPECT_THAT(store_->damage()->list(), Not(IsEmpty()));
        }
      }
    }
    EXPECT_EQ(untold, 0) << "of " << rounds;
    testing_support::CopyDir(whole, dir());
    Reopen();
    ASSERT_TRUE(store_->Drop(store_->Metas()[0].ulid).ok());
  }
}

// A block of a table costs what is in it and no more: what lies behind it is looked at all the same.
TEST_F(VerifierTest, GoesOnBehindWhatCannotBeRead) {
  const SampleModel model = RandomModel(random_, 400, kStart, 15'000, 2000);
  const BlockMeta meta = Write(model, false);
  Close();
  std::string largest;
  for (const auto& entry : std::filesystem::directory_iterator(dir())) {
    if (entry.path().extension() != ".sst") continue;
    if (largest.empty() || entry.file_size() > std::filesystem::file_size(largest)) {
      largest = entry.path();
    }
  }
  const auto size = static_cast<std::streamoff>(std::filesystem::file_size(largest));
  {
    std::fstream stream(largest, std::ios::in | std::ios::out | std::ios::binary);
    for (const std::streamoff place : {size / 4, size / 2, size / 4 * 3}) {
      stream.seekp(place);
      stream << "damage";
    }
  }
  Reopen();
  const std::vector<Damage> found = Verify();
  std::set<std::string> series;
  for (const Damage& damage : found) {
    EXPECT_THAT(damage.what, HasSubstr("checksum mismatch"));
    EXPECT_NE(damage.series, "");
    EXPECT_LE(damage.range.max, meta.range.max);
    series.insert(damage.series);
  }
  EXPECT_GE(series.size(), 3u);
  EXPECT_LE(series.size(), 60u);
  EXPECT_LT(bytes_read_, meta.bytes + 3 * (5 << 20));

  // Queries and merges come upon the same places.
  const auto list = [&] { return store_->damage()->list(); };
  EXPECT_THAT(list(), IsEmpty());
  testing_support::ReadAll(**store_->NewQuerier(meta.ulid, {}), {});
  EXPECT_EQ(list().size(), found.size());
  for (size_t i = 0; i < std::min(found.size(), list().size()); ++i) {
    EXPECT_EQ(list()[i].series, found[i].series);
    EXPECT_EQ(list()[i].range, found[i].range);
    EXPECT_EQ(list()[i].found_by, FoundBy::kQuery);
  }
  const auto cursor = *store_->NewCursor(meta.ulid);
  while (*cursor->Next()) {
  }
  EXPECT_EQ(cursor->damaged_chunks(), found.size());
  EXPECT_EQ(list().size(), found.size());  // Nothing new.
  Reopen();
  const auto again = *store_->NewCursor(meta.ulid);
  while (*again->Next()) {
  }
  ASSERT_EQ(list().size(), found.size());
  EXPECT_EQ(list()[0].found_by, FoundBy::kMerge);
}

TEST_F(VerifierTest, TellsWhatDoesNotAgreeThoughEachChecksumIsRight) {
  const SampleModel model = RandomModel(random_, 20, kStart, 15'000, 600);
  const auto pick = [](KeyValues* all, char kind, int which) {
    auto it = all->lower_bound(std::string(1, kind));
    std::advance(it, which);
    return it;
  };
  const auto entry = [](std::string_view value, std::vector<model::TimeRange>* rows) {
    std::string_view labels;
    EXPECT_TRUE(block::ParseSeries(value, &labels, rows));
    return model::Labels(model::LabelsView(labels));
  };
  struct Case {
    bool sealed;
    std::string want;
    std::function<void(KeyValues*)> change;
  };
  std::vector<model::TimeRange> rows;
  const auto begin_later = [&](KeyValues* all) {
    auto& value = pick(all, 's', 2)->second;
    const model::Labels labels = entry(value, &rows);
    ++rows[0].min;
    value.clear();
    block::AppendSeries(labels, rows, &value);
  };
  const std::vector<Case> cases = {
      {false, "do not agree on label __name__",
       [&](KeyValues* all) { pick(all, 'p', 1)->second.pop_back(); }},
      {false, "do not agree on label other",
       [&](KeyValues* all) { (*all)[block::PairKey("other", "x")] = "\3"; }},
      {false, "name a series that is not there",
       [&](KeyValues* all) { (*all)[block::PairKey("other", "x")] = "\x7f"; }},
      {false, "the postings of other=x are damaged",
       [&](KeyValues* all) { (*all)[block::PairKey("other", "x")] = std::string(1, '\0'); }},
      {false, "a row is missing", [&](KeyValues* all) { all->erase(pick(all, 'c', 3)); }},
      {true, "a row is missing", [&](KeyValues* all) { all->erase(pick(all, 'd', 3)); }},
      {false, "a row that its entry does not name",
       [&](KeyValues* all) {
         const auto row = pick(all, 'c', 3);
         std::string key = row->first;
         key.back() ^= 1;
         (*all)[key] = row->second;
       }},
      {false, "lie elsewhere in time", begin_later},
      {true, "lie elsewhere in time", begin_later},
      {false, "does not come after",
       [&](KeyValues* all) { std::swap(pick(all, 's', 2)->second, pick(all, 's', 3)->second); }},
      {false, "the entry of series 3 cannot be read: a wrong checksum",
       [&](KeyValues* all) { pick(all, 's', 2)->second[5] ^= 1; }},
      {false, "the entries of series 3 to 4 cannot be read: missing",
       [&](KeyValues* all) { all->erase(pick(all, 's', 2)), all->erase(pick(all, 's', 2)); }},
      {false, "more series entries than its meta says",
       [&](KeyValues* all) { (*all)[block::SeriesKey(21)] = pick(all, 's', 2)->second; }},
      {false, "a chunk's checksum is wrong",
       [&](KeyValues* all) { pick(all, 'c', 4)->second.back() ^= 4; }},
      {true, "the row's checksum is wrong",
       [&](KeyValues* all) { pick(all, 'd', 4)->second = pick(all, 'd', 5)->second; }},
      {true, "time column 0 is damaged",
       [&](KeyValues* all) { pick(all, 't', 0)->second[1] ^= 4; }},
      {true, "time column 0 is damaged", [&](KeyValues* all) { all->erase(pick(all, 't', 0)); }},
      {true, "its values are others than the row says of them",
       [&](KeyValues* all) {
         auto& [key, value] = *pick(all, 'd', 0);
         std::vector<double> values;
         for (int i = 0; i < 1100; ++i) values.push_back(i < 900 ? -i : i);
         std::string row;
         block::AppendSealedRow(key, {0, 0}, values, &row);
         row.resize(row.size() - 4);
         ASSERT_EQ(row.substr(row.size() - 2), std::string("\0\1", 2));  // Only the last part rises.
         row[row.size() - 2] = 4;
         base::AppendLittleEndian(&row, wal::Crc32c(row, wal::Crc32c(key)));
         value = row;
       }},
      {false, "a chunk has other samples than the row says",
       [&](KeyValues* all) {
         auto it = pick(all, 'c', 0);
         uint32_t ref;
         model::TimeMs last;
         ASSERT_TRUE(block::ParseRowKey(it->first, &ref, &last));
         std::vector<chunk::ChunkView> chunks;
         const std::string bytes = it->second;
         ASSERT_EQ(block::ParseRow(last, bytes, {}, &chunks), 0);
         --chunks[0].num_samples;
         it->second.clear();
         block::AppendRow(chunks, &it->second);
       }},
      {false, "a chunk cannot be unpacked",
       [&](KeyValues* all) {
         auto it = pick(all, 'c', 0);
         uint32_t ref;
         model::TimeMs last;
         ASSERT_TRUE(block::ParseRowKey(it->first, &ref, &last));
         std::vector<chunk::ChunkView> chunks;
         const std::string bytes = it->second;
         ASSERT_EQ(block::ParseRow(last, bytes, {}, &chunks), 0);
         chunks[0].bytes.remove_suffix(chunks[0].bytes.size() / 2);
         it->second.clear();
         block::AppendRow(chunks, &it->second);
       }},
      {false, "samples, its meta says 7",
       [&](KeyValues* all) {
         BlockMeta meta;
         ASSERT_TRUE(block::ParseMeta((*all)["m"], &meta));
         meta.num_samples = 7;
         (*all)["m"].clear();
         block::AppendMeta(meta, &(*all)["m"]);
       }},
      {true, "chunks, its meta says 7",
       [&](KeyValues* all) {
         BlockMeta meta;
         ASSERT_TRUE(block::ParseMeta((*all)["m"], &meta));
         meta.num_chunks = 7;
         (*all)["m"].clear();
         block::AppendMeta(meta, &(*all)["m"]);
       }},
      {false, "exemplars, its meta says",
       [&](KeyValues* all) { all->erase(pick(all, 'e', 1)); }},
      {true, "a row of exemplars is damaged",
       [&](KeyValues* all) { pick(all, 'e', 1)->second = pick(all, 'e', 2)->second; }},
      {true, "exemplars of a series that is not there",
       [&](KeyValues* all) {
         const auto row = pick(all, 'e', 1);
         std::string key = row->first;
         key[1] = 1;
         (*all)[key] = row->second;
       }},
      {true, "its exemplars have another range",
       [&](KeyValues* all) {
         BlockMeta meta;
         ASSERT_TRUE(block::ParseMeta((*all)["m"], &meta));
         meta.exemplar_range.min += 5;
         (*all)["m"].clear();
         block::AppendMeta(meta, &(*all)["m"]);
       }},
      {false, "its entry names no rows",
       [&](KeyValues* all) {
         for (auto it = all->lower_bound("s"); it->first[0] == 's'; ++it) {
           const std::string rows_of = "e" + it->first.substr(1);
           if (all->lower_bound(rows_of)->first.starts_with(rows_of)) continue;
           const model::Labels labels = entry(it->second, &rows);
           it->second.clear();
           block::AppendSeries(labels, {}, &it->second);
           return;
         }
       }},
      {true, "its samples have another range than its meta says",
       [&](KeyValues* all) {
         BlockMeta meta;
         ASSERT_TRUE(block::ParseMeta((*all)["m"], &meta));
         meta.range.max += 5;
         (*all)["m"].clear();
         block::AppendMeta(meta, &(*all)["m"]);
       }},
  };
  for (const bool sealed : {false, true}) {
    Write(model, sealed);
    Close();
    const std::string whole = temp_.path() + "/whole";
    testing_support::CopyDir(dir(), whole);
    Rewrite([](KeyValues*) {});
    EXPECT_THAT(Whats(), IsEmpty());  // Rewriting alone changes nothing.
    for (const Case& c : cases) {
      if (c.sealed != sealed) continue;
      SCOPED_TRACE(c.want);
      Close();
      testing_support::CopyDir(whole, dir());
      Rewrite(c.change);
      EXPECT_THAT(Whats(), Contains(HasSubstr(c.want)));
    }
    ASSERT_TRUE(store_->Drop(store_->Metas()[0].ulid).ok());
  }
}

TEST_F(VerifierTest, OpeningForReadingOnlyWritesNothing) {
  Write(RandomModel(random_, 20, kStart, 15'000, 600), false);
  std::ofstream(dir() + "/unfinished/5-c0") << "at work";  // Of a writer that lives.
  const auto list = [&] {
    std::map<std::string, std::pair<uintmax_t, std::filesystem::file_time_type>> files;
    for (const auto& file : std::filesystem::recursive_directory_iterator(dir())) {
      files[file.path()] = {file.is_regular_file() ? file.file_size() : 0, file.last_write_time()};
    }
    return files;
  };
  const auto before = list();
  {
    auto second = BlockStore::OpenReadOnly(dir(), 1 << 20);  // Beside the one that writes.
    ASSERT_TRUE(second.ok()) << second.status();
    EXPECT_THAT((*second)->Metas(), SizeIs(1));
    EXPECT_TRUE(absl::IsFailedPrecondition((*second)->NewBlock({}).status()));
    EXPECT_TRUE(absl::IsFailedPrecondition((*second)->Drop((*second)->Metas()[0].ulid)));
    EXPECT_TRUE((*second)->Close().ok());
  }
  EXPECT_EQ(list(), before);
  EXPECT_FALSE(BlockStore::OpenReadOnly(temp_.path() + "/none", 1 << 20).ok());
  EXPECT_FALSE(std::filesystem::exists(temp_.path() + "/none"));
}

TEST(DamageList, TakesEachPlaceOnceAndLostBlocksMakeRoom) {
  DamageList list;
  const Damage first{.block = "A", .series = "{a=\"b\"}", .range = {1, 2}, .what = "x"};
  Damage same = first;
  same.what = "other words";
  EXPECT_TRUE(list.Add(first));
  EXPECT_FALSE(list.Add(same));
  EXPECT_TRUE(list.Add({.block = "A", .what = "x"}));
  EXPECT_TRUE(list.Add({.block = "A", .what = "y"}));  // Without a series, words tell places apart.
  for (size_t i = 3; i < DamageList::kMax; ++i) {
    EXPECT_TRUE(list.Add({.block = "B", .what = std::to_string(i)}));
  }
  EXPECT_FALSE(list.Add({.block = "C"}));
  EXPECT_EQ(list.not_listed(), 1u);
  list.BlockGone("A");
  EXPECT_TRUE(list.Add({.block = "C"}));
  EXPECT_THAT(list.list(), SizeIs(DamageList::kMax));
  EXPECT_EQ(list.list().front().what, "x");
  EXPECT_EQ(list.list().front().series, "");
  EXPECT_EQ(list.found(), DamageList::kMax + 1);
}

}  // namespace
}  // namespace storage
