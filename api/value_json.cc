#include "api/value_json.h"

#include <charconv>
#include <cmath>
#include <cstdint>
#include <cstring>

#include "api/json_writer.h"
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
  if (ms % 100 == 0) return p;
  *p++ = static_cast<char>('0' + ms / 10 % 10);
  if (ms % 10 != 0) *p++ = static_cast<char>('0' + ms % 10);
  return p;
}

// Null when the number is not one for the fast way.
char* WriteNumber(char* p, double v) {
  const double abs = std::fabs(v);
  if (abs < kFastLimit && v == static_cast<double>(static_cast<int64_t>(v)) &&
      !(v == 0 && std::signbit(v))) {
    return std::to_chars(p, p + 20, static_cast<int64_t>(v)).ptr;
  }
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
  model::AppendSeconds(out, sample.t);
  out->push_back(',');
  AppendValueJson(out, sample.v);
  out->push_back(']');
}

namespace {

void AppendMatrix(std::string* out, const std::vector<promql::Series>& matrix) {
  size_t points = 0;
  for (const promql::Series& series : matrix) points += series.points.size();
  out->reserve(out->size() + points * 28 + matrix.size() * 256);
  out->push_back('[');
  for (size_t i = 0; i < matrix.size(); ++i) {
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
    out->push_back('}');
  }
  out->push_back(']');
}

void AppendVector(std::string* out, const std::vector<promql::VectorSample>& vector) {
  out->push_back('[');
  for (size_t i = 0; i < vector.size(); ++i) {
    *out += i == 0 ? "{\"metric\":" : ",{\"metric\":";
    AppendLabelsJson(out, vector[i].labels);
    *out += ",\"value\":";
    AppendPointJson(out, vector[i].sample);
    out->push_back('}');
  }
  out->push_back(']');
}

}  // namespace

void AppendResultJson(std::string* out, const promql::Value& value) {
  switch (value.type) {
    case promql::ValueType::kMatrix: return AppendMatrix(out, value.matrix);
    case promql::ValueType::kVector: return AppendVector(out, value.vector);
    case promql::ValueType::kScalar: return AppendPointJson(out, value.scalar);
    case promql::ValueType::kString:
      out->push_back('[');
      model::AppendSeconds(out, value.text_time);
      out->push_back(',');
      AppendJsonString(out, value.text);
      out->push_back(']');
      return;
    case promql::ValueType::kNone: break;
  }
  *out += "[]";
}

}  // namespace api
