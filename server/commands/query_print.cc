#include "server/commands/query_print.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <set>

#include "api/json_writer.h"
#include "api/value_json.h"
#include "server/commands/answer_histogram.h"
#include "server/commands/bars.h"
#include "storage/model/number_text.h"

namespace server {
namespace {

constexpr int kMostBars = 40;

std::string Number(double v) { return model::FormatFloat(v, 'f'); }

std::string Seconds(model::TimeMs t) {
  std::string out;
  model::AppendSeconds(&out, t);
  return out;
}

// Characters, not bytes: labels may hold any text.
size_t Width(std::string_view text) {
  return static_cast<size_t>(
      std::ranges::count_if(text, [](unsigned char c) { return (c & 0xc0) != 0x80; }));
}

// Without what a terminal would take for an order: \n, \x1b.
std::string Printable(std::string_view text) {
  std::string out;
  for (const unsigned char c : text) {
    if (c == '\n') {
      out += "\\n";
    } else if (c == '\t') {
      out += "\\t";
    } else if (c < 0x20 || c == 0x7f) {
      out += fmt::format("\\x{:02x}", c);
    } else {
      out += static_cast<char>(c);
    }
  }
  return out;
}

class Table {
 public:
  void Add(std::vector<std::string> row) { rows_.push_back(std::move(row)); }
  // The columns from `first` on are numbers: to the right.
  std::string Text(size_t first_number) const {
    std::vector<size_t> widths;
    std::vector<std::vector<std::string>> rows = rows_;
    for (auto& row : rows) {
      for (std::string& cell : row) cell = Printable(cell);
      widths.resize(std::max(widths.size(), row.size()));
      for (size_t c = 0; c < row.size(); ++c) widths[c] = std::max(widths[c], Width(row[c]));
    }
    std::string out;
    for (const auto& row : rows) {
      std::string line;
      for (size_t c = 0; c < row.size(); ++c) {
        const std::string pad(widths[c] - Width(row[c]), ' ');
        if (c > 0) line += "  ";
        line += c >= first_number ? pad + row[c] : row[c] + pad;
      }
      line.erase(line.find_last_not_of(' ') + 1);
      out += line + "\n";
    }
    return out;
  }
  std::string Csv() const {
    std::string out;
    for (const auto& row : rows_) {
      for (size_t c = 0; c < row.size(); ++c) {
        if (c > 0) out += ',';
        if (row[c].find_first_of(",\"\r\n") == std::string::npos) {
          out += row[c];
          continue;
        }
        out += '"';
        for (const char ch : row[c]) out += ch == '"' ? "\"\"" : std::string(1, ch);
        out += '"';
      }
      out += "\n";
    }
    return out;
  }

 private:
  std::vector<std::vector<std::string>> rows_;
};

// All label names, the metric's first.
template <class T, class F>
std::vector<std::string> LabelNames(const std::vector<T>& all, F labels_of) {
  std::set<std::string> names;
  for (const T& item : all) {
    for (const model::Label& label : labels_of(item)) names.emplace(label.name);
  }
  std::vector<std::string> out;
  if (names.erase(std::string(model::kMetricName)) > 0) out.emplace_back(model::kMetricName);
  out.insert(out.end(), names.begin(), names.end());
  return out;
}

std::vector<std::string> LabelCells(const std::vector<std::string>& names,
                                    const model::Labels& labels) {
  std::vector<std::string> row;
  for (const std::string& name : names) row.emplace_back(labels.Get(name));
  return row;
}

template <class... Cells>
std::vector<std::string> With(std::vector<std::string> row, Cells... cells) {
  (row.emplace_back(std::move(cells)), ...);
  return row;
}

// up{job="x"}, as the client library of Prometheus prints a metric.
std::string MetricText(const model::Labels& labels) {
  const std::string_view name = labels.MetricName();
  std::string out;
  for (const model::Label& label : labels) {
    if (label.name == model::kMetricName) continue;
    out += out.empty() ? "" : ", ";
    out += fmt::format("{}=", label.name);
    model::AppendQuoted(&out, label.value);
  }
  if (name.empty() || !out.empty()) out = fmt::format("{}{{{}}}", name, out);
  return out.empty() ? std::string(name) : out;
}

std::string PointText(const model::Sample& point) {
  return fmt::format("{} @[{}]", Number(point.v), Seconds(point.t));
}

std::string PointText(const AnswerHistogram& h) {
  return fmt::format("{} @[{}]", HistogramText(h), Seconds(h.t));
}

void AppendHistogramJson(const AnswerHistogram& h, api::JsonWriter* json) {
  json->BeginArray();
  json->Raw(Seconds(h.t));
  json->BeginObject();
  json->Key("count");
  json->String(Number(h.count));
  json->Key("sum");
  json->String(Number(h.sum));
  json->Key("buckets");
  json->BeginArray();
  for (const AnswerBucket& b : h.buckets) {
    json->BeginArray();
    json->Raw(std::to_string(b.ends));
    for (const double v : {b.lower, b.upper, b.count}) json->String(Number(v));
    json->EndArray();
  }
  json->EndArray();
  json->EndObject();
  json->EndArray();
}

// As promtool writes it: the API's `result`, but numbers without an exponent.
std::string ValueJson(const AnswerValue& value) {
  std::string out;
  api::JsonWriter json(&out);
  const auto point = [&json](const model::Sample& p) {
    json.BeginArray();
    json.Raw(Seconds(p.t));
    json.String(Number(p.v));
    json.EndArray();
  };
  const auto metric = [&json](const model::Labels& labels) {
    json.BeginObject();
    json.Key("metric");
    api::AppendLabelsJson(json.Value(), labels.view());
  };
  switch (value.type) {
    case promql::ValueType::kScalar: point(value.scalar); break;
    case promql::ValueType::kString: json.String(value.text); break;
    case promql::ValueType::kVector:
      json.BeginArray();
      for (const AnswerSeries& s : value.series) {
        metric(s.labels);
        json.Key(s.histograms.empty() ? "value" : "histogram");
        if (s.histograms.empty()) {
          point(s.points[0]);
        } else {
          AppendHistogramJson(s.histograms[0], &json);
        }
        json.EndObject();
      }
      json.EndArray();
      break;
    case promql::ValueType::kMatrix:
      json.BeginArray();
      for (const AnswerSeries& series : value.series) {
        metric(series.labels);
        if (!series.points.empty()) {
          json.Key("values");
          json.BeginArray();
          for (const model::Sample& p : series.points) point(p);
          json.EndArray();
        }
        if (!series.histograms.empty()) {
          json.Key("histograms");
          json.BeginArray();
          for (const AnswerHistogram& h : series.histograms) AppendHistogramJson(h, &json);
          json.EndArray();
        }
        json.EndObject();
      }
      json.EndArray();
      break;
    case promql::ValueType::kNone: json.Null(); break;
  }
  return out;
}

// Labels, timestamp, value; and what a histogram has instead, when there is any.
std::string Csv(const std::vector<AnswerSeries>& all) {
  const auto names = LabelNames(all, [](const auto& s) { return s.labels.view(); });
  const bool histograms = std::ranges::any_of(
      all, [](const AnswerSeries& series) { return !series.histograms.empty(); });
  Table table;
  table.Add(histograms ? With(names, "timestamp", "value", "count", "sum", "buckets")
                       : With(names, "timestamp", "value"));
  for (const AnswerSeries& series : all) {
    const auto row = LabelCells(names, series.labels);
    for (const model::Sample& p : series.points) {
      auto cells = With(row, Seconds(p.t), Number(p.v));
      if (histograms) cells.resize(cells.size() + 3);
      table.Add(std::move(cells));
    }
    for (const AnswerHistogram& h : series.histograms) {
      table.Add(With(row, Seconds(h.t), "", Number(h.count), Number(h.sum), BucketsText(h)));
    }
  }
  return table.Csv();
}

std::string PrintVector(const std::vector<AnswerSeries>& vector, QueryFormat format) {
  if (format == QueryFormat::kCsv) return Csv(vector);
  if (format == QueryFormat::kPromql) {
    std::string out;
    for (const AnswerSeries& s : vector) {
      out += fmt::format("{} => {}\n", MetricText(s.labels),
                         s.histograms.empty() ? PointText(s.points[0]) : PointText(s.histograms[0]));
    }
    return out.empty() ? "\n" : out;
  }
  const auto names = LabelNames(vector, [](const auto& s) { return s.labels.view(); });
  Table table;
  table.Add(With(names, "value"));
  for (const AnswerSeries& s : vector) {
    table.Add(With(LabelCells(names, s.labels), s.histograms.empty()
                                                    ? Number(s.points[0].v)
                                                    : HistogramLine(s.histograms[0])));
  }
  return table.Text(names.size());
}

// A line of bars with its figures.
std::vector<std::string> OverTime(std::vector<std::string> labels,
                                  const std::vector<model::Sample>& points, model::TimeRange range,
                                  int bars, std::string last) {
  double least = NAN, greatest = NAN;
  for (const model::Sample& p : points) {
    least = std::fmin(least, p.v);
    greatest = std::fmax(greatest, p.v);
  }
  return With(std::move(labels), Sparkline(points, range, bars), Number(least), Number(greatest),
              std::move(last));
}

std::string PrintMatrix(const std::vector<AnswerSeries>& matrix, QueryFormat format) {
  if (format == QueryFormat::kCsv) return Csv(matrix);
  if (format == QueryFormat::kPromql) {
    std::string out;
    for (const AnswerSeries& series : matrix) {
      out += MetricText(series.labels) + " =>\n";
      for (const model::Sample& point : series.points) out += PointText(point) + "\n";
      for (const AnswerHistogram& h : series.histograms) out += PointText(h) + "\n";
    }
    return out.empty() ? "\n" : out;
  }
  const auto names = LabelNames(matrix, [](const auto& s) { return s.labels.view(); });
  std::set<model::TimeMs> times;
  for (const AnswerSeries& series : matrix) {
    for (const model::Sample& p : series.points) times.insert(p.t);
    for (const AnswerHistogram& h : series.histograms) times.insert(h.t);
  }
  model::TimeRange range;
  if (!times.empty()) range = {*times.begin(), *times.rbegin()};
  const int bars = std::min(kMostBars, static_cast<int>(times.size()));
  Table table;
  table.Add(With(names, "", "min", "max", "last"));
  for (const AnswerSeries& series : matrix) {
    const auto labels = LabelCells(names, series.labels);
    if (!series.points.empty()) {
      table.Add(OverTime(labels, series.points, range, bars, Number(series.points.back().v)));
    }
    if (series.histograms.empty()) continue;
    std::vector<model::Sample> counts;  // What changes most about a histogram.
    for (const AnswerHistogram& h : series.histograms) counts.push_back({h.t, h.count});
    table.Add(OverTime(labels, counts, range, bars, HistogramLine(series.histograms.back())));
  }
  return table.Text(names.size() + 1);
}

}  // namespace

std::optional<QueryFormat> FormatOf(std::string_view name) {
  if (name == "table") return QueryFormat::kTable;
  if (name == "csv") return QueryFormat::kCsv;
  if (name == "json") return QueryFormat::kJson;
  if (name == "promql") return QueryFormat::kPromql;
  return std::nullopt;
}

std::string PrintValue(const AnswerValue& value, QueryFormat format) {
  if (format == QueryFormat::kJson) return ValueJson(value) + "\n";
  switch (value.type) {
    case promql::ValueType::kVector: return PrintVector(value.series, format);
    case promql::ValueType::kMatrix: return PrintMatrix(value.series, format);
    case promql::ValueType::kString: {
      if (format != QueryFormat::kCsv) return value.text + "\n";
      Table table;
      table.Add({"timestamp", "value"});
      table.Add({Seconds(value.text_time), value.text});
      return table.Csv();
    }
    case promql::ValueType::kScalar: {
      if (format == QueryFormat::kPromql) return "scalar: " + PointText(value.scalar) + "\n";
      Table table;
      const bool csv = format == QueryFormat::kCsv;
      if (!csv) return Number(value.scalar.v) + "\n";
      table.Add({"timestamp", "value"});
      table.Add({Seconds(value.scalar.t), Number(value.scalar.v)});
      return table.Csv();
    }
    case promql::ValueType::kNone: break;
  }
  return "";
}

std::string PrintSeries(const std::vector<model::Labels>& series, QueryFormat format) {
  if (format == QueryFormat::kPromql) {
    std::string out;
    for (const model::Labels& labels : series) out += labels.ToString() + "\n";
    return out;
  }
  if (format == QueryFormat::kJson) {
    std::string out = "[";
    for (const model::Labels& labels : series) {
      if (out.size() > 1) out += ',';
      api::AppendLabelsJson(&out, labels.view());
    }
    return out + "]\n";
  }
  const auto names = LabelNames(series, [](const model::Labels& l) { return l.view(); });
  Table table;
  table.Add(names);
  for (const model::Labels& labels : series) table.Add(LabelCells(names, labels));
  return format == QueryFormat::kCsv ? table.Csv() : table.Text(names.size());
}

std::string PrintNames(const std::vector<std::string>& names, QueryFormat format) {
  std::string out;
  if (format == QueryFormat::kJson) {
    api::JsonWriter json(&out);
    json.BeginArray();
    for (const std::string& name : names) json.String(name);
    json.EndArray();
    return out + "\n";
  }
  Table table;
  for (const std::string& name : names) table.Add({name});
  return format == QueryFormat::kCsv ? table.Csv() : table.Text(1);
}

}  // namespace server
