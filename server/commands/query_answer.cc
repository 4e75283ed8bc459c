#include "server/commands/query_answer.h"

#include <boost/json/src.hpp>

#include <charconv>
#include <cmath>
#include <optional>

#include "promql/text.h"
#include "storage/base/status.h"

namespace server {
namespace {

using boost::json::value;

std::string_view View(boost::json::string_view s) { return {s.data(), s.size()}; }

absl::Status Malformed(std::string_view where) {
  return base::Unavailable("the answer is not that of a Prometheus API: {}", where);
}

// The member of an object; null when there is none.
const value* Find(const value& object, std::string_view key) {
  if (!object.is_object()) return nullptr;
  return object.get_object().if_contains(boost::json::string_view(key.data(), key.size()));
}

absl::StatusOr<model::Labels> ReadLabels(const value* object) {
  if (object == nullptr || !object->is_object()) return Malformed("labels are no object");
  std::vector<model::Labels::Pair> pairs;
  for (const auto& [name, label] : object->get_object()) {
    if (!label.is_string()) return Malformed("a label is no string");
    pairs.emplace_back(View(name), View(label.get_string()));
  }
  return model::Labels::FromPairs(std::move(pairs));
}

// [1435781451.781,"1"]
absl::StatusOr<model::Sample> ReadPoint(const value& point) {
  if (!point.is_array() || point.get_array().size() != 2) return Malformed("a point is no pair");
  const value& time = point.get_array()[0];
  const value& text = point.get_array()[1];
  if (!time.is_number() || !text.is_string()) return Malformed("a point of other types");
  const double seconds = time.to_number<double>();
  std::string_view digits = View(text.get_string());
  const bool negative = digits.starts_with('-');
  if (negative || digits.starts_with('+')) digits.remove_prefix(1);
  const auto number = promql::ReadNumber(digits).value;
  if (!number.has_value() || std::fabs(seconds) > 9e15) return Malformed("a point is no number");
  return model::Sample{std::llround(seconds * 1000), negative ? -*number : *number};
}

class Reader {
 public:
  explicit Reader(QueryAnswer* out) : out_(out) {}

  absl::Status ReadData(const value& data, AnswerKind kind) {
    if (kind == AnswerKind::kValue) return ReadValue(data);
    if (!data.is_array()) return Malformed("data is no list");
    for (const value& item : data.get_array()) {
      if (kind == AnswerKind::kSeries) {
        ASSIGN_OR_RETURN(out_->series.emplace_back(), ReadLabels(&item));
      } else if (item.is_string()) {
        out_->names.emplace_back(View(item.get_string()));
      } else {
        return Malformed("a name is no string");
      }
    }
    return absl::OkStatus();
  }

 private:
  absl::Status ReadValue(const value& data) {
    const value* type = Find(data, "resultType");
    const value* result = Find(data, "result");
    if (type == nullptr || !type->is_string() || result == nullptr) {
      return Malformed("there is no result");
    }
    promql::Value& out = out_->value;
    const std::string_view name = View(type->get_string());
    if (name == "scalar") {
      out.type = promql::ValueType::kScalar;
      ASSIGN_OR_RETURN(out.scalar, ReadPoint(*result));
      return absl::OkStatus();
    }
    if (!result->is_array()) return Malformed("the result is no list");
    const boost::json::array& items = result->get_array();
    if (name == "string") {
      if (items.size() != 2 || !items[1].is_string()) return Malformed("a string of other types");
      out.type = promql::ValueType::kString;
      out.text = View(items[1].get_string());
      return absl::OkStatus();
    }
    if (name != "vector" && name != "matrix") return Malformed("a result of unknown type");
    out.type = name == "vector" ? promql::ValueType::kVector : promql::ValueType::kMatrix;
    for (const value& item : items) {
      ASSIGN_OR_RETURN(model::Labels labels, ReadLabels(Find(item, "metric")));
      RETURN_IF_ERROR(name == "vector" ? ReadSample(item, std::move(labels))
                                       : ReadSeries(item, std::move(labels)));
    }
    return absl::OkStatus();
  }

  absl::Status ReadSample(const value& item, model::Labels labels) {
    if (const value* point = Find(item, "value")) {
      ASSIGN_OR_RETURN(const model::Sample sample, ReadPoint(*point));
      out_->value.vector.push_back({std::move(labels), sample});
    }
    out_->histograms += Find(item, "histogram") != nullptr;
    return absl::OkStatus();
  }

  absl::Status ReadSeries(const value& item, model::Labels labels) {
    promql::Series series;
    series.labels = std::move(labels);
    if (const value* points = Find(item, "values"); points != nullptr && points->is_array()) {
      for (const value& point : points->get_array()) {
        ASSIGN_OR_RETURN(series.points.emplace_back(), ReadPoint(point));
      }
    }
    if (const value* list = Find(item, "histograms"); list != nullptr && list->is_array()) {
      out_->histograms += static_cast<int>(list->get_array().size());
    }
    if (!series.points.empty()) out_->value.matrix.push_back(std::move(series));
    return absl::OkStatus();
  }

  QueryAnswer* out_;
};

std::string Text(const value* v) {
  return v != nullptr && v->is_string() ? std::string(View(v->get_string())) : std::string();
}

}  // namespace

absl::StatusOr<QueryAnswer> ReadAnswer(std::string_view json, AnswerKind kind) {
  boost::json::error_code error;
  const value root = boost::json::parse(boost::json::string_view(json.data(), json.size()), error);
  if (error) return Malformed("it is not JSON");
  const std::string status = Text(Find(root, "status"));
  if (status == "error") {
    return base::FailedPrecondition("{}: {}", Text(Find(root, "errorType")),
                                    Text(Find(root, "error")));
  }
  const value* data = Find(root, "data");
  if (status != "success" || data == nullptr) return Malformed("there is no data");
  QueryAnswer answer;
  RETURN_IF_ERROR(Reader(&answer).ReadData(*data, kind));
  for (const char* key : {"warnings", "infos"}) {
    const value* list = Find(root, key);
    if (list == nullptr || !list->is_array()) continue;
    for (const value& item : list->get_array()) answer.warnings.push_back(Text(&item));
  }
  return answer;
}

}  // namespace server
