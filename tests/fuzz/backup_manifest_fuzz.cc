// What is taken for a manifest is exactly what would have been written, and names no file elsewhere.
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <string_view>

#include <fmt/format.h>

#include "storage/copies/manifest.h"
#include "wal/crc32c.h"

namespace {

void Check(std::string_view text) {
  const auto manifest = storage::BackupManifest::Parse(text);
  if (!manifest.ok()) return;
  if (manifest->ToText() != text) std::abort();
  for (const storage::BackupFile& file : manifest->files) {
    const std::filesystem::path path(file.path);
    if (path.is_absolute() || path.lexically_normal() != path) std::abort();
    if (*path.begin() == "..") std::abort();
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  Check(text);
  // The same with an end that fits, or no change would get past the checksum.
  const size_t end = text.rfind("end ");
  const std::string body(text.substr(0, end == std::string_view::npos ? text.size() : end));
  size_t files = 0;
  for (size_t at = 0; (at = body.find("file ", at)) != std::string::npos; ++at) {
    files += at == 0 || body[at - 1] == '\n';
  }
  Check(body + fmt::format("end {} {:08x}\n", files, wal::Crc32c(body)));
  return 0;
}
