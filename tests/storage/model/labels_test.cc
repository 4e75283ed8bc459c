#include "storage/model/labels.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>

namespace model {
namespace {

using ::testing::ElementsAre;

TEST(Labels, AreSortedWithoutEmptyValuesAndTheLastOfAName) {
  const Labels labels{{"job", "a"}, {"__name__", "up"}, {"empty", ""}, {"job", "b"}};
  EXPECT_EQ(labels.ToString(), R"({__name__="up", job="b"})");
  EXPECT_EQ(labels.size(), 2u);
  EXPECT_EQ(labels.Get("job"), "b");
  EXPECT_EQ(labels.Get("empty"), "");
  EXPECT_EQ(labels.MetricName(), "up");
  EXPECT_EQ(labels, (Labels{{"__name__", "up"}, {"job", "b"}}));
}

TEST(Labels, OrderIsPairByPairAndAPrefixComesFirst) {
  const std::vector<Labels> ascending = {
      {},
      {{"a", "1"}},
      {{"a", "1"}, {"b", "1"}},
      {{"a", "1"}, {"b", "11111111111"}},
      {{"a", "1"}, {"b", "2"}},
      {{"a", "11"}},
      {{"aa", "1"}},
      {{"b", "1"}}};
  for (size_t i = 0; i < ascending.size(); ++i) {
    for (size_t j = 0; j < ascending.size(); ++j) {
      EXPECT_EQ(ascending[i] < ascending[j], i < j) << i << " " << j;
      EXPECT_EQ(ascending[i] == ascending[j], i == j);
    }
  }
}

TEST(Labels, OrderAgreesWithComparingPairsOfStrings) {
  std::mt19937 random(5);
  const auto make = [&] {
    std::vector<Labels::Pair> pairs;
    for (unsigned n = random() % 4; n > 0; --n) {
      pairs.emplace_back(std::string(1 + random() % 2, char('a' + random() % 2)),
                         std::string(1 + random() % 200, char('a' + random() % 2)));
    }
    return Labels::FromPairs(pairs);
  };
  const auto pairs = [](const Labels& l) {
    std::vector<Labels::Pair> out;
    for (const Label& label : l) out.emplace_back(label.name, label.value);
    return out;
  };
  for (int i = 0; i < 5000; ++i) {
    const Labels a = make(), b = make();
    EXPECT_EQ(a < b, pairs(a) < pairs(b)) << a.ToString() << b.ToString();
  }
}

TEST(Labels, ForeignBytesAreChecked) {
  const Labels good{{"a", "1"}, {"b", "2"}};
  EXPECT_TRUE(Labels::Valid(good.bytes()));
  EXPECT_TRUE(Labels::Valid(""));
  for (size_t cut = 1; cut < good.bytes().size(); ++cut) {
    EXPECT_EQ(Labels::Valid(good.bytes().substr(0, cut)), cut == 4) << cut;
  }
  std::string unsorted;
  AppendLabel(&unsorted, "b", "1");
  AppendLabel(&unsorted, "a", "1");
  EXPECT_FALSE(Labels::Valid(unsorted));
  std::string twice;
  AppendLabel(&twice, "a", "1");
  AppendLabel(&twice, "a", "2");
  EXPECT_FALSE(Labels::Valid(twice));
  EXPECT_FALSE(Labels::Valid(std::string("\0\1x", 3)));
}

TEST(LabelsBuilder, SetsReplacesAndRemoves) {
  LabelsBuilder builder(Labels{{"a", "1"}, {"c", "3"}});
  builder.Set("b", "2").Set("a", "x").Remove("c").Set("d", "").Remove("absent");
  EXPECT_EQ(builder.Get("a"), "x");
  EXPECT_EQ(builder.Get("c"), "");
  EXPECT_EQ(builder.Build(), (Labels{{"a", "x"}, {"b", "2"}}));
  builder.Reset(Labels{{"z", "1"}});
  EXPECT_EQ(builder.Build(), (Labels{{"z", "1"}}));
}

TEST(Names, FollowTheOldRule) {
  EXPECT_TRUE(IsLegacyLabelName("_a9"));
  EXPECT_FALSE(IsLegacyLabelName("a:b"));
  EXPECT_FALSE(IsLegacyLabelName("9a"));
  EXPECT_FALSE(IsLegacyLabelName(""));
  EXPECT_TRUE(IsLegacyMetricName("job:up:sum"));
  EXPECT_FALSE(IsLegacyMetricName("a.b"));
}

TEST(Utf8, IsToldFromOtherBytes) {
  for (const std::string_view good : {"", "plain ascii, long enough", "\xc3\xa9", "\xe2\x82\xac",
                                      "\xf0\x9f\x98\x80", "eight by\xc3\xa9"}) {
    EXPECT_TRUE(IsValidUtf8(good)) << good;
  }
  for (const std::string_view bad : {"\x80", "\xc3", "\xc0\x80", "\xe2\x82", "\xed\xa0\x80",
                                     "\xf4\x90\x80\x80", "\xff", "\xe0\x80\x80", "12345678\xc3"}) {
    EXPECT_FALSE(IsValidUtf8(bad)) << bad;
  }
}

TEST(Quoting, FollowsGo) {
  const auto quoted = [](std::string_view s) {
    std::string out;
    AppendQuoted(&out, s);
    return out;
  };
  EXPECT_EQ(quoted("a\"b\\c"), R"("a\"b\\c")");
  EXPECT_EQ(quoted("\n\t\r\a"), R"("\n\t\r\a")");
  EXPECT_EQ(quoted(std::string_view("\0\x7f", 2)), R"("\x00\x7f")");
  EXPECT_EQ(quoted("\xff\xc3\xa9"), "\"\\xff\xc3\xa9\"");
  EXPECT_EQ(quoted("\xe2\x80\x8b"), R"("\u200b")");
}

TEST(Labels, WireFormIsThatOfRemoteWrite) {
  std::string wire, expected = "\x0a\x06\x0a\x01" "a\x12\x01x";
  AppendWireLabels(Labels{{"a", "x"}, {"long", std::string(130, 'v')}}, &wire);
  expected += "\x0a\x8b\x01\x0a\x04long\x12\x82\x01";
  expected.append(130, 'v');
  EXPECT_EQ(wire, expected);
}

}  // namespace
}  // namespace model
