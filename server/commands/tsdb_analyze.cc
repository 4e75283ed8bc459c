#include "server/commands/tsdb_analyze.h"

#include <algorithm>

#include "server/commands/tsdb_list.h"

namespace server {
namespace {

double PerSample(uint64_t bytes, uint64_t samples) {
  return samples == 0 ? 0 : static_cast<double>(bytes) / static_cast<double>(samples);
}

template <class Map>
auto& At(Map* map, std::string_view key) {
  const auto it = map->find(key);
  return it != map->end() ? it->second : map->try_emplace(std::string(key)).first->second;
}

}  // namespace

Analysis::Analysis(storage::BlockMeta meta, std::vector<model::Matcher> matchers, std::string match)
    : meta_(std::move(meta)), matchers_(std::move(matchers)), match_(std::move(match)) {}

bool Analysis::Matches(model::LabelsView labels) const {
  return std::all_of(matchers_.begin(), matchers_.end(), [&](const model::Matcher& matcher) {
    return matcher.Matches(labels.Get(matcher.name()));
  });
}

void Analysis::Add(const storage::SeriesContents& series) {
  all_bytes_ += series.bytes;
  if (!Matches(series.labels)) return;
  ++series_;
  samples_ += series.samples;
  bytes_ += series.bytes;
  for (size_t i = 0; i < by_form_.size(); ++i) by_form_[i] += series.by_form[i];
  const auto length = static_cast<uint64_t>(meta_.range.max + 1 - meta_.range.min);
  const uint64_t covered =
      series.range.empty() ? 0 : static_cast<uint64_t>(series.range.max - series.range.min);
  const uint64_t uncovered = length - std::min(length, covered);
  for (const model::Label& label : series.labels) {
    Name& name = At(&names_, label.name);
    name.uncovered_ms += uncovered;
    Pair& pair = At(&name.values, label.value);
    pairs_ += pair.series == 0;
    ++pair.series;
    pair.uncovered_ms += uncovered;
    ++entries_;
  }
  Metric& metric = At(&metrics_, series.labels.MetricName());
  ++metric.series;
  metric.samples += series.samples;
  metric.bytes += series.bytes;
}

// Tables are packed as a whole, and time columns and postings serve many series.
uint64_t Analysis::OfTables(uint64_t bytes) const {
  if (all_bytes_ == 0) return 0;
  return static_cast<uint64_t>(static_cast<double>(bytes) / static_cast<double>(all_bytes_) *
                               static_cast<double>(meta_.bytes));
}

uint64_t Analysis::Churn(uint64_t uncovered_ms) const {
  return static_cast<uint64_t>(static_cast<double>(uncovered_ms) /
                               static_cast<double>(meta_.range.max + 1 - meta_.range.min));
}

void Analysis::Print(std::string_view title, std::vector<Line> lines, size_t limit,
                     std::string* out) const {
  std::sort(lines.begin(), lines.end(), [](const Line& a, const Line& b) {
    return a.number != b.number ? a.number > b.number : a.text < b.text;
  });
  *out += fmt::format("\n{}:\n", title);
  for (size_t i = 0; i < std::min(limit, lines.size()); ++i) {
    *out += fmt::format("{} {}{}\n", lines[i].number, lines[i].text, lines[i].behind);
  }
}

void Analysis::PrintBytes(size_t limit, std::string* out) const {
  std::vector<Line> lines;
  for (const auto& [name, metric] : metrics_) {
    const uint64_t bytes = OfTables(metric.bytes);
    lines.push_back({name, bytes,
                     fmt::format(" ({} samples, {:.2f} bytes per sample)", metric.samples,
                                 PerSample(bytes, metric.samples))});
  }
  Print("Metric names with most bytes", std::move(lines), limit, out);
  lines.clear();
  for (size_t i = 0; i < by_form_.size(); ++i) {
    if (by_form_[i] > 0) lines.push_back({std::string(storage::SampleFormName(i)), by_form_[i], ""});
  }
  Print("Samples by encoding", std::move(lines), lines.max_size(), out);
}

std::string Analysis::Text(size_t limit) const {
  std::string out;
  out += fmt::format("Block ID: {}\n", meta_.ulid);
  out += fmt::format("Duration: {}\n", GoDuration(meta_.range.max + 1 - meta_.range.min));
  out += fmt::format("Total Series: {}\n", meta_.num_series);
  if (!match_.empty()) out += fmt::format("Matcher: {}\n", match_);
  out += fmt::format("Label names: {}\n", names_.size());
  if (!match_.empty()) out += fmt::format("Matched series: {}\n", series_);
  out += fmt::format("Postings (unique label pairs): {}\n", pairs_);
  out += fmt::format("Postings entries (total label pairs): {}\n", entries_);
  const uint64_t bytes = OfTables(bytes_);
  out += fmt::format("Samples: {}\nBytes: {}\nBytes per sample: {:.2f}\n", samples_, bytes,
                     PerSample(bytes, samples_));

  std::vector<Line> churning_pairs, churning_names, common, length, cardinality, metrics;
  for (const auto& [name, of_name] : names_) {
    uint64_t characters = 0;
    for (const auto& [value, pair] : of_name.values) {
      const std::string text = name + "=" + value;
      churning_pairs.push_back({text, Churn(pair.uncovered_ms), ""});
      common.push_back({text, pair.series, ""});
      characters += value.size();
    }
    churning_names.push_back({name, Churn(of_name.uncovered_ms), ""});
    length.push_back({name, characters, ""});
    cardinality.push_back({name, of_name.values.size(), ""});
  }
  for (const auto& [name, metric] : metrics_) {
    if (!name.empty()) metrics.push_back({name, metric.series, ""});
  }
  Print("Label pairs most involved in churning", std::move(churning_pairs), limit, &out);
  Print("Label names most involved in churning", std::move(churning_names), limit, &out);
  Print("Most common label pairs", std::move(common), limit, &out);
  Print("Label names with highest cumulative label value length", std::move(length), limit, &out);
  Print("Highest cardinality labels", std::move(cardinality), limit, &out);
  Print("Highest cardinality metric names", std::move(metrics), limit, &out);
  PrintBytes(limit, &out);
  return out;
}

}  // namespace server
