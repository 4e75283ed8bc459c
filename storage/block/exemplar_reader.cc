#include "storage/block/exemplar_reader.h"

#include <limits>

#include <fmt/format.h>
#include <rocksdb/iterator.h>

#include "storage/block/exemplar_row.h"

namespace storage::block {
namespace {

constexpr model::TimeMs kFirst = std::numeric_limits<model::TimeMs>::min();

std::string_view View(const rocksdb::Slice& s) { return {s.data(), s.size()}; }

}  // namespace

ExemplarReader::ExemplarReader(const Block& block, FoundBy reader)
    : block_(block),
      reader_(reader),
      it_(block.meta().num_exemplars > 0 ? block.NewIterator(reader != FoundBy::kMerge) : nullptr) {
}

ExemplarReader::~ExemplarReader() = default;

void ExemplarReader::Damaged(std::string_view what) {
  ++damaged_;
  block_.Damaged(reader_, 1, {}, block_.meta().range, fmt::format("exemplars: {}", what));
}

uint32_t ExemplarReader::Find(uint32_t ref) {
  if (it_ == nullptr) return 0;
  uint32_t at;
  model::TimeMs last;
  const auto stands = [&] {
    return it_->Valid() && ParseExemplarRowKey(View(it_->key()), &at, &last);
  };
  // It stands at what it found before, or behind it.
  if (found_ >= ref && stands() && at == found_) return found_;
  if (found_ == 0 || failing_ || (stands() && at < ref)) it_->Seek(ExemplarRowKey(ref, kFirst));
  if (!it_->status().ok()) {
    if (!failing_) Damaged(it_->status().ToString());
    failing_ = true;
    return 0;
  }
  failing_ = false;
  if (!stands()) {
    found_ = UINT32_MAX;  // The end; and so for all that come.
    return 0;
  }
  return found_ = at;
}

void ExemplarReader::Read(model::TimeRange range, std::vector<model::Exemplar>* out) {
  out->clear();
  uint32_t at;
  model::TimeMs last;
  if (range.min > kFirst) it_->Seek(ExemplarRowKey(found_, range.min));
  for (; it_->Valid(); it_->Next()) {
    const std::string_view key = View(it_->key());
    if (!ParseExemplarRowKey(key, &at, &last) || at != found_) return;
    scratch_.clear();
    if (!ParseExemplarRow(key, View(it_->value()), &scratch_)) {
      Damaged("a row's checksum is wrong");
      continue;
    }
    if (scratch_.front().t > range.max) return;
    for (model::Exemplar& exemplar : scratch_) {
      if (range.Contains(exemplar.t)) out->push_back(std::move(exemplar));
    }
  }
  if (it_->status().ok()) return;
  Damaged(it_->status().ToString());
  failing_ = true;
}

model::TimeRange ExemplarReader::Times(uint32_t ref) {
  model::TimeRange times = model::TimeRange::None();
  if (Find(ref) != ref) return times;
  std::vector<model::Exemplar> all;
  Read(model::TimeRange(), &all);
  for (const model::Exemplar& exemplar : all) times.Extend(exemplar.t);
  return times;
}

}  // namespace storage::block
