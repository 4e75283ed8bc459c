#include "server/dns_lookup.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <sys/socket.h>

#include <deque>
#include <thread>
#include <utility>

#include <absl/base/thread_annotations.h>
#include <absl/synchronization/mutex.h>

namespace server {
namespace {

DnsAnswer LookUp(const std::string& host) {
  DnsAnswer answer;
  addrinfo hints{};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* list = nullptr;
  const int error = getaddrinfo(host.c_str(), nullptr, &hints, &list);
  if (error != 0) {
    const bool unknown = error == EAI_NONAME || error == EAI_NODATA || error == EAI_ADDRFAMILY;
    answer.error = unknown ? "no such host" : "server misbehaving";
    return answer;
  }
  for (const addrinfo* info = list; info != nullptr; info = info->ai_next) {
    char text[NI_MAXHOST];
    if (getnameinfo(info->ai_addr, info->ai_addrlen, text, sizeof text, nullptr, 0,
                    NI_NUMERICHOST) == 0) {
      answer.addresses.emplace_back(text);
    }
  }
  freeaddrinfo(list);
  if (answer.addresses.empty()) answer.error = "no such host";
  return answer;
}

}  // namespace

struct DnsLookup::Shared {
  explicit Shared(int max) : max_threads(max) {}
  const int max_threads;
  absl::Mutex mu;
  absl::CondVar arrived;
  std::deque<std::pair<std::string, Done>> queue ABSL_GUARDED_BY(mu);
  int threads ABSL_GUARDED_BY(mu) = 0, idle ABSL_GUARDED_BY(mu) = 0;
  bool stopped ABSL_GUARDED_BY(mu) = false;
};

DnsLookup::DnsLookup(int max_threads) : shared_(std::make_shared<Shared>(max_threads)) {}

DnsLookup::~DnsLookup() {
  absl::MutexLock lock(&shared_->mu);
  shared_->stopped = true;
  shared_->queue.clear();
  shared_->arrived.SignalAll();
}

void DnsLookup::Resolve(std::string host, Done done) {
  absl::MutexLock lock(&shared_->mu);
  shared_->queue.emplace_back(std::move(host), std::move(done));
  if (static_cast<int>(shared_->queue.size()) > shared_->idle &&
      shared_->threads < shared_->max_threads) {
    ++shared_->threads;
    std::thread(&DnsLookup::Work, shared_).detach();
  }
  shared_->arrived.Signal();
}

void DnsLookup::Work(std::shared_ptr<Shared> shared) {
  shared->mu.Lock();
  while (!shared->stopped) {
    if (shared->queue.empty()) {
      ++shared->idle;
      const bool timed_out = shared->arrived.WaitWithTimeout(&shared->mu, absl::Seconds(30));
      --shared->idle;
      if (timed_out && shared->queue.empty()) break;
      continue;
    }
    const auto [host, done] = std::move(shared->queue.front());
    shared->queue.pop_front();
    shared->mu.Unlock();
    DnsAnswer answer = LookUp(host);
    shared->mu.Lock();
    if (!shared->stopped) done(std::move(answer));
  }
  --shared->threads;
  shared->mu.Unlock();
}

}  // namespace server
