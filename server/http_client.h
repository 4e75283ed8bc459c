// An HTTP/1.1 client for all errands of the server: scrapes now; alerts and remote write later. One
// thread does the network (Beast, Asio and OpenSSL stay inside http_client.cc); it never reads a
// page, it hands bodies over.
//
//   auto settings = HttpSettings::Make(job.http);
//   client.Fetch(*settings, {.url = "http://node:9100/metrics", .timeout_ms = 10'000},
//                [](absl::StatusOr<HttpResponse> response) { ... });
//
// Connections are kept and used again: by scheme, host, port, socket, proxy and TLS material. An
// idle connection that the other side has closed is noticed before it is used, and a GET that fails
// on a used connection before any byte of an answer goes out once more on a new one.
//
// Errors read as Go's net/http prints them, since dashboards show them (spec 6.3):
//   Get "http://h:1/metrics": dial tcp 127.0.0.1:1: connect: connection refused
//   Get "http://h:1/metrics": context deadline exceeded
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <absl/status/statusor.h>

#include "server/config/config.h"

namespace server {

struct HttpRequest {
  std::string method = "GET", url;
  std::vector<std::pair<std::string, std::string>> headers;
  std::string body;
  std::string unix_socket;              // Path: connect there; the URL gives Host and path only.
  int64_t timeout_ms = 30'000;          // For everything together.
  // A body of this size or more, as sent or decoded, is kResourceExhausted: "body size limit
  // exceeded". 0: kMaxBodyBytes.
  uint64_t body_limit_bytes = 0;
  bool decode = true;                   // Undo Content-Encoding: gzip. Else the caller does.
  // Waits for one of HttpClientOptions::max_bodies before reading the body, and holds it as long as
  // HttpResponse::slot lives.
  bool take_body_slot = false;
};
inline constexpr uint64_t kMaxBodyBytes = uint64_t{1} << 29;

struct HttpResponse {
  int status = 0;
  std::string reason;                   // "Not Found", as it was sent.
  std::vector<std::pair<std::string, std::string>> headers;
  std::string body;
  std::shared_ptr<void> slot;
  std::string StatusText() const;       // "404 Not Found"
  std::string_view Header(std::string_view name) const;  // The first; "" when absent. Any case.
};

// A client configuration made ready: shared by all fetches of a job. Thread-safe. Password, token
// and certificate files are looked at on every request, and read anew when they changed.
class HttpSettings {
 public:
  // kInvalidArgument, kNotFound: a certificate or key that cannot be used, a proxy_url of a kind
  // that is not supported.
  static absl::StatusOr<std::shared_ptr<HttpSettings>> Make(const HttpClientConfig& config);
  virtual ~HttpSettings() = default;
};

// A fetch under way.
class HttpFetch {
 public:
  virtual ~HttpFetch() = default;
  // Thread-safe. `done` still comes, with kCancelled unless it was finished already.
  virtual void Cancel() = 0;
};

struct HttpClientOptions {
  int max_bodies = 128;                 // For take_body_slot.
  int max_idle_per_host = 8, max_idle = 4096;
  int64_t idle_timeout_ms = 300'000;
};

// Thread-safe.
class HttpClient {
 public:
  using Done = std::function<void(absl::StatusOr<HttpResponse>)>;

  explicit HttpClient(HttpClientOptions options = {});
  ~HttpClient();  // Cancels what is under way; every `done` has run when it returns.

  // `done` runs on the client's thread, once; it must not block. Answers of any status are answers;
  // errors are kDeadlineExceeded, kCancelled, kResourceExhausted, kInvalidArgument (the request
  // cannot be made) and kUnavailable (everything else).
  // Redirects: at most ten, when the settings follow them; credentials go only to the scheme, host
  // and port they were meant for, or from http to https of the same host.
  std::shared_ptr<HttpFetch> Fetch(std::shared_ptr<HttpSettings> settings, HttpRequest request,
                                   Done done);
  // The same, waiting. Not from the client's own thread.
  absl::StatusOr<HttpResponse> FetchAndWait(std::shared_ptr<HttpSettings> settings,
                                            HttpRequest request);

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace server
