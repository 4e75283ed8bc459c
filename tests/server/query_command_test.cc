// tidemark query: answers read and printed.
#include <gtest/gtest.h>

#include "server/commands/query_answer.h"
#include "server/commands/query_print.h"
#include "storage/base/status.h"

namespace server {
namespace {

promql::Value ValueOf(std::string_view data) {
  const auto answer = ReadAnswer(fmt::format(R"({{"status":"success","data":{}}})", data),
                                 AnswerKind::kValue);
  EXPECT_TRUE(answer.ok()) << base::message(answer.status());
  return answer.ok() ? answer->value : promql::Value();
}

constexpr std::string_view kVector =
    R"({"resultType":"vector","result":[)"
    R"({"metric":{"__name__":"up","job":"a,b"},"value":[1435781451.781,"1"]},)"
    R"({"metric":{"zone":"é\"x"},"value":[1435781451.781,"-Inf"]},)"
    R"({"metric":{},"value":[1435781451.781,"NaN"]}]})";

TEST(QueryPrint, Vector) {
  const promql::Value value = ValueOf(kVector);
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

TEST(QueryPrint, Matrix) {
  const promql::Value value = ValueOf(
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

TEST(QueryPrint, SparklineFillsItsWidth) {
  std::vector<model::Sample> points;
  for (int i = 0; i < 80; ++i) points.push_back({i, static_cast<double>(i)});
  EXPECT_EQ(Sparkline(points, {0, 79}, 8), "▁▂▃▄▅▆▇█");
  EXPECT_EQ(Sparkline({{0, 5}, {79, 5}}, {0, 79}, 5), "▁   ▁");
  EXPECT_EQ(Sparkline({{0, NAN}, {79, INFINITY}}, {0, 79}, 5), "");
  EXPECT_EQ(Sparkline({{7, 1}}, {7, 7}, 5), "▁");
}

TEST(QueryPrint, ScalarsStringsAndLists) {
  const promql::Value scalar = ValueOf(R"({"resultType":"scalar","result":[12,"3"]})");
  EXPECT_EQ(PrintValue(scalar, QueryFormat::kTable), "3\n");
  EXPECT_EQ(PrintValue(scalar, QueryFormat::kCsv), "timestamp,value\n12,3\n");
  EXPECT_EQ(PrintValue(scalar, QueryFormat::kPromql), "scalar: 3 @[12]\n");
  const promql::Value text = ValueOf(R"({"resultType":"string","result":[12,"a\nb"]})");
  EXPECT_EQ(PrintValue(text, QueryFormat::kTable), "a\nb\n");
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
  EXPECT_EQ(ReadAnswer(R"({"status":"success","data":{"resultType":"matrix","result":[)"
                       R"({"metric":{},"histograms":[[1,{}],[2,{}]]}]}})",
                       AnswerKind::kValue)
                ->histograms,
            2);
}

}  // namespace
}  // namespace server
