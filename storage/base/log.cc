#include "storage/base/log.h"

#include <fmt/chrono.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include <atomic>
#include <chrono>

namespace base {
namespace {

std::atomic<int> min_level{static_cast<int>(LogLevel::kInfo)};
std::atomic<int> log_format{static_cast<int>(LogFormat::kLogfmt)};

constexpr std::string_view kLevels[] = {"DEBUG", "INFO", "WARN", "ERROR"};

spdlog::logger* Sink() {
  static spdlog::logger* logger = [] {
    auto* made = new spdlog::logger("tidemark", std::make_shared<spdlog::sinks::stderr_sink_mt>());
    made->set_pattern("%v");
    made->set_level(spdlog::level::trace);
    made->flush_on(spdlog::level::trace);
    return made;
  }();
  return logger;
}

std::string Now() {
  using namespace std::chrono;
  const auto now = system_clock::now();
  const auto ms = duration_cast<milliseconds>(now.time_since_epoch()).count() % 1000;
  return fmt::format("{:%Y-%m-%dT%H:%M:%S}.{:03}Z",
                     fmt::gmtime(system_clock::to_time_t(now)), ms);
}

void AppendEscaped(std::string* out, std::string_view s) {
  *out += '"';
  for (const char c : s) {
    switch (c) {
      case '"': *out += "\\\""; break;
      case '\\': *out += "\\\\"; break;
      case '\n': *out += "\\n"; break;
      case '\r': *out += "\\r"; break;
      case '\t': *out += "\\t"; break;
      default:
        if (static_cast<unsigned char>(c) < 0x20) {
          *out += fmt::format("\\u{:04x}", static_cast<unsigned char>(c));
        } else {
          *out += c;
        }
    }
  }
  *out += '"';
}

void AppendLogfmt(std::string* out, std::string_view key, std::string_view value) {
  if (!out->empty()) *out += ' ';
  *out += key;
  *out += '=';
  const bool plain = !value.empty() && value.find_first_of(" \"=\\\n\r\t") == std::string_view::npos;
  if (plain) {
    *out += value;
  } else {
    AppendEscaped(out, value);
  }
}

void AppendJson(std::string* out, std::string_view key, std::string_view value) {
  *out += out->empty() ? '{' : ',';
  AppendEscaped(out, key);
  *out += ':';
  AppendEscaped(out, value);
}

}  // namespace

void SetLog(LogLevel level, LogFormat format) {
  min_level = static_cast<int>(level);
  log_format = static_cast<int>(format);
}

bool LogEnabled(LogLevel level) {
  return static_cast<int>(level) >= min_level.load(std::memory_order_relaxed);
}

void Log(LogLevel level, std::string_view component, std::string_view message,
         std::initializer_list<LogField> fields) {
  if (!LogEnabled(level)) return;
  const bool json = log_format == static_cast<int>(LogFormat::kJson);
  const auto append = json ? AppendJson : AppendLogfmt;
  std::string line;
  append(&line, "time", Now());
  append(&line, "level", kLevels[static_cast<int>(level)]);
  if (!component.empty()) append(&line, "component", component);
  append(&line, "msg", message);
  for (const LogField& field : fields) append(&line, field.key, field.value);
  if (json) line += '}';
  Sink()->info("{}", line);
}

}  // namespace base
