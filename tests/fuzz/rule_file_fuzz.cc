// Any bytes as a file of rules or of tests of rules: an error or what it says.
#include <cstdint>

#include "server/rules/rule_file.h"
#include "server/rules/testing/rule_test_file.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size > 64 << 10) return 0;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  (void)server::ParseRuleFile(text, "r.yml");
  (void)server::ParseRuleFile(text, "r.yml", {.ignore_unknown_fields = true, .legacy_names = true});
  (void)server::ParseRuleTestFile(text, "t.yml");
  return 0;
}
