// Any bytes as prometheus.yml: an error or a configuration, and what it prints is one again.
#include <cstdint>
#include <cstdio>
#include <cstdlib>

#include "server/config/load.h"
#include "server/config/yaml.h"
#include "server/discovery/file_discovery.h"
#include "storage/base/log.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const bool quiet = (base::SetLog(base::LogLevel::kError, base::LogFormat::kLogfmt), true);
  (void)quiet;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto node = server::ParseYaml(text, "f.yml");
  if (node.ok() && !server::ParseYaml(server::PrintYaml(*node), "printed.yml").ok()) {
    std::fprintf(stderr, "printed YAML does not read back:\n%s\n",
                 server::PrintYaml(*node).c_str());
    std::abort();
  }
  (void)server::ParseTargetFile("t.yml", text);
  (void)server::ParseTargetFile("t.json", text);
  // Files it names are not to be read.
  if (text.find("scrape_config_files") != std::string_view::npos) return 0;
  (void)server::LoadConfig(text, "f.yml");
  return 0;
}
