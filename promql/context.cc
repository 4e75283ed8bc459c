#include "promql/context.h"

#include <algorithm>
#include <utility>

#include <absl/time/clock.h>

#include "storage/base/status.h"

namespace promql {
namespace {

// Line and byte column, both from 1.
std::string Position(std::string_view query, int at) {
  if (query.empty()) return "unknown position";
  if (at < 0 || at > static_cast<int>(query.size())) return "invalid position";
  const std::string_view before = query.substr(0, at);
  const auto line = std::count(before.begin(), before.end(), '\n') + 1;
  const size_t last_break = before.rfind('\n');
  const size_t column = last_break == std::string_view::npos ? before.size() + 1
                                                             : before.size() - last_break;
  return fmt::format("{}:{}", line, column);
}

}  // namespace

void AnnotationSink::Warn(std::string_view text, PositionRange pos) {
  Add(&all_.warnings, fmt::format("PromQL warning: {} ({})", text, Position(query_, pos.begin)));
}

void AnnotationSink::Info(std::string_view text, PositionRange pos) {
  Add(&all_.infos, fmt::format("PromQL info: {} ({})", text, Position(query_, pos.begin)));
}

void AnnotationSink::WarnPlain(std::string text) { Add(&all_.warnings, std::move(text)); }

void AnnotationSink::Add(std::vector<std::string>* list, std::string text) {
  if (std::find(list->begin(), list->end(), text) == list->end()) list->push_back(std::move(text));
}

Annotations AnnotationSink::Take() { return std::exchange(all_, {}); }

absl::Status Context::Check() const {
  if (cancelled != nullptr && cancelled->load(std::memory_order_relaxed)) {
    return base::Cancelled("query was canceled in expression evaluation");
  }
  if ((checks++ & 15) == 0 && absl::Now() > deadline) {
    return base::DeadlineExceeded("query timed out in expression evaluation");
  }
  return absl::OkStatus();
}

absl::Status Context::Charge(int64_t samples) {
  if (*samples_left < samples) {
    return base::ResourceExhausted(
        "query processing would load too many samples into memory in query execution");
  }
  *samples_left -= samples;
  if (least_left != nullptr) *least_left = std::min(*least_left, *samples_left);
  return Check();
}

}  // namespace promql
