// tidemark query: answers read and printed.
#include <gtest/gtest.h>

#include "server/commands/bars.h"
#include "server/commands/query_answer.h"
#include "server/commands/query_print.h"
#include "storage/base/status.h"

namespace server {
namespace {

AnswerValue ValueOf(std::string_view data) {
  const auto answer = ReadAnswer(fmt::format(R"({{"status":"success","data":{}}})", data),
                                 AnswerKind::kValue);
  EXPECT_TRUE(answer.ok()) << base::message(answer.status());
  return answer.ok() ? answer->value : AnswerValue();
}

constexpr std::string_view kVector =
    R"({"resultType":"vector","result":[)"
    R"({"metric":{"__name__":"up","job":"a,b"},"value":[1435781451.781,"1"]},)"
    R"({"metric":{"zone":"é\"x"},"value":[1435781451.781,"-Inf"]},)"
    R"({"metric":{},"value":[1435781451.781,"NaN"]}]})";

TEST(QueryPrint, Vector) {
  const AnswerValue value = ValueOf(kVector);
  EXPECT_EQ(PrintValue(value, QueryFormat::kTable),
            "__name__  job  zone  value\n"
            "up        a,b            1\n"
            "               é\"x    -Inf\n"
            "                       NaN\n");
  EXPECT_EQ(PrintValue(value, QueryFormat::kCsv),
            "__name__,job,zone,timestamp,value\n"
            "up,\"a,b\",,1435781451.781,1\n"
            ",,\"é\"\"x\",1435781451.781,-Inf\n"
            ",,,1435781451.781,NaN\n");
  EXPECT_EQ(PrintValue(value, QueryFormat::kPromql),
            "up{job=\"a,b\"} => 1 @[1435781451.781]\n"
            "{zone=\"é\\\"x\"} => -Inf @[1435781451.781]\n"
            "{} => NaN @[1435781451.781]\n");
  EXPECT_TRUE(PrintValue(value, QueryFormat::kJson)
                  .starts_with(R"([{"metric":{"__name__":"up","job":"a,b"},"value":)"
                               R"([1435781451.781,"1"]},)"));
}

TEST(QueryPrint, TablesGiveATerminalNoOrders) {
  const AnswerValue value = ValueOf(
      R"({"resultType":"vector","result":[{"metric":{"x":"a\nb\u001b[2J\t"},"value":[1,"1"]}]})");
  EXPECT_EQ(PrintValue(value, QueryFormat::kTable),
            "x              value\n"
            "a\\nb\\x1b[2J\\t      1\n");
  EXPECT_EQ(PrintNames({"a\r"}, QueryFormat::kTable), "a\\x0d\n");
}

TEST(QueryPrint, Matrix) {
  const AnswerValue value = ValueOf(
      R"({"resultType":"matrix","result":[)"
      R"({"metric":{"__name__":"up"},"values":[[0,"1"],[10,"0"],[20.5,"3.5"]]},)"
      R"({"metric":{"__name__":"x"},"values":[[10,"7"]]}]})");
  EXPECT_EQ(PrintValue(value, QueryFormat::kPromql),
            "up =>\n1 @[0]\n0 @[10]\n3.5 @[20.5]\nx =>\n7 @[10]\n");
  EXPECT_EQ(PrintValue(value, QueryFormat::kCsv),
            "__name__,timestamp,value\nup,0,1\nup,10,0\nup,20.5,3.5\nx,10,7\n");
  EXPECT_EQ(PrintValue(value, QueryFormat::kTable),
            "__name__       min  max  last\n"
            "up        ▃▁█    0  3.5   3.5\n"
            "x          ▁     7    7     7\n");
}

constexpr std::string_view kHistogram =
    R"({"count":"9","sum":"12.5","buckets":[[3,"-0.001","0.001","1"],[0,"0.5","1","2.5"],)"
    R"([0,"1","+Inf","5.5"]]})";

TEST(QueryPrint, VectorWithHistograms) {
  const AnswerValue value = ValueOf(fmt::format(
      R"({{"resultType":"vector","result":[{{"metric":{{"__name__":"h"}},"histogram":[7.5,{}]}},)"
      R"({{"metric":{{"__name__":"x"}},"value":[7.5,"1"]}},)"
      R"({{"metric":{{}},"histogram":[7.5,{{"count":"0","sum":"0"}}]}}]}})",
      kHistogram));
  EXPECT_EQ(PrintValue(value, QueryFormat::kTable),
            "__name__                               value\n"
            "h         count 9, sum 12.5, -0.001 ▂▄█ +Inf\n"
            "x                                          1\n"
            "                              count 0, sum 0\n");
  EXPECT_EQ(PrintValue(value, QueryFormat::kCsv),
            "__name__,timestamp,value,count,sum,buckets\n"
            "h,7.5,,9,12.5,\"[-0.001,0.001]:1 (0.5,1]:2.5 (1,+Inf]:5.5\"\n"
            "x,7.5,1,,,\n"
            ",7.5,,0,0,\n");
  EXPECT_EQ(PrintValue(value, QueryFormat::kPromql),
            "h => Count: 9.000000, Sum: 12.500000, Buckets: [[-0.001,0.001]:1 (0.5,1]:2.5 "
            "(1,+Inf]:5.5] @[7.5]\n"
            "x => 1 @[7.5]\n"
            "{} => Count: 0.000000, Sum: 0.000000, Buckets: [] @[7.5]\n");
  EXPECT_EQ(PrintValue(value, QueryFormat::kJson),
            fmt::format(R"([{{"metric":{{"__name__":"h"}},"histogram":[7.5,{}]}},)"
                        R"({{"metric":{{"__name__":"x"}},"value":[7.5,"1"]}},)"
                        R"({{"metric":{{}},"histogram":[7.5,{{"count":"0","sum":"0","buckets":[]}}]}}])"
                        "\n",
                        kHistogram));
}

TEST(QueryPrint, MatrixWithHistograms) {
  const AnswerValue value = ValueOf(fmt::format(
      R"({{"resultType":"matrix","result":[{{"metric":{{"a":"b"}},"values":[[0,"2"]],"histograms":)"
      R"([[10,{0}],[20,{{"count":"3","sum":"4","buckets":[]}}]]}}]}})",
      kHistogram));
  EXPECT_EQ(PrintValue(value, QueryFormat::kTable),
            "a       min  max            last\n"
            "b  ▁      2    2               2\n"
            "b   █▁    3    9  count 3, sum 4\n");
  EXPECT_EQ(PrintValue(value, QueryFormat::kCsv),
            "a,timestamp,value,count,sum,buckets\nb,0,2,,,\n"
            "b,10,,9,12.5,\"[-0.001,0.001]:1 (0.5,1]:2.5 (1,+Inf]:5.5\"\nb,20,,3,4,\n");
  EXPECT_TRUE(PrintValue(value, QueryFormat::kPromql)
                  .ends_with("\nCount: 3.000000, Sum: 4.000000, Buckets: [] @[20]\n"));
  EXPECT_TRUE(PrintValue(value, QueryFormat::kJson)
                  .starts_with(R"([{"metric":{"a":"b"},"values":[[0,"2"]],"histograms":[[10,{)"));
}

TEST(QueryPrint, VeryManyBucketsShareBars) {
  std::string buckets;
  for (int i = 0; i < 400; ++i) {
    buckets += fmt::format(R"({}[0,"{}","{}","1"])", i == 0 ? "" : ",", i, i + 1);
  }
  const std::string table = PrintValue(
      ValueOf(fmt::format(R"({{"resultType":"vector","result":[{{"metric":{{}},"histogram":)"
                          R"([0,{{"count":"400","sum":"1","buckets":[{}]}}]}}]}})",
                          buckets)),
      QueryFormat::kTable);
  std::string bars;
  for (int i = 0; i < 40; ++i) bars += "█";
  EXPECT_TRUE(table.ends_with("count 400, sum 1, 0 " + bars + " 400\n")) << table;
}

TEST(QueryPrint, SparklineFillsItsWidth) {
  std::vector<model::Sample> points;
  for (int i = 0; i < 80; ++i) points.push_back({i, static_cast<double>(i)});
  EXPECT_EQ(Sparkline(points, {0, 79}, 8), "▁▂▃▄▅▆▇█");
  EXPECT_EQ(Sparkline({{0, 5}, {79, 5}}, {0, 79}, 5), "▁   ▁");
  EXPECT_EQ(Sparkline({{0, NAN}, {79, INFINITY}}, {0, 79}, 5), "");
  EXPECT_EQ(Sparkline({{7, 1}}, {7, 7}, 5), "▁");
}

TEST(QueryPrint, ScalarsStringsAndLists) {
  const AnswerValue scalar = ValueOf(R"({"resultType":"scalar","result":[12,"3"]})");
  EXPECT_EQ(PrintValue(scalar, QueryFormat::kTable), "3\n");
  EXPECT_EQ(PrintValue(scalar, QueryFormat::kCsv), "timestamp,value\n12,3\n");
  EXPECT_EQ(PrintValue(scalar, QueryFormat::kPromql), "scalar: 3 @[12]\n");
  const AnswerValue text = ValueOf(R"({"resultType":"string","result":[12,"a\nb"]})");
  EXPECT_EQ(PrintValue(text, QueryFormat::kTable), "a\nb\n");
  EXPECT_EQ(PrintValue(text, QueryFormat::kCsv), "timestamp,value\n12,\"a\nb\"\n");
  EXPECT_EQ(PrintNames({"b", "a"}, QueryFormat::kTable), "b\na\n");
  EXPECT_EQ(PrintNames({"b", "a"}, QueryFormat::kJson), "[\"b\",\"a\"]\n");
  const std::vector<model::Labels> series = {model::Labels{{"__name__", "up"}, {"x", "1"}}};
  EXPECT_EQ(PrintSeries(series, QueryFormat::kPromql), "{__name__=\"up\", x=\"1\"}\n");
  EXPECT_EQ(PrintSeries(series, QueryFormat::kJson), "[{\"__name__\":\"up\",\"x\":\"1\"}]\n");
  EXPECT_EQ(PrintSeries(series, QueryFormat::kTable), "__name__  x\nup        1\n");
}

TEST(QueryAnswer, ErrorsAndOddAnswers) {
  const auto message = [](std::string_view json, AnswerKind kind) {
    return std::string(base::message(ReadAnswer(json, kind).status()));
  };
  EXPECT_EQ(message(R"({"status":"error","errorType":"bad_data","error":"no"})", AnswerKind::kValue),
            "bad_data: no");
  for (const char* odd :
       {"", "<html>", "[]", "{}", "null", R"({"status":"success"})",
        R"({"status":"success","data":{}})", R"({"status":"success","data":[]})",
        R"({"status":"success","data":{"resultType":"vector","result":{}}})",
        R"({"status":"success","data":{"resultType":"vector","result":[1]}})",
        R"({"status":"success","data":{"resultType":"vector","result":[{"metric":{"a":1}}]}})",
        R"({"status":"success","data":{"resultType":"vector","result":[{"metric":{},"value":[1]}]}})",
        R"({"status":"success","data":{"resultType":"vector","result":[{"metric":{},"value":[1,"x"]}]}})",
        R"({"status":"success","data":{"resultType":"vector","result":[{"metric":{},"histogram":[1]}]}})",
        R"({"status":"success","data":{"resultType":"vector","result":[{"metric":{},"histogram":[1,{}]}]}})",
        R"({"status":"success","data":{"resultType":"vector","result":[{"metric":{},"histogram":)"
        R"([1,{"count":"1","sum":"1","buckets":[[4,"1","2","1"]]}]}]}})",
        R"({"status":"success","data":{"resultType":"matrix","result":[{"metric":{},"histograms":)"
        R"([[1,{"count":"1","sum":"1","buckets":[[0,"1","2"]]}]]}]}})",
        R"({"status":"success","data":{"resultType":"scalar","result":[1e300,"1"]}})",
        R"({"status":"success","data":{"resultType":"string","result":[1]}})",
        R"({"status":"success","data":{"resultType":"other","result":[]}})"}) {
    EXPECT_TRUE(message(odd, AnswerKind::kValue).starts_with("the answer is not that of")) << odd;
  }
  EXPECT_FALSE(ReadAnswer(R"({"status":"success","data":[1]})", AnswerKind::kNames).ok());
  EXPECT_FALSE(ReadAnswer(R"({"status":"success","data":["x"]})", AnswerKind::kSeries).ok());
  const auto warned = ReadAnswer(
      R"({"status":"success","data":["x"],"warnings":["w"],"infos":["i"]})", AnswerKind::kNames);
  ASSERT_TRUE(warned.ok());
  EXPECT_EQ(warned->warnings, (std::vector<std::string>{"w", "i"}));
}

}  // namespace
}  // namespace server
