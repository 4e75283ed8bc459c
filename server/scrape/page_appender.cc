#include "server/scrape/page_appender.h"

#include <algorithm>

#include <fmt/format.h>

#include "server/relabel.h"
#include "server/scrape/openmetrics_parser.h"
#include "server/scrape/text_parser.h"
#include "storage/base/log.h"

namespace server {
namespace {

constexpr int64_t kMaxAheadMs = 10 * 60 * 1000;
constexpr std::string_view kExported = "exported_";
constexpr std::string_view kTypeLabel = "__type__", kUnitLabel = "__unit__";

// The first fifty characters, as %.50s.
std::string_view Fifty(std::string_view s) {
  size_t i = 0;
  for (int n = 0; i < s.size() && n < 50; ++n) {
    ++i;
    while (i < s.size() && (static_cast<uint8_t>(s[i]) & 0xc0) == 0x80) ++i;
  }
  return s.substr(0, i);
}

const std::string* FindExposed(const ExposedLabels& exposed, std::string_view name) {
  for (const auto& [key, value] : exposed) {
    if (key == name) return &value;
  }
  return nullptr;
}

// The name that stands twice, or null.
const std::string* RepeatedName(const ExposedLabels& exposed) {
  for (size_t i = 0; i < exposed.size(); ++i) {
    for (size_t j = 0; j < i; ++j) {
      if (exposed[i].first == exposed[j].first) return &exposed[i].first;
    }
  }
  return nullptr;
}

}  // namespace

bool MergeLabels(const ExposedLabels& exposed, model::LabelsView target, const ScrapeConfig& job,
                 model::LabelsBuilder* out) {
  out->Reset(model::LabelsView());
  for (const auto& [name, value] : exposed) out->Set(name, value);
  std::vector<std::pair<std::string_view, std::string_view>> conflicts;
  for (const model::Label& label : target) {
    const std::string* value = FindExposed(exposed, label.name);
    if (job.honor_labels) {
      // An empty exposed label counts as present: it keeps the target's away.
      if (value == nullptr) out->Set(label.name, label.value);
      continue;
    }
    if (value != nullptr && !value->empty()) conflicts.emplace_back(label.name, *value);
    out->Set(label.name, label.value);
  }
  std::stable_sort(conflicts.begin(), conflicts.end(),
                   [](const auto& a, const auto& b) { return a.first.size() < b.first.size(); });
  for (const auto& [name, value] : conflicts) {
    std::string renamed(name);
    do {
      renamed.insert(0, kExported);
    } while (!out->Get(renamed).empty());
    out->Set(renamed, value);
  }
  return Relabel(job.metric_relabel_configs, out) && !out->empty();
}

void AddTypeAndUnit(model::MetricType type, std::string_view unit, ExposedLabels* exposed) {
  const bool has_name = !exposed->front().second.empty();
  const bool has_type = type != model::MetricType::kUnknown;
  exposed->erase(std::remove_if(exposed->begin() + 1, exposed->end(),
                                [&](const model::Labels::Pair& label) {
                                  return (has_name && label.first == model::kMetricName) ||
                                         (has_type && label.first == kTypeLabel) ||
                                         (!unit.empty() && label.first == kUnitLabel);
                                }),
                 exposed->end());
  if (has_type) exposed->emplace_back(kTypeLabel, model::ToString(type));
  if (!unit.empty()) exposed->emplace_back(kUnitLabel, unit);
}

PageResult PageAppender::Append(std::string_view page, PageFormat format, int64_t time_ms,
                                int64_t now_ms) {
  latest_ms_ = now_ms + kMaxAheadMs;
  cache_->SetFormat(static_cast<int>(format));
  if (format == PageFormat::kText) {
    TextParser parser(page);
    Run(&parser, time_ms);
  } else {
    OpenMetricsParser parser(page, /*fast=*/true, options_.read_starts);
    Run(&parser, time_ms);
  }
  if (options_.read_starts) batch_->SetStart(0);
  if (over_limit_) {
    counters_->exceeded_sample_limit.Add();
    if (result_.error.empty()) result_.error = "sample limit exceeded";
  }
  LogRejected();
  return std::move(result_);
}

template <class Parser>
void PageAppender::Run(Parser* parser, int64_t time_ms) {
  MetadataCache& metadata = cache_->metadata();
  const uint32_t iteration = cache_->iteration();
  for (;;) {
    switch (parser->Next(cache_->Predicted())) {
      case Entry::kSeries:
        if (!AddSample(parser, time_ms)) return;
        break;
      case Entry::kType:
        metadata.SetType(parser->family(), parser->type(), iteration);
        break;
      case Entry::kHelp:
        if (parser->text().find('\\') == std::string_view::npos) {
          metadata.SetHelp(parser->family(), parser->text(), iteration);
        } else {
          metadata.SetHelp(parser->family(), Parser::UnescapeHelp(parser->text()), iteration);
        }
        break;
      case Entry::kUnit:
        unit_ = parser->text();
        metadata.SetUnit(parser->family(), unit_, iteration);
        break;
      case Entry::kComment:
        break;
      case Entry::kEnd:
        return;
      case Entry::kError:
        result_.error = fmt::format("{} (line {})", parser->error(), parser->line());
        return;
    }
  }
}

template <class Parser>
void PageAppender::ReadLabels(const Parser& parser) {
  parser.Labels(&exposed_);
  if (options_.type_and_unit_labels) AddTypeAndUnit(parser.type(), unit_, &exposed_);
}

// False: the scrape has failed.
template <class Parser>
bool PageAppender::AddSample(Parser* parser, int64_t time_ms) {
  ++result_.total;
  const bool own_time = parser->has_time() && job_.honor_timestamps;
  const model::Sample sample{own_time ? parser->time_ms() : time_ms, parser->value()};
  SeriesCache::Id id =
      parser->was_predicted() ? cache_->TakePredicted() : cache_->Find(parser->series());
  const bool known = id != SeriesCache::kNotFound;
  bool seen_before = false;
  if (known) {
    seen_before = cache_->SeenBefore(id);
    if (cache_->dropped(id)) return true;
  } else {
    ReadLabels(*parser);
    switch (FinishLabels()) {
      case Verdict::kDrop:
        cache_->Add(parser->series(), storage::SeriesRef::kNone, parser->type(), unit_,
                    /*dropped=*/true);
        return true;
      case Verdict::kFail:
        return false;
      case Verdict::kKeep:
        break;
    }
  }

  ++result_.added;
  if (seen_before && !own_time) {
    Count(storage::Outcome::kDuplicate);
    return true;
  }
  if (job_.sample_limit > 0 && ++appended_ > job_.sample_limit) {
    over_limit_ = true;  // Go on: the number of samples on the page is reported.
    return true;
  }
  if (sample.t > latest_ms_) {
    Count(storage::Outcome::kOutOfBounds);
    return true;
  }
  if (options_.read_starts) batch_->SetStart(parser->StartTime());
  const storage::Appended appended =
      known ? AppendKnown(parser, id, sample)
            : batch_->Append(storage::SeriesRef::kNone, labels_.view(), sample);
  if (!result_.error.empty()) return false;
  if (!Count(appended.outcome)) return true;
  if (!known) {
    id = cache_->Add(parser->series(), appended.ref, parser->type(), unit_, /*dropped=*/false);
    if (!over_limit_) ++result_.series_added;
  }
  if (!own_time || job_.track_timestamps_staleness) cache_->Track(id);
  AddExemplars(parser, appended.ref, sample.t);
  return true;
}

template <class Parser>
storage::Appended PageAppender::AppendKnown(Parser* parser, SeriesCache::Id id,
                                            model::Sample sample) {
  const storage::SeriesRef ref = cache_->ref(id);
  storage::Appended appended{ref, storage::Outcome::kInvalidLabels};
  if (ref != storage::SeriesRef::kNone) appended = batch_->Append(ref, {}, sample);
  if (appended.outcome == storage::Outcome::kInvalidLabels) {
    // The store has let the series go meanwhile: introduce it again.
    ReadLabels(*parser);
    if (FinishLabels() != Verdict::kKeep) return appended;
    appended = batch_->Append(storage::SeriesRef::kNone, labels_.view(), sample);
  }
  if (appended.outcome == storage::Outcome::kAccepted && appended.ref != ref) {
    cache_->SetRef(id, appended.ref);
  }
  return appended;
}

template <class Parser>
void PageAppender::AddExemplars(Parser* parser, storage::SeriesRef ref, int64_t time_ms) {
  model::Exemplar exemplar;
  while (parser->TakeExemplar(&exemplar)) {
    if (!exemplar.has_time) exemplar.t = time_ms;
    if (batch_->AppendExemplar(ref, exemplar)) continue;
    ++exemplars_late_;
    counters_->exemplar_out_of_order.Add();
  }
}

PageAppender::Verdict PageAppender::FinishLabels() {
  if (!MergeLabels(exposed_, target_labels_, job_, &builder_)) return Verdict::kDrop;
  labels_ = builder_.Build();
  const std::string_view metric = labels_.MetricName();
  if (metric.empty()) {
    result_.error = "missing metric name (__name__ label)";
    return Verdict::kFail;
  }
  bool valid = job_.legacy_names ? model::IsLegacyMetricName(metric) : true;
  for (const model::Label& label : labels_) {
    valid = valid && model::IsValidUtf8(label.value) &&
            (job_.legacy_names ? model::IsLegacyLabelName(label.name)
                               : model::IsValidUtf8(label.name));
  }
  if (!valid) {
    result_.error = "invalid metric name or label names: " + labels_.ToString();
    return Verdict::kFail;
  }
  if (!WithinLimits()) {
    counters_->pool_exceeded_label_limits.Add();
    return Verdict::kFail;
  }
  if (const std::string* name = RepeatedName(exposed_)) {
    result_.error = fmt::format("label name \"{}\" is not unique: invalid sample", *name);
    return Verdict::kFail;
  }
  return Verdict::kKeep;
}

bool PageAppender::WithinLimits() {
  const std::string_view metric = labels_.MetricName();
  if (job_.label_limit > 0 && labels_.size() > job_.label_limit) {
    result_.error = fmt::format("label_limit exceeded (metric: {}, number of labels: {}, limit: {})",
                                Fifty(metric), labels_.size(), job_.label_limit);
    return false;
  }
  if (job_.label_name_length_limit == 0 && job_.label_value_length_limit == 0) return true;
  for (const model::Label& label : labels_) {
    if (job_.label_name_length_limit > 0 && label.name.size() > job_.label_name_length_limit) {
      result_.error = fmt::format(
          "label_name_length_limit exceeded (metric: {}, label name: {}, length: {}, limit: {})",
          Fifty(metric), Fifty(label.name), label.name.size(), job_.label_name_length_limit);
      return false;
    }
    if (job_.label_value_length_limit > 0 && label.value.size() > job_.label_value_length_limit) {
      result_.error = fmt::format(
          "label_value_length_limit exceeded (metric: {}, label name: {}, value: {}, length: {}, "
          "limit: {})",
          Fifty(metric), Fifty(label.name), Quoted(Fifty(label.value)), label.value.size(),
          job_.label_value_length_limit);
      return false;
    }
  }
  return true;
}

// True when the store took it.
bool PageAppender::Count(storage::Outcome outcome) {
  switch (outcome) {
    case storage::Outcome::kAccepted:
      return true;
    case storage::Outcome::kDuplicate:
      ++duplicates_;
      counters_->sample_duplicate.Add();
      return false;
    case storage::Outcome::kOutOfOrder:
      ++out_of_order_;
      counters_->sample_out_of_order.Add();
      return false;
    case storage::Outcome::kOutOfBounds:
    case storage::Outcome::kTooOld:
      ++out_of_bounds_;
      counters_->sample_out_of_bounds.Add();
      return false;
    case storage::Outcome::kInvalidHistogram:  // Pages have none.
    case storage::Outcome::kInvalidLabels:  // Relabeling lets it go now; nothing to count.
      return false;
    case storage::Outcome::kLimited:
      ++limited_;
      counters_->sample_limited.Add();
      return false;
  }
  return false;
}

void PageAppender::LogRejected() const {
  const auto warn = [&](std::string_view what, uint64_t count) {
    if (count == 0) return;
    base::Log(base::LogLevel::kWarn, "scrape", what,
              {{"scrape_pool", job_.job_name},
               {"target", std::string(log_name_)},
               {"num_dropped", std::to_string(count)}});
  };
  warn("Error on ingesting out-of-order samples", out_of_order_);
  warn("Error on ingesting samples with different value but same timestamp", duplicates_);
  warn("Error on ingesting samples that are too old or are too far into the future", out_of_bounds_);
  warn("New series refused by the store's limits", limited_);
  warn("Error on ingesting out-of-order exemplars", exemplars_late_);
}

void PageAppender::AppendEnded(bool failed, int64_t time_ms) {
  const model::Sample marker{time_ms, model::StaleNan()};
  cache_->ForEachEnded(failed, [&](const SeriesCache::Ended& ended) {
    storage::Appended appended = batch_->Append(ended.ref, {}, marker);
    if (appended.outcome == storage::Outcome::kInvalidLabels && !ended.text.empty()) {
      ParseSeriesText(ended.text, ended.type, &exposed_);
      if (options_.type_and_unit_labels) AddTypeAndUnit(ended.type, ended.unit, &exposed_);
      if (!MergeLabels(exposed_, target_labels_, job_, &builder_)) return;
      appended = batch_->Append(storage::SeriesRef::kNone, builder_.Build().view(), marker);
    }
    // Out of order or a duplicate: it came back by another way. Not worth a word.
    if (appended.outcome == storage::Outcome::kAccepted) counters_->stale_markers.Add();
  });
}

}  // namespace server
