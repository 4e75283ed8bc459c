#include "server/scrape/openmetrics_parser.h"

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
using namespace std::string_literals;

// Over a copy that ends where the page ends, so that a sanitizer sees a step too far.
std::string Parse(std::string_view page, bool fast = true) {
  const std::vector<char> exact(page.begin(), page.end());
  return Describe(OpenMetricsParser({exact.data(), exact.size()}, fast));
}

struct Case {
  std::string page, want;
};

class OpenMetricsTable : public testing::TestWithParam<Case> {};

TEST_P(OpenMetricsTable, ReadsOrRefuses) {
  EXPECT_EQ(Parse(GetParam().page), GetParam().want);
  EXPECT_EQ(Parse(GetParam().page, /*fast=*/false), GetParam().want);
}

INSTANTIATE_TEST_SUITE_P(
    Good, OpenMetricsTable,
    testing::ValuesIn(std::vector<Case>{
        {"# EOF\n", "end"},
        {"# EOF", "end"},
        {"a 1\n# EOF\n", "series \"a\" = 1 [\"__name__\"=\"a\";]\nend"},
        {"a 1 1520879607.789\n# EOF\n", "series \"a\" = 1 @1520879607789 [\"__name__\"=\"a\";]\nend"},
        {"a 1 -1.5\n# EOF\n", "series \"a\" = 1 @-1500 [\"__name__\"=\"a\";]\nend"},
        {"a{b=\"c\",d=\"\\\"\"} 1\n# EOF\n",
         "series \"a{b=\\\"c\\\",d=\\\"\\\\\\\"\\\"}\" = 1 [\"__name__\"=\"a\";\"b\"=\"c\";\"d\"=\"\\\"\";]\nend"},
        {"{\"a.b\",c=\"d\"} 1\n# EOF\n",
         "series \"{\\\"a.b\\\",c=\\\"d\\\"}\" = 1 [\"__name__\"=\"a.b\";\"c\"=\"d\";]\nend"},
        {"# HELP a_seconds x\\ny\\\"\n# TYPE a_seconds gauge\n# UNIT a_seconds seconds\n# EOF\n",
         "help \"a_seconds\" \"x\\ny\\\"\"\ntype \"a_seconds\" gauge\nunit \"a_seconds\" \"seconds\"\nend"},
        {"# TYPE a counter\na_total 1 # {} 2\n# EOF\n",
         "type \"a\" counter\nseries \"a_total\" = 1 [\"__name__\"=\"a_total\";] # {} 2\nend"},
        {"a_bucket{le=\"1\"} 1 5 # {trace_id=\"x\\\"y\",\"span.id\"=\"z\"} -0.5 12.345\n# EOF\n",
         "series \"a_bucket{le=\\\"1\\\"}\" = 1 @5000 [\"__name__\"=\"a_bucket\";\"le\"=\"1\";] "
         "# {\"span.id\"=\"z\", trace_id=\"x\\\\\\\"y\"} -0.5 @12345\nend"},
        {"# TYPE a info\n# TYPE b stateset\n# TYPE c gaugehistogram\n# TYPE d unknown\n# EOF\n",
         "type \"a\" info\ntype \"b\" stateset\ntype \"c\" gaugehistogram\ntype \"d\" unknown\nend"},
        {"# TYPE h histogram\nh_bucket{le=\"1\"} 1\n# EOF\n",
         "type \"h\" histogram\nseries \"h_bucket{le=\\\"1\\\"}\" = 1 [\"__name__\"=\"h_bucket\";\"le\"=\"1.0\";]\nend"},
        {"# TYPE a counter\na_total 1\na_created 1.5\n# EOF\n",
         "type \"a\" counter\nseries \"a_total\" = 1 [\"__name__\"=\"a_total\";]\n"
         "series \"a_created\" = 1.5 [\"__name__\"=\"a_created\";]\nend"},
        {"a NaN\nb +Inf\n# EOF\n",
         "series \"a\" = NaN [\"__name__\"=\"a\";]\nseries \"b\" = +Inf [\"__name__\"=\"b\";]\nend"},
        {"a 1 1e300\n# EOF\n",
         "series \"a\" = 1 @-9223372036854775808 [\"__name__\"=\"a\";]\nend"},
    }));

INSTANTIATE_TEST_SUITE_P(
    Bad, OpenMetricsTable,
    testing::ValuesIn(std::vector<Case>{
        {"", "error: data does not end with # EOF"},
        {"\n", R"(error: expected a valid start token, got "\n" ("INVALID") while parsing: "\n")"},
        {"a 1", "error: data does not end with # EOF"},
        {"a 1\n", "series \"a\" = 1 [\"__name__\"=\"a\";]\nerror: data does not end with # EOF"},
        {"# EOF\nfoo", "error: unexpected data after # EOF"},
        {"# EOF\n\n", "error: unexpected data after # EOF"},
        {"a 1 # {} 1", "error: data does not end with # EOF"},
        {"a\n# EOF\n", R"(error: expected value after metric, got "\n" ("INVALID") while parsing: "a\n")"},
        {"a  1\n# EOF\n", R"(error: expected value after metric, got "  " ("INVALID") while parsing: "a  ")"},
        {"a\t1\n# EOF\n", R"(error: expected value after metric, got "\t" ("INVALID") while parsing: "a\t")"},
        {" a 1\n# EOF\n", R"(error: expected a valid start token, got " " ("INVALID") while parsing: " ")"},
        {"# a comment\n# EOF\n", R"(error: expected a valid start token, got "# a" ("INVALID") while parsing: "# a")"},
        {"#EOF\n", R"(error: expected a valid start token, got "#E" ("INVALID") while parsing: "#E")"},
        {"# TYPE a x\n# EOF\n", R"(error: invalid metric type "x")"},
        {"# TYPE a untyped\n# EOF\n", R"(error: invalid metric type "untyped")"},
        {"# TYPE a\n# EOF\n", "error: expected text in TYPE"},
        {"# TYPE \n", R"(error: expected metric name after TYPE, got "\n" ("INVALID") while parsing: "# TYPE \n")"},
        {"# UNIT a_seconds s\n# EOF\n", R"(error: unit "s" not a suffix of metric "a_seconds")"},
        {"# UNIT seconds seconds\n# EOF\n", R"(error: unit "seconds" not a suffix of metric "seconds")"},
        {"a{b=\"c\" d=\"e\"} 1\n# EOF\n",
         R"(error: expected comma or brace close, got " " ("INVALID") while parsing: "a{b=\"c\" ")"},
        {"a{b=\"c\",d=\"e\"x} 1\n# EOF\n",
         R"(error: expected comma or brace close, got "x}" ("LNAME") while parsing: "a{b=\"c\",d=\"e\"x}")"},
        {"a{b=\"c\n\"} 1\n# EOF\n", R"(error: expected label value, got "\"c\n" ("INVALID") while parsing: "a{b=\"c\n")"},
        {"a{b=\"\xff\"} 1\n# EOF\n", R"(error: invalid UTF-8 label value: "\"\xff\"")"},
        {"a 1 x\n# EOF\n", R"(error: strconv.ParseFloat: parsing "x": invalid syntax while parsing: "a 1 x")"},
        {"a 1 NaN\n# EOF\n", "error: invalid timestamp NaN"},
        {"a 1 -Inf\n# EOF\n", "error: invalid timestamp -Inf"},
        {"a 1_0\n# EOF\n", R"(error: unsupported character in float while parsing: "a 1_0")"},
        {"a 1 1 1\n# EOF\n", R"(error: expected next entry after timestamp, got " 1\n" ("TIMESTAMP") while parsing: "a 1 1 1\n")"},
        {"a 1 # {b=\"c\"}\n# EOF\n",
         R"(error: expected value after exemplar labels, got "\n" ("INVALID") while parsing: "a 1 # {b=\"c\"}\n")"},
        {"a 1 # {\"b\"} 1\n# EOF\n",
         R"(error: expected label name, got "} " ("BCLOSE") while parsing: "a 1 # {\"b\"} ")"},
        {"a 1 # {b=\"c\"} 1 NaN\n# EOF\n", "error: invalid exemplar timestamp NaN"},
        {"a 1 # {b=\"c\"} 1 2 3\n# EOF\n",
         R"(error: expected next entry after exemplar timestamp, got " 3\n" ("TIMESTAMP") while parsing: "a 1 # {b=\"c\"} 1 2 3\n")"},
        {"# HELP a b\n\0# EOF\n"s, "help \"a\" \"b\\n\"\nend"},  // As there: odd, but the same.
        {"{b=\"c\"} 1\n# EOF\n", R"(error: metric name not set while parsing: "{b=\"c\"} 1")"},
        {"a{\"b\"} 1\n# EOF\n", R"(error: metric name already set while parsing: "a{\"b\"}")"},
    }));

TEST(OpenMetricsParser, FastPathAgreesWithTheLexerOnMutatedPages) {
  const uint64_t seed = 4711;
  std::mt19937_64 random(seed);
  int errors = 0;
  for (int i = 0; i < 800; ++i) {
    std::string page = MakePage({.seed = random() % 50, .cpus = 1, .devices = 2, .singles = 4,
                                 .histograms = 1, .openmetrics = true});
    if (i % 50 != 0) page = Mutate(std::move(page), &random);
    const std::string fast = Parse(page);
    ASSERT_EQ(fast, Parse(page, false)) << "seed " << seed << " round " << i << "\n" << page;
    errors += fast.find("error") != std::string::npos;
  }
  EXPECT_GT(errors, 80);
  EXPECT_LT(errors, 795);
}

TEST(OpenMetricsParser, PredictionsChangeNothing) {
  const uint64_t seed = 99;
  std::mt19937_64 random(seed);
  for (int i = 0; i < 500; ++i) {
    const std::string before = MakePage({.seed = random() % 50, .cpus = 1, .devices = 2,
                                         .singles = 4, .histograms = 1, .openmetrics = true});
    const std::vector<std::string> texts = SeriesTexts<OpenMetricsParser>(before);
    const std::string page = Mutate(before, &random);
    ASSERT_EQ(Describe(OpenMetricsParser(page), true, texts), Parse(page)) << seed << " " << i;
  }
}

TEST(OpenMetricsParser, AnExemplarIsTakenOnce) {
  OpenMetricsParser parser("a 1 # {x=\"y\"} 2 3.5\nb 1\n# EOF\n");
  model::Exemplar exemplar;
  ASSERT_EQ(parser.Next(), Entry::kSeries);
  ASSERT_TRUE(parser.TakeExemplar(&exemplar));
  EXPECT_EQ(exemplar.labels, model::Labels({{"x", "y"}}));
  EXPECT_EQ(exemplar.t, 3500);
  EXPECT_FALSE(parser.TakeExemplar(&exemplar));
  ASSERT_EQ(parser.Next(), Entry::kSeries);
  EXPECT_FALSE(parser.TakeExemplar(&exemplar));
}

}  // namespace
}  // namespace server
