#include "storage/block/block_writer.h"

#include <algorithm>
#include <filesystem>
#include <utility>

#include <fmt/format.h>
#include <rocksdb/options.h>
#include <rocksdb/sst_file_writer.h>

#include "storage/base/coding.h"
#include "storage/base/status.h"
#include "storage/block/block_db.h"
#include "storage/block/block_keys.h"
#include "storage/block/exemplar_row.h"
#include "storage/block/postings_builder.h"
#include "storage/block/sealed_row.h"
#include "storage/block/start_row.h"
#include "storage/block/time_columns.h"
#include "storage/chunk/sealed/value_codec.h"

namespace storage::block {
namespace {

constexpr uint64_t kFileBytes = 128 << 20;
// Rows are cut here, so that a short read of a wide series opens little.
constexpr size_t kRowBytes = 16 << 10;

rocksdb::Slice ToSlice(std::string_view s) { return {s.data(), s.size()}; }

class OneBlock {
 public:
  OneBlock(const std::string& path, BlockMeta meta)
      : meta_(std::move(meta)),
        range_without_samples_(meta_.range),
        starts_(path + "-b", meta_.level, true),
        rows_(path + "-c", meta_.level, false),
        sealed_rows_(path + "-d", meta_.level, false),
        exemplars_(path + "-e", meta_.level, false),
        index_(path + "-p", meta_.level, true),
        series_(path + "-s", meta_.level, true),
        times_(path + "-t", meta_.level, true) {
    meta_.ulid.clear();
    meta_.range = model::TimeRange::None();
    meta_.num_series = meta_.num_chunks = meta_.num_samples = meta_.bytes = 0;
    meta_.num_exemplars = meta_.num_started = 0;
    meta_.exemplar_range = model::TimeRange::None();
  }

  absl::Status AddSeries(model::LabelsView labels, std::span<const chunk::ChunkView> chunks);
  absl::Status AddMixed(model::LabelsView labels, const chunk::SampleColumns& samples,
                        std::span<const chunk::ChunkView> chunks);
  absl::Status AddExemplars(model::LabelsView labels, std::span<const model::Exemplar> exemplars);
  absl::Status AddStarts(model::LabelsView labels, std::span<const model::StartRun> starts);
  void SetDamagedChunks(uint64_t n) { meta_.damaged_chunks = n; }
  // Call once, at the end. Without files when it got no series.
  absl::StatusOr<Unpublished> Finish();

 private:
  absl::Status CheckLabels(model::LabelsView labels) const;
  // Begins the next series; its ref is meta_.num_series then.
  absl::Status BeginSeries(model::LabelsView labels, model::TimeRange range);
  absl::Status EndSeries(model::LabelsView labels);
  absl::Status PutSealedRows(model::LabelsView labels, const chunk::SampleColumns& samples);
  absl::Status PutChunks(std::span<const chunk::ChunkView> chunks);
  absl::Status PutExemplars(std::span<const model::Exemplar> exemplars);
  absl::Status PutTimes();
  absl::Status PutStarts();  // A row, when there is one.
  absl::Status PutRows(uint32_t ref, std::span<const chunk::ChunkView> chunks);
  absl::Status PutIndex();

  BlockMeta meta_;
  const model::TimeRange range_without_samples_;
  TableFiles starts_, rows_, sealed_rows_, exemplars_, index_, series_, times_;
  absl::Status failed_;  // The first error sticks.
  std::string last_labels_;
  PostingsBuilder postings_;
  std::vector<model::TimeRange> row_ranges_;  // Reused.
  TimeColumnsWriter columns_;
  StartRowWriter start_row_;
  std::string buffer_;                        // Reused.
};

absl::Status CheckChunks(model::LabelsView labels, std::span<const chunk::ChunkView> chunks) {
  for (size_t i = 0; i < chunks.size(); ++i) {
    if (chunks[i].range.empty() || chunks[i].num_samples <= 0 ||
        (i > 0 && chunks[i].range.min <= chunks[i - 1].range.max)) {
      return base::InvalidArgument("series {}: chunk {} is empty or out of order",
                                   labels.ToString(), i);
    }
  }
  return absl::OkStatus();
}

absl::Status OneBlock::CheckLabels(model::LabelsView labels) const {
  if (labels.empty()) return base::InvalidArgument("a series without labels");
  if (meta_.num_series > 0 && !(model::LabelsView(last_labels_) < labels)) {
    return base::InvalidArgument("series {} comes after {}", labels.ToString(),
                                 model::LabelsView(last_labels_).ToString());
  }
  if (meta_.num_series == kMaxRef) return base::ResourceExhausted("too many series in one block");
  return absl::OkStatus();
}

absl::Status OneBlock::BeginSeries(model::LabelsView labels, model::TimeRange range) {
  RETURN_IF_ERROR(failed_);
  if (failed_ = CheckLabels(labels); !failed_.ok()) return failed_;
  ++meta_.num_series;
  last_labels_ = labels.bytes();
  meta_.range.Extend(range);
  row_ranges_.clear();
  return absl::OkStatus();
}

absl::Status OneBlock::EndSeries(model::LabelsView labels) {
  const auto ref = static_cast<uint32_t>(meta_.num_series);
  buffer_.clear();
  AppendSeries(labels, row_ranges_, &buffer_);
  if (failed_ = series_.Put(SeriesKey(ref), buffer_); !failed_.ok()) return failed_;
  postings_.Add(ref, labels);
  return absl::OkStatus();
}

absl::Status OneBlock::AddSeries(model::LabelsView labels,
                               std::span<const chunk::ChunkView> chunks) {
  if (chunks.empty()) return absl::OkStatus();
  RETURN_IF_ERROR(failed_);
  if (failed_ = CheckChunks(labels, chunks); !failed_.ok()) return failed_;
  RETURN_IF_ERROR(BeginSeries(labels, {chunks.front().range.min, chunks.back().range.max}));
  failed_ = PutChunks(chunks);
  RETURN_IF_ERROR(failed_);
  return EndSeries(labels);
}

absl::Status OneBlock::AddMixed(model::LabelsView labels, const chunk::SampleColumns& samples,
                              std::span<const chunk::ChunkView> chunks) {
  if (samples.times.empty()) return AddSeries(labels, chunks);
  RETURN_IF_ERROR(failed_);
  if (failed_ = CheckChunks(labels, chunks); !failed_.ok()) return failed_;
  const auto not_later = std::adjacent_find(samples.times.begin(), samples.times.end(),
                                            [](auto a, auto b) { return a >= b; });
  if (not_later != samples.times.end()) {
    failed_ = base::InvalidArgument("series {}: the sample after {} is not later",
                                    labels.ToString(), *not_later);
    return failed_;
  }
  model::TimeRange range{samples.times.front(), samples.times.back()};
  if (!chunks.empty()) range.Extend({chunks.front().range.min, chunks.back().range.max});
  RETURN_IF_ERROR(BeginSeries(labels, range));
  meta_.num_samples += samples.size();
  failed_ = PutSealedRows(labels, samples);
  RETURN_IF_ERROR(failed_);
  if (!chunks.empty()) {
    failed_ = PutChunks(chunks);
    RETURN_IF_ERROR(failed_);
    std::sort(row_ranges_.begin(), row_ranges_.end(),
              [](const model::TimeRange& a, const model::TimeRange& b) { return a.max < b.max; });
  }
  return EndSeries(labels);
}

absl::Status OneBlock::PutChunks(std::span<const chunk::ChunkView> chunks) {
  meta_.num_chunks += chunks.size();
  for (const chunk::ChunkView& chunk : chunks) meta_.num_samples += chunk.num_samples;
  return PutRows(static_cast<uint32_t>(meta_.num_series), chunks);
}

absl::Status OneBlock::PutSealedRows(model::LabelsView labels, const chunk::SampleColumns& samples) {
  const uint64_t target = TimeColumnsWriter::TargetOf(labels);
  for (size_t begin = 0; begin < samples.size(); begin += kMaxRowSamples) {
    const size_t n = std::min(kMaxRowSamples, samples.size() - begin);
    const std::span times(samples.times.data() + begin, n);
    const std::string key = SealedRowKey(static_cast<uint32_t>(meta_.num_series), times.back());
    buffer_.clear();
    AppendSealedRow(key, columns_.Place(times, target), {samples.values.data() + begin, n},
                    &buffer_);
    meta_.num_chunks += (n + chunk::sealed::kMaxValues - 1) / chunk::sealed::kMaxValues;
    row_ranges_.push_back({times.front(), times.back()});
    RETURN_IF_ERROR(sealed_rows_.Put(key, buffer_));
  }
  return absl::OkStatus();
}

absl::Status OneBlock::AddExemplars(model::LabelsView labels,
                                  std::span<const model::Exemplar> exemplars) {
  if (exemplars.empty()) return absl::OkStatus();
  RETURN_IF_ERROR(failed_);
  const auto not_after = std::adjacent_find(
      exemplars.begin(), exemplars.end(),
      [](const auto& a, const auto& b) { return Compare(a, b) >= 0; });
  if (not_after != exemplars.end()) {
    failed_ = base::InvalidArgument("series {}: the exemplar after {} does not come after it",
                                    labels.ToString(), not_after->t);
    return failed_;
  }
  if (meta_.num_series == 0 || labels.bytes() != last_labels_) {
    RETURN_IF_ERROR(BeginSeries(labels, model::TimeRange::None()));
    RETURN_IF_ERROR(EndSeries(labels));
  }
  failed_ = PutExemplars(exemplars);
  return failed_;
}

absl::Status OneBlock::PutExemplars(std::span<const model::Exemplar> exemplars) {
  meta_.num_exemplars += exemplars.size();
  meta_.exemplar_range.Extend({exemplars.front().t, exemplars.back().t});
  while (!exemplars.empty()) {
    const auto row = exemplars.first(ExemplarRowSize(exemplars));
    exemplars = exemplars.subspan(row.size());
    const std::string key = ExemplarRowKey(static_cast<uint32_t>(meta_.num_series), row.back().t);
    buffer_.clear();
    AppendExemplarRow(key, row, &buffer_);
    RETURN_IF_ERROR(exemplars_.Put(key, buffer_));
  }
  return absl::OkStatus();
}

absl::Status OneBlock::AddStarts(model::LabelsView labels, std::span<const model::StartRun> starts) {
  if (starts.empty()) return absl::OkStatus();
  RETURN_IF_ERROR(failed_);
  if (meta_.num_series == 0 || labels.bytes() != last_labels_ || !model::Valid(starts)) {
    failed_ = base::InvalidArgument("series {}: start times out of order, or without samples",
                                    labels.ToString());
    return failed_;
  }
  ++meta_.num_started;
  start_row_.Add(static_cast<uint32_t>(meta_.num_series), {starts.begin(), starts.end()});
  if (start_row_.full()) failed_ = PutStarts();
  return failed_;
}

absl::Status OneBlock::PutStarts() {
  if (start_row_.empty()) return absl::OkStatus();
  const std::string key = start_row_.key();
  return starts_.Put(key, start_row_.Finish());
}

absl::Status OneBlock::PutTimes() {
  for (uint32_t id = 0; id < columns_.columns().size(); ++id) {
    const std::string key = TimeColumnKey(id);
    buffer_.clear();
    AppendTimeColumn(key, columns_.columns()[id], &buffer_);
    RETURN_IF_ERROR(times_.Put(key, buffer_));
  }
  return absl::OkStatus();
}

absl::Status OneBlock::PutRows(uint32_t ref, std::span<const chunk::ChunkView> chunks) {
  while (!chunks.empty()) {
    size_t count = 1, bytes = chunks[0].bytes.size();
    while (count < chunks.size() && bytes + chunks[count].bytes.size() <= kRowBytes) {
      bytes += chunks[count++].bytes.size();
    }
    const auto row = chunks.first(count);
    chunks = chunks.subspan(count);
    row_ranges_.push_back({row.front().range.min, row.back().range.max});
    buffer_.clear();
    AppendRow(row, &buffer_);
    RETURN_IF_ERROR(rows_.Put(RowKey(ref, row.back().range.max), buffer_));
  }
  return absl::OkStatus();
}

absl::Status OneBlock::PutIndex() {
  buffer_.clear();
  AppendMeta(meta_, &buffer_);
  RETURN_IF_ERROR(index_.Put(kMetaKey, buffer_));
  return postings_.ForEach([&](std::string_view name, std::string_view value,
                               std::string_view postings) {
    return index_.Put(PairKey(name, value), postings);
  });
}

absl::StatusOr<Unpublished> OneBlock::Finish() {
  RETURN_IF_ERROR(failed_);
  Unpublished block;
  if (meta_.num_series > 0) {
    if (meta_.range.empty()) {
      const bool given = range_without_samples_ != model::TimeRange();
      meta_.range = given ? range_without_samples_ : meta_.exemplar_range;
    }
    RETURN_IF_ERROR(PutIndex());
    RETURN_IF_ERROR(PutTimes());
    RETURN_IF_ERROR(PutStarts());
    // In the order of their keys.
    for (TableFiles* tables :
         {&starts_, &rows_, &sealed_rows_, &exemplars_, &index_, &series_, &times_}) {
      RETURN_IF_ERROR(tables->Finish());
      meta_.bytes += tables->bytes();
      for (std::string& file : tables->Release()) block.files.push_back(std::move(file));
    }
  }
  block.meta = std::move(meta_);
  return block;
}

class Writer final : public BlockWriter {
 public:
  Writer(std::string path, BlockMeta meta, Publisher* publisher,
         std::shared_ptr<const DeleteLink> since)
      : path_(std::move(path)),
        like_(std::move(meta)),
        publisher_(publisher),
        since_(std::move(since)),
        block_(std::make_unique<OneBlock>(path_, like_)) {}

  absl::Status AddSeries(model::LabelsView labels,
                         std::span<const chunk::ChunkView> chunks) override {
    RETURN_IF_ERROR(Writable());
    return block_->AddSeries(labels, chunks);
  }
  absl::Status AddSamples(model::LabelsView labels, const chunk::SampleColumns& samples) override {
    return AddMixed(labels, samples, {});
  }
  absl::Status AddMixed(model::LabelsView labels, const chunk::SampleColumns& samples,
                        std::span<const chunk::ChunkView> chunks) override {
    RETURN_IF_ERROR(Writable());
    return block_->AddMixed(labels, samples, chunks);
  }
  absl::Status AddExemplars(model::LabelsView labels,
                            std::span<const model::Exemplar> exemplars) override {
    RETURN_IF_ERROR(Writable());
    return block_->AddExemplars(labels, exemplars);
  }
  absl::Status AddStarts(model::LabelsView labels,
                         std::span<const model::StartRun> starts) override {
    RETURN_IF_ERROR(Writable());
    return block_->AddStarts(labels, starts);
  }
  void SetDamagedChunks(uint64_t n) override {
    if (block_) block_->SetDamagedChunks(n);
  }

  absl::Status Begin(model::TimeRange range) override {
    RETURN_IF_ERROR(Finish());
    like_.range = range;
    block_ = std::make_unique<OneBlock>(fmt::format("{}-{}", path_, ++begun_), like_);
    return absl::OkStatus();
  }

  absl::StatusOr<std::vector<BlockMeta>> PublishAll(std::optional<uint32_t> watermark) override {
    RETURN_IF_ERROR(Finish());
    RETURN_IF_ERROR(publisher_->Commit(finished_, watermark, *since_));
    std::vector<BlockMeta> metas;
    for (const Unpublished& block : finished_) metas.push_back(block.meta);
    return metas;
  }

 private:
  absl::Status Writable() const {
    if (block_) return absl::OkStatus();
    return failed_.ok() ? base::FailedPrecondition("the block was published already") : failed_;
  }
  // Leaves no block that can be written to.
  absl::Status Finish() {
    RETURN_IF_ERROR(Writable());
    absl::StatusOr<Unpublished> finished = std::exchange(block_, nullptr)->Finish();
    failed_ = finished.status();
    RETURN_IF_ERROR(failed_);
    if (!finished->files.empty()) finished_.push_back(*std::move(finished));
    return absl::OkStatus();
  }

  const std::string path_;
  BlockMeta like_;
  Publisher* const publisher_;
  const std::shared_ptr<const DeleteLink> since_;  // What was deleted when it began.
  std::unique_ptr<OneBlock> block_;                // Null after the last one, and after an error.
  std::vector<Unpublished> finished_;
  int begun_ = 0;
  absl::Status failed_;
};

}  // namespace

Unpublished::~Unpublished() {
  std::error_code ignored;
  for (const std::string& file : files) std::filesystem::remove(file, ignored);
}

struct TableFiles::Writer {
  explicit Writer(const rocksdb::Options& options)
      : sst(rocksdb::EnvOptions(), options, nullptr, /*invalidate_page_cache=*/false) {}
  rocksdb::SstFileWriter sst;
};

TableFiles::TableFiles(std::string prefix, int level, bool index)
    : prefix_(std::move(prefix)), level_(level), index_(index) {}

TableFiles::~TableFiles() {
  writer_.reset();
  std::error_code ignored;
  for (const std::string& file : files_) std::filesystem::remove(file, ignored);
}

absl::Status TableFiles::Put(std::string_view key, std::string_view value) {
  if (writer_ == nullptr) {
    writer_ = std::make_unique<Writer>(TableOptions(level_, index_));
    files_.push_back(prefix_ + std::to_string(files_.size()));
    RETURN_IF_ERROR(FromRocks(writer_->sst.Open(files_.back()), files_.back()));
  }
  RETURN_IF_ERROR(FromRocks(writer_->sst.Put(ToSlice(key), ToSlice(value)), files_.back()));
  return writer_->sst.FileSize() >= kFileBytes ? FinishFile() : absl::OkStatus();
}

absl::Status TableFiles::FinishFile() {
  rocksdb::ExternalSstFileInfo info;
  RETURN_IF_ERROR(FromRocks(writer_->sst.Finish(&info), files_.back()));
  bytes_ += info.file_size;
  writer_.reset();
  return absl::OkStatus();
}

absl::Status TableFiles::Finish() { return writer_ ? FinishFile() : absl::OkStatus(); }

std::unique_ptr<BlockWriter> NewWriter(std::string path, BlockMeta meta, Publisher* publisher,
                                       std::shared_ptr<const DeleteLink> since) {
  return std::make_unique<Writer>(std::move(path), std::move(meta), publisher, std::move(since));
}

absl::Status WriteTable(const std::string& path, const KeyChanges& changes) {
  rocksdb::Options options;
  options.compression = rocksdb::kNoCompression;
  rocksdb::SstFileWriter sst(rocksdb::EnvOptions(), options);
  RETURN_IF_ERROR(FromRocks(sst.Open(path), path));
  for (const auto& [key, value] : changes) {
    RETURN_IF_ERROR(FromRocks(value ? sst.Put(key, *value) : sst.Delete(key), path));
  }
  return FromRocks(sst.Finish(), path);
}

}  // namespace storage::block
