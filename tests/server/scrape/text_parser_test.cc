#include "server/scrape/text_parser.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>
#include <string>
#include <vector>

#include "tests/server/scrape/parser_testing.h"
#include "tests/testing/exposition_page.h"

namespace server {
namespace {

using testing_support::MakePage;
using testing_support::Mutate;

// Over a copy that ends where the page ends, so that a sanitizer sees a step too far.
std::string Parse(std::string_view page, bool fast = true) {
  const std::vector<char> exact(page.begin(), page.end());
  return Describe(TextParser({exact.data(), exact.size()}, fast));
}

struct Case {
  std::string page, want;
};

class TextParserTable : public testing::TestWithParam<Case> {};

TEST_P(TextParserTable, ReadsOrRefuses) {
  EXPECT_EQ(Parse(GetParam().page), GetParam().want);
  EXPECT_EQ(Parse(GetParam().page, /*fast=*/false), GetParam().want);
}

using namespace std::string_literals;

INSTANTIATE_TEST_SUITE_P(
    Good, TextParserTable,
    testing::ValuesIn(std::vector<Case>{
        {"", "end"},
        {"\n\n\n", "end"},
        {"up 1\n", "series \"up\" = 1 [\"__name__\"=\"up\";]\nend"},
        {"up 1", "series \"up\" = 1 [\"__name__\"=\"up\";]\nend"},
        {"up{} 1 1700000000123\n", "series \"up{}\" = 1 @1700000000123 [\"__name__\"=\"up\";]\nend"},
        {"up{job=\"a\",x=\"\"} -0.5e3\n",
         "series \"up{job=\\\"a\\\",x=\\\"\\\"}\" = -500 [\"__name__\"=\"up\";\"job\"=\"a\";\"x\"=\"\";]\nend"},
        {"up{job=\"a\",} 1\n",
         "series \"up{job=\\\"a\\\",}\" = 1 [\"__name__\"=\"up\";\"job\"=\"a\";]\nend"},
        {"up { a = \"b\" , c=\"d\" }\t1\t 5 \n",
         "series \"up { a = \\\"b\\\" , c=\\\"d\\\" }\" = 1 @5 [\"__name__\"=\"up\";\"a\"=\"b\";\"c\"=\"d\";]\nend"},
        {"up{a=\"b\"}1\n", "series \"up{a=\\\"b\\\"}\" = 1 [\"__name__\"=\"up\";\"a\"=\"b\";]\nend"},
        {"{\"http.requests\",\"the path\"=\"/\"} 7\n",
         "series \"{\\\"http.requests\\\",\\\"the path\\\"=\\\"/\\\"}\" = 7 [\"__name__\"=\"http.requests\";\"the path\"=\"/\";]\nend"},
        {"{a=\"b\",\"x\\\"y\"} 7\n",
         "series \"{a=\\\"b\\\",\\\"x\\\\\\\"y\\\"}\" = 7 [\"__name__\"=\"x\\\"y\";\"a\"=\"b\";]\nend"},
        {"a{x=\"q\\\"w\\\\e\\nr\\t\"} 1\n",
         "series \"a{x=\\\"q\\\\\\\"w\\\\\\\\e\\\\nr\\\\t\\\"}\" = 1 [\"__name__\"=\"a\";\"x\"=\"q\\\"w\\\\e\\nr\\\\t\";]\nend"},
        {"a{x=\"line\nbreak\"} 1\n",
         "series \"a{x=\\\"line\\nbreak\\\"}\" = 1 [\"__name__\"=\"a\";\"x\"=\"line\\nbreak\";]\nend"},
        {"a{x=\"\xc3\xa9\"} 1\n", "series \"a{x=\\\"\xc3\xa9\\\"}\" = 1 [\"__name__\"=\"a\";\"x\"=\"\xc3\xa9\";]\nend"},
        {"a{x=\"\0s\"} 1\n"s, "series \"a{x=\\\"\\x00s\\\"}\" = 1 [\"__name__\"=\"a\";\"x\"=\"\\x00s\";]\nend"},
        {"a NaN\nb +Inf\nc -Inf\nd Inf\ne nan\nf infinity\n",
         "series \"a\" = NaN [\"__name__\"=\"a\";]\nseries \"b\" = +Inf [\"__name__\"=\"b\";]\n"
         "series \"c\" = -Inf [\"__name__\"=\"c\";]\nseries \"d\" = +Inf [\"__name__\"=\"d\";]\n"
         "series \"e\" = NaN [\"__name__\"=\"e\";]\nseries \"f\" = +Inf [\"__name__\"=\"f\";]\nend"},
        {"a +1\nb 1.\nc .5\nd 1e-400\ne 00012\nf 4.9e-324\ng -0\n",
         "series \"a\" = 1 [\"__name__\"=\"a\";]\nseries \"b\" = 1 [\"__name__\"=\"b\";]\n"
         "series \"c\" = 0.5 [\"__name__\"=\"c\";]\nseries \"d\" = 0 [\"__name__\"=\"d\";]\n"
         "series \"e\" = 12 [\"__name__\"=\"e\";]\nseries \"f\" = 5e-324 [\"__name__\"=\"f\";]\n"
         "series \"g\" = -0 [\"__name__\"=\"g\";]\nend"},
        {"# HELP a What\\n it \\\\ is \\\"\n# TYPE a counter\n#no comment\n# a comment\n#\na 1\n",
         "help \"a\" \"What\\n it \\\\ is \\\\\\\"\"\ntype \"a\" counter\ncomment\ncomment\ncomment\n"
         "series \"a\" = 1 [\"__name__\"=\"a\";]\nend"},
        {"# HELP a\n# HELP b \n# TYPE a untyped\n# HELPER a b\n",
         "help \"a\" \"\"\nhelp \"b\" \"\"\ntype \"a\" unknown\ncomment\nend"},
        {"# HELP \"a.b\" text\n#\t TYPE\t\"a.b\" gauge\n",
         "help \"a.b\" \"text\"\ntype \"a.b\" gauge\nend"},
        {"# TYPE h histogram\nh_bucket{le=\"1\"} 1\nh_bucket{le=\"+Inf\"} 2\nh_bucket{le=\"1e6\",quantile=\"1\"} 2\n"
         "h_bucket{le=\"x\"} 2\n# TYPE s summary\ns{quantile=\"0.50\",le=\"1\"} 3\n",
         "type \"h\" histogram\n"
         "series \"h_bucket{le=\\\"1\\\"}\" = 1 [\"__name__\"=\"h_bucket\";\"le\"=\"1.0\";]\n"
         "series \"h_bucket{le=\\\"+Inf\\\"}\" = 2 [\"__name__\"=\"h_bucket\";\"le\"=\"+Inf\";]\n"
         "series \"h_bucket{le=\\\"1e6\\\",quantile=\\\"1\\\"}\" = 2 [\"__name__\"=\"h_bucket\";\"le\"=\"1e+06\";\"quantile\"=\"1\";]\n"
         "series \"h_bucket{le=\\\"x\\\"}\" = 2 [\"__name__\"=\"h_bucket\";\"le\"=\"x\";]\n"
         "type \"s\" summary\n"
         "series \"s{quantile=\\\"0.50\\\",le=\\\"1\\\"}\" = 3 [\"__name__\"=\"s\";\"quantile\"=\"0.5\";\"le\"=\"1\";]\nend"},
        {"  indented 1\n", "series \"  indented\" = 1 [\"__name__\"=\"  indented\";]\nend"},
        {"a 1\n\0b 2\n"s, "series \"a\" = 1 [\"__name__\"=\"a\";]\nend"},
    }));

INSTANTIATE_TEST_SUITE_P(
    Bad, TextParserTable,
    testing::ValuesIn(std::vector<Case>{
        {"a", R"(error: expected value after metric, got "\n" ("INVALID") while parsing: "a\n")"},
        {"a \n", R"(error: expected value after metric, got "\n" ("INVALID") while parsing: "a \n")"},
        {"a{b='c'} 1\n", R"(error: expected label value, got "'" ("INVALID") while parsing: "a{b='")"},
        {"a{b=\n", R"(error: expected label value, got "\n" ("INVALID") while parsing: "a{b=\n")"},
        {"a{\xff=\"foo\"} 1\n", R"(error: expected label name, got "\xff" ("INVALID") while parsing: "a{\xff")"},
        {"a{b=\"\xff\"} 1\n", R"(error: invalid UTF-8 label value: "\"\xff\"")"},
        {R"({"a", "b = "c"})", R"(error: expected equal, got "c\"" ("LNAME") while parsing: "{\"a\", \"b = \"c\"")"},
        {R"({"a",b\nc="d"} 1)", R"(error: expected equal, got "\\" ("INVALID") while parsing: "{\"a\",b\\")"},
        {"a true\n", R"(error: strconv.ParseFloat: parsing "true": invalid syntax while parsing: "a true")"},
        {"a 1e999\n", R"(error: strconv.ParseFloat: parsing "1e999": value out of range while parsing: "a 1e999")"},
        {"x{y=\"", R"(error: expected label value, got "\"\n" ("INVALID") while parsing: "x{y=\"\n")"},
        {"e{=\"\"} 0", R"(error: expected label name, got "=\"" ("EQUAL") while parsing: "e{=\"")"},
        {"{A}0", R"(error: expected equal, got "}0" ("BCLOSE") while parsing: "{A}0")"},
        {"a 1_2\n", R"(error: unsupported character in float while parsing: "a 1_2")"},
        {"a 0x1p-3\n", R"(error: unsupported character in float while parsing: "a 0x1p-3")"},
        {"a 0x12\n", R"(error: strconv.ParseFloat: parsing "0x12": invalid syntax while parsing: "a 0x12")"},
        {"a 0 1_2\n", R"(error: expected next entry after timestamp, got "_" ("INVALID") while parsing: "a 0 1_")"},
        {"a 0 -5\n", R"(error: expected timestamp or new record, got "-" ("INVALID") while parsing: "a 0 -")"},
        {"a 1 99999999999999999999\n",
         R"(error: strconv.ParseInt: parsing "99999999999999999999": value out of range while parsing: "a 1 99999999999999999999")"},
        {R"({a="ok"} 1)", R"(error: metric name not set while parsing: "{a=\"ok\"} 1")"},
        {R"(a{"b"} 1)", R"(error: metric name already set while parsing: "a{\"b\"}")"},
        {"# TYPE #\n#EOF\n", R"(error: expected metric name after TYPE, got "#" ("INVALID") while parsing: "# TYPE #")"},
        {"# HELP #\n", R"(error: expected metric name after HELP, got "#" ("INVALID") while parsing: "# HELP #")"},
        {"# TYPE a countr\n", R"(error: invalid metric type "countr")"},
        {"# TYPE a\n", R"(error: invalid metric type "")"},
        {"# TYPE a counter \n", R"(error: invalid metric type "counter ")"},
        {"# HELP a \xff\n", R"(error: help text "\xff" is not a valid utf8 string)"},
        {"a 1\n=\n", "series \"a\" = 1 [\"__name__\"=\"a\";]\n"
                     R"(error: expected a valid start token, got "=" ("INVALID") while parsing: "=")"},
        {"a{b=\0\"s\"} 1\n"s, R"(error: expected label value, got "\x00" ("INVALID") while parsing: "a{b=\x00")"},
        {"a\0{} 1"s, R"(error: expected value after metric, got "\x00" ("INVALID") while parsing: "a\x00")"},
        {"a 0 1\0"s, R"(error: expected next entry after timestamp, got "\x00" ("INVALID") while parsing: "a 0 1\x00")"},
        {"a 1\r\n", R"(error: strconv.ParseFloat: parsing "1\r": invalid syntax while parsing: "a 1\r")"},
    }));

TEST(TextParser, NamesTheLine) {
  TextParser parser("# HELP a b\na 1\n\nb x\n");
  while (parser.Next() != Entry::kError) {
  }
  EXPECT_EQ(parser.line(), 4);
  EXPECT_EQ(parser.Next(), Entry::kError);
}

TEST(TextParser, NanOfEveryKindIsTheNormalNan) {
  for (const char* text : {"a NaN\n", "a nan\n"}) {
    TextParser parser(text);
    ASSERT_EQ(parser.Next(), Entry::kSeries);
    EXPECT_EQ(std::bit_cast<uint64_t>(parser.value()), model::kNormalNanBits);
  }
}

TEST(TextParser, FastPathAgreesWithTheLexerOnMutatedPages) {
  const uint64_t seed = 20240917;
  std::mt19937_64 random(seed);
  int errors = 0;
  for (int i = 0; i < 800; ++i) {
    std::string page = MakePage({.seed = random() % 50, .cpus = 1, .devices = 2, .singles = 4,
                                 .histograms = 1});
    page = Mutate(std::move(page), &random);
    const std::string fast = Parse(page);
    ASSERT_EQ(fast, Parse(page, false)) << "seed " << seed << " round " << i << "\n" << page;
    errors += fast.find("error") != std::string::npos;
  }
  EXPECT_GT(errors, 80);
  EXPECT_LT(errors, 780);
}

TEST(TextParser, PredictionsChangeNothing) {
  const uint64_t seed = 77;
  std::mt19937_64 random(seed);
  for (int i = 0; i < 500; ++i) {
    const std::string before = MakePage({.seed = random() % 50, .cpus = 1, .devices = 2,
                                         .singles = 4, .histograms = 1});
    const std::vector<std::string> texts = SeriesTexts<TextParser>(before);
    const std::string page = Mutate(before, &random);
    ASSERT_EQ(Describe(TextParser(page), true, texts), Parse(page)) << "seed " << seed << " " << i;
  }
}

TEST(TextParser, NumbersAreReadToTheLastBit) {
  std::mt19937_64 random(5);
  for (int i = 0; i < 5000; ++i) {
    double v = std::bit_cast<double>(random());
    if (i % 3 == 0) v = static_cast<double>(random() % 1000000000) / 1000;
    if (i % 3 == 1) v = static_cast<double>(static_cast<int64_t>(random() >> (random() % 60)));
    if (!std::isfinite(v)) continue;
    const std::string text = model::FormatFloat(v, i % 2 == 0 ? 'g' : 'f') + "\n";
    double got = 0;
    const char* rest = ScanNumber(text.data(), text.data() + text.size(), &got);
    ASSERT_NE(rest, nullptr) << text;
    ASSERT_EQ(std::bit_cast<uint64_t>(got), std::bit_cast<uint64_t>(v)) << text;
  }
}

}  // namespace
}  // namespace server
