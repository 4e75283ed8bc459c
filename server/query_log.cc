#include "server/query_log.h"

#include <cerrno>
#include <cstring>
#include <utility>

#include <absl/time/time.h>

#include "api/json_writer.h"
#include "api/query_stats.h"
#include "storage/base/clock.h"
#include "storage/base/status.h"

namespace server {
namespace {

std::string Time(int64_t ms) {
  return absl::FormatTime("%Y-%m-%dT%H:%M:%E3SZ", absl::FromUnixMillis(ms), absl::UTCTimeZone());
}

}  // namespace

QueryLog::~QueryLog() {
  if (file_ != nullptr) std::fclose(file_);
}

absl::Status QueryLog::SetFile(const std::string& path) {
  std::FILE* file = nullptr;
  if (!path.empty()) {
    file = std::fopen(path.c_str(), "ae");
    if (file == nullptr) {
      return base::Unavailable("can't create json log file: open {}: {}", path,
                               std::strerror(errno));
    }
  }
  {
    absl::MutexLock lock(&mu_);
    std::swap(file_, file);
  }
  if (file != nullptr) std::fclose(file);
  return absl::OkStatus();
}

void QueryLog::Write(const promql::QueryObserver::Record& record) {
  if (!enabled()) return;
  const std::string line = QueryLogLine(record, base::SystemClock::Get()->NowMs());
  absl::MutexLock lock(&mu_);
  if (file_ == nullptr) return;
  const bool written = std::fwrite(line.data(), 1, line.size(), file_) == line.size();
  if (std::fflush(file_) != 0 || !written) failures_.Add();
}

bool QueryLog::enabled() const {
  absl::MutexLock lock(&mu_);
  return file_ != nullptr;
}

std::string QueryLogLine(const promql::QueryObserver::Record& record, int64_t now_ms) {
  std::string out;
  api::JsonWriter json(&out);
  json.set_escape_html(false);
  const auto text = [&json](std::string_view key, std::string_view value) {
    json.Key(key);
    json.String(value);
  };
  json.BeginObject();
  text("time", Time(now_ms));
  text("level", "INFO");
  text("source", "query_log.cc");
  text("msg", "promql query logged");
  json.Key("params");
  json.BeginObject();
  text("end", Time(record.grid.end));
  text("query", record.query);
  text("start", Time(record.grid.start));
  json.Key("step");
  json.Int(record.grid.step_ms / 1000);
  json.EndObject();
  if (!record.status.ok()) text("error", base::message(record.status));
  json.Key("stats");
  api::WriteQueryStats(&json, record.stats, record.grid);
  // There is no tracing: what Prometheus writes without a span.
  text("spanID", "0000000000000000");
  text("traceID", "00000000000000000000000000000000");
  if (!record.origin.name.empty()) {
    json.Key(record.origin.name);
    json.BeginObject();
    for (const auto& [name, value] : record.origin.fields) text(name, value);
    json.EndObject();
  }
  json.EndObject();
  out += '\n';
  return out;
}

}  // namespace server
