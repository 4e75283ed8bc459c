// Any bytes as an alert's text: it is refused, or expands within its limits, twice to the same.
#include <cstdint>
#include <cstdlib>

#include "server/rules/template/alert_template.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace server::text_template;
  if (size > 4096) return 0;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const AlertTemplate parsed("Fuzz", text);
  const model::Labels labels = {{"instance", "web-1.example.com:9100"}, {"job", "api"}};
  const promql::VectorSample sample{labels, {0, 12.5}, nullptr};
  const Value value = ToValue({labels, labels, "http://h:9090", &sample});
  Surroundings surroundings;
  surroundings.now = 1435065584128;
  surroundings.external_url = "http://h:9090";
  surroundings.query = [&](std::string_view) {
    return absl::StatusOr<std::vector<promql::VectorSample>>({sample, sample});
  };
  const std::string once = parsed.ExpandToText(value, surroundings);
  if (once != parsed.ExpandToText(value, surroundings)) std::abort();
  return 0;
}
