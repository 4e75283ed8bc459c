#include "server/commands/query_print.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <set>

#include "api/json_writer.h"
#include "api/value_json.h"
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

class Table {
 public:
  void Add(std::vector<std::string> row) { rows_.push_back(std::move(row)); }
  // The columns from `first` on are numbers: to the right.
  std::string Text(size_t first_number) const {
    std::vector<size_t> widths;
    for (const auto& row : rows_) {
      widths.resize(std::max(widths.size(), row.size()));
      for (size_t c = 0; c < row.size(); ++c) widths[c] = std::max(widths[c], Width(row[c]));
    }
    std::string out;
    for (const auto& row : rows_) {
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

// As promtool writes it: the API's `result`, but numbers without an exponent.
std::string ValueJson(const promql::Value& value) {
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
      for (const promql::VectorSample& s : value.vector) {
        metric(s.labels);
        json.Key("value");
        point(s.sample);
        json.EndObject();
      }
      json.EndArray();
      break;
    case promql::ValueType::kMatrix:
      json.BeginArray();
      for (const promql::Series& series : value.matrix) {
        metric(series.labels);
        json.Key("values");
        json.BeginArray();
        for (const model::Sample& p : series.points) point(p);
        json.EndArray();
        json.EndObject();
      }
      json.EndArray();
      break;
    case promql::ValueType::kNone: json.Null(); break;
  }
  return out;
}

std::string PrintVector(const std::vector<promql::VectorSample>& vector, QueryFormat format) {
  if (format == QueryFormat::kPromql) {
    std::string out;
    for (const promql::VectorSample& s : vector) {
      out += fmt::format("{} => {}\n", MetricText(s.labels), PointText(s.sample));
    }
    return out.empty() ? "\n" : out;
  }
  const auto names = LabelNames(vector, [](const auto& s) { return s.labels.view(); });
  const bool csv = format == QueryFormat::kCsv;
  Table table;
  table.Add(csv ? With(names, "timestamp", "value") : With(names, "value"));
  for (const promql::VectorSample& s : vector) {
    const auto row = LabelCells(names, s.labels);
    table.Add(csv ? With(row, Seconds(s.sample.t), Number(s.sample.v))
                  : With(row, Number(s.sample.v)));
  }
  return csv ? table.Csv() : table.Text(names.size());
}

std::string PrintMatrix(const std::vector<promql::Series>& matrix, QueryFormat format) {
  if (format == QueryFormat::kPromql) {
    std::string out;
    for (const promql::Series& series : matrix) {
      out += MetricText(series.labels) + " =>\n";
      for (const model::Sample& point : series.points) out += PointText(point) + "\n";
    }
    return out.empty() ? "\n" : out;
  }
  const auto names = LabelNames(matrix, [](const auto& s) { return s.labels.view(); });
  Table table;
  if (format == QueryFormat::kCsv) {
    table.Add(With(names, "timestamp", "value"));
    for (const promql::Series& series : matrix) {
      const auto row = LabelCells(names, series.labels);
      for (const model::Sample& p : series.points) table.Add(With(row, Seconds(p.t), Number(p.v)));
    }
    return table.Csv();
  }
  std::set<model::TimeMs> times;
  for (const promql::Series& series : matrix) {
    for (const model::Sample& p : series.points) times.insert(p.t);
  }
  model::TimeRange range;
  if (!times.empty()) range = {*times.begin(), *times.rbegin()};
  const int bars = std::min(kMostBars, static_cast<int>(times.size()));
  table.Add(With(names, "", "min", "max", "last"));
  for (const promql::Series& series : matrix) {
    double least = NAN, greatest = NAN;
    for (const model::Sample& p : series.points) {
      least = std::fmin(least, p.v);
      greatest = std::fmax(greatest, p.v);
    }
    table.Add(With(LabelCells(names, series.labels), Sparkline(series.points, range, bars),
                   Number(least), Number(greatest), Number(series.points.back().v)));
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

std::string Sparkline(const std::vector<model::Sample>& points, model::TimeRange range,
                      int width) {
  static constexpr const char* kLevels[] = {"\u2581", "\u2582", "\u2583", "\u2584",
                                            "\u2585", "\u2586", "\u2587", "\u2588"};
  double least = INFINITY, greatest = -INFINITY;
  for (const model::Sample& p : points) {
    if (!std::isfinite(p.v)) continue;
    least = std::min(least, p.v);
    greatest = std::max(greatest, p.v);
  }
  const double span = static_cast<double>(range.max - range.min);
  std::vector<double> sums(width, 0);
  std::vector<int> counts(width, 0);
  int last = 0;
  for (const model::Sample& p : points) {
    if (!std::isfinite(p.v)) continue;
    const double along = span > 0 ? static_cast<double>(p.t - range.min) / span : 0;
    const int at = std::clamp(static_cast<int>(along * (width - 1) + 0.5), 0, width - 1);
    sums[at] += p.v;
    ++counts[at];
    last = std::max(last, at + 1);
  }
  std::string out;
  for (int i = 0; i < last; ++i) {
    if (counts[i] == 0) {
      out += ' ';
      continue;
    }
    const double height = greatest > least ? (sums[i] / counts[i] - least) / (greatest - least) : 0;
    out += kLevels[std::clamp(static_cast<int>(height * 7 + 0.5), 0, 7)];
  }
  return out;
}

std::string PrintValue(const promql::Value& value, QueryFormat format) {
  if (format == QueryFormat::kJson) return ValueJson(value) + "\n";
  switch (value.type) {
    case promql::ValueType::kVector: return PrintVector(value.vector, format);
    case promql::ValueType::kMatrix: return PrintMatrix(value.matrix, format);
    case promql::ValueType::kString: return value.text + "\n";
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
