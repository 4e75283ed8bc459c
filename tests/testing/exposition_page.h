// Pages as node_exporter and its kind print them, from a seed: counters by cpu and mode, gauges by
// device, histograms, summaries, a long tail of single series. Values change with `round`, the lines
// do not.
#pragma once

#include <fmt/format.h>

#include <cstdint>
#include <random>
#include <string>

namespace testing_support {

struct PageOptions {
  uint64_t seed = 1;
  int round = 0;             // Values of this scrape.
  int cpus = 8;
  int devices = 12;
  int singles = 300;         // Families of one series.
  int histograms = 6;
  bool openmetrics = false;  // With # EOF, _total names and a few exemplars.
};

inline std::string MakePage(const PageOptions& options) {
  std::mt19937_64 shape(options.seed), values(options.seed * 1000003 + options.round);
  const std::string total = options.openmetrics ? "_total" : "";
  std::string page;
  const auto head = [&](const std::string& name, const char* type, const char* help) {
    page += fmt::format("# HELP {} {}\n# TYPE {} {}\n", name, help, name, type);
  };
  const auto counter = [&] {
    return fmt::format("{:.2f}", 1e5 + options.round * 15.0 + static_cast<double>(values() % 100000) / 100);
  };
  const auto gauge = [&] {
    switch (values() % 5) {
      case 0: return fmt::format("{}", values() % 3);
      case 1: return fmt::format("{}", 1000000 + values() % 900000000);
      case 2: return fmt::format("{:.6f}", static_cast<double>(values() % 1000000) / 1e6);
      case 3: return fmt::format("{:e}", 1e9 + static_cast<double>(values() % 1000000000));
      default: return fmt::format("{}", 4096 * (values() % 1000000));
    }
  };

  const std::string cpu = options.openmetrics ? "node_cpu_seconds" : "node_cpu_seconds_total";
  head(cpu, "counter", "Seconds the CPUs spent in each mode.");
  for (int i = 0; i < options.cpus; ++i) {
    for (const char* mode : {"idle", "iowait", "irq", "nice", "softirq", "steal", "system", "user"}) {
      page += fmt::format("{}{}{{cpu=\"{}\",mode=\"{}\"}} {}\n", cpu, total, i, mode, counter());
    }
  }
  for (const char* name : {"node_filesystem_size_bytes", "node_filesystem_avail_bytes",
                           "node_filesystem_files", "node_filesystem_readonly"}) {
    head(name, "gauge", "Filesystem figures, as statfs gives them.");
    for (int i = 0; i < options.devices; ++i) {
      page += fmt::format("{}{{device=\"/dev/sd{}1\",fstype=\"ext4\",mountpoint=\"/mnt/volume-{}\"}} {}\n",
                          name, static_cast<char>('a' + i % 26), i, gauge());
    }
  }
  for (const char* name : {"node_network_receive_bytes", "node_network_transmit_bytes",
                           "node_disk_reads_completed", "node_disk_written_bytes"}) {
    const std::string family = std::string(name) + (options.openmetrics ? "" : "_total");
    head(family, "counter", "Device statistic, since it came up.");
    for (int i = 0; i < options.devices; ++i) {
      page += fmt::format("{}{}{{device=\"eth{}\"}} {}\n", family, total, i, 1000000 + values() % 100000000000);
    }
  }
  for (int i = 0; i < options.histograms; ++i) {
    const std::string name = fmt::format("http_request_duration_seconds_{}", i);
    head(name, "histogram", "Latency of requests, by handler.");
    for (const char* handler : {"/", "/api/v1/query", "/metrics"}) {
      uint64_t sum = 0;
      for (const char* le : {"0.1", "0.2", "0.4", "1", "3", "8", "20", "60", "120", "+Inf"}) {
        sum += values() % 1000;
        page += fmt::format("{}_bucket{{handler=\"{}\",le=\"{}\"}} {}", name, handler, le, sum);
        if (options.openmetrics && values() % 4 == 0) {
          page += fmt::format(" # {{trace_id=\"{:016x}\"}} 0.{} 1700000000.{}", values(),
                              values() % 100, 100 + values() % 900);
        }
        page += '\n';
      }
      page += fmt::format("{}_sum{{handler=\"{}\"}} {}\n", name, handler, counter());
      page += fmt::format("{}_count{{handler=\"{}\"}} {}\n", name, handler, sum);
    }
  }
  head("go_gc_duration_seconds", "summary", "A summary of pauses.");
  for (const char* q : {"0", "0.25", "0.5", "0.75", "1"}) {
    page += fmt::format("go_gc_duration_seconds{{quantile=\"{}\"}} {}\n", q, gauge());
  }
  page += fmt::format("go_gc_duration_seconds_sum {}\ngo_gc_duration_seconds_count {}\n", counter(),
                      values() % 1000);
  for (int i = 0; i < options.singles; ++i) {
    const std::string name = fmt::format("node_vmstat_{}_{}_bytes", shape() % 1000, i);
    head(name, "gauge", "A figure from /proc that somebody may want one day.");
    page += fmt::format("{} {}\n", name, gauge());
  }
  if (options.openmetrics) page += "# EOF\n";
  return page;
}

// A few bytes changed, taken out, doubled or brought from elsewhere in the page.
inline std::string Mutate(std::string page, std::mt19937_64* random) {
  constexpr std::string_view kSpice = "{}\",=\\ \t\n#+-.eE_:0a\x00\xff\xc3N";
  const int changes = 1 + static_cast<int>((*random)() % 4);
  for (int i = 0; i < changes && !page.empty(); ++i) {
    const size_t at = (*random)() % page.size();
    const char spice = kSpice[(*random)() % kSpice.size()];
    switch ((*random)() % 5) {
      case 0: page[at] = spice; break;
      case 1: page.erase(at, 1 + (*random)() % 5); break;
      case 2: page.insert(at, 1, spice); break;
      case 3: page.insert(at, page.substr((*random)() % page.size(), (*random)() % 20)); break;
      default: page.resize(at); break;
    }
  }
  return page;
}

}  // namespace testing_support
