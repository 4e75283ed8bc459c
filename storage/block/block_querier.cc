#include "storage/block/block_querier.h"

#include <algorithm>

#include <rocksdb/iterator.h>

#include "storage/base/hash.h"
#include "storage/base/memory_meter.h"
#include "storage/base/status.h"
#include "storage/block/block_selection.h"
#include "storage/block/series_reader.h"

namespace storage::block {
namespace {

// Looking into the labels of one series costs about as much as this many refs of a posting.
constexpr size_t kRefsPerSeriesRead = 16;

constexpr size_t kPerCheck = 256;  // Of what a request may take.

// For loops over series and values.
absl::Status Check(size_t i) {
  return i % kPerCheck == 0 ? base::MemoryMeter::Check() : absl::OkStatus();
}

bool AnyCommon(const Postings& a, const Postings& b) {
  const Postings& few = a.size() < b.size() ? a : b;
  const Postings& many = a.size() < b.size() ? b : a;
  auto from = many.begin();
  for (const SeriesRef ref : few) {
    from = std::lower_bound(from, many.end(), ref);
    if (from == many.end()) return false;
    if (*from == ref) return true;
  }
  return false;
}

std::vector<std::string> SortedFirst(const base::StringSet& set, size_t limit) {
  std::vector<std::string> list(set.begin(), set.end());
  std::sort(list.begin(), list.end());
  if (limit != 0 && list.size() > limit) list.resize(limit);
  return list;
}

}  // namespace

BlockQuerier::BlockQuerier(std::shared_ptr<const Block> block, model::TimeRange range)
    : block_(std::move(block)),
      tombstones_(block_->tombstones()),
      range_(range),
      index_(block_, tombstones_),
      warnings_(std::make_shared<storage::Warnings>()) {
  const BlockMeta& meta = block_->meta();
  if (block_->tombstones_damaged()) {
    warnings_->Add(fmt::format(
        "{}: the record of what was deleted of it is damaged; deleted samples may show again",
        block_->Context()));
  }
  if (meta.damaged_chunks > 0) {
    warnings_->Add(fmt::format(
        "{}: {} damaged chunks between {} and {} were left out when it was merged",
        block_->Context(), meta.damaged_chunks, meta.range.min, meta.range.max));
  }
}

absl::StatusOr<std::unique_ptr<Selection>> BlockQuerier::Select(const SelectRequest& request) {
  auto selection = std::make_unique<BlockSelection>(block_, tombstones_, warnings_);
  model::TimeRange range = request.range;
  range.min = std::max(range.min, range_.min);
  range.max = std::min(range.max, range_.max);
  if (!range.empty() && range.Overlaps(block_->meta().range)) {
    const absl::StatusOr<Postings> refs = Find(index_, request.matchers);
    if (refs.ok()) {
      RETURN_IF_ERROR(selection->Load(*refs, range, request.few_labels));
    } else {
      RETURN_IF_ERROR(LeftOut(refs.status()));
    }
  }
  return std::unique_ptr<Selection>(std::move(selection));
}

absl::Status BlockQuerier::LeftOut(const absl::Status& status) {
  if (!absl::IsDataLoss(status)) return status;
  block_->Damaged(FoundBy::kQuery, 1, {}, block_->meta().range, base::message(status));
  warnings_->Add(fmt::format("{}: its index is damaged, all or part of what it has between {} and {} "
                             "is left out ({})",
                             block_->Context(), block_->meta().range.min, block_->meta().range.max,
                             base::message(status)));
  return absl::OkStatus();
}

absl::StatusOr<std::vector<std::string>> BlockQuerier::LabelNames(Matchers matchers,
                                                                  size_t limit) {
  return OrNothing(FindNames(matchers, limit));
}

absl::StatusOr<std::vector<std::string>> BlockQuerier::LabelValues(std::string_view name,
                                                                   Matchers matchers,
                                                                   size_t limit) {
  return OrNothing(FindValues(name, matchers, limit));
}

absl::StatusOr<std::vector<std::string>> BlockQuerier::OrNothing(
    absl::StatusOr<std::vector<std::string>> found) {
  if (found.ok()) return found;
  RETURN_IF_ERROR(LeftOut(found.status()));
  return std::vector<std::string>();
}

absl::StatusOr<std::vector<std::string>> BlockQuerier::FindNames(Matchers matchers, size_t limit) {
  if (matchers.empty()) {
    ASSIGN_OR_RETURN(std::vector<std::string> names, index_.Names());
    if (limit != 0 && names.size() > limit) names.resize(limit);
    return names;
  }
  ASSIGN_OR_RETURN(const Postings refs, Find(index_, matchers));
  base::StringSet names;
  SeriesReader reader(*block_);
  size_t done = 0;
  for (const SeriesRef ref : refs) {
    RETURN_IF_ERROR(Check(done++));
    RETURN_IF_ERROR(reader.Read(static_cast<uint32_t>(ref)));
    for (const model::Label& label : model::LabelsView(reader.labels())) {
      if (!names.contains(label.name)) names.emplace(label.name);
    }
  }
  return SortedFirst(names, limit);
}

absl::StatusOr<std::vector<std::string>> BlockQuerier::FindValues(std::string_view name,
                                                                  Matchers matchers,
                                                                  size_t limit) {
  std::vector<std::string> values;
  if (matchers.empty()) {
    ASSIGN_OR_RETURN(values, index_.Values(name));
  } else {
    ASSIGN_OR_RETURN(const Postings refs, Find(index_, matchers));
    ASSIGN_OR_RETURN(values, ValuesOf(name, refs));
  }
  if (limit != 0 && values.size() > limit) values.resize(limit);
  return values;
}

absl::StatusOr<std::vector<std::string>> BlockQuerier::ValuesOf(std::string_view name,
                                                                const Postings& refs) {
  if (refs.empty()) return std::vector<std::string>();
  if (refs.size() * kRefsPerSeriesRead > block_->num_series()) {
    ASSIGN_OR_RETURN(const std::vector<std::string> all, index_.Values(name));
    if (all.size() <= refs.size()) {
      std::vector<std::string> values;
      for (size_t i = 0; i < all.size(); ++i) {
        RETURN_IF_ERROR(Check(i));
        const std::string& value = all[i];
        ASSIGN_OR_RETURN(const PostingsPtr carriers, index_.For(name, value));
        if (AnyCommon(refs, *carriers)) values.push_back(value);
      }
      return values;
    }
  }
  base::StringSet values;
  SeriesReader reader(*block_);
  size_t done = 0;
  for (const SeriesRef ref : refs) {
    RETURN_IF_ERROR(Check(done++));
    RETURN_IF_ERROR(reader.Read(static_cast<uint32_t>(ref)));
    const std::string_view value = model::LabelsView(reader.labels()).Get(name);
    if (!value.empty() && !values.contains(value)) values.emplace(value);
  }
  return SortedFirst(values, 0);
}

}  // namespace storage::block
