#include "api/json_writer.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <random>

#include "api/envelope.h"
#include "api/value_json.h"
#include "storage/base/status.h"
#include "storage/model/number_text.h"
#include "tests/api/json_check.h"

namespace api {
namespace {

std::string Json(std::string_view s) {
  std::string out;
  AppendJsonString(&out, s);
  return out;
}

TEST(JsonString, EscapesAsGoDoes) {
  EXPECT_EQ(Json("a\"b\\c\n\r\t\x01\x1f"), "\"a\\\"b\\\\c\\n\\r\\t\\u0001\\u001f\"");
  EXPECT_EQ(Json("<a&b>"), "\"\\u003ca\\u0026b\\u003e\"");
  EXPECT_EQ(Json("é😀"), "\"é😀\"");
  EXPECT_EQ(Json("\xe2\x80\xa8\xe2\x80\xa9\xe2\x80\xaa"), "\"\\u2028\\u2029\xe2\x80\xaa\"");
  EXPECT_EQ(Json(std::string_view("\0", 1)), "\"\\u0000\"");
  std::string plain;
  AppendJsonString(&plain, "<", false);
  EXPECT_EQ(plain, "\"<\"");
}

TEST(JsonString, ReplacesWhatIsNotUtf8ByteByByte) {
  EXPECT_EQ(Json("a\xff" "b"), "\"a\\ufffdb\"");
  EXPECT_EQ(Json("\xc3"), "\"\\ufffd\"");
  EXPECT_EQ(Json("\xe2\x82"), "\"\\ufffd\\ufffd\"");
  EXPECT_EQ(Json("\xed\xa0\x80"), "\"\\ufffd\\ufffd\\ufffd\"");          // A surrogate.
  EXPECT_EQ(Json("\xc0\xaf"), "\"\\ufffd\\ufffd\"");                      // Overlong.
  EXPECT_EQ(Json("\xf4\x90\x80\x80"), "\"\\ufffd\\ufffd\\ufffd\\ufffd\"");  // Beyond Unicode.
}

TEST(JsonWriter, PutsTheCommas) {
  std::string out;
  JsonWriter json(&out);
  json.BeginObject();
  json.Key("a");
  json.BeginArray();
  json.Int(-1);
  json.BeginObject();
  json.EndObject();
  json.BeginArray();
  json.EndArray();
  json.Uint(18446744073709551615u);
  json.EndArray();
  json.Key("b");
  json.Bool(true);
  json.Key("c");
  json.Double(0.5);
  json.Key("d");
  json.Double(NAN);
  json.Key("e");
  json.Raw("[1]");
  json.Key("f");
  json.String("x");
  json.EndObject();
  EXPECT_EQ(out, R"({"a":[-1,{},[],18446744073709551615],"b":true,"c":0.5,"d":null,"e":[1],"f":"x"})");
}

// Writes random JSON twice: by JsonWriter, and as boost.json would print it.
class RandomJson {
 public:
  explicit RandomJson(uint32_t seed) : random_(seed) {}
  void Write(JsonWriter* json, std::string* expected, int depth) {
    switch (Pick(depth > 4 ? 4 : 6)) {
      case 0: {
        const int64_t n = static_cast<int64_t>(random_());
        json->Int(n);
        *expected += std::to_string(n);
        return;
      }
      case 1: json->Null(), *expected += "null"; return;
      case 2: json->Bool(true), *expected += "true"; return;
      case 3: {
        const std::string s = Text();
        json->String(s);
        *expected += '"' + s + '"';
        return;
      }
      case 4: {
        json->BeginArray();
        *expected += '[';
        for (int i = 0, n = Pick(5); i < n; ++i) {
          if (i > 0) *expected += ',';
          Write(json, expected, depth + 1);
        }
        json->EndArray();
        *expected += ']';
        return;
      }
      default: {
        json->BeginObject();
        *expected += '{';
        for (int i = 0, n = Pick(5); i < n; ++i) {
          if (i > 0) *expected += ',';
          const std::string key = std::to_string(i) + Text();
          json->Key(key);
          *expected += '"' + key + "\":";
          Write(json, expected, depth + 1);
        }
        json->EndObject();
        *expected += '}';
      }
    }
  }

 private:
  int Pick(int n) { return static_cast<int>(random_() % n); }
  std::string Text() {  // What boost.json prints as it is.
    static const char* const kParts[] = {"a", "<", ">", "&", "é", "😀", "\xe2\x80\xa8", "x y"};
    std::string s;
    for (int i = 0, n = Pick(6); i < n; ++i) s += kParts[Pick(8)];
    return s;
  }
  std::mt19937_64 random_;
};

TEST(JsonWriter, AnotherParserReadsTheSame) {
  for (uint32_t seed = 1; seed <= 300; ++seed) {
    std::string out, expected;
    JsonWriter json(&out);
    RandomJson(seed).Write(&json, &expected, 0);
    ASSERT_EQ(Reparse(out), expected) << "seed " << seed << ": " << out;
  }
}

TEST(JsonString, RandomBytesAreValidJson) {
  std::mt19937 random(7);
  for (int i = 0; i < 2000; ++i) {
    std::string s(random() % 20, '\0');
    for (char& c : s) c = static_cast<char>(random());
    ASSERT_EQ(Reparse(Json(s)).substr(0, 1), "\"") << Json(s);
  }
}

std::string Value(double v) {
  std::string out;
  AppendValueJson(&out, v);
  return out;
}

TEST(ValueJson, NumbersAreAsPrometheusPrintsThem) {
  const struct {
    double v;
    const char* text;
  } kCases[] = {
      {0, "\"0\""},
      {-0.0, "\"-0\""},
      {1, "\"1\""},
      {-3, "\"-3\""},
      {0.1, "\"0.1\""},
      {1e6, "\"1000000\""},
      {123456789012345678.0, "\"123456789012345680\""},
      {1e20, "\"100000000000000000000\""},
      {1e21, "\"1e+21\""},
      {1e-6, "\"0.000001\""},
      {9.9e-7, "\"9.9e-07\""},
      {1.5e300, "\"1.5e+300\""},
      {std::numeric_limits<double>::denorm_min(), "\"5e-324\""},
      {NAN, "\"NaN\""},
      {INFINITY, "\"+Inf\""},
      {-INFINITY, "\"-Inf\""},
  };
  for (const auto& c : kCases) EXPECT_EQ(Value(c.v), c.text);
}

TEST(ValueJson, TheFastWayIsTheSlowWay) {
  std::mt19937_64 random(11);
  for (int i = 0; i < 50000; ++i) {
    double v = std::bit_cast<double>(random());
    if (i % 3 == 0) v = static_cast<double>(static_cast<int64_t>(random()) >> (random() % 60));
    if (i % 3 == 1) v = static_cast<double>(random() % 100000) / 1000 * (i % 2 ? 1 : -1);
    const model::TimeMs t = static_cast<int64_t>(random()) >> (random() % 50);
    std::string fast, slow = "[";
    AppendPointJson(&fast, {t, v});
    model::AppendTimestamp(&slow, t);
    slow += ",\"";
    model::AppendJsonFloat(&slow, v);
    slow += "\"]";
    ASSERT_EQ(fast, slow);
  }
}

std::string ResultJson(const promql::Value& value) {
  std::string out;
  EXPECT_TRUE(AppendResultJson(&out, value).ok());
  return out;
}

TEST(ValueJson, ShapesFollowTheType) {
  promql::Value value;
  value.type = promql::ValueType::kVector;
  EXPECT_EQ(ResultJson(value), "[]");
  value.vector = {{model::Labels{{"__name__", "up"}, {"a", "<"}}, {1435781451781, 1}},
                  {model::Labels(), {5, NAN}}};
  EXPECT_EQ(ResultJson(value),
            R"([{"metric":{"__name__":"up","a":"\u003c"},"value":[1435781451.781,"1"]},)"
            R"({"metric":{},"value":[0.005,"NaN"]}])");
  value = {};
  value.type = promql::ValueType::kMatrix;
  EXPECT_EQ(ResultJson(value), "[]");
  value.matrix = {{model::Labels{{"a", "b"}}, {{0, 1}, {-1500, 2.5}}}, {model::Labels(), {}}};
  EXPECT_EQ(ResultJson(value),
            R"([{"metric":{"a":"b"},"values":[[0,"1"],[-1.500,"2.5"]]},{"metric":{}}])");
  value = {};
  value.type = promql::ValueType::kScalar;
  value.scalar = {4000, 2};
  EXPECT_EQ(ResultJson(value), R"([4,"2"])");
  value.scalar = {1500, 1e21};
  EXPECT_EQ(ResultJson(value), R"([1.5,"1000000000000000000000"])");
  value.scalar = {0, -1e-9};
  EXPECT_EQ(ResultJson(value), R"([0,"-0.000000001"])");
  value.type = promql::ValueType::kString;
  value.text = "a\"b";
  value.text_time = 1000;
  EXPECT_EQ(ResultJson(value), R"([1,"a\"b"])");
}

TEST(ValueJson, HistogramsShowTheBucketsThatAreNotEmpty) {
  model::FloatHistogram h;
  h.count = 12;
  h.sum = -1.5;
  h.zero_threshold = 0.25;
  h.zero_count = 1;
  h.negative_spans = {{1, 1}};
  h.negative_buckets = {2};
  h.positive_spans = {{-1, 2}, {1, 1}};
  h.positive_buckets = {3, 0, 6};
  const promql::HistogramPtr shared = promql::Share(h);
  constexpr std::string_view kExponential =
      R"({"count":"12","sum":"-1.5","buckets":[[1,"-2","-1","2"],[3,"-0.25","0.25","1"],)"
      R"([0,"0.25","0.5","3"],[0,"2","4","6"]]}])";
  promql::Value value;
  value.type = promql::ValueType::kVector;
  value.vector = {{model::Labels{{"a", "b"}}, {1500, 0}, shared}};
  EXPECT_EQ(ResultJson(value),
            fmt::format(R"([{{"metric":{{"a":"b"}},"histogram":[1.500,{}}}])", kExponential));

  model::FloatHistogram custom;
  custom.schema = model::kCustomBuckets;
  custom.count = 5;
  custom.sum = 8;
  custom.custom_values = {1, 2};
  custom.positive_spans = {{0, 3}};
  custom.positive_buckets = {1, 1, 3};
  model::FloatHistogram empty;
  value = {};
  value.type = promql::ValueType::kMatrix;
  value.matrix = {{model::Labels{{"a", "b"}},
                   {{0, 7}},
                   {{1000, promql::Share(custom)}, {2000, promql::Share(empty)}}}};
  EXPECT_EQ(ResultJson(value),
            R"([{"metric":{"a":"b"},"values":[[0,"7"]],"histograms":[)"
            R"([1,{"count":"5","sum":"8","buckets":[[3,"-Inf","1","1"],[0,"1","2","1"],)"
            R"([0,"2","+Inf","3"]]}],[2,{"count":"0","sum":"0"}]]}])");
}

Response Answer(const ApiHandler& handler) { return Enveloped(handler)(Request()); }

TEST(Envelope, WrapsDataInOrder) {
  const Response response = Answer([](const Request&, Reply* reply) {
    reply->json()->BeginArray();
    reply->json()->Int(1);
    reply->json()->EndArray();
    reply->Warn("careful");
    reply->infos.push_back("by the way");
    return absl::OkStatus();
  });
  EXPECT_EQ(response.status, 200);
  EXPECT_EQ(response.content_type, "application/json");
  EXPECT_EQ(response.body,
            R"({"status":"success","data":[1],"warnings":["careful"],"infos":["by the way"]})");
}

TEST(Envelope, AtMostTenAnnotationsAreSent) {
  const Response response = Answer([](const Request&, Reply* reply) {
    reply->json()->Null();
    for (int i = 0; i < 13; ++i) reply->Warn("w");
    return absl::OkStatus();
  });
  EXPECT_EQ(response.body,
            R"({"status":"success","data":null,"warnings":["w","w","w","w","w","w","w","w","w","w",)"
            R"("3 more warning annotations omitted"]})");
}

TEST(Envelope, AStatusDecidesCodeAndType) {
  const struct {
    absl::Status status;
    int code;
    const char* type;
  } kCases[] = {
      {base::InvalidArgument("e"), 400, "bad_data"},
      {base::Aborted("e"), 422, "execution"},
      {base::ResourceExhausted("e"), 422, "execution"},
      {base::Unimplemented("e"), 422, "execution"},
      {base::DeadlineExceeded("e"), 503, "timeout"},
      {base::Cancelled("e"), 499, "canceled"},
      {base::NotFound("e"), 404, "not_found"},
      {base::Unavailable("e"), 500, "unavailable"},
      {base::Internal("e"), 500, "internal"},
      {base::DataLoss("e"), 500, "internal"},
  };
  for (const auto& c : kCases) {
    const Response response = Answer([&](const Request&, Reply* reply) {
      reply->json()->String("half done");
      return c.status;
    });
    EXPECT_EQ(response.status, c.code);
    EXPECT_EQ(response.body,
              fmt::format(R"({{"status":"error","errorType":"{}","error":"e"}})", c.type));
  }
}

TEST(Envelope, NothingToSayIs204) {
  const Response response = Answer([](const Request&, Reply* reply) {
    reply->NoContent();
    return absl::OkStatus();
  });
  EXPECT_EQ(response.status, 204);
  EXPECT_EQ(response.body, "");
}

}  // namespace
}  // namespace api
