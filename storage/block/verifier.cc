#include "storage/block/verifier.h"

#include <algorithm>

#include <fmt/format.h>
#include <rocksdb/db.h>
#include <rocksdb/metadata.h>

#include "storage/base/coding.h"
#include "storage/base/status.h"
#include "storage/block/block_keys.h"
#include "storage/block/exemplar_row.h"

namespace storage::block {
namespace {

constexpr size_t kMaxKeptTimes = 256 << 10;
constexpr uint64_t kMaxTold = 10'000;  // Of one block; others are only counted.
constexpr model::TimeRange kAllTime;

std::string EndOf(uint32_t ref) {  // Behind all rows of `ref` in a scan of either kind.
  std::string key = ref == kMaxRef ? std::string(5, '\xff') : RowKey(ref + 1, kAllTime.min);
  return key.substr(1);
}

std::string_view WithoutKind(std::string_view key) { return key.substr(1); }

bool Ascend(std::span<const model::TimeMs> times) {
  return std::adjacent_find(times.begin(), times.end(),
                            [](auto a, auto b) { return a >= b; }) == times.end();
}

// Why `key` is missing.
std::string WhyMissing(TableScan* scan, std::string_view key) {
  for (KeyGap& gap : scan->gaps()) {
    if (!gap.Has(key)) continue;
    gap.told = true;
    return gap.why;
  }
  return "";
}

}  // namespace

std::vector<TableFile> TablesOf(const Db& db, rocksdb::ColumnFamilyHandle* handle) {
  rocksdb::ColumnFamilyMetaData family;
  db.rocks()->GetColumnFamilyMetaData(handle, &family);
  std::vector<TableFile> tables;
  for (const rocksdb::LevelMetaData& level : family.levels) {
    for (const rocksdb::SstFileMetaData& file : level.files) {
      tables.push_back({file.db_path + file.name, file.smallestkey, file.largestkey});
    }
  }
  return tables;
}

void VerifyShared(const Db& db, const std::function<void(Damage)>& tell) {
  const CountedFiles files;
  for (TableFile& table : TablesOf(db, db.default_family())) {  // Their keys overlap.
    const std::string path = table.path, kind = table.smallest.substr(0, 1);
    TableScan scan({std::move(table)}, kind, files);
    while (scan.Valid()) scan.Next();
    for (const KeyGap& gap : scan.gaps()) {
      tell({.what = fmt::format("what concerns all blocks cannot be read in {}: {}",
                                path.substr(path.rfind('/') + 1), gap.why)});
    }
  }
}

Verifier::Verifier(const Block& block, std::function<void(Damage)> tell)
    : tell_(std::move(tell)),
      meta_(block.meta()),
      index_(TablesOf(block.db(), block.handle()), "mp", files_),
      times_(TablesOf(block.db(), block.handle()), "t", files_),
      series_(TablesOf(block.db(), block.handle()), "s", files_),
      rows_(TablesOf(block.db(), block.handle()), "c", files_),
      sealed_(TablesOf(block.db(), block.handle()), "d", files_),
      exemplars_(TablesOf(block.db(), block.handle()), "e", files_),
      starts_(TablesOf(block.db(), block.handle()), "b", files_) {}

Verifier::~Verifier() = default;

bool Verifier::Next(uint64_t bytes) {
  const uint64_t until = files_.bytes_read() + bytes;
  while (part_ != Part::kEnd && files_.bytes_read() < until) {
    switch (part_) {
      case Part::kMeta: CheckMeta(); break;
      case Part::kStarts: CheckStarts(); break;
      case Part::kTimes: CheckTimeColumn(); break;
      case Part::kSeries: CheckSeries(); break;
      case Part::kPostings: CheckPosting(); break;
      case Part::kEnd: break;
    }
  }
  return part_ != Part::kEnd;
}

void Verifier::Tell(model::TimeRange range, std::string what, bool of_series) {
  if (++damaged_ > kMaxTold) return;
  const bool known = of_series && entry_known_;
  tell_({.block = meta_.ulid,
         .series = known ? model::LabelsView(labels_).ToString() : "",
         .range = {std::max(range.min, meta_.range.min), std::min(range.max, meta_.range.max)},
         .what = std::move(what)});
}

void Verifier::TellGaps(TableScan* scan, std::string_view of_what) {
  for (const KeyGap& gap : scan->gaps()) {
    if (!gap.told) Tell(kAllTime, fmt::format("{}: {}", of_what, gap.why), false);
  }
  scan->gaps().clear();
}

void Verifier::CheckMeta() {
  part_ = Part::kStarts;
  BlockMeta meta;
  if (!index_.Valid() || index_.key() != kMetaKey) {
    const std::string why = WhyMissing(&index_, kMetaKey);
    Tell(kAllTime, fmt::format("its meta cannot be read ({})", why.empty() ? "missing" : why));
    return;
  }
  if (!ParseMeta(index_.value(), &meta)) {
    Tell(kAllTime, "its meta is damaged");
  } else if (meta.range != meta_.range || meta.num_series != meta_.num_series ||
             meta.num_chunks != meta_.num_chunks || meta.num_samples != meta_.num_samples ||
             meta.num_exemplars != meta_.num_exemplars || meta.num_started != meta_.num_started ||
             meta.exemplar_range != meta_.exemplar_range) {
    Tell(kAllTime, "its meta on the disk is another than the one in use");
  }
  index_.Next();
}

void Verifier::CheckStarts() {
  if (!starts_.Valid()) {
    starts_damaged_ |= !starts_.gaps().empty();
    TellGaps(&starts_, "start times cannot be read");
    part_ = Part::kTimes;
    return;
  }
  if (!ParseStartRow(starts_.key(), starts_.value(), &read_starts_)) {
    starts_damaged_ = true;
    Tell(kAllTime, "a row of start times is damaged");
  } else if (read_starts_.front().ref <= last_started_ ||
             read_starts_.back().ref > meta_.num_series) {
    starts_damaged_ = true;
    Tell(kAllTime, "start times of series out of order, or not there");
  } else {
    last_started_ = read_starts_.back().ref;
    found_.started += read_starts_.size();
  }
  starts_.Next();
}

void Verifier::CheckTimeColumn() {
  if (!times_.Valid()) {
    TellGaps(&times_, "time columns cannot be read");
    part_ = Part::kSeries;
    return;
  }
  std::vector<model::TimeMs> times;
  if (!ParseTimeColumn(times_.key(), times_.value(), &times) || !Ascend(times)) {
    std::string_view key = times_.key().substr(1);
    uint32_t id = 0;
    base::GetBigEndian(&key, &id);
    Tell(kAllTime, fmt::format("time column {} is damaged", id));
  }
  times_.Next();
}

void Verifier::CheckSeries() {
  if (ref_ == meta_.num_series) {
    ++ref_;
    entry_known_ = false;
    TellLostEntries();
    CheckStrays("\xff");
    for (; series_.Valid(); series_.Next()) {
      series_damaged_ = true;
      Tell(kAllTime, "there are more series entries than its meta says");
    }
    for (; exemplars_.Valid(); exemplars_.Next()) {
      exemplars_damaged_ = true;
      Tell(kAllTime, "there are exemplars of a series that is not there");
    }
    exemplars_damaged_ |= !exemplars_.gaps().empty();
    TellGaps(&exemplars_, "exemplars cannot be read");
    TellGaps(&series_, "series entries cannot be read");
    TellGaps(&rows_, "chunks cannot be read");
    TellGaps(&sealed_, "sealed rows cannot be read");
    part_ = Part::kPostings;
    return;
  }
  ++ref_;
  entry_known_ = ReadEntry();
  if (entry_known_) {
    TellLostEntries();
    CheckEntry();
    for (const model::TimeRange& row : row_ranges_) CheckRow(row);
  }
  CheckStrays(EndOf(ref_));
  const bool has_exemplars = CheckExemplars() || !exemplars_.gaps().empty();
  if (entry_known_ && row_ranges_.empty() && !has_exemplars) {
    Tell(kAllTime, "its entry names no rows");
  }
}

bool Verifier::ReadEntry() {
  const std::string key = SeriesKey(ref_);
  std::string why = "missing";
  if (series_.Valid() && series_.key() == key) {
    std::string_view labels;
    if (ParseSeries(series_.value(), &labels, &row_ranges_) && model::Labels::Valid(labels)) {
      labels_ = labels;
      series_.Next();
      return true;
    }
    why = "a wrong checksum";
    series_.Next();
  } else if (const std::string gap = WhyMissing(&series_, key); !gap.empty()) {
    why = gap;
  }
  series_damaged_ = true;
  if (lost_from_ != 0 && why != lost_why_) TellLostEntries();
  if (lost_from_ == 0) {
    lost_from_ = ref_;
    lost_why_ = std::move(why);
  }
  return false;
}

void Verifier::TellLostEntries() {
  if (lost_from_ == 0) return;
  const uint32_t first = std::exchange(lost_from_, 0), last = ref_ - 1;
  Tell(kAllTime,
       first == last ? fmt::format("the entry of series {} cannot be read: {}", first, lost_why_)
                     : fmt::format("the entries of series {} to {} cannot be read: {}", first, last,
                                   lost_why_),
       false);
}

void Verifier::CheckEntry() {
  const model::LabelsView labels(labels_);
  if (!last_labels_.empty() && !(model::LabelsView(last_labels_) < labels)) {
    Tell(kAllTime, fmt::format("series {} does not come after {}", ref_,
                               model::LabelsView(last_labels_).ToString()));
  }
  last_labels_ = labels_;
  for (size_t i = 0; i < row_ranges_.size(); ++i) {
    const model::TimeRange& row = row_ranges_[i];
    found_.range.Extend(row);
    const bool good = !row.empty() && (i == 0 || row_ranges_[i - 1].max < row.max);
    if (!good) Tell(row, "its entry names rows out of order");
  }
  AddPairs(labels, ref_);
}

bool Verifier::CheckExemplars() {
  bool any = false;
  model::TimeMs before = kAllTime.min;
  for (; exemplars_.Valid(); exemplars_.Next()) {
    uint32_t ref = 0;
    model::TimeMs last = 0;
    const bool good_key = ParseExemplarRowKey(exemplars_.key(), &ref, &last);
    if (good_key && ref > ref_) break;
    any = true;
    read_exemplars_.clear();
    const bool good =
        good_key && ParseExemplarRow(exemplars_.key(), exemplars_.value(), &read_exemplars_);
    if (!good || (before != kAllTime.min && read_exemplars_.front().t <= before)) {
      exemplars_damaged_ = true;
      Tell(kAllTime, good ? "rows of exemplars overlap" : "a row of exemplars is damaged");
      continue;
    }
    before = last;
    found_.exemplars += read_exemplars_.size();
    found_.exemplar_range.Extend({read_exemplars_.front().t, last});
  }
  return any;
}

void Verifier::AddPairs(model::LabelsView labels, uint32_t ref) {
  for (const model::Label& label : labels) {
    auto sum = pair_sums_.find(label.name);
    if (sum == pair_sums_.end()) sum = pair_sums_.emplace(std::string(label.name), 0).first;
    sum->second += base::Hash64(label.value, ref);
  }
}

void Verifier::CheckRow(model::TimeRange row) {
  const std::string key = RowKey(ref_, row.max), sealed_key = SealedRowKey(ref_, row.max);
  CheckStrays(WithoutKind(key));
  const bool here = rows_.Valid() && rows_.key() == key;
  const bool sealed_here = sealed_.Valid() && sealed_.key() == sealed_key;
  if (here) {
    CheckChunks(rows_.value(), row);
    rows_.Next();
  }
  if (sealed_here) {
    CheckSealed(sealed_key, sealed_.value(), row);
    sealed_.Next();
  }
  if (here && sealed_here) Tell(row, "there are two rows in one place");
  if (here || sealed_here) return;
  rows_damaged_ = true;
  std::string why = WhyMissing(&rows_, key);
  if (why.empty()) why = WhyMissing(&sealed_, sealed_key);
  Tell(row, why.empty() ? "a row is missing" : why);
}

void Verifier::CheckStrays(std::string_view key) {
  while (rows_.Valid() && WithoutKind(rows_.key()) < key) CheckStray(&rows_);
  while (sealed_.Valid() && WithoutKind(sealed_.key()) < key) CheckStray(&sealed_);
}

void Verifier::CheckStray(TableScan* scan) {
  std::string key(scan->key());
  const bool sealed = key[0] == 'd';
  key[0] = 'c';
  uint32_t ref;
  model::TimeMs last;
  if (!ParseRowKey(key, &ref, &last)) {
    Tell(kAllTime, "a row with a key that is none");
  } else {
    const model::TimeRange unknown{kAllTime.min, last};
    if (entry_known_) {
      rows_damaged_ = true;
      Tell({last, last}, "a row that its entry does not name");
    }
    if (sealed) {
      CheckSealed(scan->key(), scan->value(), unknown);
    } else {
      CheckChunks(scan->value(), unknown);
    }
  }
  scan->Next();
}

// A row whose beginning nobody knows begins at kAllTime.min.
void Verifier::CheckChunks(std::string_view value, model::TimeRange row) {
  chunks_.clear();
  const uint64_t before = damaged_;
  if (const int damaged = ParseRow(row.max, value, kAllTime, &chunks_); damaged > 0) {
    Tell(row, damaged == 1 ? "a chunk's checksum is wrong"
                           : fmt::format("the checksums of {} chunks are wrong", damaged));
  } else if (chunks_.empty() || chunks_.back().range.max != row.max ||
             (row.min != kAllTime.min && chunks_.front().range.min != row.min)) {
    Tell(row, "its chunks lie elsewhere in time than the row's place says");
  }
  model::TimeMs last = kAllTime.min;
  for (const chunk::ChunkView& chunk : chunks_) {
    samples_.clear();
    const absl::Status status = chunk::Decode(chunk, kAllTime, &samples_);
    const bool floats = samples_.histograms.size() == 0;
    const auto& times = floats ? samples_.floats.times : samples_.histograms.times;
    if (!status.ok()) {
      Tell(chunk.range, fmt::format("a chunk cannot be unpacked: {}", base::message(status)));
    } else if (times.size() != static_cast<size_t>(chunk.num_samples) || times.empty() ||
               !Ascend(times) || chunk.range != model::TimeRange{times.front(), times.back()}) {
      Tell(chunk.range, "a chunk has other samples than the row says");
    } else if (last != kAllTime.min && chunk.range.min <= last) {
      Tell(chunk.range, "chunks of a row overlap");
    }
    last = chunk.range.max;
    found_.samples += times.size();
  }
  found_.chunks += chunks_.size();
  rows_damaged_ |= damaged_ != before;
}

void Verifier::CheckSealed(std::string_view key, std::string_view value, model::TimeRange row) {
  const uint64_t before = damaged_;
  const auto check = [&]() -> std::string {
    if (!sealed_row_.Parse(key, value)) return "the row's checksum is wrong";
    values_.clear();
    if (!sealed_row_.Read(0, sealed_row_.size(), &values_)) return "the values are damaged";
    if (!NotesAreTrue(sealed_row_.notes(), values_, kPart)) {
      return "its values are others than the row says of them";
    }
    const TimeStretch at = sealed_row_.times();
    const Times times = TimesOf(at.column);
    if (times == nullptr) return fmt::format("its time column {} is damaged", at.column);
    if (times->size() < size_t{at.first} + sealed_row_.size()) {
      return fmt::format("its time column {} is too short", at.column);
    }
    const model::TimeMs* const first = times->data() + at.first;
    if (first[sealed_row_.size() - 1] != row.max ||
        (row.min != kAllTime.min && *first != row.min)) {
      return "its samples lie elsewhere in time than the row's place says";
    }
    return "";
  };
  if (std::string what = check(); !what.empty()) Tell(row, std::move(what));
  found_.samples += sealed_row_.size();
  found_.chunks += sealed_row_.parts().size();
  rows_damaged_ |= damaged_ != before;
}

Verifier::Times Verifier::TimesOf(uint32_t column) {
  if (const auto it = kept_.find(column); it != kept_.end()) return it->second;
  const std::string key = TimeColumnKey(column);
  auto times = std::make_shared<std::vector<model::TimeMs>>();
  if (!times_.Seek(key) || times_.key() != key ||
      !ParseTimeColumn(key, times_.value(), times.get()) || !Ascend(*times)) {
    times = nullptr;
  }
  kept_.emplace(column, times);
  kept_order_.push_back(column);
  if (times != nullptr) kept_times_ += times->size();
  while (kept_times_ > kMaxKeptTimes && kept_order_.size() > 1) {
    const auto oldest = kept_.find(kept_order_.front());
    if (oldest->second != nullptr) kept_times_ -= oldest->second->size();
    kept_.erase(oldest);
    kept_order_.pop_front();
  }
  return times;
}

void Verifier::CheckPosting() {
  if (!index_.Valid()) return CheckTotals();
  const auto place = [&](const std::string& name, std::string_view value) {
    return fmt::format("the postings of {}={}", name, value);
  };
  std::string name;
  std::string_view value;
  Postings postings;
  const uint64_t before = damaged_;
  if (!ParsePairKey(index_.key(), &name, &value)) {
    Tell(kAllTime, "a key of its postings is none");
  } else if (!ParsePostings(index_.value(), &postings) || postings.empty()) {
    Tell(kAllTime, place(name, value) + " are damaged");
  } else if (postings.back() > static_cast<SeriesRef>(meta_.num_series)) {
    Tell(kAllTime, place(name, value) + " name a series that is not there");
  } else {
    auto sum = pair_sums_.find(name);
    if (sum == pair_sums_.end()) sum = pair_sums_.emplace(name, 0).first;
    for (const SeriesRef ref : postings) {
      sum->second -= base::Hash64(value, static_cast<uint32_t>(ref));
    }
  }
  postings_damaged_ |= damaged_ != before;
  index_.Next();
}

void Verifier::CheckTotals() {
  part_ = Part::kEnd;
  const auto loses = [](const KeyGap& gap) { return gap.after != gap.before; };
  postings_damaged_ |= std::any_of(index_.gaps().begin(), index_.gaps().end(), loses);
  TellGaps(&index_, "postings cannot be read");
  if (!postings_damaged_ && !series_damaged_) {
    for (const auto& [name, sum] : pair_sums_) {
      if (sum == 0) continue;
      Tell(kAllTime, fmt::format("postings and series entries do not agree on label {}", name));
    }
  }
  if (series_damaged_) return;  // The counts are others, as has been told.
  if (found_.range != meta_.range && meta_.num_samples > 0) {
    Tell(kAllTime, "its samples have another range than its meta says");
  }
  const auto compare = [&](std::string_view what, uint64_t found, uint64_t said) {
    if (found == said) return;
    Tell(kAllTime, fmt::format("it has {} {}, its meta says {}", found, what, said));
  };
  if (!starts_damaged_) compare("series with start times", found_.started, meta_.num_started);
  if (!exemplars_damaged_) {
    compare("exemplars", found_.exemplars, meta_.num_exemplars);
    if (found_.exemplar_range != meta_.exemplar_range) {
      Tell(kAllTime, "its exemplars have another range than its meta says");
    }
  }
  if (rows_damaged_) return;
  compare("chunks", found_.chunks, meta_.num_chunks);
  compare("samples", found_.samples, meta_.num_samples);
}

}  // namespace storage::block
