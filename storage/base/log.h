// Log lines in Prometheus' own shape, to standard error, as logfmt or JSON:
//
//   base::Log(base::LogLevel::kWarn, "scrape", "Append failed", {{"target", url}, {"err", message}});
//   time=2026-01-02T15:04:05.000Z level=WARN component=scrape msg="Append failed" target=... err=...
//
// Thread-safe. A line below the level set costs one load.
#pragma once

#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>

namespace base {

enum class LogLevel { kDebug, kInfo, kWarn, kError, kNothing };  // The last is for SetLog only.
enum class LogFormat { kLogfmt, kJson };

struct LogField {
  std::string_view key;
  std::string value;
};

void SetLog(LogLevel level, LogFormat format);
bool LogEnabled(LogLevel level);
void Log(LogLevel level, std::string_view component, std::string_view message,
         std::initializer_list<LogField> fields = {});

}  // namespace base
