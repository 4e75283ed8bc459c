#include "storage/block/deletes.h"

#include <algorithm>

#include <absl/container/flat_hash_map.h>
#include <rocksdb/options.h>
#include <rocksdb/sst_file_reader.h>

#include "storage/base/status.h"
#include "storage/block/block_index.h"
#include "storage/block/block_keys.h"
#include "storage/block/exemplar_reader.h"
#include "storage/block/exemplar_row.h"
#include "storage/block/series_reader.h"

namespace storage::block {
namespace {

std::string_view View(const rocksdb::Slice& s) { return {s.data(), s.size()}; }

bool SatisfiesAny(model::LabelsView labels,
                  std::span<const std::vector<model::Matcher>> sets) {
  return std::any_of(sets.begin(), sets.end(),
                     [&](const auto& set) { return Satisfies(labels, set); });
}

// By ref, from the first exemplar to the last.
using ExemplarTimes = absl::flat_hash_map<uint32_t, model::TimeRange>;

// A file of other keys has none.
absl::Status ReadExemplarTimes(const std::string& file, ExemplarTimes* times) {
  rocksdb::SstFileReader reader(TableOptions(/*level=*/0, /*index=*/true));
  RETURN_IF_ERROR(FromRocks(reader.Open(file), file));
  std::unique_ptr<rocksdb::Iterator> it(reader.NewIterator(rocksdb::ReadOptions()));
  uint32_t ref;
  model::TimeMs last;
  std::vector<model::Exemplar> exemplars;
  for (it->Seek("e"); it->Valid() && ParseExemplarRowKey(View(it->key()), &ref, &last);
       it->Next()) {
    exemplars.clear();
    if (!ParseExemplarRow(View(it->key()), View(it->value()), &exemplars)) {
      return base::DataLoss("{}: exemplars of series {} are damaged", file, ref);
    }
    times->try_emplace(ref, model::TimeRange::None())
        .first->second.Extend({exemplars.front().t, exemplars.back().t});
  }
  return FromRocks(it->status(), file);
}

// Appends what the file's series entries lose; a file of other keys has none.
absl::Status ResolveInFile(const DeleteLink& since, const std::string& file,
                           const ExemplarTimes& exemplars, std::vector<DeletedSeries>* deleted) {
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
      const auto times = exemplars.find(ref);
      const auto series =
          DeleteIn(ref, rows, times == exemplars.end() ? model::TimeRange::None() : times->second,
                   link->range);
      if (series) deleted->push_back(*series);
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
                                      model::TimeRange exemplars, model::TimeRange range) {
  const bool touched = std::any_of(rows.begin(), rows.end(),
                                   [&](const auto& row) { return row.Overlaps(range); });
  if (!touched && !(exemplars.Overlaps(range) && !exemplars.empty())) return std::nullopt;
  model::TimeRange all = exemplars;
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
  ExemplarReader exemplars(*block, FoundBy::kQuery);
  for (const SeriesRef series : Union(std::move(found))) {
    const auto ref = static_cast<uint32_t>(series);
    RETURN_IF_ERROR(reader.Read(ref));
    const auto part = DeleteIn(ref, reader.rows(), exemplars.Times(ref), range);
    if (part) deleted.push_back(*part);
  }
  return deleted;
}

absl::StatusOr<Tombstones> ResolveLateDeletes(const DeleteLink& since,
                                              std::span<const std::string> files) {
  std::vector<DeletedSeries> deleted;
  if (since.next != nullptr) {
    ExemplarTimes exemplars;
    for (const std::string& file : files) RETURN_IF_ERROR(ReadExemplarTimes(file, &exemplars));
    for (const std::string& file : files) {
      RETURN_IF_ERROR(ResolveInFile(since, file, exemplars, &deleted));
    }
  }
  return Tombstones::Add({}, deleted);
}

}  // namespace storage::block
