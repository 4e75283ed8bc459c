#include "storage/block/content_reader.h"

#include <algorithm>

#include "storage/block/block_keys.h"
#include "storage/block/verifier.h"
#include "storage/chunk/sealed/value_codec.h"

namespace storage {

std::string_view SampleFormName(size_t form) {
  constexpr std::array<std::string_view, kNumSampleForms> kNames = {
      "xor_chunk", "histogram_chunk", "float_histogram_chunk", "constant", "decimal",
      "noisy_decimal", "ordered", "sparse", "xor", "raw"};
  return kNames[form];
}

namespace block {
namespace {

// Whether `key` is of a row of `kind`; *ref whose.
bool ParseAnyRowKey(std::string_view key, char kind, uint32_t* ref, model::TimeMs* last) {
  if (key.empty() || key[0] != kind) return false;
  std::string as_row(key);
  as_row[0] = 'c';
  return ParseRowKey(as_row, ref, last);
}

size_t FormOfChunk(chunk::Encoding encoding) {
  switch (encoding) {
    case chunk::Encoding::kHistogram: return static_cast<size_t>(SampleForm::kHistogramChunk);
    case chunk::Encoding::kFloatHistogram:
      return static_cast<size_t>(SampleForm::kFloatHistogramChunk);
    default: return static_cast<size_t>(SampleForm::kXorChunk);
  }
}

}  // namespace

ContentReader::ContentReader(const Block& block)
    : tables_(TablesOf(block.db(), block.handle())),
      series_(Scan("s")),
      rows_(Scan("c")),
      sealed_(Scan("d")) {}

ContentReader::~ContentReader() = default;

uint64_t ContentReader::damaged() const {
  return damaged_ + series_->num_gaps() + rows_->num_gaps() + sealed_->num_gaps();
}

std::unique_ptr<TableScan> ContentReader::Scan(std::string_view kind) const {
  return std::make_unique<TableScan>(tables_, kind, files_);
}

// Where there is nothing, or nothing that can be read, it begins with the first: Next passes over.
std::unique_ptr<TableScan> ContentReader::ScanFrom(std::string_view kind,
                                                   const std::string& key) const {
  auto scan = Scan(kind);
  return scan->Seek(key) ? std::move(scan) : Scan(kind);
}

void ContentReader::SkipTo(uint32_t position) {
  constexpr model::TimeMs kFirst = model::TimeRange().min;
  position_ = position;
  series_ = ScanFrom("s", SeriesKey(position));
  rows_ = ScanFrom("c", RowKey(position, kFirst));
  sealed_ = ScanFrom("d", SealedRowKey(position, kFirst));
}

bool ContentReader::Next() {
  for (; series_->Valid(); series_->Next()) {
    uint32_t ref = 0;
    contents_ = {};
    if (!TakeEntry(&ref)) {
      ++damaged_;
      continue;
    }
    if (ref < position_) continue;
    TakeChunks(ref);
    TakeSealed(ref);
    position_ = ref + 1;
    series_->Next();
    return true;
  }
  return false;
}

bool ContentReader::TakeEntry(uint32_t* ref) {
  std::string_view labels;
  if (!ParseSeriesKey(series_->key(), ref) ||
      !ParseSeries(series_->value(), &labels, &row_ranges_)) {
    return false;
  }
  labels_ = labels;
  contents_.labels = model::LabelsView(labels_);
  contents_.bytes = series_->key().size() + series_->value().size();
  contents_.range = model::TimeRange::None();
  for (const model::TimeRange& row : row_ranges_) contents_.range.Extend(row);
  return true;
}

void ContentReader::TakeChunks(uint32_t ref) {
  for (; rows_->Valid(); rows_->Next()) {
    uint32_t of = 0;
    model::TimeMs last = 0;
    if (!ParseAnyRowKey(rows_->key(), 'c', &of, &last)) {
      ++damaged_;
      continue;
    }
    if (of > ref) return;
    if (of < ref) continue;
    chunks_.clear();
    const int damaged = ParseRow(last, rows_->value(), model::TimeRange(), &chunks_);
    damaged_ += static_cast<uint64_t>(damaged);
    contents_.bytes += rows_->key().size() + rows_->value().size();
    for (const chunk::ChunkView& chunk : chunks_) {
      Count({FormOfChunk(chunk.encoding), static_cast<uint64_t>(chunk.num_samples), chunk.bytes});
    }
  }
}

void ContentReader::TakeSealed(uint32_t ref) {
  for (; sealed_->Valid(); sealed_->Next()) {
    uint32_t of = 0;
    model::TimeMs last = 0;
    if (!ParseAnyRowKey(sealed_->key(), 'd', &of, &last)) {
      ++damaged_;
      continue;
    }
    if (of > ref) return;
    if (of < ref) continue;
    contents_.bytes += sealed_->key().size() + sealed_->value().size();
    if (!row_.Parse(sealed_->key(), sealed_->value())) {
      ++damaged_;
      continue;
    }
    size_t left = row_.size();
    for (const std::string_view part : row_.parts()) {
      const size_t n = std::min(left, chunk::sealed::kMaxValues);
      const auto form = part.empty() ? chunk::sealed::kNumForms
                                     : static_cast<int>(chunk::sealed::FormOf(part));
      if (form < chunk::sealed::kNumForms) {
        Count({static_cast<size_t>(SampleForm::kFirstSealed) + static_cast<size_t>(form), n, part});
      } else {
        ++damaged_;
      }
      left -= n;
    }
  }
}

void ContentReader::Count(const PartContents& part) {
  ++contents_.chunks;
  contents_.samples += part.samples;
  contents_.by_form[part.form] += part.samples;
  if (tell_) tell_(part);
}

}  // namespace block
}  // namespace storage
