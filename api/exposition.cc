#include "api/exposition.h"

#include <fmt/format.h>

#include <cctype>

#include "storage/model/number_text.h"

namespace api {
namespace {

void AppendEscapedValue(std::string* out, std::string_view value) {
  out->push_back('"');
  for (char c : value) {
    switch (c) {
      case '\\': *out += "\\\\"; break;
      case '\n': *out += "\\n"; break;
      case '"': *out += "\\\""; break;
      default: out->push_back(c);
    }
  }
  out->push_back('"');
}

}  // namespace

NameEscaping NegotiateEscaping(std::string_view accept) {
  // The parameter may stand at any of the types asked for; text is what all of them get.
  return accept.find("escaping=allow-utf-8") != std::string_view::npos ? NameEscaping::kAllowUtf8
                                                                       : NameEscaping::kUnderscores;
}

std::string_view ContentTypeOf(NameEscaping escaping) {
  return escaping == NameEscaping::kAllowUtf8
             ? "text/plain; version=1.0.0; charset=utf-8; escaping=allow-utf-8"
             : "text/plain; version=0.0.4; charset=utf-8; escaping=underscores";
}

void ExpositionWriter::AppendName(std::string_view name, bool metric) {
  if (metric ? model::IsLegacyMetricName(name) : model::IsLegacyLabelName(name)) {
    *out_ += name;
    return;
  }
  if (escaping_ == NameEscaping::kAllowUtf8) {
    AppendEscapedValue(out_, name);
    return;
  }
  for (size_t i = 0; i < name.size(); ++i) {
    const auto c = static_cast<unsigned char>(name[i]);
    if ((c & 0xc0) == 0x80) continue;  // A character is one '_', however many bytes it has.
    const bool legal = std::isalpha(c) || c == '_' || (c == ':' && metric) ||
                       (std::isdigit(c) && i > 0);
    out_->push_back(legal ? static_cast<char>(c) : '_');
  }
}

void ExpositionWriter::Write(std::string_view metric, model::LabelsView labels,
                             const std::vector<model::Labels::Pair>& extra, model::Sample sample) {
  if (metric != last_metric_) {
    *out_ += "# TYPE ";
    AppendName(metric, true);
    *out_ += " untyped\n";
    last_metric_ = metric;
  }
  const bool quoted = escaping_ == NameEscaping::kAllowUtf8 && !model::IsLegacyMetricName(metric);
  bool open = quoted;
  if (quoted) out_->push_back('{');
  AppendName(metric, true);
  const auto append = [&](std::string_view name, std::string_view value) {
    out_->push_back(open ? ',' : '{');
    open = true;
    AppendName(name, false);
    out_->push_back('=');
    AppendEscapedValue(out_, value);
  };
  for (const model::Label& label : labels) {
    if (label.name != model::kMetricName) append(label.name, label.value);
  }
  for (const auto& [name, value] : extra) {
    if (!labels.Has(name)) append(name, value);
  }
  if (open) out_->push_back('}');
  out_->push_back(' ');
  model::AppendFloat(out_, sample.v, 'g');
  *out_ += fmt::format(" {}\n", sample.t);
}

}  // namespace api
