// The language: whatever the text, parsing ends, and what it takes is printed so that it is read
// again as what prints the same.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "promql/parser.h"
#include "promql/printer.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const promql::ParseOptions all{true, true, true};
  (void)promql::ParseMetricSelector(text);
  (void)promql::Parse(text);
  const auto expr = promql::Parse(text, all);
  if (!expr.ok()) return 0;
  // What is printed as something else, in the reference too: a range of less than a millisecond,
  // `offset NaN`, and Inf to the left of ^, which gets a sign.
  const std::string printed = promql::ToString(**expr);
  if (printed.find("[0s") != std::string::npos || printed.find(":0s]") != std::string::npos ||
      printed.find("106751d") != std::string::npos || printed.find("Inf ^") != std::string::npos) {
    return 0;
  }
  const auto again = promql::Parse(printed, all);
  if (!again.ok() || promql::ToString(**again) != printed) std::abort();
  (void)promql::FormatAst(**again);
  const auto pretty = promql::Parse(promql::Prettify(**expr), all);
  if (!pretty.ok() || promql::ToString(**pretty) != printed) std::abort();
  return 0;
}
