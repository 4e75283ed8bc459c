// Templates of alerts: every text and what Go makes of it, result or error, to the letter. The
// answers in cases/template.txt are Prometheus' own.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <string>
#include <vector>

#include "promql/text.h"
#include "server/rules/template/alert_template.h"
#include "server/rules/template/executor.h"
#include "server/rules/template/go_format.h"
#include "storage/base/status.h"

namespace server::text_template {
namespace {

using ::testing::HasSubstr;

struct World {
  model::Labels labels = {{"instance", "web-1.example.com:9100"}, {"job", "api"}};
  model::Labels external = {{"region", "eu"}};
  promql::VectorSample sample{labels, {0, 1234.5678}, nullptr};
  Surroundings surroundings;

  World() {
    surroundings.now = 1435065584128;
    surroundings.external_url = "http://test.example:9090/prom";
    surroundings.query =
        [](std::string_view q) -> absl::StatusOr<std::vector<promql::VectorSample>> {
      if (q == "bad") return base::InvalidArgument("query failed");
      if (q == "none") return std::vector<promql::VectorSample>();
      return std::vector<promql::VectorSample>{
          {model::Labels{{"__name__", "m"}, {"instance", "b"}}, {0, 11}, nullptr},
          {model::Labels{{"__name__", "m"}, {"__value__", "str"}, {"instance", "a"}},
           {0, 21.5},
           nullptr},
          {model::Labels{{"__name__", "m"}, {"instance", "c"}}, {0, 1e21}, nullptr}};
    };
  }

  absl::StatusOr<std::string> Expand(std::string_view text) const {
    return AlertTemplate("X", text).Expand(ToValue({labels, external, "http://ext/", &sample}),
                                           surroundings);
  }
  std::string Text(std::string_view text) const {
    const auto result = Expand(text);
    return result.ok() ? *result : "ERROR " + std::string(base::message(result.status()));
  }
};

TEST(AlertTemplate, GivesWhatPrometheusGives) {
  std::ifstream in(TEST_DIR "/server/rules/cases/template.txt");
  ASSERT_TRUE(in.is_open());
  const World world;
  int cases = 0;
  std::string text;
  for (std::string line; std::getline(in, line);) {
    if (line.empty() || line[0] == '#') continue;
    const auto value = promql::Unquote(line.substr(line.find('"')));
    ASSERT_TRUE(value.has_value()) << line;
    if (line.starts_with("in ")) {
      text = *value;
      continue;
    }
    ++cases;
    const auto result = world.Expand(text);
    EXPECT_EQ(result.ok(), line.starts_with("out ")) << text;
    EXPECT_EQ(result.ok() ? *result : base::message(result.status()), *value) << text;
  }
  EXPECT_GT(cases, 250);
}

TEST(AlertTemplate, ErrorsBecomeText) {
  const World world;
  const AlertTemplate bad("X", "{{ humanize \"x\" }}");
  EXPECT_TRUE(bad.status().ok());
  EXPECT_EQ(
      bad.ExpandToText(ToValue({world.labels, world.external, "", &world.sample}),
                       world.surroundings),
      "<error expanding template: error executing template __alert_X: template: __alert_X:1:115: "
      "executing \"__alert_X\" at <humanize \"x\">: error calling humanize: strconv.ParseFloat: "
      "parsing \"x\": invalid syntax>");
  EXPECT_EQ(base::message(AlertTemplate("Y", "a\n{{ if }}").status()),
            "template: __alert_Y:2: missing value for if");
}

TEST(AlertTemplate, HistogramsPrintThemselvesAndHaveFields) {
  World world;
  model::FloatHistogram h;
  h.count = 5;
  h.sum = 18.5;
  h.positive_spans = {{0, 2}};
  h.positive_buckets = {1, 4};
  world.sample.histogram = promql::Share(h);
  EXPECT_EQ(world.Text("{{ $value }}"), "{count:5, sum:18.5, (0.5,1]:1, (1,2]:4}");
  EXPECT_EQ(world.Text("{{ $value.Sum }} {{ .Value.Count }}"), "18.5 5");
  EXPECT_THAT(world.Text("{{ humanize $value }}"),
              HasSubstr("can't convert *histogram.FloatHistogram to float"));
}

TEST(AlertTemplate, NothingRunsAwayNorFillsMemory) {
  const World world;
  EXPECT_THAT(world.Text(R"({{ define "r" }}{{ template "r" }}{{ end }}{{ template "r" }})"),
              HasSubstr("exceeded maximum template depth"));
  EXPECT_THAT(world.Text("{{ range 1000000000 }}{{ end }}"), HasSubstr("takes more than"));
  EXPECT_THAT(
      world.Text(R"({{ $x := "aaaaaaaa" }}{{ range 60 }}{{ $x = printf "%s%s" $x $x }}{{ end }})"),
      HasSubstr("longer than"));
  EXPECT_THAT(world.Text(R"({{ $x := printf "%1000000d" 1 }}{{ range 60 }}{{ $x }}{{ end }})"),
              HasSubstr("makes more than"));
  EXPECT_THAT(world.Text(R"({{ $x := printf "%100000d" 1 }}{{ reReplaceAll "." $x $x }})"),
              HasSubstr("becomes longer"));
  std::string nested;
  for (int i = 0; i < 100'000; ++i) nested += "(";
  EXPECT_THAT(world.Text("{{" + nested), HasSubstr("max expression depth exceeded"));
  nested.clear();
  for (int i = 0; i < 100'000; ++i) nested += "{{if 1}}";
  EXPECT_THAT(world.Text(nested), HasSubstr("max expression depth exceeded"));
}

TEST(AlertTemplate, SortingOneViewSortsAll) {
  EXPECT_EQ(
      World().Text(
          R"({{ $x := query "x" }}{{ $y := slice $x 1 }}{{ $z := sortByLabel "instance" $x }})"
          R"({{ (index $y 0).Labels.instance }}{{ len $y }})"),
      "b2");
}

TEST(GoFormat, FormatsNumbersAsGo) {
  EXPECT_EQ(FormatNumber(1234.5678, 'g', 4), "1235");
  EXPECT_EQ(FormatNumber(123456.0, 'g', 4), "1.235e+05");
  EXPECT_EQ(FormatNumber(-0.0, 'g', 4), "-0");
  const Value values[] = {Value(1), Value(2.5)};
  EXPECT_EQ(Sprint(values), "1 2.5");
  EXPECT_EQ(Sprintf("%v-%v", values), "1-2.5");
}

}  // namespace
}  // namespace server::text_template
