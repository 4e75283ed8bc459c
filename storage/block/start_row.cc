#include "storage/block/start_row.h"

#include <utility>

#include "storage/base/coding.h"
#include "wal/crc32c.h"

namespace storage::block {
namespace {

constexpr uint32_t kMaxSeries = 256;
constexpr size_t kRowBytes = 16 << 10;
constexpr size_t kMaxRuns = 16 << 10;  // Unpacked; a series that has more is alone in its row.

model::TimeMs Plus(model::TimeMs t, int64_t delta) {
  return static_cast<model::TimeMs>(static_cast<uint64_t>(t) + static_cast<uint64_t>(delta));
}
int64_t Minus(model::TimeMs a, model::TimeMs b) {
  return static_cast<int64_t>(static_cast<uint64_t>(a) - static_cast<uint64_t>(b));
}

uint32_t Checksum(std::string_view key, std::string_view bytes) {
  return wal::Crc32c(bytes, wal::Crc32c(key));
}

}  // namespace

std::string StartRowKey(uint32_t last) {
  std::string key = "b";
  base::AppendBigEndian(&key, last);
  return key;
}

bool ParseStartRowKey(std::string_view key, uint32_t* last) {
  if (key.size() != 5 || key[0] != 'b') return false;
  key.remove_prefix(1);
  return base::GetBigEndian(&key, last);
}

bool StartRowWriter::full() const {
  return count_ == kMaxSeries || body_.size() >= kRowBytes || num_runs_ >= kMaxRuns;
}

void StartRowWriter::Add(uint32_t ref, const model::StartRuns& runs) {
  base::AppendVarint(&body_, ref - last_ref_);
  last_ref_ = ref;
  ++count_;
  num_runs_ += runs.size();
  if (runs == last_) {
    base::AppendVarint(&body_, 0);
    return;
  }
  base::AppendVarint(&body_, runs.size());
  model::StartRun before = last_.empty() ? model::StartRun() : last_.front();
  for (const model::StartRun& run : runs) {
    base::AppendZigZag(&body_, Minus(run.from, before.from));
    base::AppendZigZag(&body_, Minus(run.start, before.start));
    before = run;
  }
  last_ = runs;
}

std::string StartRowWriter::Finish() {
  std::string row;
  base::AppendVarint(&row, count_);
  row += body_;
  base::AppendLittleEndian(&row, Checksum(key(), row));
  *this = StartRowWriter();
  return row;
}

bool ParseStartRow(std::string_view key, std::string_view row, std::vector<SeriesStarts>* series) {
  series->clear();
  uint32_t last, checksum;
  if (!ParseStartRowKey(key, &last) || row.size() < 4) return false;
  std::string_view tail = row.substr(row.size() - 4);
  row.remove_suffix(4);
  if (!base::GetLittleEndian(&tail, &checksum) || checksum != Checksum(key, row)) return false;
  uint64_t count, ref = 0;
  size_t all_runs = 0;
  if (!base::GetVarint(&row, &count) || count == 0 || count > kMaxSeries) return false;
  for (; count > 0; --count) {
    uint64_t delta, num_runs;
    if (!base::GetVarint(&row, &delta) || !base::GetVarint(&row, &num_runs) || delta == 0 ||
        delta > last - ref || num_runs > row.size() / 2 || all_runs >= kMaxRuns) {
      return false;
    }
    ref += delta;
    SeriesStarts starts{static_cast<uint32_t>(ref), {}};
    if (num_runs == 0) {
      if (series->empty()) return false;
      starts.runs = series->back().runs;
    } else {
      model::StartRun run = series->empty() ? model::StartRun() : series->back().runs.front();
      starts.runs.reserve(num_runs);
      for (uint64_t i = 0; i < num_runs; ++i) {
        int64_t from, start;
        if (!base::GetZigZag(&row, &from) || !base::GetZigZag(&row, &start)) return false;
        run = {Plus(run.from, from), Plus(run.start, start)};
        starts.runs.push_back(run);
      }
      if (!model::Valid(starts.runs)) return false;
    }
    all_runs += starts.runs.size();
    series->push_back(std::move(starts));
  }
  return row.empty() && ref == last;
}

}  // namespace storage::block
