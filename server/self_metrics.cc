#include "server/self_metrics.h"

#include <array>
#include <numeric>

#include "promql/cache/result_cache.h"
#include "server/flags.h"
#include "server/metric_text.h"
#include "server/process_info.h"
#include "storage/model/number_text.h"

namespace server {
namespace {

double Seconds(uint64_t ns) { return static_cast<double>(ns) / 1e9; }

void WriteProcess(MetricText* out) {
  const ProcessInfo process = ReadProcessInfo();
  out->Counter("process_cpu_seconds_total", "CPU seconds used, user and system together.",
               process.cpu_seconds);
  out->Gauge("process_max_fds", "How many file descriptors the process may have open.",
             process.max_fds);
  out->Counter("process_network_receive_bytes_total",
               "Bytes received by the network interfaces the process sees.",
               process.network_receive_bytes);
  out->Counter("process_network_transmit_bytes_total",
               "Bytes sent by the network interfaces the process sees.",
               process.network_transmit_bytes);
  out->Gauge("process_open_fds", "File descriptors open now.", process.open_fds);
  out->Gauge("process_resident_memory_bytes", "Memory of the process that is in RAM.",
             process.resident_bytes);
  out->Gauge("process_start_time_seconds", "When the process started, Unix time.",
             process.start_time_s);
  out->Gauge("process_virtual_memory_bytes", "Address space of the process.",
             process.virtual_bytes);
  out->Gauge("tidemark_process_threads", "Threads of the process.", process.threads);
}

void WriteServer(const MetricSources& sources, MetricText* out) {
  out->Family("prometheus_build_info", "gauge",
              "Always 1; version is that of the server this one stands in for.");
  out->Sample(1.0, {{"version", kCompatibleVersion},
                    {"revision", "unknown"},
                    {"branch", "tidemark"},
                    {"goversion", "none"},
                    {"goos", "linux"},
                    {"goarch", "amd64"},
                    {"tags", ""}});
  out->Family("tidemark_build_info", "gauge", "Always 1; the version of this server.");
  out->Sample(1.0, {{"version", kVersion}});
  out->Gauge("prometheus_ready", "1 once the server answers queries, else 0.", sources.ready);
  out->Gauge("prometheus_config_last_reload_successful",
             "1 when the configuration was last loaded without error, else 0.",
             sources.reload.successful);
  out->Gauge("prometheus_config_last_reload_success_timestamp_seconds",
             "When the configuration was last loaded without error, Unix time.",
             sources.reload.success_time_s);
}

void WriteHead(const storage::Database& database, const storage::DatabaseStats& stats,
               MetricText* out) {
  const storage::HeadInfo& head = stats.head;
  out->Gauge("prometheus_tsdb_head_series", "Series in the head.", head.num_series);
  out->Gauge("prometheus_tsdb_head_chunks", "Chunks in the head.", head.num_chunks);
  out->Family("prometheus_tsdb_head_samples_appended_total", "counter",
              "Samples taken into the head.");
  out->Sample(stats.samples_appended, {{"type", "float"}});
  out->Counter("prometheus_tsdb_head_series_created_total", "Series that came new into the head.",
               stats.series_created);
  out->Counter("prometheus_tsdb_head_series_removed_total", "Series that left the head.",
               stats.series_removed);
  if (!head.range.empty()) {
    out->Gauge("prometheus_tsdb_head_min_time", "Oldest sample of the head, milliseconds.",
               static_cast<double>(head.range.min));
    out->Gauge("prometheus_tsdb_head_max_time", "Newest sample of the head, milliseconds.",
               static_cast<double>(head.range.max));
    out->Gauge("prometheus_tsdb_head_min_time_seconds", "Oldest sample of the head, seconds.",
               static_cast<double>(head.range.min) / 1000);
    out->Gauge("prometheus_tsdb_head_max_time_seconds", "Newest sample of the head, seconds.",
               static_cast<double>(head.range.max) / 1000);
  }
  if (const model::TimeRange range = database.range(); !range.empty()) {
    out->Gauge("prometheus_tsdb_lowest_timestamp", "Oldest sample of all, milliseconds.",
               static_cast<double>(range.min));
    out->Gauge("prometheus_tsdb_lowest_timestamp_seconds", "Oldest sample of all, seconds.",
               static_cast<double>(range.min) / 1000);
  }
  out->Gauge("tidemark_head_bytes", "Memory of the head: series, index and open chunks.",
             head.bytes);
  out->Gauge("tidemark_head_samples", "Samples in the head.", head.num_samples);

  const auto refused = [&](std::string_view name, std::string_view help, uint64_t value) {
    out->Family(name, "counter", help);
    out->Sample(value, {{"type", "float"}});
  };
  refused("prometheus_tsdb_out_of_order_samples_total",
          "Samples refused for being older than their series' newest.", stats.out_of_order);
  refused("prometheus_tsdb_out_of_bound_samples_total",
          "Samples refused for being older than anything the head takes.", stats.out_of_bounds);
  refused("prometheus_tsdb_head_out_of_order_samples_appended_total",
          "Samples taken although their series had newer ones.", stats.late_appended);
  refused("prometheus_tsdb_too_old_samples_total",
          "Samples refused for being older than the out-of-order window.", stats.too_old);
  refused("tidemark_duplicate_samples_total",
          "Samples refused because their series has another value at that time.", stats.duplicates);
  out->Counter("prometheus_tsdb_exemplar_exemplars_appended_total", "Exemplars taken.",
               stats.exemplars_appended);
  out->Gauge("prometheus_tsdb_exemplar_exemplars_in_storage", "Exemplars held now.",
             stats.exemplars_stored);
  out->Gauge("tidemark_metadata_entries", "Types, helps and units of metrics that are kept.",
             stats.metadata_entries);
  out->Gauge("tidemark_metadata_bytes", "Memory of that.", stats.metadata_bytes);
}

void WriteLog(const storage::DatabaseStats& stats, MetricText* out) {
  out->Gauge("prometheus_tsdb_wal_segment_current",
             "Number of the log's segment that is written to.", stats.wal.segment);
  out->Gauge("prometheus_tsdb_wal_storage_size_bytes", "Bytes of the log on disk.",
             stats.wal_bytes);
  out->Family("prometheus_tsdb_wal_fsync_duration_seconds", "summary",
              "Time to bring the log to the disk.");
  out->Sample(Seconds(stats.wal.sync_ns), {}, "_sum");
  out->Sample(stats.wal.syncs, {}, "_count");
  out->Counter("prometheus_tsdb_wal_corruptions_total", "Damaged places found in the log.",
               stats.wal_corruptions);
  out->Counter("prometheus_tsdb_wal_writes_failed_total", "Batches the log could not take.",
               stats.wal.append_failures);
  out->Gauge("prometheus_tsdb_data_replay_duration_seconds",
             "How long the start read the log, seconds.", stats.replay_seconds);
  out->Gauge(
      "prometheus_tsdb_clean_start",
      "1: the last stop was graceful. 0: it was not; its lock file was left behind. -1: no lock.",
      stats.clean_start);
  out->Counter("tidemark_wal_bytes_total", "Bytes written to the log.", stats.wal.bytes);
  out->Counter("tidemark_wal_records_total", "Records written to the log.", stats.wal.records);
  out->Gauge("tidemark_wal_replayed_records", "Records the start had to replay.",
             stats.replayed_records);
  out->Gauge("tidemark_wal_replayed_samples_without_series",
             "Samples the start dropped because damage had taken the name of their series.",
             stats.replayed_unknown_series);
}

void WriteResultCache(const promql::ResultCache& cache, MetricText* out) {
  const promql::ResultCacheStats stats = cache.stats();
  out->Family("tidemark_result_cache_queries_total", "counter",
              "Range queries that might be answered from kept results, by how many of their steps "
              "were: all (hit), some (partial), none (miss), or not a query of that kind (none).");
  const std::pair<promql::CacheOutcome, uint64_t> outcomes[] = {
      {promql::CacheOutcome::kHit, stats.hits},
      {promql::CacheOutcome::kPartial, stats.partial_hits},
      {promql::CacheOutcome::kMiss, stats.misses},
      {promql::CacheOutcome::kNone, stats.uncacheable}};
  for (const auto& [outcome, count] : outcomes) {
    out->Sample(count, {{"result", promql::ToString(outcome)}});
  }
  out->Family("tidemark_result_cache_steps_total", "counter",
              "Steps of those that were answered in whole or in part.");
  out->Sample(stats.steps_kept, {{"from", "cache"}});
  out->Sample(stats.steps_evaluated, {{"from", "evaluation"}});
  out->Counter("tidemark_result_cache_evictions_total", "Results that left for want of room.",
               stats.evictions);
  out->Gauge("tidemark_result_cache_entries", "Results kept.", stats.entries);
  out->Gauge("tidemark_result_cache_bytes", "Memory of that.", stats.bytes);
  out->Gauge("tidemark_result_cache_limit_bytes", "The most it may take now.", stats.limit_bytes);
}

void WriteBlocks(storage::Database* database, const storage::DatabaseStats& stats,
                 MetricText* out) {
  out->Gauge("prometheus_tsdb_blocks_loaded", "Blocks on disk.",
             database->blocks()->Metas().size());
  out->Gauge("prometheus_tsdb_storage_blocks_bytes", "Bytes of all blocks.", stats.block_bytes);
  out->Counter("tidemark_head_flushes_total", "Blocks written from the head.", stats.flushes);
  out->Counter("tidemark_head_flush_failures_total", "Such writes that failed.",
               stats.flush_failures);
  out->Counter("tidemark_head_flush_seconds_total", "Time spent on them.", stats.flush_seconds);
  out->Counter("tidemark_damaged_chunks_total",
               "Chunks met while reading whose checksum does not fit; they are left out.",
               stats.blocks.damaged_chunks);
  out->Gauge("tidemark_unreadable_blocks", "Blocks set aside at the start.",
             stats.blocks.unreadable_blocks);
  out->Counter("tidemark_damaged_places_total",
               "Different places found damaged on the disk, by anybody: /api/v1/status/storage.",
               database->blocks()->damage()->found());
}

void WriteCompaction(const compaction::SchedulerStats& stats, MetricText* out) {
  out->Counter("prometheus_tsdb_compactions_total",
               "Blocks written: from the head, or merged from others.",
               static_cast<double>(stats.merges + stats.flushes));
  out->Counter("prometheus_tsdb_compactions_failed_total", "Blocks that could not be written.",
               static_cast<double>(stats.merge_failures + stats.flush_failures));
  out->Counter("tidemark_merges_total", "Blocks merged from smaller ones.", stats.merges);
  out->Counter("tidemark_merge_seconds_total", "Time spent merging.", stats.merge_seconds);
  out->Family("prometheus_tsdb_tombstone_cleanup_seconds", "histogram",
              "The time taken to recompact blocks to remove tombstones.");
  out->Sample(stats.cleanings, {{"le", "+Inf"}}, "_bucket");
  out->Sample(stats.cleaning_seconds, {}, "_sum");
  out->Sample(stats.cleanings, {}, "_count");
  out->Counter("tidemark_merged_samples_total", "Samples of merged blocks.", stats.merged_samples);
  out->Counter("tidemark_merged_bytes_total", "Bytes of merged blocks.", stats.merged_bytes);
  out->Counter("prometheus_tsdb_time_retentions_total", "Blocks removed for their age.",
               stats.dropped_by_time);
  out->Counter("prometheus_tsdb_size_retentions_total", "Blocks removed to keep within the size.",
               stats.dropped_by_size);
  out->Gauge("prometheus_tsdb_retention_limit_percentage",
             "Share of the file system that may be used; 0 for no limit.",
             stats.retention.percentage);
  out->Counter("tidemark_clock_steps_total",
               "Steps of this machine's clock by more than 10 minutes, forward or back.",
               stats.clock_steps);
  out->Counter("tidemark_retention_policy_rewrites_total",
               "Blocks rewritten without series whose retention policy had run out.",
               stats.thinned);
  out->Counter("tidemark_scrub_blocks_total", "Blocks read whole to look for damage.",
               stats.scrub.blocks);
  out->Counter("tidemark_scrub_bytes_total", "Bytes read for that.", stats.scrub.bytes);
  out->Counter("tidemark_scrub_damaged_places_total",
               "Damaged places met by that; one that is met again counts again.",
               stats.scrub.damaged);
  out->Gauge("tidemark_scrub_blocks_due", "Blocks whose turn it is.",
             static_cast<double>(stats.scrub.blocks_due));
  out->Gauge("tidemark_scrub_oldest_timestamp_seconds",
             "When the block was verified, or written, for which that is longest ago, Unix time.",
             static_cast<double>(stats.scrub.oldest) / 1000);
  out->Counter("tidemark_retention_failures_total", "Blocks that could not be removed.",
               stats.drop_failures);
  out->Gauge("prometheus_tsdb_retention_limit_bytes", "Bytes that may be kept; 0 for no limit.",
             static_cast<double>(stats.retention.retention_bytes));
  out->Gauge("prometheus_tsdb_retention_limit_seconds",
             "Age up to which samples are kept; 0 for no limit.",
             static_cast<double>(stats.retention.retention_ms) / 1000);
}

void WriteQueryPool(const api::QueryPoolStats& stats, MetricText* out) {
  constexpr std::array<std::string_view, api::kCostClasses> kNames = {
      "cheap", "new", "modest", "dear", "dearer", "dearest"};
  const auto by_class = [&](std::string_view name, std::string_view help, const auto& numbers) {
    out->Family(name, "gauge", help);
    for (size_t i = 0; i < numbers.size(); ++i) {
      out->Sample(static_cast<double>(numbers[i]), {{"cost_class", kNames[i]}});
    }
  };
  by_class("tidemark_queries_running",
           "Requests that read and are being answered, by what they, or their like, have cost.",
           stats.running);
  by_class("tidemark_queries_waiting", "Requests that read and wait for their turn, likewise.",
           stats.waiting);
  out->Counter("tidemark_queries_put_off_total",
               "Times that a dear request ended to be run anew once others had had their turn.",
               stats.put_off);
  out->Family("tidemark_queries_refused_waiting_total", "counter",
              "Requests that read and were refused before their turn came.");
  out->Sample(stats.refused_full, {{"reason", "too_many_wait"}});
  out->Sample(stats.timed_out, {{"reason", "timeout"}});
}

void WriteEngine(const promql::Engine& engine, int64_t waiting, const QueryLog* log,
                 MetricText* out) {
  const promql::EngineStats stats = engine.stats();
  out->Gauge("prometheus_engine_queries", "Queries that run or wait for their turn.",
             static_cast<double>(stats.active + waiting));
  out->Gauge("prometheus_engine_queries_concurrent_max", "Queries that may run at a time.",
             engine.options().max_concurrency);
  out->Counter("prometheus_engine_query_samples_total", "Samples that queries have loaded.",
               static_cast<double>(stats.samples));
  out->Counter("prometheus_engine_query_samples_read_total",
               "Samples that queries have loaded, each once a query.",
               static_cast<double>(stats.samples_read));
  out->Family("prometheus_engine_query_duration_seconds", "summary",
              "Time spent in the parts of answering queries.");
  const std::pair<std::string_view, double> slices[] = {{"inner_eval", stats.eval_s},
                                                        {"prepare_time", stats.prepare_s},
                                                        {"queue_time", stats.queue_s},
                                                        {"result_sort", stats.sort_s}};
  for (const auto& [slice, seconds] : slices) {
    out->Sample(seconds, {{"slice", slice}}, "_sum");
    out->Sample(static_cast<double>(stats.queries), {{"slice", slice}}, "_count");
  }
  out->Gauge("prometheus_engine_query_log_enabled", "1 when queries are logged, else 0.",
             log != nullptr && log->enabled());
  out->Counter("prometheus_engine_query_log_failures_total",
               "Lines that could not be written to the log of queries.",
               log == nullptr ? 0 : static_cast<double>(log->failures()));
}

void WriteResources(storage::Database* database, const storage::DatabaseStats& stats,
                    const api::ResourceState& state, MetricText* out) {
  out->Gauge("tidemark_memory_limit_bytes", "Memory the server lives within; 0 for no limit.",
             static_cast<double>(state.split.limit_bytes));
  out->Gauge("tidemark_memory_shedding_stage",
             "What is given up for want of memory: 0 nothing, 1 caches, 2 and early flushes, 3 and "
             "new queries, 4 and new series.",
             static_cast<double>(state.stage));
  out->Gauge("tidemark_query_memory_bytes", "Memory that queries and their answers take.",
             static_cast<double>(state.query_bytes));
  out->Counter("tidemark_query_memory_refused_total",
               "Queries that ended because they took too much memory.", state.queries_refused);
  out->Gauge("tidemark_block_cache_bytes", "Memory of the cache of blocks.",
             static_cast<double>(state.use.cache_bytes));
  out->Gauge("tidemark_disk_free_bytes", "Free on the disk of the data.",
             static_cast<double>(state.disk.free_bytes));
  out->Gauge("tidemark_disk_min_free_bytes", "Below so many free bytes nothing is ingested.",
             static_cast<double>(state.min_free_bytes));
  const storage::Admission& admission = *database->admission();
  const bool refusing = admission.closed(storage::Admission::Gate::kDisk) ||
                        admission.closed(storage::Admission::Gate::kLog);
  out->Gauge("tidemark_ingest_refused", "1 while nothing is ingested for want of a disk, else 0.",
             refusing);
  out->Counter("tidemark_ingest_refused_batches_total",
               "Scrapes and writes refused for want of a disk.", admission.refused_commits());
  out->Counter("tidemark_ingest_refused_samples_total", "Samples of those.",
               admission.refused_samples());
  out->Counter("tidemark_queries_refused_total", "Queries refused for want of memory.",
               admission.refused_queries());
  out->Family("tidemark_series_refused_samples_total", "counter",
              "Samples of new series refused, by the limit that refused them.");
  constexpr std::string_view kLimits[] = {"total", "job", "metric", "memory"};
  for (size_t i = 0; i < stats.refused_by_limit.size(); ++i) {
    out->Sample(stats.refused_by_limit[i], {{"limit", kLimits[i]}});
  }
}

template <size_t N>
void WriteHistogram(const api::HistogramCounts<N>& counts, const std::array<double, N>& bounds,
                    std::string_view handler, MetricText* out) {
  for (size_t i = 0; i < N; ++i) {
    out->Sample(counts.buckets[i],
                {{"handler", handler}, {"le", model::FormatFloat(bounds[i], 'g')}}, "_bucket");
  }
  out->Sample(counts.count, {{"handler", handler}, {"le", "+Inf"}}, "_bucket");
  out->Sample(counts.sum, {{"handler", handler}}, "_sum");
  out->Sample(counts.count, {{"handler", handler}}, "_count");
}

void WriteHttp(const api::HttpStats& stats, MetricText* out) {
  out->Family("prometheus_http_requests_total", "counter",
              "Requests answered, by route and status.");
  for (const auto& [handler, route] : stats.routes) {
    for (const auto& [code, count] : route.requests_by_code) {
      out->Sample(count, {{"code", std::to_string(code)}, {"handler", handler}});
    }
  }
  out->Family("prometheus_http_request_duration_seconds", "histogram",
              "Time to answer a request, by route.");
  for (const auto& [handler, route] : stats.routes) {
    WriteHistogram(route.seconds, api::kDurationBuckets, handler, out);
  }
  out->Family("prometheus_http_response_size_bytes", "histogram", "Bytes of answers, by route.");
  for (const auto& [handler, route] : stats.routes) {
    WriteHistogram(route.response_bytes, api::kSizeBuckets, handler, out);
  }
  out->Family("promhttp_metric_handler_requests_total", "counter",
              "Answers of /metrics, by status.");
  if (const auto metrics = stats.routes.find("/metrics"); metrics != stats.routes.end()) {
    for (const auto& [code, count] : metrics->second.requests_by_code) {
      out->Sample(count, {{"code", std::to_string(code)}});
    }
  }
  out->Counter("net_conntrack_listener_conn_accepted_total", "Connections accepted.",
               stats.accepted_connections);
  out->Gauge("tidemark_http_open_connections", "Connections open now.",
             static_cast<double>(stats.open_connections));
  out->Counter("tidemark_http_rejected_requests_total",
               "Requests that were malformed, too large or too slow.", stats.rejected_requests);
}

void WriteApi(const api::ApiStats& stats, MetricText* out) {
  out->Counter("prometheus_api_remote_write_invalid_labels_samples_total",
               "Samples of remote writes left out for their labels.",
               stats.remote_write_invalid_labels.value());
  out->Counter("tidemark_remote_write_samples_total", "Samples accepted over remote write.",
               stats.remote_write_samples.value());
  out->Counter("prometheus_web_federation_errors_total", "Federation requests that failed.",
               stats.federation_errors.value());
  out->Counter("prometheus_web_federation_warnings_total", "Warnings met by federation requests.",
               stats.federation_warnings.value());
}

void WriteSummary(const SummarySnapshot& summary, std::string_view label, std::string_view value,
                  MetricText* out) {
  for (const auto& [quantile, seconds] : summary.quantiles) {
    out->Sample(seconds, {{label, value}, {"quantile", model::FormatFloat(quantile, 'g')}});
  }
  out->Sample(summary.sum_s, {{label, value}}, "_sum");
  out->Sample(summary.count, {{label, value}}, "_count");
}

void WritePools(const ScrapeStats& stats, MetricText* out) {
  const auto gauge = [&](std::string_view name, std::string_view type, std::string_view help,
                         uint64_t PoolStats::*field) {
    out->Family(name, type, help);
    for (const auto& [job, pool] : stats.pools) out->Sample(pool.*field, {{"scrape_job", job}});
  };
  gauge("prometheus_target_scrape_pool_targets", "gauge", "Targets of the job.",
        &PoolStats::targets);
  gauge("prometheus_target_scrape_pool_target_limit", "gauge",
        "The job's target_limit; 0 for none.", &PoolStats::target_limit);
  gauge("prometheus_target_scrape_pool_sync_total", "counter",
        "How often the job's targets were built.", &PoolStats::syncs);
  gauge("prometheus_target_sync_failed_total", "counter", "Targets that could not be built.",
        &PoolStats::sync_failed);
  gauge("prometheus_target_metadata_cache_entries", "gauge",
        "Metrics whose type and help are remembered.", &PoolStats::metadata_entries);
  gauge("prometheus_target_metadata_cache_bytes", "gauge", "Bytes of that.",
        &PoolStats::metadata_bytes);
  gauge("tidemark_scrape_cached_series", "gauge", "Series whose place in the store is remembered.",
        &PoolStats::cached_series);
  out->Family("prometheus_target_sync_length_seconds", "summary",
              "Time to build the job's targets.");
  for (const auto& [job, pool] : stats.pools)
    WriteSummary(pool.sync_length, "scrape_job", job, out);
  out->Family("prometheus_target_interval_length_seconds", "summary",
              "Time between two scrapes of a target.");
  for (const auto& [interval, summary] : stats.interval_length) {
    WriteSummary(summary, "interval", interval, out);
  }
  out->Family("prometheus_target_reload_length_seconds", "summary",
              "Time to give a job another configuration.");
  for (const auto& [interval, summary] : stats.reload_length) {
    WriteSummary(summary, "interval", interval, out);
  }
}

void WriteScrapes(const ScrapeCounters& c, MetricText* out) {
  const auto counter = [&](std::string_view name, std::string_view help,
                           const base::Counter& value) { out->Counter(name, help, value.value()); };
  counter("prometheus_target_scrape_pools_total", "Jobs begun.", c.pools_created);
  counter("prometheus_target_scrape_pools_failed_total", "Jobs that could not be begun.",
          c.pools_failed);
  counter("prometheus_target_scrape_pool_reloads_total", "Jobs given another configuration.",
          c.pool_reloads);
  counter("prometheus_target_scrape_pool_reloads_failed_total",
          "Jobs that could not take another configuration.", c.pool_reloads_failed);
  counter("prometheus_target_scrape_pool_exceeded_target_limit_total",
          "How often a job had more targets than its target_limit.", c.pool_exceeded_target_limit);
  counter("prometheus_target_scrape_pool_exceeded_label_limits_total",
          "Scrapes refused for a label limit.", c.pool_exceeded_label_limits);
  counter("prometheus_target_scrapes_exceeded_sample_limit_total",
          "Scrapes refused for sample_limit.", c.exceeded_sample_limit);
  counter("prometheus_target_scrapes_exceeded_body_size_limit_total",
          "Scrapes refused for body_size_limit.", c.exceeded_body_size_limit);
  counter("prometheus_target_scrapes_sample_duplicate_timestamp_total",
          "Scraped samples refused because the series has another value at that time.",
          c.sample_duplicate);
  counter("prometheus_target_scrapes_sample_out_of_order_total",
          "Scraped samples refused for being out of order.", c.sample_out_of_order);
  counter("prometheus_target_scrapes_sample_out_of_bounds_total",
          "Scraped samples refused for being too old or too far ahead.", c.sample_out_of_bounds);
  counter("prometheus_target_scrapes_exemplar_out_of_order_total",
          "Scraped exemplars refused for being out of order.", c.exemplar_out_of_order);
  counter("prometheus_target_scrapes_cache_flush_forced_total",
          "How often a scrape's cache was emptied for having grown while scrapes failed.",
          c.cache_flush_forced);
  counter("tidemark_scrapes_total", "Scrapes.", c.scrapes);
  counter("tidemark_scrapes_failed_total", "Scrapes that failed.", c.scrapes_failed);
  counter("tidemark_scrape_samples_scraped_total", "Samples read from targets.", c.samples_scraped);
  counter("tidemark_scrape_samples_appended_total", "Samples of those stored.", c.samples_appended);
  counter("tidemark_scrape_samples_limited_total",
          "Samples of new series the store refused for its budget.", c.sample_limited);
  counter("tidemark_scrape_commits_failed_total", "Scrapes the log could not take.",
          c.commits_failed);
  counter("tidemark_scrape_stale_markers_total", "Stale markers written.", c.stale_markers);
}

void WriteDiscovery(const DiscoveryStats& stats, MetricText* out) {
  out->Family("prometheus_sd_discovered_targets", "gauge", "Targets discovery knows, by job.");
  for (const auto& [job, count] : stats.targets) {
    out->Sample(count, {{"name", "scrape"}, {"config", job}});
  }
  const auto one = [&](std::string_view name, std::string_view type, std::string_view help,
                       double value) {
    out->Family(name, type, help);
    out->Sample(value, {{"name", "scrape"}});
  };
  one("prometheus_sd_received_updates_total", "counter", "News that discoverers brought.",
      static_cast<double>(stats.received_updates));
  one("prometheus_sd_updates_total", "counter", "News handed on to scraping.",
      static_cast<double>(stats.updates));
  one("prometheus_sd_last_update_timestamp_seconds", "gauge",
      "When news was last handed on, Unix time.", stats.last_update_s);
  one("prometheus_sd_failed_configs", "gauge", "Discoveries that could not be set up.", 0);
  out->Counter("prometheus_sd_file_read_errors_total", "Target files that could not be read.",
               stats.file_read_errors);
  out->Family("prometheus_sd_file_mtime_seconds", "gauge",
              "When a target file was last changed, as of its last reading.");
  for (const auto& [file, mtime] : stats.file_mtime_s) out->Sample(mtime, {{"filename", file}});
}

}  // namespace

std::string WriteSelfMetrics(const MetricSources& sources) {
  MetricText out;
  WriteProcess(&out);
  WriteServer(sources, &out);
  if (sources.database != nullptr) {
    const storage::DatabaseStats stats = sources.database->stats();
    WriteHead(*sources.database, stats, &out);
    WriteLog(stats, &out);
    WriteBlocks(sources.database, stats, &out);
    WriteResources(sources.database, stats, sources.resources, &out);
  }
  if (sources.scheduler != nullptr) WriteCompaction(sources.scheduler->stats(), &out);
  api::QueryPoolStats pool;
  if (sources.http != nullptr) pool = sources.http->query_stats();
  const int64_t waiting = std::accumulate(pool.waiting.begin(), pool.waiting.end(), int64_t{0});
  if (sources.engine != nullptr) {
    WriteEngine(*sources.engine, waiting, sources.query_log, &out);
    if (const auto* cache = sources.engine->result_cache()) WriteResultCache(*cache, &out);
  }
  if (sources.http != nullptr) {
    WriteHttp(sources.http->stats(), &out);
    WriteQueryPool(pool, &out);
  }
  if (sources.api != nullptr) WriteApi(*sources.api, &out);
  if (sources.scrapes != nullptr) {
    if (sources.scrapes->counters != nullptr) WriteScrapes(*sources.scrapes->counters, &out);
    WritePools(*sources.scrapes, &out);
  }
  if (sources.discovery != nullptr) WriteDiscovery(*sources.discovery, &out);
  return out.Take();
}

}  // namespace server
