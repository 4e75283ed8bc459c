#include "server/commands/tsdb_list.h"

#include <algorithm>
#include <array>
#include <vector>

#include <absl/time/time.h>

#include "server/config/scalar.h"

namespace server {
namespace {

using Row = std::array<std::string, 8>;

std::string TimeText(model::TimeMs t, bool human_readable) {
  if (!human_readable) return std::to_string(t);
  const absl::Time time = absl::FromUnixSeconds(t / 1000);
  const auto text = absl::FormatTime("%Y-%m-%d %H:%M:%S +0000 UTC", time, absl::UTCTimeZone());
  return std::string(text);
}

}  // namespace

std::string GoDuration(int64_t ms) {
  if (ms < 0) return "-" + GoDuration(-ms);
  if (ms == 0) return "0s";
  if (ms < 1000) return fmt::format("{}ms", ms);
  const int64_t hours = ms / 3'600'000, minutes = ms / 60'000 % 60, rest = ms % 60'000;
  std::string out;
  if (hours > 0) out += fmt::format("{}h", hours);
  if (hours > 0 || minutes > 0) out += fmt::format("{}m", minutes);
  std::string seconds = std::to_string(rest / 1000);
  if (rest % 1000 != 0) {
    seconds += fmt::format(".{:03}", rest % 1000);
    seconds.erase(seconds.find_last_not_of('0') + 1);
  }
  return out + seconds + "s";
}

std::string ListText(std::span<const storage::BlockMeta> metas, bool human_readable) {
  std::vector<Row> rows = {{"BLOCK ULID", "MIN TIME", "MAX TIME", "DURATION", "NUM SAMPLES",
                            "NUM CHUNKS", "NUM SERIES", "SIZE"}};
  for (const storage::BlockMeta& meta : metas) {
    const model::TimeMs end = meta.range.max + 1;  // As there, the first time behind it.
    rows.push_back({meta.ulid, TimeText(meta.range.min, human_readable),
                    TimeText(end, human_readable), GoDuration(end - meta.range.min),
                    std::to_string(meta.num_samples), std::to_string(meta.num_chunks),
                    std::to_string(meta.num_series),
                    human_readable ? FormatBytes(meta.bytes) : std::to_string(meta.bytes)});
  }
  // Go's tabwriter with cells of 13 at least, 2 of them blank; the last column is as it is.
  constexpr size_t kLeast = 13, kBlank = 2;
  std::string out;
  std::array<size_t, 7> widths;
  for (size_t c = 0; c < widths.size(); ++c) {
    widths[c] = kLeast;
    for (const Row& row : rows) widths[c] = std::max(widths[c], row[c].size() + kBlank);
  }
  for (const Row& row : rows) {
    for (size_t c = 0; c < widths.size(); ++c) out += fmt::format("{:<{}}", row[c], widths[c]);
    out += row.back() + '\n';
  }
  return out;
}

}  // namespace server
