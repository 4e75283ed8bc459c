#include "storage/block/deletes.h"

#include <algorithm>

#include <rocksdb/options.h>
#include <rocksdb/sst_file_reader.h>

#include "storage/base/status.h"
#include "storage/block/block_index.h"
#include "storage/block/block_keys.h"
#include "storage/block/series_reader.h"

namespace storage::block {
namespace {

std::string_view View(const rocksdb::Slice& s) { return {s.data(), s.size()}; }

bool SatisfiesAny(model::LabelsView labels,
                  std::span<const std::vector<model::Matcher>> sets) {
  return std::any_of(sets.begin(), sets.end(),
                     [&](const auto& set) { return Satisfies(labels, set); });
}

// Appends what the file's series entries lose; a file of other keys has none.
absl::Status ResolveInFile(const DeleteLink& since, const std::string& file,
                           std::vector<DeletedSeries>* deleted) {
  rocksdb::SstFileReader reader(TableOptions(/*level=*/0, /*index=*/true));
  RETURN_IF_ERROR(FromRocks(reader.Open(file), file));
  std::unique_ptr<rocksdb::Iterator> it(reader.NewIterator(rocksdb::ReadOptions()));
  uint32_t ref;
  std::string_view labels;
  std::vector<model::TimeRange> rows;
  for (it->Seek("s"); it->Valid() && ParseSeriesKey(View(it->key()), &ref); it->Next()) {
    if (!ParseSeries(View(it->value()), &labels, &rows)) {
      return base::DataLoss("{}: the entry of series {} is damaged", file, ref);
    }
    for (const DeleteLink* link = &since; link->next != nullptr; link = link->next.get()) {
      if (!SatisfiesAny(model::LabelsView(labels), link->sets)) continue;
      if (const auto series = DeleteIn(ref, rows, link->range)) deleted->push_back(*series);
    }
  }
  return FromRocks(it->status(), file);
}

}  // namespace

DeleteLink::~DeleteLink() {
  std::shared_ptr<DeleteLink> rest = std::move(next);
  while (rest != nullptr && rest.use_count() == 1) rest = std::shared_ptr(std::move(rest->next));
}

bool Satisfies(model::LabelsView labels, std::span<const model::Matcher> matchers) {
  return std::all_of(matchers.begin(), matchers.end(), [&](const model::Matcher& matcher) {
    return matcher.Matches(labels.Get(matcher.name()));
  });
}

std::optional<DeletedSeries> DeleteIn(uint32_t ref, std::span<const model::TimeRange> rows,
                                      model::TimeRange range) {
  const bool touched = std::any_of(rows.begin(), rows.end(),
                                   [&](const auto& row) { return row.Overlaps(range); });
  if (!touched) return std::nullopt;
  model::TimeRange all = model::TimeRange::None();
  for (const model::TimeRange& row : rows) all.Extend(row);  // Rows of two kinds may overlap.
  return DeletedSeries{ref, {std::max(range.min, all.min), std::min(range.max, all.max)}, all};
}

absl::StatusOr<std::vector<DeletedSeries>> FindDeleted(
    std::shared_ptr<const Block> block, std::span<const std::vector<model::Matcher>> sets,
    model::TimeRange range) {
  const BlockIndex index(block, block->tombstones());
  std::vector<PostingsPtr> found;
  for (const auto& set : sets) {
    ASSIGN_OR_RETURN(Postings refs, Find(index, set));
    found.push_back(std::make_shared<const Postings>(std::move(refs)));
  }
  std::vector<DeletedSeries> deleted;
  SeriesReader reader(*block);
  for (const SeriesRef series : Union(std::move(found))) {
    const auto ref = static_cast<uint32_t>(series);
    RETURN_IF_ERROR(reader.Read(ref));
    if (const auto part = DeleteIn(ref, reader.rows(), range)) deleted.push_back(*part);
  }
  return deleted;
}

absl::StatusOr<Tombstones> ResolveLateDeletes(const DeleteLink& since,
                                              std::span<const std::string> files) {
  std::vector<DeletedSeries> deleted;
  if (since.next != nullptr) {
    for (const std::string& file : files) RETURN_IF_ERROR(ResolveInFile(since, file, &deleted));
  }
  return Tombstones::Add({}, deleted);
}

}  // namespace storage::block
