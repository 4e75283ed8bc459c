#include "promql/testing/script_runner.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "storage/base/status.h"
#include "promql/testing/script_compare.h"
#include "promql/testing/memory_queryable.h"

namespace promql_test {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class Store final : public ScriptStore {
 public:
  absl::Status Clear() override {
    loads.emplace_back("clear");
    return absl::OkStatus();
  }
  absl::Status Load(std::span<const Series> all) override {
    std::string text;
    for (const Series& series : all) {
      text += series.labels.ToString();
      for (const model::Sample& s : series.samples) text += fmt::format(" {}@{}", s.v, s.t);
      for (const promql::HistogramSample& s : series.histograms) {
        text += fmt::format(" H{}@{}", s.h->count, s.t);
      }
      for (const model::StartRun& run : series.starts) {
        text += fmt::format(" start {} from {}", run.start, run.from);
      }
    }
    loads.push_back(text);
    return absl::OkStatus();
  }
  storage::Queryable* queryable() override { return &data_; }

  std::vector<std::string> loads;

 private:
  promql_test::MemoryQueryable data_;
};

// Answers every query with `answer` on instant grids, and the same at each step on ranges.
class ScriptRunnerTest : public testing::Test {
 protected:
  ScriptResult Run(std::string_view script) {
    ScriptRunner runner(&store_, [this](std::string_view query, promql::Grid grid,
                                        storage::Queryable*) { return Answer(query, grid); });
    return runner.Run(script);
  }
  absl::StatusOr<promql::Result> Answer(std::string_view query, promql::Grid grid) {
    asked_.push_back(fmt::format("{} {}..{}", query, grid.start, grid.end));
    if (!status_.ok()) return status_;
    promql::Result result;
    result.annotations = annotations_;
    result.value.type = grid.step_ms == 0 ? promql::ValueType::kVector : promql::ValueType::kMatrix;
    for (const auto& [labels, v] : answer_) {
      result.value.vector.push_back({labels, {grid.start, v}});
      result.value.matrix.push_back({labels, {}});
      for (int i = 0; i < grid.size(); ++i) {
        result.value.matrix.back().points.push_back({grid.at(i), v});
      }
    }
    return result;
  }

  Store store_;
  std::map<model::Labels, double> answer_;
  promql::Annotations annotations_;
  absl::Status status_;
  std::vector<std::string> asked_;
};

TEST_F(ScriptRunnerTest, LoadsWhatIsNotOmitted) {
  Run("load 1m\n  x 1 _ 3\n  y{a=\"b\"} 5\n\nclear\n");
  EXPECT_THAT(store_.loads, ElementsAre("clear", "{__name__=\"x\"} 1@0 3@120000{__name__=\"y\", "
                                                 "a=\"b\"} 5@0", "clear"));
}

TEST_F(ScriptRunnerTest, AsksPinnedAndInRangesToo) {
  answer_[model::Labels{{"a", "1"}}] = 2;
  EXPECT_EQ(Run("eval instant at 50s x\n  {a=\"1\"} 2\n").passed, 1);
  EXPECT_THAT(asked_, ElementsAre("x 50000..50000", "x -10000..110000",
                                  "x @ 50.000 -500000..-500000", "x @ 50.000 -560000..-440000",
                                  "x @ 50.000 0..0", "x @ 50.000 -60000..60000",
                                  "x @ 50.000 10000..10000", "x @ 50.000 -50000..70000",
                                  "x @ 50.000 50000..50000", "x @ 50.000 -10000..110000",
                                  "x @ 50.000 500000..500000", "x @ 50.000 440000..560000"));
}

TEST_F(ScriptRunnerTest, DoesNotPinWhatDependsOnTime) {
  answer_[model::Labels{}] = 2;
  Run("eval instant at 50s vector(time())\n  {} 2\n");
  EXPECT_EQ(asked_.size(), 2u);
}

TEST_F(ScriptRunnerTest, TellsWhatDiffers) {
  answer_[model::Labels{{"a", "1"}}] = 2;
  const auto failure = [&](std::string_view expected) {
    const ScriptResult result =
        Run(fmt::format("eval range from 0 to 1m step 1m x\n{}", expected));
    EXPECT_EQ(result.failed, 1) << expected;
    return result.failures.empty() ? "" : result.failures[0];
  };
  EXPECT_THAT(failure(""), HasSubstr("line 1: x: unexpected {a=\"1\"}"));
  EXPECT_THAT(failure("{a=\"1\"} 2 3"), HasSubstr("want 2@0 3@60000; got 2@0 2@60000"));
  EXPECT_THAT(failure("{a=\"1\"} 2"), HasSubstr("want 2@0; got"));
  EXPECT_THAT(failure("{a=\"1\"} 2 2\n{a=\"2\"} 2 2"), HasSubstr("{a=\"2\"} is missing"));
  EXPECT_THAT(failure("expect fail"), HasSubstr("error wanted, got none"));
  EXPECT_THAT(failure("expect warn\n{a=\"1\"} 2 2"), HasSubstr("no warning like anything"));
}

TEST_F(ScriptRunnerTest, ChecksAnnotations) {
  annotations_.warnings = {"PromQL warning: hot (1:1)", "PromQL warning: wet (1:1)"};
  const auto failed = [&](std::string_view expected) {
    return Run(fmt::format("eval range from 0 to 0 step 1m x\n{}", expected)).failed;
  };
  EXPECT_EQ(failed("expect warn regex: hot|wet"), 0);
  EXPECT_EQ(failed("expect warn"), 0);
  EXPECT_EQ(failed("expect warn regex: hot"), 1);
  EXPECT_EQ(failed("expect warn regex: hot\nexpect warn msg: PromQL warning: wet (1:1)"), 0);
  EXPECT_EQ(failed("expect no_warn"), 1);
  EXPECT_EQ(failed("expect no_info"), 0);
  EXPECT_EQ(failed("expect info"), 1);
}

TEST_F(ScriptRunnerTest, ChecksErrors) {
  status_ = absl::AbortedError("too many cooks");
  const auto failed = [&](std::string_view expected) {
    return Run(fmt::format("eval range from 0 to 0 step 1m x\n{}", expected)).failed;
  };
  EXPECT_EQ(failed("expect fail"), 0);
  EXPECT_EQ(failed("expect fail msg: too many cooks"), 0);
  EXPECT_EQ(failed("expect fail msg: too many"), 1);
  EXPECT_EQ(failed("expect fail regex: many.*"), 0);
  EXPECT_EQ(failed(""), 1);
  EXPECT_EQ(Run("eval_fail instant at 0 x\n  expected_fail_message too many cooks\n").failed, 0);
  EXPECT_EQ(Run("eval_fail instant at 0 x\n  expected_fail_regexp cooks$\n").failed, 0);
}

TEST_F(ScriptRunnerTest, LoadsStartTimes) {
  const ScriptResult result = Run(
      "load 1m\n"
      "  s{a=\"b\"}@st _ -30s -1s-1msx1 _x2 0s\n"
      "  s{a=\"b\"} 1 {{count:2}} _ 4 5 6 7\n"
      "  t 1 2\n");
  EXPECT_THAT(result.failures, IsEmpty());
  EXPECT_THAT(store_.loads,
              ElementsAre("clear", "{__name__=\"s\", a=\"b\"} 1@0 4@180000 5@240000 6@300000 "
                                   "7@360000 H2@60000 start 30000 from 60000 start 178999 from "
                                   "180000 start 0 from 240000 start 360000 from 360000"
                                   "{__name__=\"t\"} 1@0 2@60000"));
}

TEST_F(ScriptRunnerTest, RefusesStartTimesThatFitNoSeries) {
  const auto failure = [&](std::string_view lines) {
    return Run(fmt::format("load 1m\n{}", lines)).failures.at(0);
  };
  EXPECT_EQ(failure("  s@st 1m\n  t 1"), "line 3: the @st line before is of another series");
  EXPECT_EQ(failure("  s@st 1mx3\n  s 1x4"),
            "line 3: the @st line before has 4 values, the series 5");
  EXPECT_EQ(failure("  s@st 1m\n  s@st 1m\n  s 1"), "line 3: two @st lines for one series");
  EXPECT_EQ(failure("  s 1\n  s@st 1m"), "line 3: no series after an @st line");
  for (const char* bad : {"1", "m", "1m+x3", "1m+1m", "1mx", "1mxx", "_x0", "_x", "_1m", "1mx-1"}) {
    EXPECT_EQ(failure(fmt::format("  s@st {}\n  s 1", bad)),
              fmt::format("line 2: bad start time {}", bad));
  }
}

TEST_F(ScriptRunnerTest, LoadsHistograms) {
  const ScriptResult result = Run(
      "load 1m\n  h {{count:1}} 5 {{count:2}}\n\n"
      "load_with_nhcb 1m\n  w_bucket{le=\"1\", b=\"c\"} 1\n  w_bucket{le=\"+Inf\", b=\"c\"} 3\n"
      "  w_sum{b=\"c\"} 7\n");
  EXPECT_THAT(result.failures, IsEmpty());
  EXPECT_THAT(store_.loads,
              ElementsAre("clear", "{__name__=\"h\"} 5@60000 H1@0 H2@120000",
                          "{__name__=\"w\", b=\"c\"} H3@0"
                          "{__name__=\"w_bucket\", b=\"c\", le=\"+Inf\"} 3@0"
                          "{__name__=\"w_bucket\", b=\"c\", le=\"1\"} 1@0"
                          "{__name__=\"w_sum\", b=\"c\"} 7@0"));
}

TEST_F(ScriptRunnerTest, SkipsWhatTheEngineDoesNotKnowYet) {
  status_ = base::Unimplemented("x is not supported yet");
  EXPECT_EQ(Run("eval instant at 0 x\n").skipped, 1);
}

TEST_F(ScriptRunnerTest, RefusesScriptsItCannotRead) {
  const auto failure = [&](std::string_view script) { return Run(script).failures.at(0); };
  EXPECT_EQ(failure("\n\nfetch 1m"), "line 3: invalid command \"fetch 1m\"");
  EXPECT_THAT(failure("eval sometimes x"), HasSubstr("line 1: bad eval"));
  EXPECT_THAT(failure("load 1x\n  y 1"), HasSubstr("line 1: unknown unit"));
  EXPECT_THAT(failure("load 1m\n  y z"), HasSubstr("line 2: expected a value"));
  EXPECT_THAT(failure("eval instant at 0 x\n  expect luck"), HasSubstr("bad expect line"));
  EXPECT_THAT(failure("eval instant at 0 x\n  x 1 2"), HasSubstr("several values"));
  EXPECT_THAT(failure("eval instant at 0 x\n  expect warn\n  expect no_warn"),
              HasSubstr("contradict"));
  EXPECT_THAT(failure("eval instant at 0 x\n  expect fail\n  expect fail"), HasSubstr("more than one"));
  EXPECT_THAT(failure("eval_fail instant at 0 x\n  expect fail\n  expect fail"),
              HasSubstr("more than one"));
  EXPECT_THAT(failure("eval instant at 0 x +"), HasSubstr("parse error"));
}

TEST(ScriptCompare, IsAlmostEqual) {
  EXPECT_TRUE(AlmostEqual(1, 1 + 1e-7));
  EXPECT_FALSE(AlmostEqual(1, 1 + 1e-5));
  EXPECT_TRUE(AlmostEqual(1e300, 1.0000001e300));
  EXPECT_FALSE(AlmostEqual(0, 1e-300));
  EXPECT_TRUE(AlmostEqual(std::nan(""), model::NormalNan()));
  EXPECT_FALSE(AlmostEqual(std::nan(""), model::StaleNan()));
  EXPECT_TRUE(AlmostEqual(model::StaleNan(), model::StaleNan()));
  EXPECT_FALSE(AlmostEqual(1e308 * 10, -1e308 * 10));
}

}  // namespace
}  // namespace promql_test
