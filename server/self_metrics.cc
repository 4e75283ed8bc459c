#include "server/self_metrics.h"

#include "server/flags.h"
#include "server/metric_text.h"
#include "server/process_info.h"
#include "storage/model/number_text.h"

namespace server {
namespace {

double Seconds(uint64_t ns) { return static_cast<double>(ns) / 1e9; }

void WriteProcess(MetricText* out) {
  const ProcessInfo process = ReadProcessInfo();
  out->Counter("process_cpu_seconds_total", "Total user and system CPU time spent in seconds.",
               process.cpu_seconds);
  out->Gauge("process_max_fds", "Maximum number of open file descriptors.", process.max_fds);
  out->Counter("process_network_receive_bytes_total",
               "Number of bytes received by the process over the network.",
               process.network_receive_bytes);
  out->Counter("process_network_transmit_bytes_total",
               "Number of bytes sent by the process over the network.",
               process.network_transmit_bytes);
  out->Gauge("process_open_fds", "Number of open file descriptors.", process.open_fds);
  out->Gauge("process_resident_memory_bytes", "Resident memory size in bytes.",
             process.resident_bytes);
  out->Gauge("process_start_time_seconds",
             "Start time of the process since unix epoch in seconds.", process.start_time_s);
  out->Gauge("process_virtual_memory_bytes", "Virtual memory size in bytes.", process.virtual_bytes);
  out->Gauge("tidemark_process_threads", "Threads of the process.", process.threads);
}

void WriteServer(const MetricSources& sources, MetricText* out) {
  out->Family("prometheus_build_info", "gauge",
              "A metric with a constant '1' value and the version this server stands in for.");
  out->Sample(1.0, {{"version", kCompatibleVersion}, {"revision", "unknown"}, {"branch", "tidemark"},
                    {"goversion", "none"}, {"goos", "linux"}, {"goarch", "amd64"}, {"tags", ""}});
  out->Family("tidemark_build_info", "gauge", "A metric with a constant '1' value and the version.");
  out->Sample(1.0, {{"version", kVersion}});
  out->Gauge("prometheus_ready", "Whether startup is finished and the server is ready: 1 or 0.",
             sources.ready);
  out->Gauge("prometheus_config_last_reload_successful",
             "Whether the last configuration reload attempt was successful.",
             sources.reload.successful);
  out->Gauge("prometheus_config_last_reload_success_timestamp_seconds",
             "Timestamp of the last successful configuration reload.", sources.reload.success_time_s);
}

void WriteHead(const storage::Database& database, const storage::DatabaseStats& stats,
               MetricText* out) {
  const storage::HeadInfo& head = stats.head;
  out->Gauge("prometheus_tsdb_head_series", "Total number of series in the head block.",
             head.num_series);
  out->Gauge("prometheus_tsdb_head_chunks", "Total number of chunks in the head block.",
             head.num_chunks);
  out->Family("prometheus_tsdb_head_samples_appended_total", "counter",
              "Total number of appended samples.");
  out->Sample(stats.samples_appended, {{"type", "float"}});
  out->Counter("prometheus_tsdb_head_series_created_total",
               "Total number of series created in the head", stats.series_created);
  out->Counter("prometheus_tsdb_head_series_removed_total",
               "Total number of series removed in the head", stats.series_removed);
  if (!head.range.empty()) {
    out->Gauge("prometheus_tsdb_head_min_time", "Minimum time bound of the head block in milliseconds.",
               static_cast<double>(head.range.min));
    out->Gauge("prometheus_tsdb_head_max_time", "Maximum timestamp of the head block in milliseconds.",
               static_cast<double>(head.range.max));
    out->Gauge("prometheus_tsdb_head_min_time_seconds", "Minimum time bound of the head block.",
               static_cast<double>(head.range.min) / 1000);
    out->Gauge("prometheus_tsdb_head_max_time_seconds", "Maximum timestamp of the head block.",
               static_cast<double>(head.range.max) / 1000);
  }
  if (const model::TimeRange range = database.range(); !range.empty()) {
    out->Gauge("prometheus_tsdb_lowest_timestamp", "Lowest timestamp value stored in the database.",
               static_cast<double>(range.min));
    out->Gauge("prometheus_tsdb_lowest_timestamp_seconds",
               "Lowest timestamp value stored in the database.", static_cast<double>(range.min) / 1000);
  }
  out->Gauge("tidemark_head_bytes", "Memory of the head: series, index and open chunks.", head.bytes);
  out->Gauge("tidemark_head_samples", "Samples in the head.", head.num_samples);

  const auto refused = [&](std::string_view name, std::string_view help, uint64_t value) {
    out->Family(name, "counter", help);
    out->Sample(value, {{"type", "float"}});
  };
  refused("prometheus_tsdb_out_of_order_samples_total",
          "Total number of out of order samples ingestion failed attempts.", stats.out_of_order);
  refused("prometheus_tsdb_out_of_bound_samples_total",
          "Total number of out of bound samples ingestion failed attempts.", stats.out_of_bounds);
  refused("prometheus_tsdb_too_old_samples_total",
          "Total number of too old samples ingestion failed attempts.", stats.too_old);
  refused("tidemark_duplicate_samples_total",
          "Samples refused because their series has another value at that time.", stats.duplicates);
  out->Counter("prometheus_tsdb_exemplar_exemplars_appended_total",
               "Total number of appended exemplars.", stats.exemplars_appended);
  out->Gauge("prometheus_tsdb_exemplar_exemplars_in_storage",
             "Number of exemplars currently in circular storage.", stats.exemplars_stored);
}

void WriteLog(const storage::DatabaseStats& stats, MetricText* out) {
  out->Gauge("prometheus_tsdb_wal_segment_current",
             "Write-ahead log segment index that is being written to.", stats.wal.segment);
  out->Gauge("prometheus_tsdb_wal_storage_size_bytes", "Size of the write log directory.",
             stats.wal_bytes);
  out->Family("prometheus_tsdb_wal_fsync_duration_seconds", "summary",
              "Duration of write log fsync.");
  out->Sample(Seconds(stats.wal.sync_ns), {}, "_sum");
  out->Sample(stats.wal.syncs, {}, "_count");
  out->Counter("prometheus_tsdb_wal_corruptions_total", "Total number of WAL corruptions.",
               stats.wal_corruptions);
  out->Counter("prometheus_tsdb_wal_writes_failed_total", "Total number of write log writes that failed.",
               stats.wal.append_failures);
  out->Gauge("prometheus_tsdb_data_replay_duration_seconds",
             "Time taken to replay the data on disk.", stats.replay_seconds);
  out->Gauge("prometheus_tsdb_clean_start",
             "-1: lockfile is disabled. 0: a lockfile from a previous execution was replaced. "
             "1: lockfile creation was clean", stats.clean_start);
  out->Counter("tidemark_wal_bytes_total", "Bytes written to the log.", stats.wal.bytes);
  out->Counter("tidemark_wal_records_total", "Records written to the log.", stats.wal.records);
  out->Gauge("tidemark_wal_replayed_records", "Records the start had to replay.",
             stats.replayed_records);
  out->Gauge("tidemark_wal_replayed_samples_without_series",
             "Samples the start dropped because damage had taken the name of their series.",
             stats.replayed_unknown_series);
}

void WriteBlocks(storage::Database* database, const storage::DatabaseStats& stats, MetricText* out) {
  out->Gauge("prometheus_tsdb_blocks_loaded", "Number of currently loaded data blocks",
             database->blocks()->Metas().size());
  out->Gauge("prometheus_tsdb_storage_blocks_bytes",
             "The number of bytes that are currently used for local storage by all blocks.",
             stats.block_bytes);
  out->Counter("tidemark_head_flushes_total", "Blocks written from the head.", stats.flushes);
  out->Counter("tidemark_head_flush_failures_total", "Such writes that failed.", stats.flush_failures);
  out->Counter("tidemark_head_flush_seconds_total", "Time spent on them.", stats.flush_seconds);
  out->Counter("tidemark_damaged_chunks_total",
               "Chunks met while reading whose checksum does not fit; they are left out.",
               stats.blocks.damaged_chunks);
  out->Gauge("tidemark_unreadable_blocks", "Blocks set aside at the start.",
             stats.blocks.unreadable_blocks);
}

void WriteCompaction(const compaction::SchedulerStats& stats, MetricText* out) {
  out->Counter("prometheus_tsdb_compactions_total",
               "Total number of compactions that were executed for the partition.",
               static_cast<double>(stats.merges + stats.flushes));
  out->Counter("prometheus_tsdb_compactions_failed_total",
               "Total number of compactions that failed for the partition.",
               static_cast<double>(stats.merge_failures + stats.flush_failures));
  out->Counter("tidemark_merges_total", "Blocks merged from smaller ones.", stats.merges);
  out->Counter("tidemark_merge_seconds_total", "Time spent merging.", stats.merge_seconds);
  out->Counter("tidemark_merged_samples_total", "Samples of merged blocks.", stats.merged_samples);
  out->Counter("tidemark_merged_bytes_total", "Bytes of merged blocks.", stats.merged_bytes);
  out->Counter("prometheus_tsdb_time_retentions_total",
               "The number of times that blocks were deleted because the maximum time limit was exceeded.",
               stats.dropped_by_time);
  out->Counter("prometheus_tsdb_size_retentions_total",
               "The number of times that blocks were deleted because the maximum number of bytes was exceeded.",
               stats.dropped_by_size);
  out->Counter("tidemark_retention_failures_total", "Blocks that could not be removed.",
               stats.drop_failures);
  out->Gauge("prometheus_tsdb_retention_limit_bytes",
             "Max number of bytes to be retained in the tsdb blocks, configured 0 means disabled",
             static_cast<double>(stats.retention.retention_bytes));
  out->Gauge("prometheus_tsdb_retention_limit_seconds",
             "How long to retain samples in storage.",
             static_cast<double>(stats.retention.retention_ms) / 1000);
}

void WriteEngine(const promql::Engine& engine, MetricText* out) {
  const promql::EngineStats stats = engine.stats();
  out->Gauge("prometheus_engine_queries", "The current number of queries being executed or waiting.",
             static_cast<double>(stats.active));
  out->Gauge("prometheus_engine_queries_concurrent_max", "The max number of concurrent queries.",
             engine.options().max_concurrency);
  out->Counter("prometheus_engine_query_samples_total",
               "The total number of samples loaded by all queries.", static_cast<double>(stats.samples));
  out->Family("prometheus_engine_query_duration_seconds", "summary", "Query timings");
  const std::pair<std::string_view, double> slices[] = {{"inner_eval", stats.eval_s},
                                                        {"prepare_time", stats.prepare_s},
                                                        {"queue_time", stats.queue_s},
                                                        {"result_sort", stats.sort_s}};
  for (const auto& [slice, seconds] : slices) {
    out->Sample(seconds, {{"slice", slice}}, "_sum");
    out->Sample(static_cast<double>(stats.queries), {{"slice", slice}}, "_count");
  }
  out->Gauge("prometheus_engine_query_log_enabled", "State of the query log.", 0);
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
  out->Family("prometheus_http_requests_total", "counter", "Counter of HTTP requests.");
  for (const auto& [handler, route] : stats.routes) {
    for (const auto& [code, count] : route.requests_by_code) {
      out->Sample(count, {{"code", std::to_string(code)}, {"handler", handler}});
    }
  }
  out->Family("prometheus_http_request_duration_seconds", "histogram",
              "Histogram of latencies for HTTP requests.");
  for (const auto& [handler, route] : stats.routes) {
    WriteHistogram(route.seconds, api::kDurationBuckets, handler, out);
  }
  out->Family("prometheus_http_response_size_bytes", "histogram",
              "Histogram of response size for HTTP requests.");
  for (const auto& [handler, route] : stats.routes) {
    WriteHistogram(route.response_bytes, api::kSizeBuckets, handler, out);
  }
  out->Family("promhttp_metric_handler_requests_total", "counter",
              "Total number of scrapes by HTTP status code.");
  if (const auto metrics = stats.routes.find("/metrics"); metrics != stats.routes.end()) {
    for (const auto& [code, count] : metrics->second.requests_by_code) {
      out->Sample(count, {{"code", std::to_string(code)}});
    }
  }
  out->Counter("net_conntrack_listener_conn_accepted_total",
               "Total number of connections opened to the listener.", stats.accepted_connections);
  out->Gauge("tidemark_http_open_connections", "Connections open now.",
             static_cast<double>(stats.open_connections));
  out->Counter("tidemark_http_rejected_requests_total",
               "Requests that were malformed, too large or too slow.", stats.rejected_requests);
}

void WriteApi(const api::ApiStats& stats, MetricText* out) {
  out->Counter("prometheus_api_remote_write_invalid_labels_samples_total",
               "The total number of received remote write samples and histogram samples which contain "
               "invalid labels.", stats.remote_write_invalid_labels.value());
  out->Counter("tidemark_remote_write_samples_total", "Samples accepted over remote write.",
               stats.remote_write_samples.value());
  out->Counter("prometheus_web_federation_errors_total",
               "Total number of errors that occurred while sending federation responses.",
               stats.federation_errors.value());
  out->Counter("prometheus_web_federation_warnings_total",
               "Total number of warnings that occurred while sending federation responses.",
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
  gauge("prometheus_target_scrape_pool_targets", "gauge",
        "Current number of targets in this scrape pool.", &PoolStats::targets);
  gauge("prometheus_target_scrape_pool_target_limit", "gauge",
        "Maximum number of targets allowed in this scrape pool.", &PoolStats::target_limit);
  gauge("prometheus_target_scrape_pool_sync_total", "counter",
        "Total number of syncs that were executed on a scrape pool.", &PoolStats::syncs);
  gauge("prometheus_target_sync_failed_total", "counter",
        "Total number of target sync failures.", &PoolStats::sync_failed);
  gauge("prometheus_target_metadata_cache_entries", "gauge",
        "Total number of metric metadata entries in the cache", &PoolStats::metadata_entries);
  gauge("prometheus_target_metadata_cache_bytes", "gauge",
        "The number of bytes that are currently used for storing metric metadata in the cache",
        &PoolStats::metadata_bytes);
  gauge("tidemark_scrape_cached_series", "gauge", "Series whose place in the store is remembered.",
        &PoolStats::cached_series);
  out->Family("prometheus_target_sync_length_seconds", "summary",
              "Actual interval to sync the scrape pool.");
  for (const auto& [job, pool] : stats.pools) WriteSummary(pool.sync_length, "scrape_job", job, out);
  out->Family("prometheus_target_interval_length_seconds", "summary",
              "Actual intervals between scrapes.");
  for (const auto& [interval, summary] : stats.interval_length) {
    WriteSummary(summary, "interval", interval, out);
  }
  out->Family("prometheus_target_reload_length_seconds", "summary",
              "Actual interval to reload the scrape pool with a given configuration.");
  for (const auto& [interval, summary] : stats.reload_length) {
    WriteSummary(summary, "interval", interval, out);
  }
}

void WriteScrapes(const ScrapeCounters& c, MetricText* out) {
  const auto counter = [&](std::string_view name, std::string_view help, const base::Counter& value) {
    out->Counter(name, help, value.value());
  };
  counter("prometheus_target_scrape_pools_total",
          "Total number of scrape pool creation attempts.", c.pools_created);
  counter("prometheus_target_scrape_pools_failed_total",
          "Total number of scrape pool creations that failed.", c.pools_failed);
  counter("prometheus_target_scrape_pool_reloads_total",
          "Total number of scrape pool reloads.", c.pool_reloads);
  counter("prometheus_target_scrape_pool_reloads_failed_total",
          "Total number of failed scrape pool reloads.", c.pool_reloads_failed);
  counter("prometheus_target_scrape_pool_exceeded_target_limit_total",
          "Total number of times scrape pools hit the target limit, during sync or config reload.",
          c.pool_exceeded_target_limit);
  counter("prometheus_target_scrape_pool_exceeded_label_limits_total",
          "Total number of times scrape pools hit the label limits, during sync or config reload.",
          c.pool_exceeded_label_limits);
  counter("prometheus_target_scrapes_exceeded_sample_limit_total",
          "Total number of scrapes that hit the sample limit and were rejected.",
          c.exceeded_sample_limit);
  counter("prometheus_target_scrapes_exceeded_body_size_limit_total",
          "Total number of scrapes that hit the body size limit", c.exceeded_body_size_limit);
  counter("prometheus_target_scrapes_sample_duplicate_timestamp_total",
          "Total number of samples rejected due to duplicate timestamps but different values.",
          c.sample_duplicate);
  counter("prometheus_target_scrapes_sample_out_of_order_total",
          "Total number of samples rejected due to not being out of the expected order.",
          c.sample_out_of_order);
  counter("prometheus_target_scrapes_sample_out_of_bounds_total",
          "Total number of samples rejected due to timestamp falling outside of the time bounds.",
          c.sample_out_of_bounds);
  counter("prometheus_target_scrapes_exemplar_out_of_order_total",
          "Total number of exemplar rejected due to not being out of the expected order.",
          c.exemplar_out_of_order);
  counter("prometheus_target_scrapes_cache_flush_forced_total",
          "How many times a scrape cache was flushed due to getting big while scrapes are failing.",
          c.cache_flush_forced);
  counter("tidemark_scrapes_total", "Scrapes.", c.scrapes);
  counter("tidemark_scrapes_failed_total", "Scrapes that failed.", c.scrapes_failed);
  counter("tidemark_scrape_samples_scraped_total", "Samples read from targets.", c.samples_scraped);
  counter("tidemark_scrape_samples_appended_total", "Samples of those stored.", c.samples_appended);
  counter("tidemark_scrape_samples_limited_total",
          "Samples of new series the store refused for its budget.", c.sample_limited);
  counter("tidemark_scrape_commits_failed_total", "Scrapes the log could not take.", c.commits_failed);
  counter("tidemark_scrape_stale_markers_total", "Stale markers written.", c.stale_markers);
}

void WriteDiscovery(const DiscoveryStats& stats, MetricText* out) {
  out->Family("prometheus_sd_discovered_targets", "gauge", "Current number of discovered targets.");
  for (const auto& [job, count] : stats.targets) {
    out->Sample(count, {{"name", "scrape"}, {"config", job}});
  }
  const auto one = [&](std::string_view name, std::string_view type, std::string_view help,
                       double value) {
    out->Family(name, type, help);
    out->Sample(value, {{"name", "scrape"}});
  };
  one("prometheus_sd_received_updates_total", "counter",
      "Total number of update events received from the SD providers.",
      static_cast<double>(stats.received_updates));
  one("prometheus_sd_updates_total", "counter",
      "Total number of update events sent to the SD consumers.", static_cast<double>(stats.updates));
  one("prometheus_sd_last_update_timestamp_seconds", "gauge",
      "Timestamp of the last update sent to the SD consumers.", stats.last_update_s);
  one("prometheus_sd_failed_configs", "gauge",
      "Current number of service discovery configurations that failed to load.", 0);
  out->Counter("prometheus_sd_file_read_errors_total", "The number of File-SD read errors.",
               stats.file_read_errors);
  out->Family("prometheus_sd_file_mtime_seconds", "gauge",
              "Timestamp (mtime) of files read by FileSD. Timestamp is set at read time.");
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
  }
  if (sources.scheduler != nullptr) WriteCompaction(sources.scheduler->stats(), &out);
  if (sources.engine != nullptr) WriteEngine(*sources.engine, &out);
  if (sources.http != nullptr) WriteHttp(sources.http->stats(), &out);
  if (sources.api != nullptr) WriteApi(*sources.api, &out);
  if (sources.scrapes != nullptr) {
    if (sources.scrapes->counters != nullptr) WriteScrapes(*sources.scrapes->counters, &out);
    WritePools(*sources.scrapes, &out);
  }
  if (sources.discovery != nullptr) WriteDiscovery(*sources.discovery, &out);
  return out.Take();
}

}  // namespace server
