#include "server/metric_text.h"

#include <cmath>

#include "storage/model/number_text.h"

namespace server {
namespace {

void AppendEscaped(std::string* out, std::string_view s, bool quotes) {
  for (const char c : s) {
    if (c == '\\')
      *out += "\\\\";
    else if (c == '\n')
      *out += "\\n";
    else if (c == '"' && quotes)
      *out += "\\\"";
    else
      *out += c;
  }
}

}  // namespace

void MetricText::Family(std::string_view name, std::string_view type, std::string_view help) {
  name_ = name;
  out_ += "# HELP ";
  out_ += name;
  out_ += ' ';
  AppendEscaped(&out_, help, false);
  out_ += "\n# TYPE ";
  out_ += name;
  out_ += ' ';
  out_ += type;
  out_ += '\n';
}

void MetricText::Sample(double value, const Labels& labels, std::string_view suffix) {
  out_ += name_;
  out_ += suffix;
  char before = '{';
  for (const auto& [name, text] : labels) {
    out_ += before;
    out_ += name;
    out_ += "=\"";
    AppendEscaped(&out_, text, true);
    out_ += '"';
    before = ',';
  }
  out_ += before == '{' ? " " : "} ";
  model::AppendFloat(&out_, value, 'g');
  out_ += '\n';
}

}  // namespace server
