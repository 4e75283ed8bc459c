#include "api/value_json.h"

#include <charconv>
#include <cmath>
#include <cstdint>
#include <cstring>

#include "api/histogram_json.h"
#include "api/json_writer.h"
#include "storage/base/memory_meter.h"
#include "storage/base/status.h"
#include "storage/model/number_text.h"

namespace api {
namespace {

constexpr double kFastLimit = 1e15;  // Integers below it are exact and print without exponent.

// Writes at most 40 bytes. For the numbers dashboards are full of; others go the slow way.
char* WriteTime(char* p, model::TimeMs t) {
  const uint64_t seconds = static_cast<uint64_t>(t) / 1000;
  const unsigned ms = static_cast<uint64_t>(t) % 1000;
  p = std::to_chars(p, p + 20, seconds).ptr;
  if (ms == 0) return p;
  *p++ = '.';
  *p++ = static_cast<char>('0' + ms / 100);
  *p++ = static_cast<char>('0' + ms / 10 % 10);
  *p++ = static_cast<char>('0' + ms % 10);
  return p;
}

// A number with at most six decimals and fifteen digits: 0.25, 17.3. Null when it is not one.
//
// n / 10^k is rounded once, so when it gives v, the text n·10^-k reads back as v; and of fifteen
// digits or less no other text does, so the first k that fits gives the shortest.
char* WriteDecimal(char* p, double v) {
  constexpr double kPowers[] = {1e1, 1e2, 1e3, 1e4, 1e5, 1e6};
  const double abs = std::fabs(v);
  if (!(abs < kFastLimit / 1e6) || abs == 0) return nullptr;
  for (int k = 0; k < 6; ++k) {
    const double scaled = abs * kPowers[k];
    const auto n = static_cast<int64_t>(scaled + 0.5);
    const double whole = static_cast<double>(n);
    // The first test is cheap and turns nearly all others away; the second decides.
    if (std::fabs(scaled - whole) > scaled * 1e-15 || whole / kPowers[k] != abs) continue;
    if (v < 0) *p++ = '-';
    const auto power = static_cast<int64_t>(kPowers[k]);
    p = std::to_chars(p, p + 20, n / power).ptr;
    *p++ = '.';
    int64_t rest = n % power;
    for (int i = k; i >= 0; --i, rest /= 10) p[i] = static_cast<char>('0' + rest % 10);
    return p + k + 1;
  }
  return nullptr;
}

// Null when the number is not one for the fast way.
char* WriteNumber(char* p, double v) {
  const double abs = std::fabs(v);
  if (abs < kFastLimit && v == static_cast<double>(static_cast<int64_t>(v)) &&
      !(v == 0 && std::signbit(v))) {
    return std::to_chars(p, p + 20, static_cast<int64_t>(v)).ptr;
  }
  if (char* end = WriteDecimal(p, v); end != nullptr) return end;
  if (abs >= 1e-6 && abs < kFastLimit) {
    return std::to_chars(p, p + 32, v, std::chars_format::fixed).ptr;
  }
  return nullptr;
}

}  // namespace

void AppendLabelsJson(std::string* out, model::LabelsView labels) {
  out->push_back('{');
  bool first = true;
  for (const model::Label& label : labels) {
    if (!first) out->push_back(',');
    first = false;
    AppendJsonString(out, label.name);
    out->push_back(':');
    AppendJsonString(out, label.value);
  }
  out->push_back('}');
}

void AppendValueJson(std::string* out, double v) {
  char buf[48];
  buf[0] = '"';
  if (char* p = WriteNumber(buf + 1, v); p != nullptr) {
    *p++ = '"';
    out->append(buf, p);
    return;
  }
  out->push_back('"');
  model::AppendJsonFloat(out, v);
  out->push_back('"');
}

void AppendPointJson(std::string* out, model::Sample sample) {
  if (sample.t >= 0) {
    char buf[96];
    char* p = buf;
    *p++ = '[';
    p = WriteTime(p, sample.t);
    *p++ = ',';
    *p++ = '"';
    if (char* end = WriteNumber(p, sample.v); end != nullptr) {
      *end++ = '"';
      *end++ = ']';
      out->append(buf, end);
      return;
    }
  }
  out->push_back('[');
  model::AppendTimestamp(out, sample.t);
  out->push_back(',');
  AppendValueJson(out, sample.v);
  out->push_back(']');
}

namespace {

constexpr size_t kSeriesPerCheck = 256;  // Of the memory a request may take.

void AppendHistograms(std::string* out, const std::vector<promql::HistogramSample>& histograms) {
  *out += ",\"histograms\":[";
  for (size_t i = 0; i < histograms.size(); ++i) {
    if (i != 0) out->push_back(',');
    AppendHistogramPointJson(out, histograms[i]);
  }
  out->push_back(']');
}

absl::Status AppendMatrix(std::string* out, const std::vector<promql::Series>& matrix) {
  size_t points = 0;
  for (const promql::Series& series : matrix) points += series.points.size();
  out->reserve(out->size() + points * 28 + matrix.size() * 256);
  out->push_back('[');
  for (size_t i = 0; i < matrix.size(); ++i) {
    if (i % kSeriesPerCheck == 0) RETURN_IF_ERROR(base::MemoryMeter::Check());
    *out += i == 0 ? "{\"metric\":" : ",{\"metric\":";
    AppendLabelsJson(out, matrix[i].labels);
    if (!matrix[i].points.empty()) {
      *out += ",\"values\":[";
      for (size_t j = 0; j < matrix[i].points.size(); ++j) {
        if (j != 0) out->push_back(',');
        AppendPointJson(out, matrix[i].points[j]);
      }
      out->push_back(']');
    }
    if (!matrix[i].histograms.empty()) AppendHistograms(out, matrix[i].histograms);
    out->push_back('}');
  }
  out->push_back(']');
  return absl::OkStatus();
}

absl::Status AppendVector(std::string* out, const std::vector<promql::VectorSample>& vector) {
  out->push_back('[');
  for (size_t i = 0; i < vector.size(); ++i) {
    if (i % kSeriesPerCheck == 0) RETURN_IF_ERROR(base::MemoryMeter::Check());
    *out += i == 0 ? "{\"metric\":" : ",{\"metric\":";
    AppendLabelsJson(out, vector[i].labels);
    if (vector[i].histogram != nullptr) {
      *out += ",\"histogram\":";
      AppendHistogramPointJson(out, {vector[i].sample.t, vector[i].histogram});
    } else {
      *out += ",\"value\":";
      AppendPointJson(out, vector[i].sample);
    }
    out->push_back('}');
  }
  out->push_back(']');
  return absl::OkStatus();
}

}  // namespace

absl::Status AppendResultJson(std::string* out, const promql::Value& value) {
  switch (value.type) {
    case promql::ValueType::kMatrix: return AppendMatrix(out, value.matrix);
    case promql::ValueType::kVector: return AppendVector(out, value.vector);
    case promql::ValueType::kScalar:
      // Of these alone Prometheus writes large and small numbers without an exponent.
      out->push_back('[');
      model::AppendSeconds(out, value.scalar.t);
      *out += ",\"";
      model::AppendFloat(out, value.scalar.v, 'f');
      *out += "\"]";
      return absl::OkStatus();
    case promql::ValueType::kString:
      out->push_back('[');
      model::AppendSeconds(out, value.text_time);
      out->push_back(',');
      AppendJsonString(out, value.text);
      out->push_back(']');
      return absl::OkStatus();
    case promql::ValueType::kNone: break;
  }
  *out += "[]";
  return absl::OkStatus();
}

}  // namespace api
