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

absl::StatusOr<model::TimeMs> ReadTime(const value& time) {
  if (!time.is_number()) return Malformed("a time is no number");
  const double seconds = time.to_number<double>();
  if (!(std::fabs(seconds) <= 9e15)) return Malformed("a time is out of range");
  return std::llround(seconds * 1000);
}

// "1", "-2.5e3", "NaN"
absl::StatusOr<double> ReadNumber(const value* text) {
  if (text == nullptr || !text->is_string()) return Malformed("a number is no string");
  std::string_view digits = View(text->get_string());
  const bool negative = digits.starts_with('-');
  if (negative || digits.starts_with('+')) digits.remove_prefix(1);
  const auto number = promql::ReadNumber(digits).value;
  if (!number.has_value()) return Malformed("a number is none");
  return negative ? -*number : *number;
}

// The two parts of a point.
absl::StatusOr<const boost::json::array*> ReadPair(const value& point) {
  if (!point.is_array() || point.get_array().size() != 2) return Malformed("a point is no pair");
  return &point.get_array();
}

// [1435781451.781,"1"]
absl::StatusOr<model::Sample> ReadPoint(const value& point) {
  ASSIGN_OR_RETURN(const boost::json::array* const pair, ReadPair(point));
  model::Sample sample;
  ASSIGN_OR_RETURN(sample.t, ReadTime((*pair)[0]));
  ASSIGN_OR_RETURN(sample.v, ReadNumber(&(*pair)[1]));
  return sample;
}

// [1,"0.5","1","3"]
absl::StatusOr<AnswerBucket> ReadBucket(const value& bucket) {
  if (!bucket.is_array() || bucket.get_array().size() != 4) return Malformed("a bucket of other shape");
  const boost::json::array& parts = bucket.get_array();
  AnswerBucket read;
  if (!parts[0].is_int64() || parts[0].get_int64() < 0 || parts[0].get_int64() > 3) {
    return Malformed("a bucket of unknown ends");
  }
  read.ends = static_cast<int>(parts[0].get_int64());
  ASSIGN_OR_RETURN(read.lower, ReadNumber(&parts[1]));
  ASSIGN_OR_RETURN(read.upper, ReadNumber(&parts[2]));
  ASSIGN_OR_RETURN(read.count, ReadNumber(&parts[3]));
  return read;
}

// [1435781451.781,{"count":"3","sum":"18.4","buckets":[...]}]
absl::StatusOr<AnswerHistogram> ReadHistogram(const value& point) {
  ASSIGN_OR_RETURN(const boost::json::array* const pair, ReadPair(point));
  const value& histogram = (*pair)[1];
  AnswerHistogram read;
  ASSIGN_OR_RETURN(read.t, ReadTime((*pair)[0]));
  ASSIGN_OR_RETURN(read.count, ReadNumber(Find(histogram, "count")));
  ASSIGN_OR_RETURN(read.sum, ReadNumber(Find(histogram, "sum")));
  const value* buckets = Find(histogram, "buckets");
  if (buckets == nullptr) return read;
  if (!buckets->is_array()) return Malformed("buckets are no list");
  for (const value& bucket : buckets->get_array()) {
    ASSIGN_OR_RETURN(read.buckets.emplace_back(), ReadBucket(bucket));
  }
  return read;
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
    AnswerValue& out = out_->value;
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
      ASSIGN_OR_RETURN(out.text_time, ReadTime(items[0]));
      out.text = View(items[1].get_string());
      return absl::OkStatus();
    }
    if (name != "vector" && name != "matrix") return Malformed("a result of unknown type");
    out.type = name == "vector" ? promql::ValueType::kVector : promql::ValueType::kMatrix;
    for (const value& item : items) {
      AnswerSeries series;
      ASSIGN_OR_RETURN(series.labels, ReadLabels(Find(item, "metric")));
      if (name == "vector") {
        RETURN_IF_ERROR(ReadSample(item, &series));
      } else {
        RETURN_IF_ERROR(ReadPoints(item, &series));
      }
      if (!series.points.empty() || !series.histograms.empty()) {
        out.series.push_back(std::move(series));
      }
    }
    return absl::OkStatus();
  }

  static absl::Status ReadSample(const value& item, AnswerSeries* series) {
    if (const value* point = Find(item, "value")) {
      ASSIGN_OR_RETURN(series->points.emplace_back(), ReadPoint(*point));
    } else if (const value* histogram = Find(item, "histogram")) {
      ASSIGN_OR_RETURN(series->histograms.emplace_back(), ReadHistogram(*histogram));
    }
    return absl::OkStatus();
  }

  static absl::Status ReadPoints(const value& item, AnswerSeries* series) {
    if (const value* points = Find(item, "values"); points != nullptr && points->is_array()) {
      for (const value& point : points->get_array()) {
        ASSIGN_OR_RETURN(series->points.emplace_back(), ReadPoint(point));
      }
    }
    if (const value* list = Find(item, "histograms"); list != nullptr && list->is_array()) {
      for (const value& histogram : list->get_array()) {
        ASSIGN_OR_RETURN(series->histograms.emplace_back(), ReadHistogram(histogram));
      }
    }
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
