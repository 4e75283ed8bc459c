#include "storage/index/head_index.h"

#include <algorithm>
#include <iterator>
#include <map>
#include <random>
#include <set>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace storage {
namespace {

using model::Labels;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

class HeadIndexTest : public ::testing::Test {
 protected:
  PairIds Intern(const Labels& labels) {
    std::vector<PairId> ids;
    return index_.Intern(labels, &ids);
  }
  static PairId At(PairIds pairs, int place) { return *std::ranges::next(pairs.begin(), place); }
  PairIds Add(uint64_t ref, const Labels& labels) {
    const PairIds pairs = Intern(labels);
    const IndexEntry entry{SeriesRef{ref}, pairs};
    index_.Add({&entry, 1});
    return pairs;
  }
  std::vector<uint64_t> For(std::string_view name, std::string_view value) {
    std::vector<uint64_t> out;
    const PostingsPtr found = *index_.For(name, value);
    for (const SeriesRef ref : *found) out.push_back(static_cast<uint64_t>(ref));
    return out;
  }

  HeadIndex index_;
};

TEST_F(HeadIndexTest, GivesLabelsBack) {
  const Labels labels{{"__name__", "up"}, {"job", "node"}, {"z", "1"}};
  const PairIds pairs = Intern(labels);
  std::string bytes;
  index_.AppendLabels(pairs, &bytes);
  EXPECT_EQ(bytes, labels.bytes());
  EXPECT_EQ(index_.label(At(pairs, 1)), (model::Label{"job", "node"}));
}

TEST_F(HeadIndexTest, StoresAPairOnce) {
  const auto a = Intern({{"job", "node"}, {"x", "1"}});
  const auto b = Intern({{"job", "node"}, {"x", "2"}});
  EXPECT_EQ(At(a, 0), At(b, 0));
  EXPECT_NE(At(a, 1), At(b, 1));
}

TEST_F(HeadIndexTest, InternedPairsAreNotListedUntilASeriesIsAdded) {
  Intern({{"job", "node"}});
  EXPECT_THAT(*index_.Names(), IsEmpty());
  EXPECT_THAT(*index_.Values("job"), IsEmpty());
  EXPECT_EQ(index_.num_pairs(), 0u);
  Add(1, {{"job", "node"}});
  EXPECT_THAT(*index_.Names(), ElementsAre("job"));
  EXPECT_THAT(*index_.Values("job"), ElementsAre("node"));
  EXPECT_EQ(index_.num_pairs(), 1u);
}

TEST_F(HeadIndexTest, RemovalFreesNames) {
  const auto a = Add(1, {{"job", "node"}, {"only", "here"}});
  const auto b = Add(2, {{"job", "node"}});
  const IndexEntry entry{SeriesRef{1}, a};
  index_.Remove({&entry, 1});
  EXPECT_THAT(*index_.Names(), ElementsAre("job"));
  EXPECT_THAT(For("job", "node"), ElementsAre(2));
  EXPECT_EQ(index_.label(At(a, 1)).value, "here");  // Held by a reference still.
  const uint64_t before = index_.heap_bytes();
  const PairId freed = At(a, 1);
  index_.Release(a);
  EXPECT_LT(index_.heap_bytes(), before);
  const auto c = Add(3, {{"other", "name"}});  // Takes the free place.
  EXPECT_EQ(At(c, 0), freed);
  EXPECT_THAT(*index_.Names(), ElementsAre("job", "other"));
  EXPECT_THAT(For("only", "here"), IsEmpty());
  EXPECT_EQ(For("job", "node"), std::vector<uint64_t>{2});
  (void)b;
}

TEST_F(HeadIndexTest, RefsThatComeLateAreSortedIn) {
  Add(5, {{"job", "a"}});
  Add(9, {{"job", "a"}});
  const auto pairs = Intern({{"job", "a"}});
  const std::vector<IndexEntry> late{{SeriesRef{1}, pairs}, {SeriesRef{7}, pairs}, {SeriesRef{11}, pairs}};
  index_.Add(late);
  EXPECT_THAT(For("job", "a"), ElementsAre(1, 5, 7, 9, 11));
  EXPECT_EQ((*index_.All())->size(), 5u);
}

TEST_F(HeadIndexTest, ValuesAreSortedAndNarrowedByPrefix) {
  uint64_t ref = 0;
  for (const std::string_view value : {"node_cpu", "go_gc", "node_a", "up", "node"}) {
    Add(++ref, Labels({{"__name__", value}}));
  }
  EXPECT_THAT(*index_.Values("__name__"), ElementsAre("go_gc", "node", "node_a", "node_cpu", "up"));
  EXPECT_THAT(*index_.ValuesWithPrefix("__name__", "node_"), ElementsAre("node_a", "node_cpu"));
  EXPECT_THAT(*index_.ValuesWithPrefix("__name__", "x"), IsEmpty());
  EXPECT_THAT(*index_.ValuesWithPrefix("absent", ""), IsEmpty());
}

TEST_F(HeadIndexTest, OrdersAsLabelsDo) {
  std::mt19937_64 random(5);
  std::vector<std::pair<Labels, PairIds>> series;
  for (int i = 0; i < 300; ++i) {
    std::vector<Labels::Pair> pairs;
    for (const char* name : {"A", "__name__", "b", "ba", "c"}) {
      if (random() % 2 == 0) pairs.emplace_back(name, std::string(1 + random() % 3, 'a' + random() % 3));
    }
    Labels labels = Labels::FromPairs(std::move(pairs));
    const PairIds ids = Intern(labels);
    series.emplace_back(std::move(labels), ids);
  }
  const std::vector<uint32_t> places = index_.PairPlaces();
  for (const auto& [x, xs] : series) {
    for (const auto& [y, ys] : series) {
      ASSERT_EQ(index_.Less(xs, ys), x < y) << x.ToString() << " " << y.ToString();
      const bool by_places = std::ranges::lexicographical_compare(xs, ys, [&](PairId i, PairId j) {
        return places[static_cast<uint32_t>(i)] < places[static_cast<uint32_t>(j)];
      });
      ASSERT_EQ(by_places, x < y);
    }
  }
}

// A start lists what is older than new series. Pairs that do not come in runs are met once all the
// same: by one merge for each entry this would take minutes.
TEST_F(HeadIndexTest, ManyOlderSeriesAreOneMergeForEachPair) {
  constexpr uint64_t kHalf = 100'000;
  std::vector<IndexEntry> older, newer;
  std::vector<PairId> neighbour;
  for (uint64_t ref = 1; ref <= 2 * kHalf; ++ref) {
    const PairIds ids = index_.Intern(
        Labels({{"cpu", std::to_string(ref % 3)}, {"job", "node"}, {"mode", ref % 2 == 0 ? "a" : "b"}}),
        &neighbour);
    (ref <= kHalf ? older : newer).push_back({SeriesRef{ref}, ids});
  }
  index_.Add(newer);
  index_.Add(older);
  const std::vector<uint64_t> of_cpu = For("cpu", "1"), of_mode = For("mode", "a");
  ASSERT_EQ(of_cpu.size(), 2 * kHalf / 3 + 1);
  ASSERT_EQ(of_mode.size(), kHalf);
  for (size_t i = 0; i < of_cpu.size(); ++i) ASSERT_EQ(of_cpu[i], 3 * i + 1);
  for (size_t i = 0; i < of_mode.size(); ++i) ASSERT_EQ(of_mode[i], 2 * i + 2);
}

// As series come and go, with batches out of order, against plain maps.
TEST_F(HeadIndexTest, AgreesWithAPlainModelThroughChurn) {
  std::mt19937_64 random(23);
  struct Series {
    Labels labels;
    PairIds pairs;
  };
  std::map<uint64_t, Series> series;
  std::vector<PairId> neighbour;
  for (int step = 0; step < 400; ++step) {
    std::vector<IndexEntry> entries;
    if (random() % 5 < 3) {
      std::set<uint64_t> refs;
      const uint64_t base = random() % 3 == 0 ? 0 : 50 * step;
      for (size_t n = random() % 8; n > 0; --n) refs.insert(base + 1 + random() % 50);
      for (const uint64_t ref : refs) {
        if (series.contains(ref)) continue;
        std::vector<Labels::Pair> pairs{{"id", std::to_string(ref)}};
        for (const char* name : {"a", "b", "job", "z"}) {
          if (random() % 3 != 0) pairs.emplace_back(name, std::string(1, 'a' + random() % 3));
        }
        Labels labels = Labels::FromPairs(std::move(pairs));
        const PairIds ids = index_.Intern(labels, &neighbour);
        entries.push_back({SeriesRef{ref}, ids});
        series[ref] = {std::move(labels), ids};
      }
      index_.Add(entries);
    } else {
      for (const auto& [ref, s] : series) {
        if (random() % 4 == 0) entries.push_back({SeriesRef{ref}, s.pairs});
      }
      index_.Remove(entries);
      for (const IndexEntry& entry : entries) {
        index_.Release(entry.pairs);
        series.erase(static_cast<uint64_t>(entry.ref));
      }
    }
    std::map<std::string, std::map<std::string, std::vector<uint64_t>>> model;
    for (const auto& [ref, s] : series) {
      std::string bytes;
      index_.AppendLabels(s.pairs, &bytes);
      ASSERT_EQ(bytes, s.labels.bytes());
      for (const model::Label label : s.labels) {
        model[std::string(label.name)][std::string(label.value)].push_back(ref);
      }
    }
    std::vector<std::string> names;
    uint64_t pairs = 0;
    for (const auto& [name, values] : model) {
      names.push_back(name);
      std::vector<std::string> sorted;
      for (const auto& [value, refs] : values) {
        sorted.push_back(value);
        ASSERT_EQ(For(name, value), refs) << name << "=" << value << " at " << step;
        ASSERT_EQ(index_.NumHolders(name, value), refs.size());
      }
      ASSERT_EQ(*index_.Values(name), sorted);
      pairs += values.size();
    }
    ASSERT_EQ(*index_.Names(), names);
    ASSERT_EQ(index_.num_pairs(), pairs);
  }
}

TEST_F(HeadIndexTest, CountsWhatIsLarge) {
  Add(1, {{"__name__", "a"}, {"x", "long-value"}});
  Add(2, {{"__name__", "a"}, {"x", "v"}});
  Add(3, {{"__name__", "b"}, {"x", "v"}});
  const Cardinality top = index_.TopCardinality(1);
  ASSERT_EQ(top.series_by_metric.size(), 1u);
  EXPECT_EQ(top.series_by_metric[0].name, "a");
  EXPECT_EQ(top.series_by_metric[0].value, 2u);
  EXPECT_EQ(top.values_by_label[0].name, "__name__");  // Equal counts go by name.
  EXPECT_EQ(top.values_by_label[0].value, 2u);
  EXPECT_EQ(top.bytes_by_label[0].name, "x");
  EXPECT_EQ(top.bytes_by_label[0].value, 11u);
  EXPECT_EQ(top.series_by_pair[0].value, 2u);
  EXPECT_TRUE(index_.TopCardinality(0).series_by_metric.empty());
}

TEST_F(HeadIndexTest, IsReadWhileItGrows) {
  std::thread writer([&] {
    for (uint64_t ref = 1; ref <= 2000; ++ref) {
      Add(ref, Labels::FromPairs({{"job", "a"}, {"id", std::to_string(ref)}}));
    }
  });
  size_t last = 0;
  while (last < 2000) {
    const PostingsPtr all = *index_.For("job", "a");
    ASSERT_GE(all->size(), last);
    ASSERT_TRUE(std::is_sorted(all->begin(), all->end()));
    last = all->size();
    ASSERT_LE(index_.Values("id")->size(), 2000u);
  }
  writer.join();
}

}  // namespace
}  // namespace storage
