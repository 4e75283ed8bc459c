#include "storage/block/exemplar_query.h"

#include <algorithm>

#include "storage/base/status.h"
#include "storage/block/block_index.h"
#include "storage/block/exemplar_reader.h"
#include "storage/block/series_reader.h"
#include "storage/block/tombstones.h"

namespace storage::block {
namespace {

absl::Status Collect(const std::shared_ptr<const Block>& block,
                     std::span<const std::vector<model::Matcher>> sets, model::TimeRange range,
                     size_t* room, std::vector<ExemplarSeries>* out) {
  const std::shared_ptr<const Tombstones> tombstones = block->tombstones();
  const BlockIndex index(block, tombstones);
  std::vector<PostingsPtr> found;
  for (const auto& set : sets) {
    ASSIGN_OR_RETURN(Postings refs, Find(index, set));
    found.push_back(std::make_shared<const Postings>(std::move(refs)));
  }
  const Postings refs = Union(std::move(found));
  ExemplarReader reader(*block, FoundBy::kQuery);
  SeriesReader series(*block);
  std::vector<model::Exemplar> exemplars;
  for (auto it = refs.begin(); it != refs.end(); ++it) {
    const uint32_t ref = reader.Find(static_cast<uint32_t>(*it));
    if (ref == 0) continue;  // At the end, or where a table is damaged.
    it = std::lower_bound(it, refs.end(), static_cast<SeriesRef>(ref));
    if (it == refs.end()) break;
    if (*it != static_cast<SeriesRef>(ref)) {
      --it;  // The next one is to be looked for.
      continue;
    }
    reader.Read(range, &exemplars);
    if (const auto deleted = tombstones->Of(ref); !deleted.empty()) {
      std::erase_if(exemplars, [&](const auto& e) { return Covers(deleted, {e.t, e.t}); });
    }
    if (exemplars.empty()) continue;
    if (exemplars.size() > *room) {
      return base::ResourceExhausted(
          "too many exemplars for one query; ask for fewer series or a shorter time");
    }
    *room -= exemplars.size();
    RETURN_IF_ERROR(series.Read(ref));
    out->push_back({model::Labels(model::LabelsView(series.labels())), std::move(exemplars)});
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::vector<ExemplarSeries>> FindExemplars(
    std::shared_ptr<const Block> block, std::span<const std::vector<model::Matcher>> sets,
    model::TimeRange range, size_t* room) {
  std::vector<ExemplarSeries> out;
  const BlockMeta& meta = block->meta();
  if (meta.num_exemplars == 0 || !meta.exemplar_range.Overlaps(range)) return out;
  const absl::Status status = Collect(block, sets, range, room, &out);
  if (status.ok()) return out;
  if (!absl::IsDataLoss(status)) return status;
  block->Damaged(FoundBy::kQuery, 1, {}, meta.range, base::message(status));
  return out;
}

}  // namespace storage::block
