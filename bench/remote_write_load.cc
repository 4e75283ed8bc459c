// Pushes remote write requests as fast as the server takes them, and says how many and how long.
//
//   remote_write_load HOST:PORT PATH SERIES TIMESTAMPS [START_MS STEP_MS [CONNECTIONS [PER_REQUEST [CHURN [KIND]]]]]
//
// SERIES series with labels like a node exporter's (10 labels, about 170 bytes), a sample of each at
// every one of TIMESTAMPS times; requests of PER_REQUEST samples (2000), in time order, each series
// always on the same connection. CHURN percent of the series are replaced by new ones every hour of the data's time, a
// few at each step. KIND "histograms" makes buckets of a latency of a fifth of the series.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <snappy.h>
#include <sys/socket.h>
#include <unistd.h>

#include <barrier>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <thread>
#include <vector>

#include "bench/bench.h"
#include "storage/base/coding.h"

namespace {

struct Load {
  std::string host, path;
  int port = 0;
  int series = 0, timestamps = 0, connections = 2, per_request = 2000;
  int64_t start_ms = 0, step_ms = 15'000;
  int churn_percent = 0;
  bool histograms = false;

  // How many times series `i` was replaced before `step`.
  int64_t Generation(int i, int step) const {
    if (churn_percent == 0) return 0;
    const int64_t life_ms = 3'600'000 * int64_t{100} / churn_percent;
    return (step * step_ms + life_ms * i / series) / life_ms;
  }
};

void AppendField(std::string* out, int number, std::string_view bytes) {
  base::AppendVarint(out, number << 3 | 2);
  base::AppendString(out, bytes);
}

void AppendPair(std::string* out, std::string_view name, std::string_view value) {
  std::string pair;
  AppendField(&pair, 1, name);
  AppendField(&pair, 2, value);
  AppendField(out, 1, pair);
}

constexpr int kFirstBucket = 80;  // Of the hundred metrics, where some are the buckets of one.

// The labels of series `i`, as they stand in a TimeSeries.
std::string LabelFields(int i, int64_t generation, bool histograms) {
  static constexpr const char* kModes[] = {"idle", "iowait", "irq", "nice", "softirq", "steal", "system", "user"};
  std::string out;
  const int metric = i % 100, host = i / 800, mode = i / 100 % 8;
  const bool bucket = histograms && metric >= kFirstBucket;
  AppendPair(&out, "__name__", bucket ? "bench_latency_seconds_bucket" : fmt::format("bench_node_metric_{:02}_seconds_total", metric));
  AppendPair(&out, "cluster", "production-eu-west-1");
  AppendPair(&out, "container", "node-exporter");
  AppendPair(&out, "cpu", std::to_string((bucket ? i / 100 : i) % 16));
  AppendPair(&out, "environment", "production");
  AppendPair(&out, "instance", fmt::format("10.0.{}.{}:9100", host / 250, host % 250));
  AppendPair(&out, "job", fmt::format("job-{}", host % 10));
  if (bucket) AppendPair(&out, "le", metric == 99 ? "+Inf" : fmt::format("{}", 0.001 * (1 << (metric - kFirstBucket))));
  AppendPair(&out, "mode", kModes[mode]);
  AppendPair(&out, "namespace", "monitoring");
  if (!bucket) AppendPair(&out, "series", generation == 0 ? std::to_string(i) : fmt::format("{}-{}", i, generation));
  return out;
}

// Counters that grow by steps of their own.
double ValueAt(int series, int step, bool histograms) {
  const int metric = series % 100;
  if (!histograms || metric < kFirstBucket) return static_cast<double>(step) * (1 + series % 17) + series % 1000;
  return static_cast<double>(step) * (1 + metric - kFirstBucket) * (1 + series / 100 % 7);
}

// How far a connection may be ahead of the others: no server takes samples an hour older than its newest.
constexpr int kStepsAlone = 10;

class Connection {
 public:
  Connection(const Load& load, int first, int last) : load_(load), first_(first), last_(last) {
    for (int i = first; i < last; ++i) labels_.push_back(LabelFields(i, 0, load.histograms));
    generations_.resize(labels_.size());
  }

  bool Open() {
    fd_ = ::socket(AF_INET, SOCK_STREAM, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(static_cast<uint16_t>(load_.port));
    ::inet_pton(AF_INET, load_.host.c_str(), &address.sin_addr);
    const int one = 1;
    ::setsockopt(fd_, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    return ::connect(fd_, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0;
  }

  void Run(std::barrier<>& together) {
    for (int step = 0; step < load_.timestamps; ++step) {
      if (step % kStepsAlone == 0) together.arrive_and_wait();
      for (int i = first_; i < last_; i += load_.per_request) {
        const std::string request = Request(i, std::min(last_, i + load_.per_request), step);
        const auto begin = std::chrono::steady_clock::now();
        if (!Exchange(request)) return together.arrive_and_drop();
        const std::chrono::duration<double> took = std::chrono::steady_clock::now() - begin;
        latencies_s.push_back(took.count());
      }
    }
    together.arrive_and_drop();
  }

  std::vector<double> latencies_s;
  std::string failure;

 private:
  std::string Request(int from, int to, int step) {
    std::string body, series, sample;
    for (int i = from; i < to; ++i) {
      sample.assign(1, '\x09');
      base::AppendLittleEndian(&sample, std::bit_cast<uint64_t>(ValueAt(i, step, load_.histograms)));
      sample += '\x10';
      base::AppendVarint(&sample, static_cast<uint64_t>(load_.start_ms + step * load_.step_ms));
      if (const int64_t now = load_.Generation(i, step); now != generations_[i - first_]) {
        generations_[i - first_] = now;
        labels_[i - first_] = LabelFields(i, now, load_.histograms);
      }
      series = labels_[i - first_];
      AppendField(&series, 2, sample);
      AppendField(&body, 1, series);
    }
    std::string compressed;
    snappy::Compress(body.data(), body.size(), &compressed);
    return fmt::format("POST {} HTTP/1.1\r\nHost: {}\r\nContent-Type: application/x-protobuf\r\n"
                       "Content-Encoding: snappy\r\nX-Prometheus-Remote-Write-Version: 0.1.0\r\n"
                       "Content-Length: {}\r\n\r\n", load_.path, load_.host, compressed.size()) + compressed;
  }

  // Sends and reads one answer; false, with `failure`, unless it is 200 or 204.
  bool Exchange(std::string_view request) {
    while (!request.empty()) {
      const ssize_t n = ::send(fd_, request.data(), request.size(), MSG_NOSIGNAL);
      if (n <= 0) return Fail("send failed");
      request.remove_prefix(static_cast<size_t>(n));
    }
    std::string answer;
    char buf[4096];
    size_t head_end;
    while ((head_end = answer.find("\r\n\r\n")) == std::string::npos) {
      const ssize_t n = ::recv(fd_, buf, sizeof buf, 0);
      if (n <= 0) return Fail("connection closed");
      answer.append(buf, static_cast<size_t>(n));
    }
    const int status = std::atoi(answer.c_str() + 9);
    if (status == 204 || status == 200) return true;
    return Fail(answer);
  }
  bool Fail(std::string why) {
    failure = std::move(why);
    return false;
  }

  const Load& load_;
  const int first_, last_;
  std::vector<std::string> labels_;
  std::vector<int64_t> generations_;
  int fd_ = -1;
};

}  // namespace

int main(int argc, char** argv) {
  if (argc < 5) {
    std::fprintf(stderr, "remote_write_load HOST:PORT PATH SERIES TIMESTAMPS [START_MS STEP_MS [CONNECTIONS [PER_REQUEST [CHURN [KIND]]]]]\n");
    return argc == 1 ? 0 : 2;  // bench/run runs every bench without arguments.
  }
  Load load;
  const std::string address = argv[1];
  load.host = address.substr(0, address.find(':'));
  load.port = std::atoi(address.c_str() + address.find(':') + 1);
  load.path = argv[2];
  load.series = std::atoi(argv[3]);
  load.timestamps = std::atoi(argv[4]);
  if (argc > 5) load.start_ms = std::atoll(argv[5]);
  if (argc > 6) load.step_ms = std::atoll(argv[6]);
  if (argc > 7) load.connections = std::atoi(argv[7]);
  if (argc > 8) load.per_request = std::atoi(argv[8]);
  if (argc > 9) load.churn_percent = std::atoi(argv[9]);
  if (argc > 10) load.histograms = std::string_view(argv[10]) == "histograms";

  std::vector<std::unique_ptr<Connection>> connections;
  for (int c = 0; c < load.connections; ++c) {
    connections.push_back(std::make_unique<Connection>(load, int64_t{load.series} * c / load.connections,
                                                       int64_t{load.series} * (c + 1) / load.connections));
    if (!connections.back()->Open()) {
      std::perror("connect");
      return 1;
    }
  }
  const auto begin = std::chrono::steady_clock::now();
  std::barrier<> together(load.connections);
  std::vector<std::thread> threads;
  for (auto& c : connections) threads.emplace_back([&] { c->Run(together); });
  for (auto& t : threads) t.join();
  const std::chrono::duration<double> wall = std::chrono::steady_clock::now() - begin;
  std::vector<double> latencies;
  for (auto& c : connections) {
    if (!c->failure.empty()) {
      std::fprintf(stderr, "%s\n", c->failure.c_str());
      return 1;
    }
    latencies.insert(latencies.end(), c->latencies_s.begin(), c->latencies_s.end());
  }
  std::sort(latencies.begin(), latencies.end());
  fmt::print("{{\"samples\":{},\"wall_s\":{:.3f},\"requests\":{},\"p50_ms\":{:.3f},\"p99_ms\":{:.3f}}}\n",
             int64_t{load.series} * load.timestamps, wall.count(), latencies.size(),
             latencies[latencies.size() / 2] * 1e3, latencies[latencies.size() * 99 / 100] * 1e3);
}
