#include "storage/head/head.h"

#include <algorithm>
#include <utility>

#include "storage/base/random_seed.h"
#include "storage/base/status.h"
#include "storage/head/head_appender.h"
#include "storage/head/head_parts.h"
#include "storage/head/head_querier.h"
#include "storage/head/replay.h"

namespace storage {

Head::Parts::Parts(HeadOptions head_options)
    : options(head_options),
      seed(options.hash_seed != 0 ? options.hash_seed : base::RandomSeed()),
      exemplars(options.max_exemplars),
      view(std::make_shared<RetiredChunks>()) {}

Head::Parts::~Parts() {
  for (Limbo& item : limbo) {
    for (MemSeries* series : item.series) map.pool()->Delete(series);
  }
}

MemSeries* Head::Parts::NewSeries(SeriesRef ref, const base::Hash128& hash,
                                  model::LabelsView labels) {
  thread_local std::vector<PairId> ids;
  const PairIds pairs = index.Intern(labels, &ids);
  MemSeries* series = map.pool()->New();
  series->hash = hash;
  series->ref = ref;
  series->pairs = pairs;
  return series;
}

void Head::Parts::List(std::span<MemSeries* const> series) {
  std::vector<IndexEntry> entries;
  entries.reserve(series.size());
  absl::MutexLock lock(&listing_mu);
  for (MemSeries* s : series) {
    if (!s->listed.exchange(true, std::memory_order_relaxed)) entries.push_back({s->ref, s->pairs});
  }
  index.Add(entries);
  series_created.Add(entries.size());
}

void Head::Parts::SawTimes(model::TimeRange range) {
  if (range.empty()) return;
  model::TimeMs seen = max_time.load(std::memory_order_relaxed);
  while (seen < range.max && !max_time.compare_exchange_weak(seen, range.max)) {
  }
  seen = min_time.load(std::memory_order_relaxed);
  while (seen > range.min && !min_time.compare_exchange_weak(seen, range.min)) {
  }
}

Head::Head(HeadOptions options) : parts_(std::make_unique<Parts>(options)) {}
Head::~Head() = default;

absl::StatusOr<ReplayStats> Head::Replay(
    const std::string& log_dir, uint32_t watermark, uint32_t end_segment,
    const std::function<bool(const ReplayProgress&)>& progress) {
  return ReplayLog(log_dir, watermark, end_segment, progress, parts_.get());
}

void Head::SetReplaying(bool replaying) {
  parts_->replaying = replaying;
  if (replaying) return;
  absl::MutexLock lock(&parts_->aliases_mu);
  parts_->aliases.clear();
}

void Head::AttachLog(wal::Writer* log) {
  // Each start has refs of its own: those of the log before it need not be known to give them out.
  constexpr uint64_t kFirstOfAll = uint64_t{1} << 40;
  constexpr int kSegmentShift = 24;  // No segment names that many series.
  if (log != nullptr) {
    const uint64_t first = kFirstOfAll + (uint64_t{log->stats().segment} << kSegmentShift);
    if (parts_->next_ref < first) parts_->next_ref = first;
  }
  parts_->cut_segment = log == nullptr ? 0 : log->stats().segment;
  parts_->log = log;
}

std::unique_ptr<Appender> Head::NewAppender() {
  return std::make_unique<HeadAppender>(parts_.get());
}

std::unique_ptr<Querier> Head::NewQuerier(model::TimeRange range) {
  return std::make_unique<HeadQuerier>(parts_.get(), range);
}

absl::StatusOr<std::vector<ExemplarSeries>> Head::Exemplars(
    std::span<const std::vector<model::Matcher>> matchers, model::TimeRange range) {
  const GatePass pass(&parts_->gate);
  std::vector<PostingsPtr> found;
  for (const auto& set : matchers) {
    ASSIGN_OR_RETURN(Postings refs, Find(parts_->index, set));
    found.push_back(std::make_shared<Postings>(std::move(refs)));
  }
  const Postings refs = Union(std::move(found));

  absl::flat_hash_map<SeriesRef, std::vector<model::Exemplar>> by_ref;
  parts_->exemplars.ForEach([&](SeriesRef ref, const model::Exemplar& exemplar) {
    if (range.Contains(exemplar.t) && std::binary_search(refs.begin(), refs.end(), ref)) {
      by_ref[ref].push_back(exemplar);
    }
  });
  std::vector<MemSeries*> with_some;
  for (const auto& [ref, exemplars] : by_ref) {
    if (MemSeries* series = parts_->map.Find(ref)) with_some.push_back(series);
  }
  std::vector<ExemplarSeries> out;
  for (const uint32_t i : parts_->order.Order(with_some)) {
    std::string labels;
    parts_->index.AppendLabels(with_some[i]->pairs, &labels);
    out.push_back({model::Labels::FromCanonical(std::move(labels)),
                   std::move(by_ref[with_some[i]->ref])});
    SortUnique(&out.back().exemplars);
  }
  return out;
}

std::vector<model::FamilyMetadata> Head::Metadata(std::string_view family) const {
  return parts_->metadata.List(family, /*shown=*/true);
}

void Head::ForgetMetadata(model::TimeMs heard_before,
                          absl::FunctionRef<bool(std::string_view family)> in_use) {
  constexpr int64_t kHourMs = 3'600'000;
  // Twice as long as sources let pass before they say again what they said.
  const model::TimeMs used_before = parts_->options.clock->NowMs() - 2 * kHourMs;
  parts_->metadata.Forget(heard_before, used_before, in_use);
}

void Head::SetOutOfOrderWindow(int64_t window_ms) { parts_->out_of_order_window_ms = window_ms; }

HeadInfo Head::info() const {
  // Replay counts a record after it put it in: a flush may be quicker.
  const auto count = [](const base::Gauge& gauge) {
    return static_cast<uint64_t>(std::max<int64_t>(0, gauge.value()));
  };
  HeadInfo info;
  info.num_series = parts_->map.size();
  info.num_label_pairs = parts_->index.num_pairs();
  info.num_chunks = count(parts_->chunks);
  info.num_samples = count(parts_->samples);
  info.bytes = info.num_series * (sizeof(MemSeries) + sizeof(MemSeries*)) +
               count(parts_->chunk_bytes) + parts_->map.table_bytes() +
               parts_->index.heap_bytes() + parts_->metadata.bytes();
  info.num_exemplars = parts_->exemplars.num_without_block();
  info.max_exemplars = parts_->exemplars.capacity();
  if (info.num_samples > 0) info.range = {parts_->min_time.load(), parts_->max_time.load()};
  return info;
}

HeadStats Head::stats() const {
  HeadStats stats;
  stats.samples_appended = parts_->samples_appended.value();
  stats.out_of_order = parts_->out_of_order.value();
  stats.out_of_bounds = parts_->out_of_bounds.value();
  stats.duplicates = parts_->duplicates.value();
  stats.too_old = parts_->too_old.value();
  stats.late_appended = parts_->late_appended.value();
  stats.series_created = parts_->series_created.value();
  stats.series_removed = parts_->series_removed.value();
  stats.exemplars_appended = parts_->exemplars_appended.value();
  stats.exemplars_stored = parts_->exemplars.size();
  stats.metadata_entries = parts_->metadata.num_entries();
  stats.metadata_bytes = parts_->metadata.bytes();
  return stats;
}

SeriesLimitReport Head::limits() const { return parts_->limits.Report(parts_->map.size()); }
uint64_t Head::refused(SeriesLimit limit) const { return parts_->limits.refused(limit); }
Cardinality Head::TopCardinality(size_t limit) const { return parts_->index.TopCardinality(limit); }
std::vector<MetricInHead> Head::CountByMetric() const {
  const GatePass pass(&parts_->gate);
  absl::flat_hash_map<PairId, MetricInHead> metrics;
  parts_->map.ForEach([&](MemSeries* series) {
    uint64_t samples = 0, bytes = 0;
    {
      absl::MutexLock lock(parts_->StripeOf(series->ref));
      samples = series->num_in_order();
      for (size_t i = 0; i < series->num_sealed(); ++i) bytes += (*series->sealed)[i]->view().bytes.size();
      if (series->HasOpen()) bytes += series->OpenView().bytes.size();
      if (const LateSamples* late = series->late()) {
        samples += late->size();
        bytes += late->heap_bytes();
      }
    }
    if (samples == 0) return;
    for (const PairId id : series->pairs) {
      const model::LabelsView pair(parts_->index.bytes(id));
      if (!pair.Has(model::kMetricName)) continue;
      MetricInHead& metric = metrics[id];
      if (metric.series++ == 0) metric.name = pair.MetricName();
      metric.samples += samples;
      metric.bytes += bytes;
      return;
    }
  });
  std::vector<MetricInHead> all;
  for (auto& [id, metric] : metrics) all.push_back(std::move(metric));
  return all;
}

model::TimeMs Head::max_time() const { return parts_->max_time.load(); }

}  // namespace storage
