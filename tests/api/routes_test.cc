// The answers of /api/v1, in memory.
#include "api/routes.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/api/fake_server.h"
#include "tests/api/json_check.h"

namespace api {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using ::testing::StartsWith;

class RoutesTest : public ::testing::Test {
 protected:
  static constexpr model::TimeMs kNow = 1'700'000'000'000;

  RoutesTest() {
    for (const char* job : {"a", "b"}) {
      for (int i = 0; i <= 10; ++i) {
        server_.data.Add(model::Labels{{"__name__", "up"}, {"job", job}}, kNow - i * 15'000,
                         job[0] == 'a' ? 1 : 0.5);
      }
    }
    server_.data.Add(model::Labels{{"__name__", "other"}, {"zone", "<x>"}}, kNow, 7);
  }
  std::string Error(std::string_view target, int status = 400) {
    const Response response = server_.Get(target);
    EXPECT_EQ(response.status, status) << target << " " << response.body;
    EXPECT_THAT(response.body, StartsWith(R"({"status":"error","errorType":")")) << target;
    return response.body;
  }
  std::string Data(std::string_view target) {
    const Response response = server_.Get(target);
    EXPECT_EQ(response.status, 200) << target << " " << response.body;
    const std::string prefix = R"({"status":"success","data":)";
    EXPECT_THAT(response.body, StartsWith(prefix)) << target;
    EXPECT_THAT(Reparse(response.body), StartsWith("{")) << response.body;
    return response.body.substr(prefix.size(), response.body.size() - prefix.size() - 1);
  }

  FakeServer server_;
};

TEST_F(RoutesTest, AnInstantQueryAnswersInShape) {
  EXPECT_EQ(Data("/api/v1/query?query=1%2B1&time=4"),
            R"({"resultType":"scalar","result":[4,"2"]})");
  EXPECT_EQ(Data("/api/v1/query?query=up"),
            R"({"resultType":"vector","result":[)"
            R"({"metric":{"__name__":"up","job":"a"},"value":[1700000000,"1"]},)"
            R"({"metric":{"__name__":"up","job":"b"},"value":[1700000000,"0.5"]}]})");
  EXPECT_EQ(Data("/api/v1/query?query=nothing"), R"({"resultType":"vector","result":[]})");
  EXPECT_EQ(Data("/api/v1/query?query=%22text%22&time=1.5"),
            R"({"resultType":"string","result":[1.5,"text"]})");
  EXPECT_EQ(Data("/api/v1/query?query=other"),
            R"({"resultType":"vector","result":[{"metric":{"__name__":"other","zone":"\u003cx\u003e"},)"
            R"("value":[1700000000,"7"]}]})");
}

TEST_F(RoutesTest, APostedFormAndTheUrlAreMerged) {
  const Response response =
      server_.PostForm("/api/v1/query_range?stats=all&zzz=1",
                       "query=up{job=\"a\"}&start=1699999970&end=1700000000&step=15");
  EXPECT_EQ(response.status, 200);
  EXPECT_THAT(response.body, StartsWith(R"({"status":"success","data":{"resultType":"matrix","result":)"
                                        R"([{"metric":{"__name__":"up","job":"a"},"values":)"
                                        R"([[1699999970,"1"],[1699999985,"1"],[1700000000,"1"]]}],)"
                                        R"("stats":{"timings":{"evalTotalTime":)"));
  EXPECT_THAT(response.body, HasSubstr(R"("samples":{"totalQueryableSamples":)"));
}

TEST_F(RoutesTest, QueryErrorsNameTheParameter) {
  EXPECT_THAT(Error("/api/v1/query?query=up{"),
              HasSubstr(R"("errorType":"bad_data","error":"invalid parameter \"query\": 1:)"));
  EXPECT_THAT(Error("/api/v1/query"), HasSubstr(R"(invalid parameter \"query\": )"));
  EXPECT_THAT(Error("/api/v1/query?query=up&time=x"),
              HasSubstr(R"(invalid parameter \"time\": invalid time value for 'time': cannot parse \"x\" to a valid timestamp)"));
  EXPECT_THAT(Error("/api/v1/query?query=up&timeout=x"),
              HasSubstr(R"(invalid parameter \"timeout\": cannot parse \"x\" to a valid duration)"));
  EXPECT_THAT(Error("/api/v1/query?query=up&lookback_delta=x"),
              HasSubstr(R"("error":"error parsing lookback delta duration: cannot parse)"));
  EXPECT_THAT(Error("/api/v1/query?query=up&limit=-1"), HasSubstr("limit must be non-negative"));
}

TEST_F(RoutesTest, RangeErrorsNameTheParameter) {
  const std::string base = "/api/v1/query_range?query=up";
  EXPECT_THAT(Error(base), HasSubstr(R"(invalid parameter \"start\": cannot parse \"\" to a valid timestamp)"));
  EXPECT_THAT(Error(base + "&start=1"), HasSubstr(R"(invalid parameter \"end\": cannot parse)"));
  EXPECT_THAT(Error(base + "&start=2&end=1&step=1"),
              HasSubstr(R"(invalid parameter \"end\": end timestamp must not be before start time)"));
  EXPECT_THAT(Error(base + "&start=1&end=2"), HasSubstr(R"(invalid parameter \"step\": cannot parse)"));
  for (const char* step : {"0", "-1", "0.0001"}) {
    EXPECT_THAT(Error(base + "&start=1&end=2&step=" + step),
                HasSubstr(R"(invalid parameter \"step\": zero or negative query resolution step widths are not accepted. Try a positive integer)"));
  }
  EXPECT_THAT(Error(base + "&start=0&end=11001&step=1"),
              HasSubstr(R"-("error":"exceeded maximum resolution of 11,000 points per timeseries. Try decreasing the query resolution (?step=XX)")-"));
  EXPECT_EQ(server_.Get(base + "&start=0&end=11000&step=1").status, 200);
  // The span of these overflows a signed difference.
  Error(base + "&start=-1e300&end=1e300&step=1");
}

TEST_F(RoutesTest, ALimitTruncatesAndSaysSo) {
  EXPECT_EQ(server_.Body("/api/v1/query?query=up&limit=1"),
            R"({"status":"success","data":{"resultType":"vector","result":[)"
            R"({"metric":{"__name__":"up","job":"a"},"value":[1700000000,"1"]}]},)"
            R"("warnings":["results truncated due to limit"]})");
  EXPECT_THAT(server_.Body("/api/v1/query?query=up&limit=2"), ::testing::Not(HasSubstr("warnings")));
}

TEST_F(RoutesTest, ExplainTellsWhatEachPartCost) {
  const std::string body = server_.Body(
      "/api/v1/query_range?query=sum(up)%2B1&start=0&end=60&step=30&explain=analyze");
  EXPECT_THAT(body, HasSubstr(R"("explain":{"node":"binary","expr":"sum(up) + 1","steps":3,)"));
  EXPECT_THAT(body, HasSubstr(R"x({"node":"aggregate","expr":"sum(up)","steps":3,"series":)x"));
  EXPECT_THAT(body, HasSubstr(R"({"node":"select","expr":"up","steps":3,"series":)"));
  EXPECT_THAT(body, HasSubstr(R"("selfTime":)"));
  EXPECT_THAT(server_.Body("/api/v1/query?query=1"), ::testing::Not(HasSubstr("explain")));
  EXPECT_THAT(Error("/api/v1/query?query=1&explain=plan"),
              HasSubstr(R"(invalid parameter \"explain\": the only value is \"analyze\")"));
}

TEST_F(RoutesTest, AnOddStatsValueIsAnsweredWithAWarning) {
  EXPECT_THAT(server_.Body("/api/v1/query?query=1&stats=yes"),
              HasSubstr(R"("warnings":["value \"yes\" for parameter \"stats\" is deprecated)"));
}

TEST_F(RoutesTest, EvaluationErrorsAre422) {
  server_.data.Add(model::Labels{{"__name__", "up"}, {"job", "a"}, {"x", "1"}}, kNow, 1);
  EXPECT_THAT(Error("/api/v1/query?query=up%20*%20on(job)%20up", 422), HasSubstr(R"("errorType":"execution")"));
}

TEST_F(RoutesTest, ACancelledQueryIs499) {
  const std::atomic<bool> gone{true};
  Request request;
  ASSERT_TRUE(SetTarget("/api/v1/query?query=up", &request).ok());
  request.cancelled = &gone;
  const Response response = server_.router.Route(request);
  EXPECT_EQ(response.status, 499);
  EXPECT_THAT(response.body, HasSubstr(R"("errorType":"canceled")"));
}

TEST_F(RoutesTest, ExemplarsComeInGrafanasOrder) {
  // The probe of a new data source: milliseconds where seconds belong.
  EXPECT_EQ(Data("/api/v1/query_exemplars?query=test&start=1699998200000&end=1700000000000"), "[]");
  EXPECT_EQ(server_.storage.asked_range.max, 1700000000000000);
  model::Exemplar exemplar;
  exemplar.labels = model::Labels{{"trace_id", "t"}};
  exemplar.value = 6;
  exemplar.t = 1600096945479;
  server_.storage.exemplars = {{model::Labels{{"__name__", "test"}}, {exemplar}}};
  EXPECT_EQ(Data("/api/v1/query_exemplars?query=a%2Bsum(rate(b[5m]))"),
            R"([{"seriesLabels":{"__name__":"test"},"exemplars":[{"labels":{"trace_id":"t"},)"
            R"("value":"6","timestamp":1600096945.479}]}])");
  EXPECT_EQ(server_.storage.asked_sets, 2u);
  EXPECT_EQ(server_.Get("/api/v1/query_exemplars?query=1").status, 204);
  EXPECT_THAT(Error("/api/v1/query_exemplars?query=a&start=2&end=1"),
              HasSubstr(R"("error":"end timestamp must not be before start timestamp")"));
}

TEST_F(RoutesTest, QueriesAreFormattedAndTakenApart) {
  EXPECT_EQ(Data("/api/v1/format_query?query=foo/bar"), R"("foo / bar")");
  EXPECT_THAT(Error("/api/v1/format_query?query=foo/"), HasSubstr(R"(invalid parameter \"query\")"));
  EXPECT_THAT(Data("/api/v1/parse_query?query=1"), HasSubstr(R"("numberLiteral")"));
}

TEST_F(RoutesTest, LabelsAndTheirValues) {
  EXPECT_EQ(Data("/api/v1/labels"), R"(["__name__","job","zone"])");
  EXPECT_EQ(Data("/api/v1/labels?match[]=up"), R"(["__name__","job"])");
  EXPECT_EQ(Data("/api/v1/labels?match[]=up&match[]=other"), R"(["__name__","job","zone"])");
  EXPECT_EQ(Data("/api/v1/labels?match[]=nothing"), "[]");
  EXPECT_EQ(Data("/api/v1/label/job/values"), R"(["a","b"])");
  EXPECT_EQ(Data("/api/v1/label/__name__/values?match[]={job=\"a\"}"), R"(["up"])");
  EXPECT_EQ(Data("/api/v1/label/U__a_2e_b/values"), "[]");
  EXPECT_EQ(Data("/api/v1/label/U__job/values"), R"(["a","b"])");
  EXPECT_EQ(server_.Body("/api/v1/label/job/values?limit=1"),
            R"({"status":"success","data":["a"],"warnings":["results truncated due to limit"]})");
  EXPECT_EQ(Data("/api/v1/label/job/values?limit=2"), R"(["a","b"])");
  EXPECT_EQ(server_.PostForm("/api/v1/label/job/values?match[]=up", "").status, 200);
  EXPECT_THAT(Error("/api/v1/label/U__/values"), HasSubstr(R"(invalid label name: \"\")"));
  EXPECT_THAT(Error("/api/v1/labels?match[]={job=~\".*\"}"),
              HasSubstr(R"("error":"match[] must contain at least one non-empty matcher")"));
}

TEST_F(RoutesTest, SeriesAreMergedSortedAndEachOnce) {
  EXPECT_EQ(Data("/api/v1/series?match[]=up&match[]={job=\"a\"}&match[]=other"),
            R"([{"__name__":"other","zone":"\u003cx\u003e"},{"__name__":"up","job":"a"},)"
            R"({"__name__":"up","job":"b"}])");
  EXPECT_EQ(server_.Body("/api/v1/series?match[]=up&limit=1"),
            R"({"status":"success","data":[{"__name__":"up","job":"a"}],)"
            R"("warnings":["results truncated due to limit"]})");
  EXPECT_EQ(Data("/api/v1/series?match[]=nothing"), "[]");
  EXPECT_THAT(Error("/api/v1/series"), HasSubstr(R"("error":"no match[] parameter provided")"));
  EXPECT_THAT(Error("/api/v1/series?match[]=up{"), HasSubstr(R"(invalid parameter \"match[]\": )"));
  EXPECT_THAT(Error("/api/v1/series?match[]=up&start=x"), HasSubstr(R"(invalid parameter \"start\")"));
}

TEST_F(RoutesTest, StorageErrorsAreNotTheCallersFault) {
  for (const auto& status : {base::InvalidArgument("disk says no"), base::DataLoss("disk says no")}) {
    server_.data.FailSelect(status);
    EXPECT_THAT(Error("/api/v1/series?match[]=up", 422),
                HasSubstr(R"("errorType":"execution","error":"disk says no")"));
  }
  server_.data.FailSelect(base::Unavailable("TSDB not ready"));
  EXPECT_THAT(Error("/api/v1/series?match[]=up", 500), HasSubstr(R"("errorType":"unavailable")"));
}

TEST_F(RoutesTest, TargetsInTheirShape) {
  EXPECT_EQ(Data("/api/v1/targets"),
            R"({"activeTargets":[],"droppedTargets":[],"droppedTargetCounts":{}})");
  TargetInfo target;
  target.labels = model::Labels{{"job", "node"}};
  target.discovered_labels = model::Labels{{"__address__", "h:1"}};
  target.scrape_pool = "node";
  target.scrape_url = target.global_url = "http://h:1/metrics";
  target.health = "unknown";
  target.scrape_interval = "15s";
  target.scrape_timeout = "10s";
  server_.targets.active = {target};
  target.scrape_pool = "a";
  target.last_scrape_ns = 1433337718555000001;
  target.last_scrape_duration_s = 0.0625;
  target.last_error = "down";
  target.health = "down";
  server_.targets.active.push_back(target);
  server_.targets.dropped = {{model::Labels{{"__address__", "x"}}, "a"}};
  server_.targets.dropped_counts = {{"a", 3}};
  EXPECT_EQ(Data("/api/v1/targets?state=active&scrapePool=node"),
            R"({"activeTargets":[{"discoveredLabels":{"__address__":"h:1"},"labels":{"job":"node"},)"
            R"("scrapePool":"node","scrapeUrl":"http://h:1/metrics","globalUrl":"http://h:1/metrics",)"
            R"("lastError":"","lastScrape":"0001-01-01T00:00:00Z","lastScrapeDuration":0,)"
            R"("health":"unknown","scrapeInterval":"15s","scrapeTimeout":"10s"}],)"
            R"("droppedTargets":[],"droppedTargetCounts":null})");
  EXPECT_THAT(Data("/api/v1/targets?state=ACTIVE&scrapePool=a"),
              HasSubstr(R"("lastScrape":"2015-06-03T13:21:58.555000001Z","lastScrapeDuration":0.0625)"));
  EXPECT_EQ(Data("/api/v1/targets?state=dropped"),
            R"({"activeTargets":[],"droppedTargets":[{"discoveredLabels":{"__address__":"x"},)"
            R"("scrapePool":"a"}],"droppedTargetCounts":{"a":3}})");
}

TEST_F(RoutesTest, MetadataByMetricAndByTarget) {
  const model::Metadata up{model::MetricType::kGauge, "Help.", ""};
  const model::Metadata other{model::MetricType::kCounter, "Other.", "bytes"};
  server_.targets.metadata = {{model::Labels{{"job", "a"}}, "up", up},
                              {model::Labels{{"job", "b"}}, "up", up},
                              {model::Labels{{"job", "b"}}, "up", other},
                              {model::Labels{{"job", "b"}}, "more", other}};
  EXPECT_EQ(Data("/api/v1/metadata"),
            R"({"more":[{"type":"counter","unit":"bytes","help":"Other."}],)"
            R"("up":[{"type":"gauge","unit":"","help":"Help."},)"
            R"({"type":"counter","unit":"bytes","help":"Other."}]})");
  EXPECT_EQ(Data("/api/v1/metadata?metric=up&limit_per_metric=1"),
            R"({"up":[{"type":"gauge","unit":"","help":"Help."}]})");
  EXPECT_EQ(Data("/api/v1/metadata?limit=0"), "{}");
  EXPECT_EQ(Data("/api/v1/metadata?metric=none"), "{}");
  EXPECT_THAT(Error("/api/v1/metadata?limit=x"), HasSubstr(R"("error":"limit must be a number")"));
  EXPECT_THAT(Error("/api/v1/metadata?limit_per_metric=x"), HasSubstr("limit_per_metric must be a number"));
  EXPECT_EQ(Data("/api/v1/targets/metadata?match_target={job=\"b\"}&metric=up&limit=1"),
            R"([{"target":{"job":"b"},"type":"gauge","help":"Help.","unit":""}])");
  EXPECT_EQ(Data("/api/v1/targets/metadata?match_target={job=\"a\"}"),
            R"([{"target":{"job":"a"},"metric":"up","type":"gauge","help":"Help.","unit":""}])");
  EXPECT_EQ(Data("/api/v1/targets/metadata?limit=0"), "[]");
  EXPECT_THAT(Error("/api/v1/targets/metadata?match_target={"), HasSubstr(R"(invalid parameter \"match_target\")"));
}

TEST_F(RoutesTest, ScrapePools) {
  server_.targets.pools = {"b", "a"};
  EXPECT_EQ(Data("/api/v1/scrape_pools"), R"({"scrapePools":["a","b"]})");
  EXPECT_EQ(Data("/api/v1/scrape_pools/config?scrapePool=node"), R"({"yaml":"job_name: node\n"})");
  EXPECT_THAT(Error("/api/v1/scrape_pools/config"), HasSubstr("no scrapePool parameter provided"));
  EXPECT_THAT(Error("/api/v1/scrape_pools/config?scrapePool=x"),
              HasSubstr(R"(error retrieving scrape config: unknown scrape pool \"x\")"));
}

TEST_F(RoutesTest, EmptyListsHaveTheirShape) {
  EXPECT_EQ(Data("/api/v1/rules?type=alert&exclude_alerts=true&group_limit=1"), R"({"groups":[]})");
  EXPECT_EQ(Data("/api/v1/alerts"), R"({"alerts":[]})");
  EXPECT_EQ(Data("/api/v1/alertmanagers"), R"({"activeAlertmanagers":[],"droppedAlertmanagers":[]})");
  EXPECT_EQ(Data("/api/v1/notifications"), "[]");
  EXPECT_EQ(server_.Get("/api/v1/notifications/live").status, 204);
}

TEST_F(RoutesTest, RuleParametersAreChecked) {
  EXPECT_THAT(Error("/api/v1/rules?type=x"), HasSubstr(R"(invalid parameter \"type\": not supported value \"x\")"));
  EXPECT_THAT(Error("/api/v1/rules?exclude_alerts=x"), HasSubstr("error converting exclude_alerts: strconv.ParseBool"));
  EXPECT_THAT(Error("/api/v1/rules?group_next_token=x"), HasSubstr("group_limit needs to be present in order to paginate over the groups"));
  EXPECT_THAT(Error("/api/v1/rules?group_limit=x"), HasSubstr("group_limit needs to be a valid number: "));
  EXPECT_THAT(Error("/api/v1/rules?group_limit=0"), HasSubstr("group_limit needs to be greater than 0"));
  EXPECT_THAT(Error("/api/v1/rules?group_limit=1&group_next_token=x"), HasSubstr("invalid group_next_token 'x'. were rule groups changed?"));
}

TEST_F(RoutesTest, StatusPages) {
  EXPECT_EQ(Data("/api/v1/status/config"), R"({"yaml":"global:\n  scrape_interval: 15s\n"})");
  EXPECT_EQ(Data("/api/v1/status/flags"), R"({"a":"1","b":"2"})");
  EXPECT_EQ(Data("/api/v1/status/buildinfo"),
            R"({"version":"3.14.0","revision":"r","branch":"b","buildUser":"u","buildDate":"d","goVersion":"g"})");
  EXPECT_EQ(Data("/api/v1/status/runtimeinfo"),
            R"({"startTime":"2026-01-01T00:00:00Z","goroutineCount":7})");
  server_.storage.replay = {
      .min = 1, .max = 5, .current = 3, .read_bytes = 100, .total_bytes = 400, .seconds = 2};
  EXPECT_EQ(Data("/api/v1/status/walreplay"),
            R"({"min":1,"max":5,"current":3,"done":false,"percent":25,"readBytes":100,)"
            R"("totalBytes":400,"secondsLeft":6})");
  EXPECT_THAT(Data("/api/v1/features"), HasSubstr(R"("promql_operators":{"!=":true)"));
  EXPECT_THAT(Data("/api/v1/features"), HasSubstr(R"("</":true)"));
  EXPECT_EQ(server_.Body("/version"), R"({"version":"3.14.0","revision":"r","branch":"b","buildUser":"u","buildDate":"d","goVersion":"g"})");
}

TEST_F(RoutesTest, TsdbStatus) {
  server_.storage.head.num_series = 3;
  server_.storage.head.num_chunks = 4;
  server_.storage.head.range = {5, 6};
  server_.storage.cardinality.series_by_pair = {{"job=a", 9}};
  EXPECT_EQ(Data("/api/v1/status/tsdb"),
            R"({"headStats":{"numSeries":3,"numLabelPairs":0,"chunkCount":4,"minTime":5,"maxTime":6},)"
            R"("seriesCountByMetricName":[],"labelValueCountByLabelName":[],"memoryInBytesByLabelName":[],)"
            R"("seriesCountByLabelValuePair":[{"name":"job=a","value":9}]})");
  EXPECT_EQ(server_.storage.asked_limit, 10u);
  Data("/api/v1/status/tsdb?limit=10000");
  EXPECT_EQ(server_.storage.asked_limit, 10000u);
  for (const char* limit : {"0", "-1", "x"}) {
    EXPECT_THAT(Error(fmt::format("/api/v1/status/tsdb?limit={}", limit)), HasSubstr("limit must be a positive number"));
  }
  EXPECT_THAT(Error("/api/v1/status/tsdb?limit=10001"), HasSubstr("limit must not exceed 10000"));
  storage::BlockMeta meta;
  meta.ulid = "01X";
  meta.range = {1000, 1999};
  meta.num_series = 2;
  server_.storage.blocks = {meta};
  EXPECT_EQ(Data("/api/v1/status/tsdb/blocks"),
            R"({"blocks":[{"ulid":"01X","minTime":1000,"maxTime":2000,"stats":{"numSeries":2},)"
            R"("compaction":{"level":1,"sources":["01X"]},"version":1}]})");
}

TEST_F(RoutesTest, TsdbStatusCountsWhatMatchSelectsEachSeriesOnce) {
  const std::string path = "/api/v1/status/tsdb?match[]=up&match[]={job=\"a\"}";
  server_.storage.head.range = model::TimeRange::None();
  EXPECT_THAT(Data(path), HasSubstr(R"("seriesCountByMetricName":[])"));
  server_.storage.head.range = {kNow - 150'000, kNow};
  EXPECT_THAT(Data(path),
              HasSubstr(R"("seriesCountByMetricName":[{"name":"up","value":2}],)"
                        R"("labelValueCountByLabelName":[{"name":"job","value":2},)"
                        R"({"name":"__name__","value":1}],)"
                        R"("memoryInBytesByLabelName":[{"name":"__name__","value":2},)"
                        R"({"name":"job","value":2}],)"
                        R"("seriesCountByLabelValuePair":[{"name":"__name__=up","value":2},)"
                        R"({"name":"job=a","value":1},{"name":"job=b","value":1}]})"));
  EXPECT_THAT(Data(path + "&limit=1"),
              HasSubstr(R"("seriesCountByLabelValuePair":[{"name":"__name__=up","value":2}]})"));
  EXPECT_THAT(Data("/api/v1/status/tsdb?match[]=up&match[]=other"),
              HasSubstr(R"([{"name":"up","value":2},{"name":"other","value":1}])"));
  EXPECT_THAT(Error("/api/v1/status/tsdb?match[]=up{"),
              HasSubstr(R"(invalid parameter \"match[]\": )"));
  server_.data.FailSelect(base::DataLoss("disk says no"));
  EXPECT_THAT(Error("/api/v1/status/tsdb?match[]=up", 422), HasSubstr("disk says no"));
}

TEST_F(RoutesTest, AdminIsOffUntilItIsEnabled) {
  for (const char* name : {"delete_series?match[]=up", "clean_tombstones", "snapshot"}) {
    const std::string path = fmt::format("/api/v1/admin/tsdb/{}", name);
    server_.status.admin = false;
    Response response = server_.Send(Method::kPost, path);
    EXPECT_EQ(response.status, 500);
    EXPECT_EQ(response.body, R"({"status":"error","errorType":"unavailable","error":"admin APIs disabled"})");
    EXPECT_EQ(server_.Get(path).status, 405);
  }
  EXPECT_THAT(Error("/api/v1/search/metric_names", 500), HasSubstr("search API disabled"));
}

TEST_F(RoutesTest, DeletingAnswersAsPrometheusDoes) {
  server_.status.admin = true;
  const std::string path = "/api/v1/admin/tsdb/delete_series";
  const auto error = [&](const std::string& query) {
    return server_.Send(Method::kPost, path + query).body;
  };
  EXPECT_THAT(error(""), HasSubstr(R"("bad_data","error":"no match[] parameter provided")"));
  EXPECT_THAT(error("?match[]=up&start=x"), HasSubstr(R"(invalid parameter \"start\")"));
  EXPECT_THAT(error("?match[]=up&match[]={"), HasSubstr(R"(invalid parameter \"match[]\")"));
  EXPECT_THAT(server_.storage.deleted_sets, IsEmpty());

  Response response = server_.Send(
      Method::kPut, path + "?match[]=up&match[]={job=\"a\"}&start=5&end=7.5");
  EXPECT_EQ(response.status, 204);
  EXPECT_EQ(response.body, "");
  ASSERT_THAT(server_.storage.deleted_sets, SizeIs(2));
  EXPECT_EQ(server_.storage.deleted_sets[1][0], model::Matcher::Equal("job", "a"));
  EXPECT_EQ(server_.storage.deleted_range, (model::TimeRange{5000, 7500}));
  EXPECT_EQ(server_.PostForm(path, "match[]=up").status, 204);
  EXPECT_EQ(server_.storage.deleted_range, (model::TimeRange{kMinTime, kMaxTime}));

  server_.storage.delete_status = base::Unavailable("disk full");
  response = server_.Send(Method::kPost, path + "?match[]=up");
  EXPECT_EQ(response.status, 503);
  EXPECT_EQ(response.body, R"({"status":"error","errorType":"unavailable","error":"disk full"})");
  server_.storage.delete_status = base::DataLoss("a bad table");
  response = server_.Send(Method::kPost, path + "?match[]=up");
  EXPECT_EQ(response.status, 500);
  EXPECT_EQ(response.body, R"({"status":"error","errorType":"internal","error":"a bad table"})");

  EXPECT_EQ(server_.Send(Method::kPost, "/api/v1/admin/tsdb/clean_tombstones").status, 204);
  EXPECT_EQ(server_.storage.cleanings, 1);
}

TEST_F(RoutesTest, SnapshotsAnswerAsPrometheusDoes) {
  server_.status.admin = true;
  const std::string path = "/api/v1/admin/tsdb/snapshot";
  Response response = server_.Send(Method::kPost, path);
  EXPECT_EQ(response.status, 200);
  ASSERT_THAT(server_.storage.snapshots, SizeIs(1));
  EXPECT_THAT(server_.storage.snapshots[0], StartsWith("20231114T221320Z-"));
  EXPECT_EQ(response.body, fmt::format(R"({{"status":"success","data":{{"name":"{}"}}}})",
                                       server_.storage.snapshots[0]));
  EXPECT_FALSE(server_.storage.skipped_head);
  EXPECT_EQ(server_.Send(Method::kPut, path + "?skip_head=T").status, 200);
  EXPECT_TRUE(server_.storage.skipped_head);
  EXPECT_EQ(server_.PostForm(path, "skip_head=False").status, 200);
  EXPECT_FALSE(server_.storage.skipped_head);
  EXPECT_THAT(server_.Send(Method::kPost, path + "?name=20261129T101112Z-0123456789abcdef").body,
              HasSubstr(R"("name":"20261129T101112Z-0123456789abcdef")"));

  EXPECT_THAT(server_.storage.snapshots, SizeIs(4));
  response = server_.Send(Method::kPost, path + "?skip_head=yes");
  EXPECT_EQ(response.status, 400);
  EXPECT_EQ(response.body,
            R"({"status":"error","errorType":"bad_data","error":"invalid parameter \"skip_head\": )"
            R"(unable to parse boolean: strconv.ParseBool: parsing \"yes\": invalid syntax"})");
  EXPECT_EQ(server_.Send(Method::kPost, path + "?name=../../etc").status, 400);
  EXPECT_THAT(server_.storage.snapshots, SizeIs(4));

  server_.storage.snapshot_status = base::Unavailable("the log is still being read");
  response = server_.Send(Method::kPost, path);
  EXPECT_EQ(response.status, 503);
  EXPECT_EQ(response.body, R"({"status":"error","errorType":"unavailable",)"
                           R"("error":"create snapshot: the log is still being read"})");
}

TEST_F(RoutesTest, BeforeReadyOnlyTheOpenRoutesAnswer) {
  server_.status.ready = false;
  server_.storage.replay = {.min = 1, .max = 5, .current = 3};
  Response response = server_.Get("/api/v1/query?query=up");
  EXPECT_EQ(response.status, 503);
  EXPECT_EQ(HeaderOf(response, "X-Prometheus-Stopping"), "false");
  EXPECT_THAT(response.body, HasSubstr(R"("errorType":"unavailable","error":"Service Unavailable: the server is starting, write-ahead log segment 3 of 1..5")"));
  for (const char* path : {"/-/ready", "/federate?match[]=up"}) {
    response = server_.Get(path);
    EXPECT_EQ(response.status, 503) << path;
    EXPECT_EQ(response.body, "Service Unavailable");
    EXPECT_EQ(HeaderOf(response, "X-Prometheus-Stopping"), "false");
  }
  EXPECT_EQ(server_.Send(Method::kPost, "/api/v1/write").status, 503);
  server_.status.stopping = true;
  EXPECT_EQ(HeaderOf(server_.Get("/-/ready"), "X-Prometheus-Stopping"), "true");
  for (const char* path : {"/-/healthy", "/metrics", "/version", "/", "/assets/app.js",
                           "/api/v1/status/walreplay", "/api/v1/notifications"}) {
    EXPECT_EQ(server_.Get(path).status, 200) << path;
  }
}

TEST_F(RoutesTest, Management) {
  EXPECT_EQ(server_.Body("/-/healthy"), "Prometheus Server is Healthy.\n");
  EXPECT_EQ(server_.Body("/-/ready"), "Prometheus Server is Ready.\n");
  EXPECT_EQ(server_.Get("/-/reload").status, 405);
  EXPECT_EQ(server_.Body("/-/quit"), "Only POST or PUT requests allowed");
  Response response = server_.Send(Method::kPost, "/-/reload");
  EXPECT_EQ(response.status, 403);
  EXPECT_EQ(response.body, "Lifecycle API is not enabled.");
  server_.status.lifecycle = true;
  EXPECT_EQ(server_.Send(Method::kPut, "/-/reload").status, 200);
  server_.status.reload = base::InvalidArgument("bad yaml");
  response = server_.Send(Method::kPost, "/-/reload");
  EXPECT_EQ(response.status, 500);
  EXPECT_EQ(response.body, "failed to reload config: bad yaml\n");
  EXPECT_EQ(server_.Send(Method::kPost, "/-/quit").body, "Requesting termination... Goodbye!");
  EXPECT_EQ(server_.status.quits, 1);
}

TEST_F(RoutesTest, CorsHeadersFollowTheOrigin) {
  Response response = server_.Get("/api/v1/labels");
  EXPECT_EQ(HeaderOf(response, "Vary"), "Origin, Accept-Encoding");
  EXPECT_EQ(HeaderOf(response, "Access-Control-Allow-Origin"), "");
  response = server_.Get("/api/v1/labels", {{"origin", "http://x"}});
  EXPECT_EQ(HeaderOf(response, "Access-Control-Allow-Origin"), "*");
  EXPECT_EQ(HeaderOf(response, "Access-Control-Allow-Methods"), "GET, POST, OPTIONS");
  response = server_.Send(Method::kOptions, "/api/v1/query_range", "", {{"origin", "http://x"}});
  EXPECT_EQ(response.status, 204);
  EXPECT_EQ(HeaderOf(response, "Access-Control-Allow-Origin"), "*");
  ApiDependencies strict = server_.dependencies;
  strict.cors_origin = *model::AnchoredRegex::Compile("https?://good");
  Router router;
  RegisterRoutes(&router, strict);
  Request request;
  request.path = "/api/v1/labels";
  request.headers = {{"origin", "http://good"}};
  EXPECT_EQ(HeaderOf(router.Route(request), "Access-Control-Allow-Origin"), "http://good");
  request.headers = {{"origin", "http://good.evil"}};
  EXPECT_EQ(HeaderOf(router.Route(request), "Access-Control-Allow-Origin"), "");
}

TEST_F(RoutesTest, AnswersAreCompressedWhenAskedFor) {
  const Response response = server_.Get("/api/v1/labels", {{"accept-encoding", "gzip"}});
  EXPECT_EQ(HeaderOf(response, "Content-Encoding"), "gzip");
  EXPECT_EQ(response.body.substr(0, 2), "\x1f\x8b");
}

TEST_F(RoutesTest, UnknownAndWrongAreAsPrometheusSays) {
  EXPECT_EQ(server_.Get("/api/v1/nothing").status, 404);
  EXPECT_EQ(server_.Get("/nothing").status, 404);
  EXPECT_EQ(server_.Send(Method::kDelete, "/api/v1/query").status, 405);
  EXPECT_EQ(server_.Get("/api/v1/admin/tsdb/snapshot").status, 405);
}

TEST_F(RoutesTest, PagesAreThere) {
  for (const char* path : {"/", "/graph?g0.expr=up", "/query", "/targets", "/status", "/alerts"}) {
    const Response response = server_.Get(path);
    EXPECT_EQ(response.status, 200);
    EXPECT_EQ(response.content_type, "text/html; charset=utf-8");
    EXPECT_THAT(response.body, HasSubstr("<title>Tidemark</title>"));
  }
  const Response script = server_.Get("/assets/app.js");
  EXPECT_EQ(script.content_type, "text/javascript; charset=utf-8");
  const std::string tag = HeaderOf(script, "ETag");
  EXPECT_EQ(server_.Get("/assets/app.js", {{"if-none-match", tag}}).status, 304);
  EXPECT_EQ(server_.Get("/assets/nothing.js").status, 404);
}

TEST(RoutesWithPrefix, LiveBelowIt) {
  FakeServer server("/prom");
  EXPECT_EQ(server.Get("/prom/api/v1/labels").status, 200);
  EXPECT_EQ(server.pattern, "/api/v1/labels");
  EXPECT_EQ(server.Get("/api/v1/labels").status, 404);
  EXPECT_EQ(server.Get("/prom/").status, 200);
}

// --- Federation.

class FederationTest : public RoutesTest {};

TEST_F(FederationTest, WritesTheNewestSampleOfEach) {
  const Response response = server_.Get("/federate?match[]=up&match[]={__name__=~\"up|other\"}");
  EXPECT_EQ(response.status, 200);
  EXPECT_THAT(response.content_type, StartsWith("text/plain; version=0.0.4"));
  EXPECT_EQ(response.body,
            "# TYPE other untyped\n"
            "other{zone=\"<x>\",instance=\"\"} 7 1700000000000\n"
            "# TYPE up untyped\n"
            "up{job=\"a\",instance=\"\"} 1 1700000000000\n"
            "up{job=\"b\",instance=\"\"} 0.5 1700000000000\n");
}

TEST_F(FederationTest, ExternalLabelsGoWhereTheyAreMissing) {
  server_.status.external = model::Labels{{"instance", "i"}, {"job", "x"}, {"region", "e\"u"}};
  EXPECT_EQ(server_.Body("/federate?match[]=up{job=\"a\"}"),
            "# TYPE up untyped\nup{job=\"a\",instance=\"i\",region=\"e\\\"u\"} 1 1700000000000\n");
  EXPECT_THAT(server_.Body("/federate?match[]=other"), HasSubstr("job=\"x\""));
}

TEST_F(FederationTest, StaleOldAndNamelessAreLeftOut) {
  server_.data.Add(model::Labels{{"__name__", "gone"}}, kNow - 1, 1);
  server_.data.Add(model::Labels{{"__name__", "gone"}}, kNow, model::StaleNan());
  server_.data.Add(model::Labels{{"__name__", "old"}}, kNow - 300'001, 1);
  server_.data.Add(model::Labels{{"nameless", "1"}}, kNow, 1);
  server_.data.Add(model::Labels{{"__name__", "future"}}, kNow + 1, 1);
  EXPECT_EQ(server_.Body("/federate?match[]={__name__=~\"gone|old|future\"}&match[]={nameless=\"1\"}"), "");
  EXPECT_EQ(server_.Body("/federate"), "");
}

TEST_F(FederationTest, NamesAreQuotedOnlyWhenAskedFor) {
  server_.data.Add(model::Labels{{"__name__", "a.b"}, {"c-d", "é"}}, kNow, 1e6);
  EXPECT_EQ(server_.Body("/federate?match[]={\"a.b\"}"),
            "# TYPE a_b untyped\na_b{c_d=\"é\",instance=\"\"} 1e+06 1700000000000\n");
  const Response response = server_.Get(
      "/federate?match[]={\"a.b\"}", {{"accept", "text/plain;version=1.0.0;escaping=allow-utf-8"}});
  EXPECT_EQ(response.body, "# TYPE \"a.b\" untyped\n"
                           "{\"a.b\",\"c-d\"=\"é\",instance=\"\"} 1e+06 1700000000000\n");
  EXPECT_THAT(response.content_type, HasSubstr("escaping=allow-utf-8"));
}

TEST_F(FederationTest, ErrorsAreText) {
  Response response = server_.Get("/federate?match[]=up{");
  EXPECT_EQ(response.status, 400);
  EXPECT_THAT(response.body, HasSubstr("parse error"));
  server_.data.FailSelect(base::DataLoss("disk says no"));
  response = server_.Get("/federate?match[]=up");
  EXPECT_EQ(response.status, 500);
  EXPECT_EQ(server_.stats.federation_errors.value(), 1u);
}

}  // namespace
}  // namespace api
