#include "storage/block/start_reader.h"

#include <algorithm>

#include <fmt/format.h>
#include <rocksdb/iterator.h>

namespace storage::block {

StartReader::StartReader(const Block& block, FoundBy reader)
    : block_(block),
      reader_(reader),
      it_(block.meta().num_started > 0 ? block.NewIterator(reader != FoundBy::kMerge) : nullptr) {}

StartReader::~StartReader() = default;

void StartReader::Damaged(std::string_view what) {
  ++damaged_;
  block_.Damaged(reader_, 1, {}, block_.meta().range, fmt::format("start times: {}", what));
}

std::span<const model::StartRun> StartReader::Find(uint32_t ref) {
  if (it_ == nullptr) return {};
  if (ref < known_from_ || ref > known_to_) {
    series_.clear();
    it_->Seek(StartRowKey(ref));
    uint32_t last = UINT32_MAX;
    const std::string_view key =
        it_->Valid() ? std::string_view(it_->key().data(), it_->key().size()) : "";
    const bool found = ParseStartRowKey(key, &last);
    known_from_ = ref;
    known_to_ = found ? last : UINT32_MAX;
    if (found && !ParseStartRow(key, {it_->value().data(), it_->value().size()}, &series_)) {
      series_.clear();
      Damaged("a row's checksum is wrong");
    } else if (!it_->status().ok()) {
      known_to_ = ref;
      Damaged(it_->status().ToString());
    }
  }
  const auto it = std::lower_bound(series_.begin(), series_.end(), ref,
                                   [](const SeriesStarts& s, uint32_t r) { return s.ref < r; });
  if (it == series_.end() || it->ref != ref) return {};
  return it->runs;
}

}  // namespace storage::block
