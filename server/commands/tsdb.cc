#include "server/commands/tsdb.h"

#include <cstdio>

#include "server/commands/tsdb_verify.h"
#include "storage/base/log.h"
#include "storage/base/status.h"
#include "storage/read_only_dir.h"

namespace server {
namespace {

constexpr int64_t kCacheBytes = 64 << 20;

constexpr char kUsage[] =
    "usage: tidemark tsdb verify [DIR]\n"
    "\n"
    "DIR is a data directory (--storage.tsdb.path), by default data/. It is only read; its server may\n"
    "be running.\n"
    "\n"
    "  verify    read all blocks, and of the log what is needed; tell what is damaged. Exit code 1\n"
    "            when anything is.\n";

int Usage(std::FILE* to) {
  std::fputs(kUsage, to);
  return to == stdout ? 0 : 2;
}

}  // namespace

int RunTsdb(std::span<const std::string> args) {
  base::SetLog(base::LogLevel::kNothing, base::LogFormat::kLogfmt);
  if (args.empty()) return Usage(stderr);
  if (args[0] == "--help" || args[0] == "-h" || args[0] == "help") return Usage(stdout);
  const std::string dir = args.size() > 1 ? args[1] : "data/";
  if (args[0] != "verify" || args.size() > 2 || dir.starts_with("-")) return Usage(stderr);
  auto data = storage::ReadOnlyDir::Open(dir, kCacheBytes);
  if (!data.ok()) {
    std::fprintf(stderr, "%s\n", std::string(base::message(data.status())).c_str());
    return 1;
  }
  return VerifyDir(dir, std::move(*data));
}

}  // namespace server
