// A store for tests of what appends: it keeps every committed sample in memory, gives Prometheus'
// answers, and can forget series and fail.
#pragma once

#include <algorithm>
#include <bit>
#include <map>
#include <set>
#include <memory>
#include <string>
#include <tuple>
#include <vector>

#include <absl/synchronization/mutex.h>

#include "storage/appender.h"

namespace testing_support {

class MemoryAppendable : public storage::Appendable {  // Thread-safe.
 public:
  struct Series {
    model::Labels labels;
    storage::SeriesRef ref;
    std::vector<model::Sample> samples;
    std::vector<model::Exemplar> exemplars;
    std::vector<std::pair<model::TimeMs, model::AnyHistogram>> histograms;  // Unjudged.
  };

  std::unique_ptr<storage::Appender> NewAppender() override {
    return std::make_unique<Batch>(this);
  }

  // By labels as text: {__name__="up", job="node"}.
  std::map<std::string, Series> Contents() const {
    absl::MutexLock lock(&mu_);
    std::map<std::string, Series> contents;
    for (const auto& [ref, series] : by_ref_) contents[series.labels.ToString()] = series;
    return contents;
  }
  std::vector<model::Sample> Samples(const model::Labels& labels) const {
    const auto contents = Contents();
    const auto it = contents.find(labels.ToString());
    return it == contents.end() ? std::vector<model::Sample>() : it->second.samples;
  }
  // Of the samples that came with one: time -> start.
  std::map<model::TimeMs, model::TimeMs> Starts(const model::Labels& labels) const {
    absl::MutexLock lock(&mu_);
    std::map<model::TimeMs, model::TimeMs> out;
    for (const auto& [ref, t, start] : starts_) {
      const auto it = by_ref_.find(static_cast<uint64_t>(ref));
      if (it != by_ref_.end() && it->second.labels == labels) out[t] = start;
    }
    return out;
  }
  int commits() const {
    absl::MutexLock lock(&mu_);
    return commits_;
  }
  uint64_t appends_with_labels() const {
    absl::MutexLock lock(&mu_);
    return appends_with_labels_;
  }
  // Refs handed out so far lead nowhere from now on.
  void ForgetSeries() {
    absl::MutexLock lock(&mu_);
    by_labels_.clear();
    forgotten_below_ = next_ref_;
  }
  void FailCommits(bool fail) {
    absl::MutexLock lock(&mu_);
    fail_commits_ = fail;
  }
  // "family type help unit" of each entry, and how often somebody came with one.
  std::vector<std::string> Metadata(uint64_t* updates = nullptr) const {
    absl::MutexLock lock(&mu_);
    std::vector<std::string> lines;
    for (const auto& [family, m] : metadata_) {
      lines.push_back(family + " " + std::string(ToString(m.type)) + " " + m.help + " " + m.unit);
    }
    if (updates != nullptr) *updates = metadata_updates_;
    return lines;
  }
  void RefuseNewSeries(bool refuse) {
    absl::MutexLock lock(&mu_);
    refuse_new_ = refuse;
  }

 private:
  class Batch : public storage::Appender {
   public:
    explicit Batch(MemoryAppendable* store) : store_(store) {}

    storage::Appended Append(storage::SeriesRef hint, model::LabelsView labels,
                             model::Sample sample) override {
      absl::MutexLock lock(&store_->mu_);
      if (!labels.empty()) ++store_->appends_with_labels_;
      const uint64_t number = static_cast<uint64_t>(hint);
      storage::SeriesRef ref = storage::SeriesRef::kNone;
      if (number != 0 && number >= store_->forgotten_below_ && store_->by_ref_.contains(number)) {
        ref = hint;
      } else if (labels.empty()) {
        return {storage::SeriesRef::kNone, storage::Outcome::kInvalidLabels};
      } else if (const auto it = store_->by_labels_.find(std::string(labels.bytes()));
                 it != store_->by_labels_.end()) {
        ref = storage::SeriesRef{it->second};
      } else if (const auto own = new_.find(std::string(labels.bytes())); own != new_.end()) {
        ref = storage::SeriesRef{own->second};
      } else {
        if (store_->refuse_new_) return {storage::SeriesRef::kNone, storage::Outcome::kLimited};
        ref = storage::SeriesRef{store_->next_ref_};
        new_[std::string(labels.bytes())] = store_->next_ref_++;
      }
      const storage::Outcome outcome = Judge(ref, sample);
      if (outcome == storage::Outcome::kAccepted) {
        samples_.emplace_back(ref, sample);
        if (start_ != 0) starts_.emplace_back(ref, sample.t, start_);
      }
      return {ref, outcome};
    }

    void SetStart(model::TimeMs start) override { start_ = start; }
    storage::Appended AppendHistogram(storage::SeriesRef hint, model::LabelsView labels,
                                      model::TimeMs t, model::AnyHistogram h) override {
      if (!model::Validate(h).ok()) return {hint, storage::Outcome::kInvalidHistogram};
      const storage::Appended appended = Append(hint, labels, {t, 0});
      if (appended.outcome != storage::Outcome::kAccepted) return appended;
      samples_.pop_back();
      histograms_.emplace_back(appended.ref, std::make_pair(t, std::move(h)));
      return appended;
    }

    storage::SeriesRef Find(model::LabelsView labels) override {
      absl::MutexLock lock(&store_->mu_);
      const auto it = store_->by_labels_.find(std::string(labels.bytes()));
      return it == store_->by_labels_.end() ? storage::SeriesRef::kNone
                                            : storage::SeriesRef{it->second};
    }

    bool AppendExemplar(storage::SeriesRef ref, const model::Exemplar& exemplar) override {
      exemplars_.emplace_back(ref, exemplar);
      return true;
    }

    bool UpdateMetadata(std::string_view family, const model::MetadataView& metadata) override {
      absl::MutexLock lock(&store_->mu_);
      ++store_->metadata_updates_;
      std::pair<std::string, model::Metadata> entry{
          std::string(family),
          model::Metadata{metadata.type, std::string(metadata.help), std::string(metadata.unit)}};
      if (store_->metadata_.contains(entry)) return true;
      metadata_.push_back(std::move(entry));
      return false;
    }

    absl::Status Commit() override {
      absl::MutexLock lock(&store_->mu_);
      ++store_->commits_;
      if (store_->fail_commits_) return absl::UnavailableError("log refused");
      store_->starts_.insert(store_->starts_.end(), starts_.begin(), starts_.end());
      for (auto& entry : metadata_) store_->metadata_.insert(std::move(entry));
      for (const auto& [bytes, number] : new_) {
        store_->by_labels_[bytes] = number;
        store_->by_ref_[number] = {model::Labels::FromCanonical(bytes),
                                   storage::SeriesRef{number}, {}, {}, {}};
      }
      for (const auto& [ref, sample] : samples_) {
        store_->by_ref_[static_cast<uint64_t>(ref)].samples.push_back(sample);
      }
      for (const auto& [ref, histogram] : histograms_) {
        store_->by_ref_[static_cast<uint64_t>(ref)].histograms.push_back(histogram);
      }
      for (const auto& [ref, exemplar] : exemplars_) {
        store_->by_ref_[static_cast<uint64_t>(ref)].exemplars.push_back(exemplar);
      }
      return absl::OkStatus();
    }

   private:
    storage::Outcome Judge(storage::SeriesRef ref, model::Sample sample) const {
      const model::Sample* last = nullptr;
      const auto it = store_->by_ref_.find(static_cast<uint64_t>(ref));
      if (it != store_->by_ref_.end() && !it->second.samples.empty()) {
        last = &it->second.samples.back();
      }
      for (const auto& [own, s] : samples_) {
        if (own == ref) last = &s;
      }
      if (last == nullptr || sample.t > last->t) return storage::Outcome::kAccepted;
      if (sample.t < last->t) return storage::Outcome::kOutOfOrder;
      return std::bit_cast<uint64_t>(sample.v) == std::bit_cast<uint64_t>(last->v)
                 ? storage::Outcome::kAccepted
                 : storage::Outcome::kDuplicate;
    }

    MemoryAppendable* const store_;
    std::map<std::string, uint64_t> new_;
    std::vector<std::pair<storage::SeriesRef, model::Sample>> samples_;
    std::vector<std::pair<storage::SeriesRef, std::pair<model::TimeMs, model::AnyHistogram>>>
        histograms_;
    std::vector<std::pair<storage::SeriesRef, model::Exemplar>> exemplars_;
    std::vector<std::pair<std::string, model::Metadata>> metadata_;
    model::TimeMs start_ = 0;
    std::vector<std::tuple<storage::SeriesRef, model::TimeMs, model::TimeMs>> starts_;
  };
  struct MetadataLess {
    bool operator()(const auto& a, const auto& b) const {
      return std::tie(a.first, a.second.type, a.second.help, a.second.unit) <
             std::tie(b.first, b.second.type, b.second.help, b.second.unit);
    }
  };

  mutable absl::Mutex mu_;
  std::map<uint64_t, Series> by_ref_;
  std::map<std::string, uint64_t> by_labels_;
  std::set<std::pair<std::string, model::Metadata>, MetadataLess> metadata_;
  uint64_t metadata_updates_ = 0;
  std::vector<std::tuple<storage::SeriesRef, model::TimeMs, model::TimeMs>> starts_;
  uint64_t next_ref_ = 1, forgotten_below_ = 0, appends_with_labels_ = 0;
  int commits_ = 0;
  bool fail_commits_ = false, refuse_new_ = false;
};

}  // namespace testing_support
