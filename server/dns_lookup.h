// Names to addresses without making the caller wait: getaddrinfo on a few threads of its own, so
// that one dead name server does not hold up what is found in /etc/hosts.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace server {

struct DnsAnswer {
  std::vector<std::string> addresses;  // "192.0.2.1", "2001:db8::1%eth0"; in order of preference.
  std::string error;                   // In Go's words: no such host; server misbehaving.
};

// Thread-safe. Its threads may outlive it (getaddrinfo cannot be called off), but never call back
// after its destructor has begun to return.
class DnsLookup {
 public:
  using Done = std::function<void(DnsAnswer)>;

  explicit DnsLookup(int max_threads = 16);
  ~DnsLookup();
  // `done` is called on some thread, under a lock of this class: it only hands over.
  void Resolve(std::string host, Done done);

 private:
  struct Shared;
  static void Work(std::shared_ptr<Shared> shared);
  const std::shared_ptr<Shared> shared_;
};

}  // namespace server
