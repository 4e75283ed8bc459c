// What a parser says about a page, as text, one line for each entry.
#pragma once

#include <fmt/format.h>

#include <string>
#include <string_view>
#include <vector>

#include "server/scrape/exposition.h"
#include "storage/model/exemplar.h"
#include "storage/model/number_text.h"

namespace server {

template <class Parser>
std::string Describe(Parser parser, bool with_labels = true,
                     const std::vector<std::string>& predictions = {}) {
  std::string out;
  size_t next = 0;
  for (;;) {
    const Entry entry =
        parser.Next(next < predictions.size() ? std::string_view(predictions[next]) : "");
    switch (entry) {
      case Entry::kSeries: {
        ++next;
        out += fmt::format("series {} = {}", Quoted(parser.series()),
                           model::FormatFloat(parser.value(), 'g'));
        if (parser.has_time()) out += fmt::format(" @{}", parser.time_ms());
        if (with_labels) {
          ExposedLabels labels;
          parser.Labels(&labels);
          out += " [";
          for (const auto& [name, value] : labels) {
            out += fmt::format("{}={};", Quoted(name), Quoted(value));
          }
          out += "]";
        }
        model::Exemplar exemplar;
        while (parser.TakeExemplar(&exemplar)) {
          out += fmt::format(" # {} {}", exemplar.labels.ToString(), exemplar.value);
          if (exemplar.has_time) out += fmt::format(" @{}", exemplar.t);
        }
        out += '\n';
        break;
      }
      case Entry::kType:
        out += fmt::format("type {} {}\n", Quoted(parser.family()), model::ToString(parser.type()));
        break;
      case Entry::kHelp:
        out += fmt::format("help {} {}\n", Quoted(parser.family()),
                           Quoted(Parser::UnescapeHelp(parser.text())));
        break;
      case Entry::kUnit:
        out += fmt::format("unit {} {}\n", Quoted(parser.family()), Quoted(parser.text()));
        break;
      case Entry::kComment:
        out += "comment\n";
        break;
      case Entry::kEnd:
        return out + "end";
      case Entry::kError:
        return out + fmt::format("error: {}", parser.error());
    }
  }
}

// The texts of the series of a page, as far as it is good.
template <class Parser>
std::vector<std::string> SeriesTexts(std::string_view page) {
  std::vector<std::string> texts;
  Parser parser(page);
  for (Entry entry = parser.Next(); entry != Entry::kEnd && entry != Entry::kError;
       entry = parser.Next()) {
    if (entry == Entry::kSeries) texts.emplace_back(parser.series());
  }
  return texts;
}

}  // namespace server
