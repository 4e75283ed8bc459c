// From a page to a batch of samples: what a scrape does with the bytes it got. spec 6.5 to 6.7.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "server/config/config.h"
#include "server/scrape/content_type.h"
#include "server/scrape/exposition.h"
#include "server/scrape/scrape_stats.h"
#include "server/scrape/series_cache.h"
#include "storage/appender.h"
#include "storage/model/labels.h"

namespace server {

struct PageResult {
  uint64_t total = 0;         // Samples on the page.
  uint64_t added = 0;         // Of them after relabeling, whether the store took them or not.
  uint64_t series_added = 0;  // New to the cache.
  std::string error;          // Not empty: the scrape failed; drop the batch.
};

struct PageOptions {
  bool read_starts = false;  // Start times are told to the batch; what says them is no sample then.
  // What the page says of a family's type and unit becomes __type__ and __unit__ of its series.
  bool type_and_unit_labels = false;
};

// One page into one batch. Not thread-safe; made for one scrape. Everything passed must outlive it.
class PageAppender {
 public:
  //   target_labels   what the target adds: its labels without __*
  //   log_name        the target's URL, for the log
  PageAppender(const ScrapeConfig& job, model::LabelsView target_labels, std::string_view log_name,
               SeriesCache* cache, ScrapeCounters* counters, storage::Appender* batch,
               PageOptions options = {})
      : job_(job), target_labels_(target_labels), log_name_(log_name), cache_(cache),
        counters_(counters), batch_(batch), options_(options) {}

  // Appends every sample. Samples without a time of their own (or whose time is not honoured) get
  // `time_ms`; those later than `now_ms` plus ten minutes are out of bounds.
  PageResult Append(std::string_view page, PageFormat format, int64_t time_ms, int64_t now_ms);

  // Stale markers for what has ended; for all of the last scrape when this one `failed`.
  void AppendEnded(bool failed, int64_t time_ms);

 private:
  template <class Parser>
  void Run(Parser* parser, int64_t time_ms);
  template <class Parser>
  bool AddSample(Parser* parser, int64_t time_ms);
  // Appends by ref when there is one, by labels otherwise. Nothing: dropped or failed.
  template <class Parser>
  storage::Appended AppendKnown(Parser* parser, SeriesCache::Id id, model::Sample sample);
  template <class Parser>
  void AddExemplars(Parser* parser, storage::SeriesRef ref, int64_t time_ms);

  template <class Parser>
  void ReadLabels(const Parser& parser);  // -> exposed_

  enum class Verdict : uint8_t { kKeep, kDrop, kFail };
  // exposed_ -> labels_.
  Verdict FinishLabels();
  bool WithinLimits();
  bool Count(storage::Outcome outcome);
  void LogRejected() const;

  const ScrapeConfig& job_;
  const model::LabelsView target_labels_;
  const std::string_view log_name_;
  SeriesCache* const cache_;
  ScrapeCounters* const counters_;
  storage::Appender* const batch_;
  const PageOptions options_;

  PageResult result_;
  std::string_view unit_;  // Of the UNIT line last read, whatever its family, as the type is.
  int64_t latest_ms_ = 0;
  uint64_t appended_ = 0;  // Against sample_limit.
  bool over_limit_ = false;
  uint64_t out_of_order_ = 0, duplicates_ = 0, out_of_bounds_ = 0, limited_ = 0, exemplars_late_ = 0;
  ExposedLabels exposed_;
  model::LabelsBuilder builder_;
  model::Labels labels_;
};

// Adds __type__ and __unit__, in the place of such labels and of a second name that were exposed.
// Nothing is added, or removed, for what is not known.
void AddTypeAndUnit(model::MetricType type, std::string_view unit, ExposedLabels* exposed);

// Labels as they were exposed, with the target's: the one place that knows honor_labels. False:
// metric_relabel_configs dropped it.
bool MergeLabels(const ExposedLabels& exposed, model::LabelsView target, const ScrapeConfig& job,
                 model::LabelsBuilder* out);

}  // namespace server
