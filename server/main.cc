// tidemark: flags -> App -> exit code.
#include <cstdio>
#include <string>
#include <vector>

#include <absl/synchronization/mutex.h>

#include "server/app.h"
#include "server/commands/backup.h"
#include "server/commands/check.h"
#include "server/commands/query.h"
#include "server/commands/test.h"
#include "server/commands/tsdb.h"
#include "storage/base/log.h"
#include "storage/base/status.h"

namespace {

base::LogLevel LevelOf(const std::string& name) {
  if (name == "debug") return base::LogLevel::kDebug;
  if (name == "warn") return base::LogLevel::kWarn;
  return name == "error" ? base::LogLevel::kError : base::LogLevel::kInfo;
}

}  // namespace

int main(int argc, char** argv) {
#ifdef NDEBUG
  // Debian's library is built with its checks, and would keep a graph of all locks as they are taken.
  absl::SetMutexDeadlockDetectionMode(absl::OnDeadlockCycle::kIgnore);
#endif
  const std::vector<std::string> args(argv + 1, argv + argc);
  const std::string command = args.empty() ? "" : args[0];
  if (command == "check") return server::RunCheck(std::span(args).subspan(1));
  if (command == "query") return server::RunQuery(std::span(args).subspan(1));
  if (command == "test") return server::RunTest(std::span(args).subspan(1));
  if (command == "tsdb") return server::RunTsdb(std::span(args).subspan(1));
  if (command == "backup") return server::RunBackup(std::span(args).subspan(1));
  if (command == "restore") return server::RunRestore(std::span(args).subspan(1));
  absl::StatusOr<server::Flags> flags = server::Flags::Parse(args);
  if (!flags.ok()) {
    std::fprintf(stderr, "Error parsing command line arguments: %s\nTry 'tidemark --help'.\n",
                 std::string(base::message(flags.status())).c_str());
    return 2;
  }
  if (flags->help() || flags->version()) {
    std::fputs(flags->help() ? server::HelpText().c_str() : server::VersionText().c_str(), stdout);
    return 0;
  }
  base::SetLog(LevelOf(flags->String("log.level")), flags->String("log.format") == "json"
                                                        ? base::LogFormat::kJson
                                                        : base::LogFormat::kLogfmt);
  // Never destroyed: what Run leaves behind is memory, and giving back a million series one by one
  // takes seconds.
  static server::App* const app = new server::App(*std::move(flags));
  return app->Run();
}
