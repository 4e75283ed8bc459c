// What the engine asks storage for, and how often: told by a store that writes it down.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fmt/ranges.h>

#include "promql/analysis.h"
#include "tests/promql/engine_fixture.h"

namespace promql {
namespace {

using ::testing::ElementsAre;

// Passes everything on to another store, and writes down the matchers of every Select.
class Watched final : public storage::Queryable {
 public:
  explicit Watched(storage::Queryable* data) : data_(data) {}

  absl::StatusOr<std::unique_ptr<storage::Querier>> NewQuerier(model::TimeRange range) override {
    auto querier = data_->NewQuerier(range);
    if (!querier.ok()) return querier.status();
    return std::make_unique<WatchedQuerier>(*std::move(querier), &selects);
  }

  std::vector<std::string> selects;

 private:
  class WatchedQuerier final : public storage::Querier {
   public:
    WatchedQuerier(std::unique_ptr<storage::Querier> querier, std::vector<std::string>* selects)
        : querier_(std::move(querier)), selects_(selects) {}
    absl::StatusOr<std::unique_ptr<storage::Selection>> Select(
        const storage::SelectRequest& request) override {
      std::vector<std::string> matchers;
      for (const model::Matcher& m : request.matchers) matchers.push_back(m.ToString());
      selects_->push_back(fmt::format("{}", fmt::join(matchers, ",")));
      return querier_->Select(request);
    }
    absl::StatusOr<std::vector<std::string>> LabelNames(storage::Matchers matchers,
                                                        size_t limit) override {
      return querier_->LabelNames(matchers, limit);
    }
    absl::StatusOr<std::vector<std::string>> LabelValues(std::string_view name,
                                                         storage::Matchers matchers,
                                                         size_t limit) override {
      return querier_->LabelValues(name, matchers, limit);
    }

   private:
    std::unique_ptr<storage::Querier> querier_;
    std::vector<std::string>* selects_;
  };

  storage::Queryable* data_;
};

class EngineReadsTest : public EngineFixture {
 protected:
  EngineReadsTest() {
    for (const char* job : {"x", "y", "z"}) {
      for (const char* i : {"1", "2"}) {
        for (const char* metric : {"a", "b", "c_total"}) {
          Load(fmt::format("{}{{job=\"{}\", i=\"{}\"}}", metric, job, i), "1+1x10");
        }
      }
    }
  }

  // The selects of a range query, with the name's matcher first.
  std::vector<std::string> Selects(std::string_view query) {
    Watched watched(&data_);
    const auto result = engine_->Evaluate(query, {0, 600'000, 60'000}, &watched);
    EXPECT_TRUE(result.ok()) << query;
    return watched.selects;
  }

  // How many samples an instant query read.
  int64_t Reads(std::string_view query) {
    const auto result = Run(query, {600'000, 600'000, 0});
    EXPECT_TRUE(result.ok()) << query << ": " << result.status().message();
    return result.ok() ? result->stats.samples_read : -1;
  }
};

constexpr char kA[] = R"(job="x",__name__="a")";
constexpr char kAllA[] = R"(__name__="a")";
constexpr char kB[] = R"(__name__="b",job="x")";
constexpr char kAllB[] = R"(__name__="b")";

TEST_F(EngineReadsTest, SetOperatorsTellTheOtherSideWhatItNeeds) {
  EXPECT_THAT(Selects(R"(a{job="x"} and on (job) b)"), ElementsAre(kA, kB));
  EXPECT_THAT(Selects(R"(a{job="x"} and b)"), ElementsAre(kA, kB));
  EXPECT_THAT(Selects(R"(a{job="x"} unless on (job, i) b)"), ElementsAre(kA, kB));
  EXPECT_THAT(Selects(R"(b and on (job) sum by (job) (rate(a{job="x"}[5m])))"), ElementsAre(kB, kA));
  EXPECT_THAT(Selects(R"(a{job="x"} and on (job) group by (job) (last_over_time(b[5m])))"),
              ElementsAre(kA, kB));
  EXPECT_THAT(Selects(R"(a{job=~"x|y",job!="y"} and b)"),
              ElementsAre(R"(job=~"x|y",job!="y",__name__="a")",
                          R"(__name__="b",job=~"x|y",job!="y")"));
}

TEST_F(EngineReadsTest, WhatMayMatterIsSelected) {
  // What is on the left of unless, and on either side of or, comes out.
  EXPECT_THAT(Selects(R"(b unless on (job) a{job="x"})"), ElementsAre(kAllB, kA));
  EXPECT_THAT(Selects(R"(b or a{job="x"})"), ElementsAre(kAllB, kA));
  // Labels that are not matched by.
  EXPECT_THAT(Selects(R"(a{job="x"} and on (i) b)"), ElementsAre(kA, kAllB));
  EXPECT_THAT(Selects(R"(a{job="x"} and ignoring (job) b)"), ElementsAre(kA, kAllB));
  // Somebody might have to be told of the others.
  EXPECT_THAT(Selects(R"(a{job="x"} and rate(b[5m]))"), ElementsAre(kA, kAllB));
  EXPECT_THAT(Selects(R"(a{job="x"} and on (job) sum by (job) (b))"), ElementsAre(kA, kAllB));
  EXPECT_THAT(Selects(R"(a{job="x"} and on (job) b smoothed)"), ElementsAre(kA, kAllB));
  // Labels that are made, or lost, on the way.
  EXPECT_THAT(Selects(R"(label_replace(a{job="x"}, "job", "y", "", "") and on (job) b)"),
              ElementsAre(kA, kAllB));
  EXPECT_THAT(Selects(R"(sum by (i) (a{job="x"}) and on (job) b)"), ElementsAre(kA, kAllB));
  EXPECT_THAT(Selects(R"(a{job="x"} and on (job) count by (i) (b))"), ElementsAre(kA, kAllB));
}

TEST_F(EngineReadsTest, JoinsTellItOnlyWhereTwoOfAGroupCannotBe) {
  EXPECT_THAT(Selects(R"(b * on (job) group_left () sum by (job) (a{job="x"}))"),
              ElementsAre(kB, kA));
  EXPECT_THAT(Selects(R"(a{job="x"} / on (job) group_left () count by (job) (b))"),
              ElementsAre(kA, kB));
  EXPECT_THAT(Selects(R"(sum without (i) (a{job="x"}) * ignoring (i) group_right () b)"),
              ElementsAre(kA, kB));
  EXPECT_THAT(Selects(R"(a{job="x"} * on (job, i) b)"), ElementsAre(kA, kAllB));
  EXPECT_THAT(Selects(R"(b * on (job, i) a{job="x"})"), ElementsAre(kAllB, kA));
  EXPECT_THAT(Selects(R"(b * on (job) group_left () fill (0) sum by (job) (a{job="x"}))"),
              ElementsAre(kAllB, kA));
}

TEST_F(EngineReadsTest, OneSelectServesEqualSelectors) {
  EXPECT_THAT(Selects("a + a"), ElementsAre(kAllA));
  EXPECT_THAT(Selects("rate(a[5m]) / on (job, i) (a offset 3m) > max_over_time(sum(a)[5m:1m]) * 0"),
              ElementsAre(kAllA));
  // It does not become two for one of them.
  EXPECT_THAT(Selects(R"(a{job="x"} and on (job) (b and b offset 1m))"), ElementsAre(kA, kAllB));
  EXPECT_THAT(Selects(R"((a{job="x"} and on (job) b) or b)"), ElementsAre(kA, kAllB));
  EXPECT_THAT(Selects(R"((a{job="x"} and on (job) b) or (a{job="x"} and b))"), ElementsAre(kA, kB));
}

TEST_F(EngineReadsTest, SeriesThatMeetNobodyAreNotRead) {
  EXPECT_EQ(Reads("a"), 6);
  EXPECT_EQ(Reads(R"(a{job="x"} * on (job, i) b)"), 2 + 2);
  EXPECT_EQ(Reads(R"(b + on (job, i) a{job!="x"})"), 4 + 4);
  EXPECT_EQ(Reads(R"(a{job="x"} * on (job, i) (-b))"), 2 + 2);
  EXPECT_EQ(Reads(R"(a{job="x"} * on (job, i) (b * 2))"), 2 + 2);
  EXPECT_EQ(Reads(R"(a{job="x"} * on (job, i) (rate(c_total[3m])))"), 2 + 6);
  EXPECT_EQ(Reads(R"(a{job="x"} and on (job, i) (b > 0))"), 2 + 2);
  EXPECT_EQ(Reads(R"(abs(b) unless on (job, i) rate(c_total{job="x"}[3m]))"), 6 + 6);
  EXPECT_EQ(Reads(R"(a{i="1"} / on (job) group_left () max by (job) (b{job=~"x|y"}))"), 2 + 4);
  // Fills look at all of them.
  EXPECT_EQ(Reads(R"(a{job="x"} * on (job, i) fill_left (0) b)"), 2 + 6);
  EXPECT_EQ(Reads(R"(b * on (job, i) fill_right (0) a{job="x"})"), 6 + 2);
}

TEST_F(EngineReadsTest, WhatWouldBeSaidOfThemIsSaidAllTheSame) {
  // b has two series a job, though nobody has a partner in job y.
  EXPECT_THAT(Instant(R"(a{job="x", i="1"} * on (job) b{job="y"})", 600),
              ::testing::StartsWith("error: found duplicate series for the match group"));
  // Not a counter by its name.
  EXPECT_THAT(Instant(R"(c_total{job="x"} * on (job, i) rate(b{job="y"}[5m]))", 600),
              ::testing::HasSubstr("metric might not be a counter"));
  // Histograms among floats.
  model::FloatHistogram h;
  h.count = 1;
  data_.AddHistogram(ParseSeries("c_total{job=\"y\", i=\"1\"}"), 590'000, h);
  EXPECT_THAT(Instant(R"(a{job="x"} * on (job, i) rate(c_total[5m]))", 600),
              ::testing::HasSubstr("encountered a mix of histograms and floats"));
  EXPECT_THAT(Instant(R"(a{job="x"} * on (job, i) (c_total > 1))", 599),
              ::testing::HasSubstr("incompatible sample types"));
}

// Every node of the report that has this name.
std::vector<const NodeReport*> Nodes(const NodeReport& root, std::string_view name) {
  std::vector<const NodeReport*> found;
  if (root.node == name) found.push_back(&root);
  for (const NodeReport& input : root.inputs) {
    for (const NodeReport* node : Nodes(input, name)) found.push_back(node);
  }
  return found;
}

TEST_F(EngineReadsTest, WhatIsTheSameAtEveryStepIsEvaluatedOnce) {
  query_options_.analyze = true;
  const auto result = Run(R"(a / on () group_left () sum(rate(c_total[5m] @ 600)))", {0, 600'000, 60'000});
  ASSERT_TRUE(result.ok());
  const std::vector<const NodeReport*> once = Nodes(*result->analysis, "once");
  ASSERT_EQ(once.size(), 1u);
  EXPECT_EQ(once[0]->steps, 11);
  ASSERT_EQ(once[0]->inputs.size(), 1u);
  EXPECT_EQ(once[0]->inputs[0].node, "aggregate");
  EXPECT_EQ(once[0]->inputs[0].steps, 1);
  EXPECT_EQ(once[0]->inputs[0].inputs[0].samples, 6 * 5);  // Read once, not for each of the steps.
}

}  // namespace
}  // namespace promql
