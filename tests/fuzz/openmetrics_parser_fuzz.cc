// Any bytes as a page of the OpenMetrics text format: the fast path and the lexer agree, and nothing is read
// beyond the page.
#include "server/scrape/openmetrics_parser.h"

#include "storage/base/check.h"
#include "tests/server/scrape/parser_testing.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view page(reinterpret_cast<const char*>(data), size);
  const std::string fast = server::Describe(server::OpenMetricsParser(page));
  CHECK(fast == server::Describe(server::OpenMetricsParser(page, false)));
  const auto texts = server::SeriesTexts<server::OpenMetricsParser>(page);
  CHECK(fast == server::Describe(server::OpenMetricsParser(page), true, texts));
  return 0;
}
