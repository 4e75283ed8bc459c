#include "tests/promql/engine_fixture.h"

#include <cmath>
#include <sstream>

#include "storage/base/status.h"
#include "storage/model/number_text.h"

namespace promql {

model::Labels ParseSeries(std::string_view text) {
  auto matchers = ParseMetricSelector(text);
  std::vector<model::Labels::Pair> pairs;
  EXPECT_TRUE(matchers.ok()) << text;
  if (!matchers.ok()) return {};
  for (const model::Matcher& m : *matchers) pairs.emplace_back(m.name(), m.value());
  return model::Labels::FromPairs(std::move(pairs));
}

void EngineFixture::Load(std::string_view series, std::string_view values, int gap_s, int start_s) {
  const model::Labels labels = ParseSeries(series);
  std::istringstream items{std::string(values)};
  std::string item;
  int64_t t = int64_t{start_s} * 1000;
  const auto add = [&](double v) {
    data_.Add(labels, t, v);
    t += int64_t{gap_s} * 1000;
  };
  while (items >> item) {
    if (item == "_") {
      t += int64_t{gap_s} * 1000;
      continue;
    }
    if (item == "stale") {
      add(model::StaleNan());
      continue;
    }
    const size_t times = item.find('x');
    if (times == std::string::npos) {
      add(*model::ParseFloat(item));
      continue;
    }
    const int n = std::stoi(item.substr(times + 1));
    std::string start = item.substr(0, times);
    double by = 0;
    if (const size_t plus = start.find_first_of("+-", 1); plus != std::string::npos) {
      by = *model::ParseFloat(start.substr(plus));
      start.resize(plus);
    }
    for (int i = 0; i <= n; ++i) add(*model::ParseFloat(start) + by * i);
  }
}

std::string ToText(const absl::StatusOr<Result>& result) {
  if (!result.ok()) return "error: " + std::string(base::message(result.status())) + "\n";
  const Value& value = result->value;
  std::string out;
  const auto number = [](double v) { return model::FormatFloat(v, 'f'); };
  switch (value.type) {
    case ValueType::kScalar: out = "scalar " + number(value.scalar.v) + "\n"; break;
    case ValueType::kString: out = "string " + value.text + "\n"; break;
    case ValueType::kVector:
      for (const VectorSample& s : value.vector) {
        out += s.labels.ToString() + " " + number(s.sample.v) + "\n";
      }
      break;
    default:
      for (const Series& s : value.matrix) {
        out += s.labels.ToString();
        for (const model::Sample& p : s.points) {
          out += " " + number(p.v) + "@" + number(static_cast<double>(p.t) / 1000);
        }
        out += "\n";
      }
  }
  for (const std::string& text : result->annotations.warnings) out += text + "\n";
  for (const std::string& text : result->annotations.infos) out += text + "\n";
  return out;
}

absl::StatusOr<Result> EngineFixture::Run(std::string_view query, Grid grid) {
  return engine_->Evaluate(query, grid, &data_, query_options_);
}

std::string EngineFixture::Instant(std::string_view query, double at_s) {
  const auto t = static_cast<model::TimeMs>(std::llround(at_s * 1000));
  return ToText(Run(query, Grid{t, t, 0}));
}

std::string EngineFixture::Range(std::string_view query, double start_s, double end_s,
                                 double step_s) {
  return ToText(Run(query, Grid{std::llround(start_s * 1000), std::llround(end_s * 1000),
                                std::llround(step_s * 1000)}));
}

}  // namespace promql
