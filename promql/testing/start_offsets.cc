#include "promql/testing/start_offsets.h"

#include <algorithm>
#include <charconv>
#include <string>

#include "promql/testing/series_description.h"
#include "storage/base/status.h"
#include "storage/model/duration_text.h"

namespace promql_test {
namespace {

constexpr std::string_view kMark = "@st";
constexpr std::string_view kSpace = " \t";
constexpr size_t kMaxValues = 1'000'000;

bool IsDigit(char c) { return c >= '0' && c <= '9'; }
bool IsLetter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }

// The N of xN; all there is.
std::optional<size_t> ReadTimes(std::string_view text) {
  size_t n = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), n);
  const bool whole = error == std::errc() && end == text.data() + text.size();
  return whole && n < kMaxValues ? std::optional<size_t>(n) : std::nullopt;
}

// -30s: a number and a unit, with or without a sign. What follows stays in *text.
std::optional<int64_t> ReadOffset(std::string_view* text) {
  const bool minus = text->starts_with('-');
  if (minus || text->starts_with('+')) text->remove_prefix(1);
  size_t n = 0;
  while (n < text->size() && IsDigit((*text)[n])) ++n;
  while (n < text->size() && IsLetter((*text)[n]) && (*text)[n] != 'x') ++n;
  const auto ms = model::ParseDurationMs(text->substr(0, n));
  if (!ms.ok()) return std::nullopt;
  text->remove_prefix(n);
  return minus ? -*ms : *ms;
}

absl::Status ReadItem(std::string_view item, StartOffsets* out) {
  const auto bad = [item] { return base::InvalidArgument("bad start time {}", item); };
  std::string_view rest = item;
  std::optional<int64_t> offset;
  int64_t step = 0;
  if (rest.starts_with('_')) {
    rest.remove_prefix(1);
  } else {
    offset = ReadOffset(&rest);
    if (!offset.has_value()) return bad();
    if (rest.starts_with('+') || rest.starts_with('-')) {
      const auto by = ReadOffset(&rest);
      if (!by.has_value() || rest.empty()) return bad();
      step = *by;
    }
  }
  size_t n = 1;
  if (!rest.empty()) {
    const auto times = rest[0] == 'x' ? ReadTimes(rest.substr(1)) : std::nullopt;
    if (!times.has_value() || (!offset.has_value() && *times == 0)) return bad();
    n = *times + offset.has_value();
  }
  if (out->size() + n > kMaxValues) return base::InvalidArgument("too many start times");
  for (size_t i = 0; i < n; ++i) {
    out->push_back(offset);
    if (offset.has_value()) *offset += step;
  }
  return absl::OkStatus();
}

}  // namespace

bool IsStartsDescription(std::string_view line) {
  return line.find_first_of(kSpace) != std::string_view::npos &&
         line.substr(0, line.find_first_of(kSpace)).ends_with(kMark);
}

absl::StatusOr<StartsDescription> ParseStartsDescription(std::string_view line) {
  const size_t metric_end = std::min(line.find_first_of(kSpace), line.size());
  if (!IsStartsDescription(line)) return base::InvalidArgument("no start times: {}", line);
  StartsDescription starts;
  ASSIGN_OR_RETURN(const SeriesDescription series,
                   ParseSeriesDescription(line.substr(0, metric_end - kMark.size())));
  starts.labels = series.labels;
  for (std::string_view rest = line.substr(metric_end);;) {
    rest.remove_prefix(std::min(rest.find_first_not_of(kSpace), rest.size()));
    if (rest.empty()) return starts;
    const size_t end = std::min(rest.find_first_of(kSpace), rest.size());
    RETURN_IF_ERROR(ReadItem(rest.substr(0, end), &starts.offsets));
    rest.remove_prefix(end);
  }
}

}  // namespace promql_test
