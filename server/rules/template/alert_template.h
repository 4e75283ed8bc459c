// The text of an alert's label or annotation, with Go template actions in it.
#pragma once

#include <string>
#include <string_view>

#include <absl/status/statusor.h>

#include "server/rules/template/function.h"
#include "server/rules/template/node.h"

namespace server::text_template {

struct AlertData {
  model::LabelsView labels, external_labels;
  std::string_view external_url;
  const promql::VectorSample* sample = nullptr;
};
// .Labels, .ExternalLabels, .ExternalURL and .Value.
Value ToValue(const AlertData& data);

class AlertTemplate {
 public:
  // Parses once. $labels, $externalLabels, $externalURL and $value are declared before `text`.
  AlertTemplate(std::string_view alert_name, std::string_view text);

  // The parse error, without "error parsing template".
  const absl::Status& status() const { return parsed_.status(); }
  const std::string& text() const { return text_; }  // As it was given.

  // `data` is a ToValue. Errors: as Prometheus logs them, "error executing template __alert_X:
  // ...".
  absl::StatusOr<std::string> Expand(const Value& data, const Surroundings& surroundings) const;
  // The same with errors as text: <error expanding template: ...>
  std::string ExpandToText(const Value& data, const Surroundings& surroundings) const;

 private:
  std::string name_, text_;
  bool plain_;  // Nothing to expand.
  absl::StatusOr<Template> parsed_;
};

}  // namespace server::text_template
