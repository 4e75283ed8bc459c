#include "tests/torture/workload.h"

#include <bit>
#include <cerrno>
#include <thread>

#include <fmt/format.h>

#include "compaction/scheduler.h"
#include "storage/base/hash.h"
#include "storage/chunk/histogram_columns.h"
#include "storage/head/histogram_bytes.h"
#include "tests/torture/file_trace.h"

namespace torture {
namespace {

model::Labels SeriesLabels(int i) {
  return model::Labels{{"__name__", fmt::format("metric_{}_{}", i % 5, i / 50)},
                       {"instance", fmt::format("host-{}", i / 5)},
                       {"job", i % 2 ? "odd" : "even"}};
}

// The value of a series at a time never changes, so that a sample tells by itself whether it is right.
uint64_t ValueBits(int series, model::TimeMs t) {
  uint64_t x = static_cast<uint64_t>(t) * 0x9e3779b97f4a7c15 + static_cast<uint64_t>(series);
  x ^= x >> 29;
  x *= 0xbf58476d1ce4e5b9;
  x ^= x >> 32;
  if (x % 23 == 0) return std::bit_cast<uint64_t>(model::StaleNan());
  switch (series % 4) {
    case 0: return std::bit_cast<uint64_t>(static_cast<double>(t / 1000 % 100'000));
    case 1: return std::bit_cast<uint64_t>(static_cast<double>(x % 1000) / 100);
    case 2: return std::bit_cast<uint64_t>(static_cast<double>(x % 2));
    default: return std::bit_cast<uint64_t>(static_cast<double>(x) / 3);
  }
}

// Some series are of histograms, gauges or counters, with a float now and then.
bool IsHistogram(int series, model::TimeMs t) {
  return series % 7 == 6 && static_cast<uint64_t>(t) * 0xd6e8feb86659fd93 >> 60 != 0;
}

model::AnyHistogram HistogramAt(int series, model::TimeMs t) {
  uint64_t x = ValueBits(series, t) * 0x9e3779b97f4a7c15 + static_cast<uint64_t>(series);
  const auto next = [&] { return (x = x * 6364136223846793005 + 1442695040888963407) >> 40; };
  const auto fill = [&](auto h, double unit) {
    using Bucket = std::remove_reference_t<decltype(h.positive_buckets[0])>;
    if (series % 2 == 0) h.hint = model::ResetHint::kGauge;
    h.sum = static_cast<double>(next()) / 8;
    h.zero_threshold = 0.001;
    h.schema = series % 3;
    h.positive_spans = {{series % 5, 2}, {1, 1}};
    int64_t before = 0;
    for (int i = 0; i < 3; ++i) {
      const auto count = static_cast<int64_t>(next() % 1000);
      h.positive_buckets.push_back(static_cast<Bucket>(unit == 1 ? count - before : count * unit));
      before = count;
      h.count += static_cast<decltype(h.count)>(unit == 1 ? count : count * unit);
    }
    if (next() % 16 == 0) {
      h = {};
      h.sum = model::StaleNan();
    }
    return h;
  };
  if (series % 4 == 0) return fill(model::FloatHistogram(), 0.5);
  return fill(model::Histogram(), 1);
}

uint64_t BitsAt(int series, model::TimeMs t) {
  if (!IsHistogram(series, t)) return ValueBits(series, t);
  return std::bit_cast<uint64_t>(storage::Fingerprint(HistogramAt(series, t)));
}

// Exemplars stand in Contents as samples of a series beside their own.
model::Labels ExemplarLabels(const model::Labels& series) {
  model::LabelsBuilder builder(series);
  return builder.Set("exemplar", "of").Build();
}

// So do start times. Some series have none, some are deltas, the others begin again each hour.
model::Labels StartLabels(const model::Labels& series) {
  model::LabelsBuilder builder(series);
  return builder.Set("start", "of").Build();
}
model::TimeMs StartOf(int series, model::TimeMs t) {
  constexpr int64_t kHourMs = 3'600'000;
  if (series % 3 == 0) return 0;
  return series % 5 == 1 ? t - 1000 : t / kHourMs * kHourMs + series;
}

// And metadata, at time 0. Of some families there is more than one, always said together: what is said
// no more while its family has news would not be shown for ever.
std::vector<model::Metadata> MetadataOf(int series) {
  std::vector<model::Metadata> all;
  for (int variant = 0; variant <= (series % 5 == 2 ? 1 : 0); ++variant) {
    all.push_back({static_cast<model::MetricType>(1 + series % 5),
                   fmt::format("What {} counts, {}.", series / 50, variant),
                   series % 5 == 1 ? "" : "bytes"});
  }
  return all;
}
constexpr std::string_view kFamily = "metadata of";
model::Labels MetadataLabels(std::string_view family, const model::Metadata& metadata) {
  return model::Labels{{"help", metadata.help},
                       {kFamily, family},
                       {"type", model::ToString(metadata.type)},
                       {"unit", metadata.unit}};
}

storage::DatabaseOptions Options(const std::string& dir, ManualClock* clock) {
  storage::DatabaseOptions options;
  options.dir = dir;
  options.block_cache_bytes = 1 << 20;
  options.clock = clock;
  options.store_starts = true;
  return options;
}

absl::Status RunBatch(storage::Database* db, std::mt19937_64& random, int first_series,
                      const WorkloadOptions& options, int64_t now_ms, Act* act) {
  auto appender = db->NewAppender();
  const int count = 1 + static_cast<int>(random() % 25);
  const int from = first_series + static_cast<int>(random() % 10);
  const bool late = random() % 5 == 0;
  for (int i = from; i < from + count; ++i) {
    model::TimeMs t = now_ms - static_cast<int64_t>(random() % 3);
    if (late && random() % 2 == 0) {
      t -= static_cast<int64_t>(random() % static_cast<uint64_t>(options.window_ms * 9 / 8 + 1));
    }
    const model::Labels labels = SeriesLabels(i);
    const uint64_t bits = BitsAt(i, t);
    const std::string_view family = labels.Get(model::kMetricName);
    for (const model::Metadata& metadata : MetadataOf(i)) {
      appender->UpdateMetadata(family, metadata.view());
      act->samples[MetadataLabels(family, metadata)][0] = 0;
    }
    appender->SetStart(StartOf(i, t));
    const auto appended =
        IsHistogram(i, t)
            ? appender->AppendHistogram(storage::SeriesRef::kNone, labels, t, HistogramAt(i, t))
            : appender->Append(storage::SeriesRef::kNone, labels, {t, std::bit_cast<double>(bits)});
    if (appended.outcome != storage::Outcome::kAccepted) continue;
    act->samples[labels][t] = bits;
    if (StartOf(i, t) != 0) {
      act->samples[StartLabels(labels)][t] = static_cast<uint64_t>(StartOf(i, t));
    }
    if (i % 3 != 0 || now_ms - t > 2) continue;
    const double value = std::bit_cast<double>(ValueBits(i, t));
    if (appender->AppendExemplar(appended.ref, {{{"trace_id", "x"}}, value, t, true})) {
      act->samples[ExemplarLabels(labels)][t] = ValueBits(i, t);
    }
  }
  act->begun = FileTrace::position();
  return appender->Commit();
}

absl::Status RunDelete(storage::Database* db, std::mt19937_64& random, int first_series,
                       int64_t now_ms, Act* act) {
  const int i = first_series + static_cast<int>(random() % 25);
  const bool by_name = random() % 2 == 0;
  act->matchers.push_back(*model::Matcher::Create(
      model::MatchType::kEqual, by_name ? "__name__" : "instance",
      std::string(SeriesLabels(i).Get(by_name ? "__name__" : "instance"))));
  act->range.max = now_ms - static_cast<int64_t>(random() % 7'200'000) + 600'000;
  act->range.min = act->range.max - static_cast<int64_t>(random() % 7'200'000);
  if (random() % 8 == 0) act->range = model::TimeRange();
  const std::vector<std::vector<model::Matcher>> sets = {act->matchers};
  act->begun = FileTrace::position();
  return db->Delete(sets, act->range);
}

// What was done about a sample, for messages.
std::string Origin(const std::vector<Act>& acts, const model::Labels& labels, model::TimeMs t) {
  std::string text;
  for (size_t i = 0; i < acts.size(); ++i) {
    const Act& act = acts[i];
    const auto in = act.samples.find(labels);
    const bool wrote = in != act.samples.end() && in->second.contains(t);
    if (!wrote && !act.Deletes(labels, t)) continue;
    text += fmt::format("; {} by act {} ({}..{}{})", wrote ? "written" : "deleted", i, act.begun,
                        act.done, act.failed ? ", failed" : "");
  }
  return text.empty() ? "; from an earlier life" : text;
}

}  // namespace

bool Act::Deletes(const model::Labels& labels, model::TimeMs t) const {
  if (!range.Contains(t)) return false;
  for (const model::Matcher& m : matchers) {
    if (!m.Matches(labels.Get(m.name()))) return false;
  }
  return is_delete();
}

absl::Status RunWorkload(const WorkloadOptions& options, std::mt19937_64& random,
                         ManualClock* clock, std::vector<Act>* acts) {
  storage::DatabaseOptions db_options = Options(options.dir, clock);
  db_options.wal.sync = options.sync;
  db_options.wal.sync_interval_ms = 20;
  db_options.wal.segment_bytes = 8192 << (random() % 4);
  db_options.out_of_order_window_ms = random() % 4 == 0 ? 0 : options.window_ms;
  db_options.idle_ms = 20 * 60 * 1000;
  db_options.replay_on_open = random() % 2 == 0;
  const bool replayed = db_options.replay_on_open;
  auto opened = storage::Database::Open(db_options);
  if (!opened.ok()) return opened.status();
  storage::Database* const db = opened->get();

  std::atomic<bool> stop{false};
  absl::Status replay_status;
  std::thread night([&] {
    if (!replayed) replay_status = db->Replay([](const auto&) { return true; });
    compaction::SchedulerOptions scheduler_options;
    scheduler_options.clock = clock;
    scheduler_options.steady_ms = [clock] { return clock->NowMs(); };
    scheduler_options.retry_merge_ms = 1;
    compaction::Scheduler scheduler(db, scheduler_options);
    int64_t last_ms = 0;
    while (!stop) {
      if (clock->NowMs() - last_ms < 60'000) {
        std::this_thread::sleep_for(std::chrono::microseconds(200));
        continue;
      }
      last_ms = clock->NowMs();
      scheduler.RunOnce();
      db->Recover().IgnoreError();  // The disk may be well again.
    }
  });

  int first_series = static_cast<int>(random() % 100);
  for (int i = 0; i < options.batches; ++i) {
    clock->now_ms += 10'000 + static_cast<int64_t>(random() % 90'000);
    if (random() % 40 == 0) clock->now_ms += 3'600'000;  // Nothing for an hour.
    if (random() % 80 == 0) clock->now_ms += 2 * 86'400'000;  // Or two days: a flush may span them.
    if (random() % 10 == 0) ++first_series;              // Churn.
    if (options.faults && random() % 10 == 0) {
      const int error = random() % 2 == 0 ? ENOSPC : EIO;
      FileTrace::Fail(error, static_cast<int>(random() % 30), 1 + static_cast<int>(random() % 20));
    }
    Act act;
    const absl::Status status =
        random() % 40 == 0 ? RunDelete(db, random, first_series, clock->NowMs(), &act)
                           : RunBatch(db, random, first_series, options, clock->NowMs(), &act);
    act.done = FileTrace::position();
    act.failed = !status.ok();
    if (act.failed && !options.faults && !absl::IsUnavailable(status)) {
      stop = true;
      night.join();
      return status;
    }
    acts->push_back(std::move(act));
    if (random() % 3 == 0) std::this_thread::sleep_for(std::chrono::microseconds(random() % 2000));
  }
  if (options.faults) FileTrace::Fail(0, 0, 0);
  stop = true;
  night.join();
  if (!options.faults && !replay_status.ok()) return replay_status;
  if (options.close) {
    if (const absl::Status status = db->Close(); !status.ok() && !options.faults) return status;
  }
  return absl::OkStatus();
}

absl::StatusOr<Found> ReadDirectory(const std::string& dir, ManualClock* clock, bool verify) {
  storage::DatabaseOptions options = Options(dir, clock);
  options.wal.sync = wal::Sync::kOs;
  auto db = storage::Database::Open(options);
  if (!db.ok()) return db.status();
  Found found;
  {
    auto querier = (*db)->NewQuerier(model::TimeRange());
    if (!querier.ok()) return querier.status();
    auto selection = (*querier)->Select({{}, model::TimeRange(), /*starts=*/true});
    if (!selection.ok()) return selection.status();
    chunk::MixedColumns columns;
    model::StartRuns starts;
    for (int i = 0; i < (*selection)->size(); ++i) {
      if (auto s = (*selection)->ReadMixed(i, model::TimeRange(), &columns); !s.ok()) return s;
      if (columns.size() == 0) continue;
      Samples& samples = found.contents[model::Labels((*selection)->labels(i))];
      const chunk::SampleColumns& floats = columns.floats;
      for (size_t k = 0; k < floats.size(); ++k) {
        samples[floats.times[k]] = std::bit_cast<uint64_t>(floats.values[k]);
      }
      const chunk::HistogramColumns& histograms = columns.histograms;
      for (size_t k = 0; k < histograms.size(); ++k) {
        samples[histograms.times[k]] =
            std::bit_cast<uint64_t>(storage::Fingerprint(histograms.values[k]));
      }
      if (auto s = (*selection)->ReadStarts(i, model::TimeRange(), &starts); !s.ok()) return s;
      Samples with_start;
      for (const auto* times : {&floats.times, &histograms.times}) {
        for (const model::TimeMs t : *times) {
          const model::TimeMs start = model::StartAt(starts, t);
          if (start != 0) with_start[t] = static_cast<uint64_t>(start);
        }
      }
      if (!with_start.empty()) {
        found.contents[StartLabels(model::Labels((*selection)->labels(i)))] = std::move(with_start);
      }
    }
    const std::vector<std::vector<model::Matcher>> all = {{}};
    const auto exemplars = (*db)->Exemplars(all, model::TimeRange());
    if (!exemplars.ok()) return exemplars.status();
    for (const storage::ExemplarSeries& series : *exemplars) {
      Samples& samples = found.contents[ExemplarLabels(series.labels)];
      for (const model::Exemplar& e : series.exemplars) {
        samples[e.t] = std::bit_cast<uint64_t>(e.value);
      }
    }
    for (const model::FamilyMetadata& entry : (*db)->Metadata("")) {
      found.contents[MetadataLabels(entry.family, entry.metadata)][0] = 0;
    }
    found.reports = (*querier)->Warnings();
  }
  const storage::DatabaseStats stats = (*db)->stats();
  if (stats.wal_corruptions > 0) {
    found.reports.push_back(fmt::format("{} damaged places in the log", stats.wal_corruptions));
  }
  if (stats.replayed_unknown_series > 0) {
    found.reports.push_back(
        fmt::format("{} samples of series the log lost", stats.replayed_unknown_series));
  }
  if (stats.blocks.unreadable_blocks + stats.blocks.damaged_chunks > 0) {
    found.reports.push_back(fmt::format("{} blocks set aside, {} damaged chunks",
                                        stats.blocks.unreadable_blocks,
                                        stats.blocks.damaged_chunks));
  }
  if (!verify || !found.reports.empty()) return found;
  for (const storage::BlockMeta& meta : (*db)->blocks()->Metas()) {
    auto verifier = (*db)->blocks()->NewVerifier(meta.ulid, [&](storage::Damage damage) {
      found.verified.push_back(std::move(damage.what));
    });
    if (!verifier.ok()) return verifier.status();
    while ((*verifier)->Next(1 << 20)) {
    }
  }
  return found;
}

std::string Judge(const Contents& found, const Contents& before, const std::vector<Act>& acts,
                  size_t position, bool doubtful_batches, bool torn_batches) {
  const auto doubtful = [&](const Act& act) {
    return act.failed || act.done > position || (doubtful_batches && !act.is_delete());
  };
  Contents want = before;
  size_t end = 0;
  for (; end < acts.size() && acts[end].begun <= position; ++end) {
    const Act& act = acts[end];
    if (doubtful(act)) continue;
    for (const auto& [labels, samples] : act.samples) {
      for (const auto& [t, bits] : samples) want[labels][t] = bits;
    }
    if (!act.is_delete()) continue;
    for (auto& [labels, samples] : want) {
      std::erase_if(samples, [&, &l = labels](const auto& s) { return act.Deletes(l, s.first); });
    }
  }
  const auto has = [](const Contents& contents, const model::Labels& labels, model::TimeMs t) {
    const auto it = contents.find(labels);
    return it != contents.end() && it->second.contains(t);
  };
  // Metadata of a metric of which nothing is left may be forgotten.
  std::set<std::string, std::less<>> metrics;
  for (const auto& [labels, samples] : found) metrics.emplace(labels.Get(model::kMetricName));
  const auto forgotten = [&](const model::Labels& labels) {
    const std::string_view family = labels.Get(kFamily);
    return !family.empty() && !metrics.contains(family);
  };
  // Nothing missing.
  for (const auto& [labels, samples] : want) {
    for (const auto& [t, bits] : samples) {
      if (has(found, labels, t)) continue;
      bool may_be_gone = forgotten(labels);
      for (size_t i = 0; i < end; ++i) may_be_gone |= doubtful(acts[i]) && acts[i].Deletes(labels, t);
      if (!may_be_gone) {
        return fmt::format("{} at {} is missing{}", labels.ToString(), t, Origin(acts, labels, t));
      }
    }
  }
  // Nothing invented, nothing changed.
  for (const auto& [labels, samples] : found) {
    for (const auto& [t, bits] : samples) {
      const auto it = want.find(labels);
      if (it != want.end()) {
        if (const auto s = it->second.find(t); s != it->second.end()) {
          if (s->second != bits) return fmt::format("{} at {} has another value", labels.ToString(), t);
          continue;
        }
      }
      bool may_be_there = false;
      for (size_t i = 0; i < end && !may_be_there; ++i) {
        const auto in = acts[i].samples.find(labels);
        if (!doubtful(acts[i]) || in == acts[i].samples.end()) continue;
        const auto s = in->second.find(t);
        may_be_there = s != in->second.end() && s->second == bits;
      }
      if (!may_be_there) {
        const char* why = "was never written, or is deleted";
        return fmt::format("{} at {} {}{}", labels.ToString(), t, why, Origin(acts, labels, t));
      }
    }
  }
  // Each batch and each delete that is in doubt: whole or not at all.
  for (size_t i = 0; i < end; ++i) {
    if (!doubtful(acts[i])) continue;
    size_t there = 0, all = 0;
    for (const auto& [labels, samples] : acts[i].samples) {
      if (forgotten(labels)) continue;
      for (const auto& [t, bits] : samples) {
        bool told_elsewhere = has(want, labels, t);
        for (size_t k = 0; k < end && !told_elsewhere; ++k) {
          told_elsewhere = (k > i && acts[k].Deletes(labels, t)) ||
                           (k != i && has(acts[k].samples, labels, t));
        }
        if (told_elsewhere) continue;
        ++all;
        there += has(found, labels, t);
      }
    }
    if (there != 0 && there != all && !torn_batches) {
      return fmt::format("act {}: {} of the {} samples of a batch", i, there, all);
    }
    if (!acts[i].is_delete()) continue;
    there = all = 0;
    for (const auto& [labels, samples] : want) {
      for (const auto& [t, bits] : samples) {
        bool other = !acts[i].Deletes(labels, t);
        for (size_t k = 0; k < end && !other; ++k) {
          other = k != i && ((doubtful(acts[k]) && acts[k].Deletes(labels, t)) ||
                             (k > i && has(acts[k].samples, labels, t)));
        }
        if (other) continue;
        ++all;
        there += has(found, labels, t);
      }
    }
    if (there != 0 && there != all) {
      return fmt::format("act {}: {} of {} samples left by a delete", i, there, all);
    }
  }
  return "";
}

}  // namespace torture
