#include "storage/block/census.h"

#include <algorithm>
#include <utility>

namespace storage {
namespace {

constexpr uint64_t kBytesBetweenLooks = 2 << 20;

using Named = std::pair<std::string, CountedContents>;

void Add(const SeriesContents& series, CountedContents* sum) {
  ++sum->series;
  sum->samples += series.samples;
  sum->bytes += series.bytes;
  for (size_t i = 0; i < kNumSampleForms; ++i) sum->by_form[i] += series.by_form[i];
}

void AddBlock(const CountedContents& of_block, CountedContents* sum) {
  sum->series = std::max(sum->series, of_block.series);
  sum->samples += of_block.samples;
  sum->bytes += of_block.bytes;
  for (size_t i = 0; i < kNumSampleForms; ++i) sum->by_form[i] += of_block.by_form[i];
}

// Keeps those with most bytes, the largest first.
void KeepLargest(size_t limit, std::vector<Named>* metrics) {
  const auto larger = [](const Named& a, const Named& b) {
    return a.second.bytes != b.second.bytes ? a.second.bytes > b.second.bytes : a.first < b.first;
  };
  const size_t kept = std::min(limit, metrics->size());
  std::partial_sort(metrics->begin(), metrics->begin() + static_cast<std::ptrdiff_t>(kept),
                    metrics->end(), larger);
  metrics->resize(kept);
  metrics->shrink_to_fit();
}

}  // namespace

Census::Counted Census::Count(const BlockStore& store, const std::function<bool()>& go_on) {
  std::vector<BlockMeta> metas = store.Metas();
  {
    absl::MutexLock lock(&mu_);
    absl::erase_if(counted_, [&](const auto& entry) {
      return std::none_of(metas.begin(), metas.end(),
                          [&](const BlockMeta& meta) { return meta.ulid == entry.first; });
    });
  }
  if (counting_mu_.TryLock()) {
    std::sort(metas.begin(), metas.end(),
              [](const auto& a, const auto& b) { return a.range.max > b.range.max; });
    for (const BlockMeta& meta : metas) {
      if (!Known(meta.ulid) && (!go_on() || !CountOne(store, meta, go_on))) break;
    }
    counting_mu_.Unlock();
  }
  absl::MutexLock lock(&mu_);
  return counted_;
}

bool Census::Known(const std::string& ulid) const {
  absl::MutexLock lock(&mu_);
  return counted_.contains(ulid);
}

bool Census::CountOne(const BlockStore& store, const BlockMeta& meta,
                      const std::function<bool()>& go_on) {
  const auto contents = store.NewContents(meta.ulid);
  if (!contents.ok()) return true;  // It is gone, or the store cannot be read just now.
  if (partial_of_ != meta.ulid) {
    partial_of_ = meta.ulid;
    partial_ = {};
  }
  if (partial_.position > 1) (*contents)->SkipTo(partial_.position);
  for (uint64_t looked = 0; (*contents)->Next();) {
    const SeriesContents& series = (*contents)->series();
    const std::string_view name = series.labels.MetricName();
    auto it = partial_.metrics.find(name);
    if (it == partial_.metrics.end()) it = partial_.metrics.try_emplace(std::string(name)).first;
    Add(series, &it->second);
    Add(series, &partial_.all);
    partial_.position = (*contents)->position();
    if ((*contents)->bytes_read() - looked < kBytesBetweenLooks) continue;
    looked = (*contents)->bytes_read();
    if (!go_on()) return false;
  }

  auto census = std::make_shared<BlockCensus>();
  census->num_metrics = partial_.metrics.size();
  census->all = partial_.all;
  const double packed = census->all.bytes == 0 ? 0
                                               : static_cast<double>(meta.bytes) /
                                                     static_cast<double>(census->all.bytes);
  const auto on_disk = [&](uint64_t bytes) {
    return static_cast<uint64_t>(static_cast<double>(bytes) * packed);
  };
  for (auto& [name, metric] : partial_.metrics) {
    metric.bytes = on_disk(metric.bytes);
    census->metrics.emplace_back(name, metric);
  }
  census->all.bytes = meta.bytes;
  KeepLargest(kMaxMetrics, &census->metrics);
  std::sort(census->metrics.begin(), census->metrics.end(),
            [](const Named& a, const Named& b) { return a.first < b.first; });
  partial_of_.clear();
  partial_ = {};
  absl::MutexLock lock(&mu_);
  counted_[meta.ulid] = std::move(census);
  return true;
}

CensusTotal Total(const Census::Counted& counted, size_t limit) {
  CensusTotal total;
  std::map<std::string, CountedContents> metrics;
  for (const auto& [ulid, census] : counted) {
    AddBlock(census->all, &total.all);
    for (const auto& [name, metric] : census->metrics) AddBlock(metric, &metrics[name]);
  }
  total.metrics.assign(metrics.begin(), metrics.end());
  KeepLargest(limit, &total.metrics);
  return total;
}

}  // namespace storage
