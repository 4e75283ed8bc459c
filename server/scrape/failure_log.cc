#include "server/scrape/failure_log.h"

#include <fmt/chrono.h>

#include <cerrno>
#include <chrono>
#include <cstring>

#include "storage/base/status.h"
#include "storage/model/labels.h"

namespace server {
namespace {

// A JSON string; bytes that are not UTF-8 become question marks.
void AppendJson(std::string* out, std::string_view s) {
  const bool valid = model::IsValidUtf8(s);
  *out += '"';
  for (const char c : s) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      *out += '\\';
      *out += c;
    } else if (c == '\n') {
      *out += "\\n";
    } else if (byte < 0x20) {
      *out += fmt::format("\\u{:04x}", byte);
    } else {
      *out += byte >= 0x80 && !valid ? '?' : c;
    }
  }
  *out += '"';
}

}  // namespace

absl::StatusOr<std::shared_ptr<FailureLog>> FailureLog::Open(const std::string& path) {
  std::FILE* file = std::fopen(path.c_str(), "ae");
  if (file == nullptr) {
    return base::Unavailable("can't create log file {}: {}", path, std::strerror(errno));
  }
  return std::shared_ptr<FailureLog>(new FailureLog(file));
}

FailureLog::~FailureLog() { std::fclose(file_); }

void FailureLog::Write(std::string_view message, std::string_view job, std::string_view target) {
  using namespace std::chrono;
  const auto now = system_clock::now();
  const auto ms = duration_cast<milliseconds>(now.time_since_epoch()).count() % 1000;
  std::string line = fmt::format("{{\"time\":\"{:%Y-%m-%dT%H:%M:%S}.{:03}Z\",\"level\":\"ERROR\",\"msg\":",
                                 fmt::gmtime(system_clock::to_time_t(now)), ms);
  AppendJson(&line, message);
  line += ",\"job_name\":";
  AppendJson(&line, job);
  line += ",\"target\":";
  AppendJson(&line, target);
  line += "}\n";
  absl::MutexLock lock(&mu_);
  std::fwrite(line.data(), 1, line.size(), file_);
  std::fflush(file_);
}

}  // namespace server
