// Samples as Prometheus' text format 0.0.4, for /federate.
#pragma once

#include <string>
#include <string_view>

#include "storage/model/labels.h"
#include "storage/model/sample.h"

namespace api {

// How names that are not [a-zA-Z_:][a-zA-Z0-9_:]* are written.
enum class NameEscaping {
  kUnderscores,  // Offending characters become '_'.
  kAllowUtf8,    // {"http.requests",job="x"}
};
// From the `escaping` parameter of an Accept header. Underscores unless UTF-8 is asked for.
NameEscaping NegotiateEscaping(std::string_view accept);
std::string_view ContentTypeOf(NameEscaping escaping);

// Not thread-safe.
class ExpositionWriter {
 public:
  ExpositionWriter(NameEscaping escaping, std::string* out) : escaping_(escaping), out_(out) {}

  // One line, and a `# TYPE name untyped` line before the first of a name. Lines of one name come
  // together. `extra` are label pairs after those of `labels`, for names `labels` does not have;
  // their values may be empty.
  void Write(std::string_view metric, model::LabelsView labels,
             const std::vector<model::Labels::Pair>& extra, model::Sample sample);

 private:
  void AppendName(std::string_view name, bool metric);

  NameEscaping escaping_;
  std::string* out_;
  std::string last_metric_;
};

}  // namespace api
