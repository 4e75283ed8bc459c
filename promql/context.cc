#include "promql/context.h"

#include <algorithm>
#include <utility>

#include <absl/time/clock.h>

#include "storage/base/memory_meter.h"
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
  warnings_.Add(fmt::format("PromQL warning: {}", text), pos).first->MoveTo(pos);
}

void AnnotationSink::WarnOfSeveral(std::string_view text, int64_t times, PositionRange pos) {
  const auto [item, added] = warnings_.Add(fmt::format("PromQL warning: {}", text), pos);
  item->times = added ? times : item->times + times;
}

void AnnotationSink::Info(std::string_view text, PositionRange pos) {
  infos_.Add(fmt::format("PromQL info: {}", text), pos).first->MoveTo(pos);
}

void AnnotationSink::WarnPlain(std::string text) { warnings_.Add(std::move(text), {-1, -1}); }

Annotations AnnotationSink::Take() { return {warnings_.Take(query_), infos_.Take(query_)}; }

// After its operands comes what holds them: it ends with or behind the last of them.
void AnnotationSink::List::Item::MoveTo(PositionRange place) {
  if (std::pair(place.end, -place.begin) > std::pair(position.end, -position.begin)) position = place;
}

std::pair<AnnotationSink::List::Item*, bool> AnnotationSink::List::Add(std::string text,
                                                                       PositionRange position) {
  const auto [it, added] = index_.try_emplace(text, items_.size());
  if (added) items_.push_back({std::move(text), position});
  return {&items_[it->second], added};
}

std::vector<std::string> AnnotationSink::List::Take(std::string_view query) {
  std::vector<std::string> texts;
  for (auto& [text, position, times] : items_) {
    if (times > 1) text += fmt::format(" ({} occurrences)", times);
    if (position.begin >= 0) text += fmt::format(" ({})", Position(query, position.begin));
    texts.push_back(std::move(text));
  }
  items_.clear(), index_.clear();
  return texts;
}

absl::Status TooManySamples() {
  return base::ResourceExhausted(
      "query processing would load too many samples into memory in query execution "
      "(--query.max-samples)");
}

absl::Status Context::Check() const {
  if (cancelled != nullptr && cancelled->load(std::memory_order_relaxed)) {
    return base::Cancelled("query was canceled in expression evaluation");
  }
  if ((checks++ & 15) != 0) return absl::OkStatus();
  if (absl::Now() > deadline) {
    return base::DeadlineExceeded("query timed out in expression evaluation");
  }
  return base::MemoryMeter::Check();
}

absl::Status Context::Charge(int64_t samples) {
  if (*samples_left < samples) {
    return TooManySamples();
  }
  *samples_left -= samples;
  if (least_left != nullptr) *least_left = std::min(*least_left, *samples_left);
  constexpr int64_t kMany = 4096;
  if (samples < kMany) return Check();
  return CheckRoom(static_cast<size_t>(samples) * sizeof(double));
}

absl::Status Context::CheckRoom(size_t bytes) const {
  checks = 0;  // The next look is now.
  RETURN_IF_ERROR(Check());
  return base::MemoryMeter::Check(static_cast<int64_t>(bytes));
}

}  // namespace promql
