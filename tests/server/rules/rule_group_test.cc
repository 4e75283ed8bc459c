// Groups of rules over series in memory, step by step.
#include "server/rules/rule_group.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

#include "server/rules/testing/test_store.h"
#include "storage/base/status.h"

namespace server {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr int64_t kMinute = 60'000;

class RuleGroupTest : public ::testing::Test {
 protected:
  RuleGroupTest() : engine_({}), query_(&engine_, store_.queryable()) {}

  // `rules` is a list in YAML, `head` the group's other fields.
  void Load(const std::string& rules, const std::string& head = "") {
    const auto file =
        ParseRuleFile("groups: [{name: g, " + head + " rules: " + rules + "}]", "r.yml");
    ASSERT_TRUE(file.ok()) << file.status();
    RuleGroupEnvironment environment;
    environment.query = &query_;
    environment.storage = &store_;
    environment.alert_surroundings = {{{"region", "eu"}}, "http://h:9090"};
    environment.notify = [this](const AlertingRule& rule, std::vector<Alert> alerts) {
      for (const Alert& a : alerts) {
        told_.push_back(fmt::format("{} {} {}", now_ / kMinute, rule.name(), ToString(a.state)));
      }
    };
    group_ = std::make_unique<RuleGroup>(file->groups[0], environment);
    for (AlertingRule* rule : group_->alerting_rules()) rule->set_restored();
  }

  void Write(const model::Labels& labels, double v) {
    const auto appender = store_.NewAppender();
    ASSERT_EQ(appender->Append({}, labels, {now_, v}).outcome, storage::Outcome::kAccepted);
    ASSERT_TRUE(appender->Commit().ok());
  }

  // One minute on.
  void Evaluate() {
    group_->Evaluate(now_);
    now_ += kMinute;
  }

  // "{labels} value" of what the expression gives at the last evaluation.
  std::vector<std::string> Ask(std::string_view expr) {
    std::vector<std::string> out;
    const auto samples = query_.Evaluate(expr, now_ - kMinute);
    if (!samples.ok()) return {std::string(base::message(samples.status()))};
    for (const auto& s : *samples)
      out.push_back(fmt::format("{} {}", s.labels.ToString(), s.sample.v));
    return out;
  }

  std::string Error(size_t rule) const {
    return std::string(base::message(group_->rules()[rule]->last_error()));
  }
  AlertingRule* Alerting() { return group_->alerting_rules()[0]; }

  model::TimeMs now_ = 0;
  TestStore store_;
  promql::Engine engine_;
  RuleQuery query_;
  std::unique_ptr<RuleGroup> group_;
  std::vector<std::string> told_;
};

TEST_F(RuleGroupTest, RecordsUnderNewNameAndLabels) {
  Load(R"y([{record: "m:double", expr: "m * 2", labels: {team: a, pod: ""}}])y",
       "labels: {team: b, zone: z},");
  Write({{"__name__", "m"}, {"job", "x"}, {"pod", "p"}}, 4);
  Evaluate();
  EXPECT_THAT(Ask("m:double"),
              ElementsAre(R"({__name__="m:double", job="x", team="a", zone="z"} 8)"));
  EXPECT_EQ(group_->rules()[0]->health(), RuleHealth::kGood);
  EXPECT_EQ(group_->stats().last_samples, 1);
}

TEST_F(RuleGroupTest, EachRuleSeesWhatThoseBeforeItWrote) {
  Load(R"y([{record: a, expr: "m + 1"}, {record: b, expr: "a + 1"}, {record: s, expr: "7"}])y");
  Write({{"__name__", "m"}}, 1);
  Evaluate();
  EXPECT_THAT(Ask("b"), ElementsAre(R"({__name__="b"} 3)"));
  EXPECT_THAT(Ask("s"), ElementsAre(R"({__name__="s"} 7)"));
}

TEST_F(RuleGroupTest, ASeriesThatIsGoneGetsAStaleMarker) {
  Load(R"y([{record: a, expr: "m > 1"}])y");
  Write({{"__name__", "m"}}, 5);
  Evaluate();
  EXPECT_THAT(Ask("a"), ElementsAre(R"({__name__="a"} 5)"));
  Write({{"__name__", "m"}}, 0);
  Evaluate();
  EXPECT_THAT(Ask("a"), IsEmpty());
  EXPECT_THAT(store_.Dump(), HasSubstr("a =>\n5 @[0]\nNaN @[60000]\n"));
}

TEST_F(RuleGroupTest, AnErrorLeavesEverythingAsItWasAndIsTold) {
  Load(R"y([{record: a, expr: "m"}, {record: b, expr: "sum by (x) (m)", labels: {x: ""}},
           {record: c, expr: "m * on () group_left m"}, {record: d, expr: "1"}])y");
  Write({{"__name__", "m"}, {"x", "1"}}, 5);
  Evaluate();
  EXPECT_EQ(Error(0), "");
  Write({{"__name__", "m"}, {"x", "1"}}, 5);
  Write({{"__name__", "m"}, {"x", "2"}}, 5);
  Evaluate();
  EXPECT_EQ(Error(1), "vector contains metrics with the same labelset after applying rule labels");
  EXPECT_THAT(Error(2), HasSubstr("duplicate series"));
  EXPECT_EQ(group_->rules()[2]->health(), RuleHealth::kBad);
  EXPECT_EQ(Error(3), "");
  EXPECT_EQ(group_->stats().failures, 2);
}

TEST_F(RuleGroupTest, WhatTheStorageRefusesMakesTheRuleBad) {
  Load(R"y([{record: a, expr: "1"}, {record: a, expr: "2"}])y");
  Evaluate();
  EXPECT_EQ(Error(0), "");
  EXPECT_THAT(Error(1), HasSubstr("duplicate sample for timestamp"));
}

TEST_F(RuleGroupTest, AResultThatIsNoVectorIsAnError) {
  Load(R"y([{record: a, expr: "'x'"}])y");
  Evaluate();
  EXPECT_EQ(Error(0), "rule result is not a vector or scalar");
}

TEST_F(RuleGroupTest, LimitsSeriesAndAlerts) {
  Load(R"y([{record: a, expr: m}, {alert: A, expr: m}])y", "limit: 1,");
  Write({{"__name__", "m"}, {"x", "1"}}, 5);
  Write({{"__name__", "m"}, {"x", "2"}}, 5);
  Evaluate();
  EXPECT_EQ(Error(0), "exceeded limit of 1 with 2 series");
  EXPECT_EQ(Error(1), "exceeded limit of 1 with 2 alerts");
  EXPECT_THAT(Alerting()->ActiveAlerts(), IsEmpty());
}

TEST_F(RuleGroupTest, AsksAndStampsBeforeItsTime) {
  Load(R"y([{record: a, expr: m}])y", "query_offset: 1m,");
  Write({{"__name__", "m"}}, 1);
  now_ += kMinute;
  Write({{"__name__", "m"}}, 2);
  Evaluate();
  EXPECT_THAT(store_.Dump(), HasSubstr("a =>\n1 @[0]\n"));
}

TEST_F(RuleGroupTest, AnAlertPendsFiresAndIsResolved) {
  Load(R"y([{alert: A, expr: "m > 1", for: 2m, labels: {severity: "{{ $labels.job }}-{{ $value }}"},
            annotations: {s: "{{ $externalLabels.region }} {{ externalURL }} {{ $value }}", e: ""}}])y");
  const model::Labels m = {{"__name__", "m"}, {"job", "x"}};
  EXPECT_EQ(Alerting()->state(), AlertState::kUnknown);
  Write(m, 5);
  Evaluate();  // 0
  EXPECT_EQ(Alerting()->state(), AlertState::kPending);
  EXPECT_THAT(
      Ask("ALERTS"),
      ElementsAre(
          R"({__name__="ALERTS", alertname="A", alertstate="pending", job="x", severity="x-5"} 1)"));
  Write(m, 5);
  Evaluate();  // 1
  EXPECT_THAT(told_, IsEmpty());
  Write(m, 5);
  Evaluate();  // 2
  EXPECT_EQ(Alerting()->state(), AlertState::kFiring);
  const std::vector<Alert> alerts = Alerting()->ActiveAlerts();
  ASSERT_EQ(alerts.size(), 1u);
  EXPECT_EQ(alerts[0].labels.ToString(), R"({alertname="A", job="x", severity="x-5"})");
  EXPECT_EQ(ToString(alerts[0].annotations), R"({e="", s="eu http://h:9090 5"})");
  EXPECT_EQ(alerts[0].active_at, 0);
  EXPECT_EQ(alerts[0].fired_at, 2 * kMinute);
  EXPECT_THAT(
      Ask("ALERTS"),
      ElementsAre(
          R"({__name__="ALERTS", alertname="A", alertstate="firing", job="x", severity="x-5"} 1)"));
  EXPECT_THAT(
      Ask("ALERTS_FOR_STATE"),
      ElementsAre(R"({__name__="ALERTS_FOR_STATE", alertname="A", job="x", severity="x-5"} 0)"));
  Write(m, 0);
  Evaluate();  // 3
  EXPECT_EQ(Alerting()->state(), AlertState::kInactive);
  EXPECT_THAT(Alerting()->ActiveAlerts(), IsEmpty());
  EXPECT_THAT(Ask("ALERTS"), IsEmpty());
  EXPECT_THAT(told_, ElementsAre("2 A firing", "3 A inactive"));
}

TEST_F(RuleGroupTest, AResolvedAlertIsToldAgainForAWhile) {
  Load(R"y([{alert: A, expr: "m > 1"}])y");
  Write({{"__name__", "m"}}, 5);
  Evaluate();
  for (int i = 1; i <= 20; ++i) {
    Write({{"__name__", "m"}}, 0);
    Evaluate();
  }
  // Every other minute, as a minute must have passed; forgotten more than 15 minutes after
  // minute 1.
  EXPECT_THAT(told_, ElementsAre("0 A firing", "1 A inactive", "3 A inactive", "5 A inactive",
                                 "7 A inactive", "9 A inactive", "11 A inactive", "13 A inactive",
                                 "15 A inactive"));
}

TEST_F(RuleGroupTest, KeepsFiringForAWhile) {
  Load(R"y([{alert: A, expr: "m > 1", keep_firing_for: 2m}])y");
  const auto step = [&](double v) {
    Write({{"__name__", "m"}}, v);
    Evaluate();
    return Alerting()->state();
  };
  EXPECT_EQ(step(5), AlertState::kFiring);
  EXPECT_EQ(step(0), AlertState::kFiring);  // Gone since here.
  EXPECT_EQ(step(0), AlertState::kFiring);
  EXPECT_EQ(step(5), AlertState::kFiring);  // Back: it begins anew.
  EXPECT_EQ(step(0), AlertState::kFiring);
  EXPECT_EQ(step(0), AlertState::kFiring);
  EXPECT_EQ(step(0), AlertState::kInactive);
}

TEST_F(RuleGroupTest, APendingAlertThatIsGoneIsForgotten) {
  Load(R"y([{alert: A, expr: "m > 1", for: 5m}])y");
  Write({{"__name__", "m"}}, 5);
  Evaluate();
  Write({{"__name__", "m"}}, 0);
  Evaluate();
  EXPECT_EQ(Alerting()->state(), AlertState::kInactive);
  Write({{"__name__", "m"}}, 5);
  Evaluate();
  EXPECT_EQ(Alerting()->ActiveAlerts()[0].active_at, 2 * kMinute);
  EXPECT_THAT(told_, IsEmpty());
}

TEST_F(RuleGroupTest, AlertsOfTheSameLabelsAreAnError) {
  Load(R"y([{alert: A, expr: m, labels: {x: same}}])y");
  Write({{"__name__", "m"}, {"x", "1"}}, 5);
  Write({{"__name__", "m"}, {"x", "2"}}, 5);
  Evaluate();
  EXPECT_EQ(Error(0), "vector contains metrics with the same labelset after applying alert labels");
}

TEST_F(RuleGroupTest, TemplateErrorsStandInTheirPlace) {
  Load(
      R"y([{alert: A, expr: m, annotations: {s: "{{ humanize \"x\" }}", q: "{{ query \"m\" | first | value }}"}}])y");
  Write({{"__name__", "m"}}, 5);
  Evaluate();
  EXPECT_EQ(Error(0), "");
  const auto annotations = Alerting()->ActiveAlerts()[0].annotations;
  EXPECT_EQ(annotations[0].second, "5");
  EXPECT_THAT(annotations[1].second,
              HasSubstr("<error expanding template: error executing template __alert_A"));
}

TEST_F(RuleGroupTest, AReloadKeepsAlertsAndMarksWhatIsGone) {
  const std::string alert = R"y({alert: A, expr: "m > 1", for: 2m, annotations: {s: x}})y";
  const model::Labels m = {{"__name__", "m"}};
  Load("[{record: a, expr: m}, {record: b, expr: m}, " + alert + "]");
  Write(m, 5);
  Evaluate();
  std::unique_ptr<RuleGroup> before = std::move(group_);
  Load("[" + alert + ", {record: b, expr: m * 2}, {record: c, expr: m}]");
  group_->TakeStateFrom(before.get());
  EXPECT_EQ(Alerting()->state(), AlertState::kUnknown);  // Not evaluated yet.
  EXPECT_EQ(Alerting()->ActiveAlerts().size(), 1u);
  Write(m, 5);
  Evaluate();
  Write(m, 5);
  Evaluate();
  EXPECT_EQ(Alerting()->state(), AlertState::kFiring);
  EXPECT_EQ(Alerting()->ActiveAlerts()[0].active_at, 0);
  EXPECT_THAT(store_.Dump(),
              HasSubstr("a =>\n5 @[0]\nNaN @[60000]\nb =>\n5 @[0]\n10 @[60000]\n10 @[120000]\n"));
  Write(m, 5);
  ASSERT_TRUE(group_->MarkAllStale(now_).ok());
  now_ += kMinute;
  EXPECT_THAT(Ask("b or c or ALERTS"), IsEmpty());
}

TEST_F(RuleGroupTest, ALabelThatExpandsToNothingIsLeftOut) {
  Load(R"y([{alert: A, expr: m, labels: {x: "{{ $labels.missing }}"}}])y");
  Write({{"__name__", "m"}, {"x", "1"}}, 5);
  Evaluate();
  EXPECT_EQ(Alerting()->ActiveAlerts()[0].labels.ToString(), R"({alertname="A"})");
}

}  // namespace
}  // namespace server
