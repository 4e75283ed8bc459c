#include "storage/head/head_querier.h"

#include <algorithm>
#include <array>
#include <utility>

#include "storage/base/memory_meter.h"
#include "storage/base/status.h"
#include "storage/head/head_selection.h"

namespace storage {
namespace {

constexpr size_t kSeriesPerCheck = 256;  // Of what a request may take.

// For loops over series.
absl::Status Check(size_t i) {
  return i % kSeriesPerCheck == 0 ? base::MemoryMeter::Check() : absl::OkStatus();
}

void Limit(size_t limit, std::vector<std::string>* list) {
  if (limit > 0 && list->size() > limit) list->resize(limit);
}

}  // namespace

HeadQuerier::HeadQuerier(Head::Parts* parts, model::TimeRange range)
    : parts_(parts), range_(range), pass_(std::make_shared<GatePass>(&parts->gate)), replaying_(parts->replaying) {
  // The view first: what is dropped between the two is retired into it, never missed.
  {
    absl::MutexLock lock(&parts_->views_mu);
    view_ = parts_->view;
  }
  snapshot_ = parts_->isolation.Open();
}

std::vector<std::string> HeadQuerier::Warnings() const {
  if (!replaying_) return {};
  return {"the log of the time before the last start is still being read: samples of the hours before "
          "it may be missing"};
}

HeadQuerier::~HeadQuerier() { parts_->isolation.Close(snapshot_); }

absl::StatusOr<std::unique_ptr<Selection>> HeadQuerier::Select(const SelectRequest& request)
    ABSL_NO_THREAD_SAFETY_ANALYSIS {
  constexpr size_t kAhead = 16;
  ASSIGN_OR_RETURN(const Postings refs, Find(parts_->index, request.matchers));
  auto selection = std::make_unique<HeadSelection>(refs.size(), request);
  absl::Mutex* held = nullptr;  // Neighbours share a lock.
  absl::Status status;
  std::array<MemSeries*, kAhead> ahead{};  // A ring of those whose memory is on its way.
  for (size_t i = 0; i < refs.size() + kAhead; ++i) {
    MemSeries* const series = std::exchange(
        ahead[i % kAhead], i < refs.size() ? parts_->map.Find(refs[i]) : nullptr);
    if (const char* p = reinterpret_cast<const char*>(ahead[i % kAhead]); p != nullptr) {
      __builtin_prefetch(p);
      __builtin_prefetch(p + 64);
      __builtin_prefetch(p + 128);
    }
    if (series == nullptr) continue;
    if (status = Check(i); !status.ok()) break;
    absl::Mutex* stripe = parts_->StripeOf(series->ref);
    if (stripe != held) {
      if (held != nullptr) held->Unlock();
      stripe->Lock();
      held = stripe;
    }
    selection->Add(series, snapshot_, view_.get());
  }
  if (held != nullptr) held->Unlock();
  RETURN_IF_ERROR(status);
  RETURN_IF_ERROR(selection->Finish(&parts_->order, parts_->index, pass_));
  return selection;
}

bool HeadQuerier::Overlaps(model::TimeRange range) const {
  return range.Overlaps({parts_->min_time.load(), parts_->max_time.load()});
}

absl::StatusOr<std::vector<std::string>> HeadQuerier::LabelNames(Matchers matchers, size_t limit) {
  std::vector<std::string> names;
  if (!Overlaps(range_)) return names;
  if (matchers.empty()) {
    ASSIGN_OR_RETURN(names, parts_->index.Names());
  } else {
    ASSIGN_OR_RETURN(const Postings refs, Find(parts_->index, matchers));
    absl::flat_hash_set<std::string_view> seen;  // Into pairs of series the gate keeps.
    std::vector<bool> pair_seen;
    size_t done = 0;
    for (const SeriesRef ref : refs) {
      RETURN_IF_ERROR(Check(done++));
      const MemSeries* series = parts_->map.Find(ref);
      if (series == nullptr) continue;
      for (const PairId id : series->pairs) {
        const size_t i = static_cast<size_t>(id);
        if (i >= pair_seen.size()) pair_seen.resize(i + 1);
        if (pair_seen[i]) continue;
        pair_seen[i] = true;
        seen.insert(parts_->index.label(id).name);
      }
    }
    names.assign(seen.begin(), seen.end());
    std::sort(names.begin(), names.end());
  }
  Limit(limit, &names);
  return names;
}

absl::StatusOr<std::vector<std::string>> HeadQuerier::LabelValues(std::string_view name,
                                                                  Matchers matchers,
                                                                  size_t limit) {
  std::vector<std::string> values;
  if (!Overlaps(range_)) return values;
  if (matchers.empty()) {
    ASSIGN_OR_RETURN(values, parts_->index.Values(name));
  } else {
    ASSIGN_OR_RETURN(const Postings refs, Find(parts_->index, matchers));
    std::vector<bool> seen;
    size_t done = 0;
    for (const SeriesRef ref : refs) {
      RETURN_IF_ERROR(Check(done++));
      const MemSeries* series = parts_->map.Find(ref);
      if (series == nullptr) continue;
      for (const PairId id : series->pairs) {
        const model::Label label = parts_->index.label(id);
        if (label.name < name) continue;
        if (label.name != name) break;
        const size_t i = static_cast<size_t>(id);
        if (i >= seen.size()) seen.resize(i + 1);
        if (seen[i]) break;
        seen[i] = true;
        values.emplace_back(label.value);
        break;
      }
    }
    std::sort(values.begin(), values.end());
  }
  Limit(limit, &values);
  return values;
}

}  // namespace storage
