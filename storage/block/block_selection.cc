#include "storage/block/block_selection.h"

#include <algorithm>

#include <rocksdb/db.h>

#include "storage/base/memory_meter.h"
#include "storage/base/status.h"
#include "storage/block/block_keys.h"
#include "storage/block/sealed_row.h"
#include "storage/block/series_reader.h"

namespace storage::block {
namespace {

constexpr size_t kMaxIdleReaders = 8;
constexpr size_t kSeriesPerCheck = 256;  // Of the memory a request may take.
// What more series of a block bring to the cache stays there for a question that is seldom asked twice:
// hundreds of bytes for each of them.
constexpr size_t kMaxCachedSeries = 100'000;

std::string_view View(const rocksdb::Slice& s) { return {s.data(), s.size()}; }

// Stands on `key`. Tries the next entry first, since that is where a scan goes.
bool MoveTo(rocksdb::Iterator* it, const std::string& key) {
  const base::MemoryMeter::Scope cache(nullptr);
  if (it->Valid() && View(it->key()) < key) {
    it->Next();
    if (it->Valid() && View(it->key()) == key) return true;
  }
  if (!it->Valid() || View(it->key()) != key) it->Seek(key);
  return it->Valid() && View(it->key()) == key;
}

// Of a row or chunk that lies in `whole`, everything that `range` asks for is deleted.
bool NothingLeft(std::span<const model::TimeRange> deleted, model::TimeRange whole,
                 model::TimeRange range) {
  if (deleted.empty()) return false;
  return Covers(deleted, {std::max(whole.min, range.min), std::min(whole.max, range.max)});
}

}  // namespace

BlockSelection::BlockSelection(std::shared_ptr<const Block> block,
                               std::shared_ptr<const Tombstones> tombstones,
                               std::shared_ptr<Warnings> warnings)
    : block_(std::move(block)),
      tombstones_(std::move(tombstones)),
      warnings_(std::move(warnings)),
      times_(*block_) {}

BlockSelection::~BlockSelection() = default;

absl::Status BlockSelection::Load(const Postings& refs, model::TimeRange range, bool few_labels) {
  items_.reserve(refs.size());
  rows_.reserve(refs.size());
  if (!few_labels) labels_.Reserve(refs.size());
  size_t damaged = 0;
  const bool wide = refs.size() > kMaxCachedSeries;
  SeriesReader reader(*block_, /*fill_cache=*/!wide);
  for (const SeriesRef series : refs) {
    if (items_.size() % kSeriesPerCheck == 0) RETURN_IF_ERROR(base::MemoryMeter::Check());
    const auto ref = static_cast<uint32_t>(series);
    if (const absl::Status status = reader.Read(ref); absl::IsDataLoss(status)) {
      ++damaged;
      continue;
    } else if (!status.ok()) {
      return status;
    }
    const size_t rows_begin = rows_.size();
    const auto deleted = tombstones_->Of(ref);
    for (const model::TimeRange& row : reader.rows()) {
      if (row.Overlaps(range) && !NothingLeft(deleted, row, range)) rows_.push_back(row);
    }
    if (rows_.size() == rows_begin) continue;
    if (rows_.size() > UINT32_MAX) return base::ResourceExhausted("too many rows selected");
    items_.push_back({ref, static_cast<uint32_t>(rows_begin)});
    const model::LabelsView labels(reader.labels());
    if (few_labels) {
      packed_.Append(labels);
    } else {
      labels_.Append(labels);
    }
  }
  if (damaged > 0) {
    const std::string what = fmt::format("the entries of {} series are damaged", damaged);
    block_->Damaged(FoundBy::kQuery, damaged, {}, block_->meta().range, what);
    warnings_->Add(fmt::format("{}: the entries of {} series are damaged, and what they have is left out",
                               block_->Context(), damaged));
  }
  // What would push everything else out of the cache goes past it.
  const double share = static_cast<double>(items_.size()) / std::max(1u, block_->num_series());
  fill_cache_ = !wide && share * static_cast<double>(block_->meta().bytes) <
                static_cast<double>(block_->db().cache_bytes()) / 4;
  return absl::OkStatus();
}

model::LabelsView BlockSelection::labels(int i) const {
  return labels_.Get(static_cast<uint32_t>(i), [&](std::string* bytes) {
    bytes->append(model::PackedLabels::Reader(&packed_).At(static_cast<size_t>(i)).bytes());
  });
}

std::unique_ptr<LabelsReader> BlockSelection::ReadLabels() const {
  class Reader final : public LabelsReader {
   public:
    explicit Reader(const model::PackedLabels* packed) : packed_(packed) {}
    model::LabelsView At(int i) override { return packed_.At(static_cast<size_t>(i)); }

   private:
    model::PackedLabels::Reader packed_;
  };
  if (packed_.size() == 0) return Selection::ReadLabels();
  return std::make_unique<Reader>(&packed_);
}

absl::Status BlockSelection::KeepLabels() {
  model::PackedLabels::Reader reader(&packed_);
  labels_.Reserve(packed_.size());
  for (size_t i = 0; i < packed_.size(); ++i) {
    if (i % kSeriesPerCheck == 0) RETURN_IF_ERROR(base::MemoryMeter::Check());
    labels_.Append(reader.At(i));
  }
  packed_ = {};
  return absl::OkStatus();
}

BlockSelection::Reader BlockSelection::Borrow(uint32_t ref) const {
  {
    absl::MutexLock lock(&mu_);
    size_t best = idle_.size();
    for (size_t i = 0; i < idle_.size(); ++i) {
      const bool closer = idle_[i].ref <= ref && (best == idle_.size() || idle_[best].ref > ref ||
                                                  idle_[best].ref < idle_[i].ref);
      if (best == idle_.size() || closer) best = i;
    }
    if (best < idle_.size()) {
      Reader reader = std::move(idle_[best]);
      idle_[best] = std::move(idle_.back());
      idle_.pop_back();
      return reader;
    }
  }
  return {block_->NewIterator(fill_cache_), 0};
}

void BlockSelection::Return(Reader reader) const {
  absl::MutexLock lock(&mu_);
  if (idle_.size() < kMaxIdleReaders) idle_.push_back(std::move(reader));
}

absl::Status BlockSelection::Read(int i, model::TimeRange range, chunk::SampleColumns* out) const {
  out->clear();
  ReadRows(i, range, {.floats = out});
  CutOut(tombstones_->Of(items_[static_cast<size_t>(i)].ref), 0, out);
  return absl::OkStatus();
}

absl::Status BlockSelection::ReadMixed(int i, model::TimeRange range,
                                       chunk::MixedColumns* out) const {
  out->clear();
  ReadRows(i, range, {.floats = &out->floats, .mixed = out});
  CutOut(tombstones_->Of(items_[static_cast<size_t>(i)].ref), out);
  return absl::OkStatus();
}

absl::Status BlockSelection::ReadThin(int i, model::TimeRange range, const chunk::Windows& windows,
                                      chunk::SampleColumns* out) const {
  if (!tombstones_->Of(items_[static_cast<size_t>(i)].ref).empty()) return Read(i, range, out);
  out->clear();
  ReadRows(i, range, {.floats = out, .windows = &windows});
  return out->histograms ? Read(i, range, out) : absl::OkStatus();
}

std::span<const model::TimeRange> BlockSelection::Rows(int i) const {
  const auto item = items_.begin() + i;
  const size_t end = item + 1 == items_.end() ? rows_.size() : (item + 1)->rows_begin;
  return std::span(rows_).subspan(item->rows_begin, end - item->rows_begin);
}

model::TimeRange BlockSelection::Extent(int i) const {
  model::TimeRange extent = model::TimeRange::None();
  for (const model::TimeRange& row : Rows(i)) extent.Extend(row);
  return extent;
}

absl::Status BlockSelection::ReadStarts(int i, model::TimeRange range,
                                        model::StartRuns* out) const {
  out->clear();
  if (block_->meta().num_started == 0) return absl::OkStatus();
  absl::MutexLock lock(&starts_mu_);
  if (start_reader_ == nullptr) start_reader_ = std::make_unique<StartReader>(*block_, FoundBy::kQuery);
  const uint64_t damaged = start_reader_->damaged();
  model::AppendStarts(start_reader_->Find(items_[static_cast<size_t>(i)].ref), range, out);
  if (start_reader_->damaged() > damaged) {
    warnings_->Add(fmt::format("{}: start times are damaged and left out", block_->Context()));
  }
  return absl::OkStatus();
}

void BlockSelection::ReadRows(int i, model::TimeRange range, Target out) const {
  const Item& item = items_[static_cast<size_t>(i)];
  const auto deleted = tombstones_->Of(item.ref);
  Reader reader;
  for (const model::TimeRange& row : Rows(i)) {
    if (!row.Overlaps(range) || NothingLeft(deleted, row, range)) continue;
    if (reader.iterator == nullptr) reader = Borrow(item.ref);
    if (!ReadRow(reader.iterator.get(), item, row, range, out)) reader.iterator.reset();
  }
  if (reader.iterator != nullptr) {
    reader.ref = item.ref;
    Return(std::move(reader));
  }
}

bool BlockSelection::ReadRow(rocksdb::Iterator* it, const Item& item, model::TimeRange row,
                             model::TimeRange range, Target out) const {
  const bool sealed_first = block_->meta().level > 0;
  for (const bool sealed : {sealed_first, !sealed_first}) {
    const std::string key = sealed ? SealedRowKey(item.ref, row.max) : RowKey(item.ref, row.max);
    if (!MoveTo(it, key)) continue;
    if (sealed) {
      ReadSealed(key, View(it->value()), item, row, range, out);
    } else {
      ReadChunks(View(it->value()), item, row, range, out);
    }
    return true;
  }
  Damaged(item, row, it->status().ok() ? "chunks are missing" : it->status().ToString());
  return it->status().ok();
}

void BlockSelection::ReadChunks(std::string_view bytes, const Item& item, model::TimeRange row,
                                model::TimeRange range, Target out) const {
  thread_local std::vector<chunk::ChunkView> chunks;
  chunks.clear();
  if (ParseRow(row.max, bytes, range, &chunks) > 0) {
    Damaged(item, row, "a chunk's checksum is wrong");
  }
  const auto deleted = tombstones_->Of(item.ref);
  for (const chunk::ChunkView& chunk : chunks) {
    if (NothingLeft(deleted, chunk.range, range)) continue;
    const absl::Status status = out.mixed == nullptr ? chunk::Decode(chunk, range, out.floats)
                                                     : chunk::Decode(chunk, range, out.mixed);
    if (!status.ok()) Damaged(item, chunk.range, base::message(status));
  }
  if (!out.floats->through.empty()) chunk::CountEach(out.floats);
}

void BlockSelection::ReadSealed(std::string_view key, std::string_view bytes, const Item& item,
                                model::TimeRange row, model::TimeRange range, Target out) const {
  thread_local SealedRow sealed;
  if (!sealed.Parse(key, bytes)) return Damaged(item, row, "the row's checksum is wrong");
  const TimeColumns::Column column = times_.Get(sealed.times().column);
  if (column == nullptr || column->size() < sealed.times().first + sealed.size()) {
    return Damaged(item, row, "the times are damaged");
  }
  const model::TimeMs* const times = column->data() + sealed.times().first;
  const model::TimeMs* const end = times + sealed.size();
  const int64_t every_ms = (end[-1] - *times) / static_cast<int64_t>(sealed.size());
  if (out.windows != nullptr && !out.windows->Dense(every_ms)) {
    if (!sealed.ReadThin(times, *out.windows, out.floats)) {
      Damaged(item, row, "the values are damaged");
    }
    return;
  }
  const auto from = std::lower_bound(times, end, range.min);
  const auto to = std::upper_bound(from, end, range.max);
  if (!sealed.Read(static_cast<size_t>(from - times), static_cast<size_t>(to - times),
                   &out.floats->values)) {
    return Damaged(item, row, "the values are damaged");
  }
  out.floats->times.insert(out.floats->times.end(), from, to);
  if (!out.floats->through.empty()) chunk::CountEach(out.floats);
}

void BlockSelection::Damaged(const Item& item, model::TimeRange where,
                             std::string_view what) const {
  const model::LabelsView series = labels(static_cast<int>(&item - items_.data()));
  block_->Damaged(FoundBy::kQuery, 1, series, where, what);
  warnings_->Add(fmt::format("{}: samples of {} between {} and {} are damaged and left out ({})",
                             block_->Context(), series.ToString(), where.min, where.max, what));
}

}  // namespace storage::block
