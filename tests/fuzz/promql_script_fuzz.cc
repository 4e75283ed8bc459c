// Test scripts out of bytes: read, or refused with the line named.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "promql/testing/script.h"
#include "storage/base/status.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto commands = promql_test::ParseScript(text);
  if (!commands.ok() && !base::message(commands.status()).starts_with("line ")) std::abort();
  return 0;
}
