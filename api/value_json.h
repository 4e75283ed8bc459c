// Query results as JSON: the hot end of the way out.
#pragma once

#include <string>

#include <absl/status/status.h>

#include "promql/value.h"
#include "storage/model/labels.h"
#include "storage/model/sample.h"

namespace api {

// {"__name__":"up","job":"node"}
void AppendLabelsJson(std::string* out, model::LabelsView labels);
// [1435781451.781,"1"]
void AppendPointJson(std::string* out, model::Sample sample);
// "1.5": quoted, as sample values are.
void AppendValueJson(std::string* out, double v);
// The `result` member: what it looks like depends on value.type. spec 3.2. kResourceExhausted: the
// request takes too much memory (base::MemoryMeter).
absl::Status AppendResultJson(std::string* out, const promql::Value& value);

}  // namespace api
