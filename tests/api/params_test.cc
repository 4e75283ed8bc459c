#include "api/params.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "api/time_text.h"
#include "storage/base/status.h"

namespace api {
namespace {

using ::testing::ElementsAre;
using ::testing::Pair;

Pairs Split(std::string_view text) {
  Pairs pairs;
  ParseQueryString(text, &pairs);
  return pairs;
}

template <class T>
std::string ErrorOf(const absl::StatusOr<T>& or_error) {
  return or_error.ok() ? "" : std::string(base::message(or_error.status()));
}

TEST(QueryString, TakesWhatShouldHaveBeenEscaped) {
  EXPECT_THAT(Split("match[]=up&query=up{a=\"b|c\"}"),
              ElementsAre(Pair("match[]", "up"), Pair("query", "up{a=\"b|c\"}")));
  EXPECT_THAT(Split("match%5B%5D=up+x%20y"), ElementsAre(Pair("match[]", "up x y")));
  EXPECT_THAT(Split("query=a%zz%4"), ElementsAre(Pair("query", "a%zz%4")));
  EXPECT_THAT(Split("query=a;b"), ElementsAre(Pair("query", "a;b")));
  EXPECT_THAT(Split("&&a&b=&=c"), ElementsAre(Pair("a", ""), Pair("b", ""), Pair("", "c")));
  EXPECT_THAT(Split("query=a==b"), ElementsAre(Pair("query", "a==b")));
}

TEST(Target, SplitsPathAndQuery) {
  Request request;
  ASSERT_TRUE(SetTarget("/a%20b?x=1#y", &request).ok());
  EXPECT_EQ(request.path, "/a b");
  EXPECT_THAT(request.params, ElementsAre(Pair("x", "1")));
  ASSERT_TRUE(SetTarget("http://host:9090/api?y=2", &request).ok());
  EXPECT_EQ(request.path, "/api");
  EXPECT_THAT(request.url_params, ElementsAre(Pair("y", "2")));
  ASSERT_TRUE(SetTarget("http://host", &request).ok());
  EXPECT_EQ(request.path, "/");
  EXPECT_FALSE(SetTarget("nonsense", &request).ok());
  EXPECT_FALSE(SetTarget("", &request).ok());
}

Request Form(std::string type, std::string body, std::string_view target) {
  Request request;
  request.method = Method::kPost;
  request.headers = {{"content-type", std::move(type)}};
  request.body = std::move(body);
  EXPECT_TRUE(SetTarget(target, &request).ok());
  return request;
}

TEST(Form, ComesBeforeTheUrl) {
  Request request = Form("application/x-www-form-urlencoded; charset=utf-8", "query=body&match[]=a",
                         "/q?query=url&match[]=b&stats=all");
  ASSERT_TRUE(AddFormParams(&request).ok());
  EXPECT_EQ(request.Param("query"), "body");
  EXPECT_EQ(request.Param("stats"), "all");
  EXPECT_THAT(request.ParamList("match[]"), ElementsAre("a", "b"));
}

TEST(Form, OtherContentTypesAreNoForm) {
  Request request = Form("application/x-protobuf", "query=body", "/q?query=url");
  ASSERT_TRUE(AddFormParams(&request).ok());
  EXPECT_EQ(request.Param("query"), "url");
}

TEST(Form, MultipartFieldsCountAndFilesDoNot) {
  const std::string body =
      "--xyz\r\nContent-Disposition: form-data; name=\"query\"\r\n\r\nup{a=\"b;c\"}\r\n"
      "--xyz\r\nContent-Disposition: form-data; name=\"f\"; filename=\"f.txt\"\r\n"
      "Content-Type: text/plain\r\n\r\nlong\r\n--xyz--\r\n";
  Request request = Form("multipart/form-data; boundary=xyz", body, "/q?time=4");
  ASSERT_TRUE(AddFormParams(&request).ok());
  EXPECT_THAT(request.params, ElementsAre(Pair("time", "4"), Pair("query", "up{a=\"b;c\"}")));
}

TEST(Form, TheUrlComesBeforeAMultipartBody) {
  const std::string body =
      "--xyz\r\nContent-Disposition: form-data; name=\"query\"\r\n\r\nbody\r\n--xyz--\r\n";
  Request request = Form("multipart/form-data; boundary=xyz", body, "/q?query=url");
  ASSERT_TRUE(AddFormParams(&request).ok());
  EXPECT_EQ(request.Param("query"), "url");
}

TEST(Form, MalformedMultipartIsAnError) {
  for (const char* body : {"", "--xyz", "--xyz\r\n", "--xyz\r\nA: b\r\n\r\nno end", "--abc--"}) {
    Request request = Form("multipart/form-data; boundary=xyz", body, "/q");
    EXPECT_FALSE(AddFormParams(&request).ok()) << body;
  }
  Request request = Form("multipart/form-data", "--", "/q");
  EXPECT_FALSE(AddFormParams(&request).ok());
}

TEST(Time, TakesSecondsAndRfc3339) {
  const struct {
    const char* text;
    model::TimeMs t;
  } kCases[] = {
      {"0", 0},
      {"4", 4000},
      {"1543578564.705", 1543578564705},
      {"1543578564.7054", 1543578564705},
      {"-1.5", -1500},
      {"-0.001", -1},
      {"1e3", 1'000'000},
      {"1.5e9", 1'500'000'000'000},
      {"1699999999999", 1699999999999000},  // Milliseconds where seconds belong: year 55840.
      {"2015-06-03T13:21:58.555Z", 1433337718555},
      {"2015-06-03T14:21:58.555+01:00", 1433337718555},
      {"2015-06-03T13:21:58Z", 1433337718000},
      {"2015-06-03T13:21:58,5Z", 1433337718500},
      {"2015-06-03T9:21:58Z", 1433323318000},
      {"1_000.5", 1000500},
      {"1969-12-31T23:59:59.5Z", -500},
      {"2000-02-29T00:00:00Z", 951782400000},
      {"-292273086-05-16T16:47:06Z", kMinTime},
      {"292277025-08-18T07:12:54.999999999Z", kMaxTime},
      {"1e300", kMaxTime},
      {"-1e300", kMinTime},
  };
  for (const auto& c : kCases) {
    const auto t = ParseTime(c.text);
    ASSERT_TRUE(t.ok()) << c.text;
    EXPECT_EQ(*t, c.t) << c.text;
  }
}

TEST(Time, RefusesTheRestInPrometheusWords) {
  for (const char* text : {"", "foo", "30s", "NaN", "+Inf", "2015-02-29T00:00:00Z",
                           "2015-06-03T25:00:00Z", "2015-06-03T113:21:58Z", "1__0", "_1", "2015-06-03", "2015-06-03T13:21:58",
                           "2015-06-03T13:21:58.Z", "2015-06-03T13:21:58Zx"}) {
    EXPECT_EQ(ErrorOf(ParseTime(text)),
              fmt::format("cannot parse {} to a valid timestamp", Quoted(text)));
  }
}

TEST(Duration, TakesSecondsAndUnits) {
  EXPECT_EQ(*ParseDurationNs("1"), 1'000'000'000);
  EXPECT_EQ(*ParseDurationNs("0.5"), 500'000'000);
  EXPECT_EQ(*ParseDurationNs("-1"), -1'000'000'000);
  EXPECT_EQ(*ParseDurationNs("1_0"), 10'000'000'000);
  EXPECT_EQ(*ParseDurationNs("5m"), 300'000'000'000);
  EXPECT_EQ(*ParseDurationNs("1h30m"), 5'400'000'000'000);
  EXPECT_EQ(*ParseDurationNs("86400"), 86'400'000'000'000);
}

TEST(Duration, RefusesTheRestInPrometheusWords) {
  EXPECT_EQ(ErrorOf(ParseDurationNs("foo")), "cannot parse \"foo\" to a valid duration");
  EXPECT_EQ(ErrorOf(ParseDurationNs("")), "cannot parse \"\" to a valid duration");
  EXPECT_EQ(ErrorOf(ParseDurationNs("NaN")), "cannot parse \"NaN\" to a valid duration");
  EXPECT_EQ(ErrorOf(ParseDurationNs("1h-5.5m")), "cannot parse \"1h-5.5m\" to a valid duration");
  EXPECT_EQ(ErrorOf(ParseDurationNs("148966367200.372")),
            "cannot parse \"148966367200.372\" to a valid duration. It overflows int64");
  EXPECT_EQ(ErrorOf(ParseDurationNs("-Inf")),
            "cannot parse \"-Inf\" to a valid duration. It overflows int64");
}

TEST(Int, SpeaksLikeGo) {
  EXPECT_EQ(*ParseInt("42"), 42);
  EXPECT_EQ(*ParseInt("+42"), 42);
  EXPECT_EQ(*ParseInt("-1"), -1);
  for (const char* text : {"", "+", "-", "+-1", "1.5", "0x10", "1 ", "abc"}) {
    EXPECT_EQ(ErrorOf(ParseInt(text)),
              fmt::format("strconv.Atoi: parsing {}: invalid syntax", Quoted(text)));
  }
  EXPECT_EQ(ErrorOf(ParseInt("99999999999999999999")),
            "strconv.Atoi: parsing \"99999999999999999999\": value out of range");
}

Request WithUrl(std::string_view target) {
  Request request;
  EXPECT_TRUE(SetTarget(target, &request).ok());
  return request;
}

TEST(Params, ErrorsNameTheParameter) {
  EXPECT_EQ(ErrorOf(TimeParam(WithUrl("/?start=x"), "start", 0)),
            "invalid parameter \"start\": invalid time value for 'start': cannot parse \"x\" to a "
            "valid timestamp");
  EXPECT_EQ(*TimeParam(WithUrl("/?start="), "start", 7), 7);
  EXPECT_EQ(ErrorOf(LimitParam(WithUrl("/?limit=-1"))),
            "invalid parameter \"limit\": limit must be non-negative");
  EXPECT_EQ(ErrorOf(LimitParam(WithUrl("/?limit=x"))),
            "invalid parameter \"limit\": strconv.Atoi: parsing \"x\": invalid syntax");
  EXPECT_EQ(*LimitParam(WithUrl("/")), 0);
}

TEST(Params, SelectorsMustSelect) {
  EXPECT_EQ(MatcherSets(WithUrl("/?match[]=up&match[]={job=\"a\",x!=\"b\"}"))->size(), 2u);
  for (const char* target : {"/?match[]={job=\"\"}", "/?match[]={job=~\".*\"}",
                             "/?match[]=up&match[]={job!=\"a\"}"}) {
    EXPECT_EQ(ErrorOf(MatcherSets(WithUrl(target))),
              "match[] must contain at least one non-empty matcher");
  }
  EXPECT_THAT(ErrorOf(MatcherSets(WithUrl("/?match[]=up{"))), ::testing::HasSubstr("parse error"));
}

TEST(LabelName, IsUnescapedWhenEscapedWell) {
  const struct {
    const char* escaped;
    const char* name;
  } kCases[] = {
      {"job", "job"},
      {"U__a_2e_b", "a.b"},
      {"U__http__status", "http_status"},
      {"U___1f600___x", "\xf0\x9f\x98\x80_x"},
      {"U__a_2E_b", "a.b"},
      {"U__", ""},
      {"U__a_", "U__a_"},                  // No end.
      {"U__a_zz_", "U__a_zz_"},            // Not hex.
      {"U__a_d800_", "U__a_d800_"},        // A surrogate.
      {"U__a_110000_", "U__a_110000_"},    // Beyond Unicode.
      {"U__a_0000041_", "U__a_0000041_"},  // Seven digits.
  };
  for (const auto& c : kCases) EXPECT_EQ(UnescapeLabelName(c.escaped), c.name) << c.escaped;
}

TEST(TimeText, RoundTrips) {
  EXPECT_EQ(FormatRfc3339Nano(0, 0), "1970-01-01T00:00:00Z");
  EXPECT_EQ(FormatRfc3339Ns(1433337718555000000), "2015-06-03T13:21:58.555Z");
  EXPECT_EQ(FormatRfc3339Ns(-1), "1969-12-31T23:59:59.999999999Z");
  EXPECT_EQ(FormatRfc3339Nano(-62135596800, 0), kGoZeroTime);
  for (int64_t t = -62135596800; t < 253402300799; t += 86400 * 3001 + 12345) {
    EXPECT_EQ(ParseRfc3339(FormatRfc3339Nano(t, 0)), t * 1000);
  }
}

}  // namespace
}  // namespace api
