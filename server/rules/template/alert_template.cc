#include "server/rules/template/alert_template.h"

#include "server/rules/template/executor.h"
#include "server/rules/template/parser.h"
#include "storage/base/status.h"

namespace server::text_template {
namespace {

constexpr std::string_view kDeclarations =
    "{{$labels := .Labels}}{{$externalLabels := .ExternalLabels}}{{$externalURL := .ExternalURL}}"
    "{{$value := .Value}}";

bool HasFunction(std::string_view name) { return FindFunction(name) != nullptr; }

}  // namespace

Value ToValue(const AlertData& data) {
  auto out = std::make_shared<Struct>();
  out->type =
      "struct { Labels map[string]string; ExternalLabels map[string]string; ExternalURL string; "
      "Value interface {} }";
  const promql::VectorSample& sample = *data.sample;
  out->fields = {{"Labels", Value::Labels(data.labels)},
                 {"ExternalLabels", Value::Labels(data.external_labels)},
                 {"ExternalURL", Value(std::string(data.external_url))},
                 {"Value", sample.histogram == nullptr
                               ? Value(double{sample.sample.v})
                               : Value::Pointer(Value(promql::HistogramPtr(sample.histogram)))}};
  return StructPtr(std::move(out));
}

AlertTemplate::AlertTemplate(std::string_view alert_name, std::string_view text)
    : name_(fmt::format("__alert_{}", alert_name)),
      text_(text),
      plain_(text.find("{{") == std::string_view::npos),
      parsed_(ParseTemplate(name_, std::string(kDeclarations) + text_, HasFunction)) {}

absl::StatusOr<std::string> AlertTemplate::Expand(const Value& data,
                                                  const Surroundings& surroundings) const {
  if (plain_) return text_;
  if (!parsed_.ok()) {
    return base::Annotate(parsed_.status(), fmt::format("error parsing template {}", name_));
  }
  auto text = Execute(*parsed_, data, surroundings);
  if (!text.ok()) {
    return base::Annotate(text.status(), fmt::format("error executing template {}", name_));
  }
  return text;
}

std::string AlertTemplate::ExpandToText(const Value& data, const Surroundings& surroundings) const {
  auto text = Expand(data, surroundings);
  if (text.ok()) return *std::move(text);
  return fmt::format("<error expanding template: {}>", base::message(text.status()));
}

}  // namespace server::text_template
