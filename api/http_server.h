// HTTP/1.1 for a Router. One io thread that never blocks reads and writes; a pool of workers runs
// the handlers. Beast and Asio stay inside http_server.cc.
//
// A connection is served one request at a time; what a client pipelines waits its turn. While a
// handler runs the connection is watched: when the client goes, Request::cancelled turns true.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include <absl/status/statusor.h>
#include <absl/time/time.h>

#include "api/query_pool.h"
#include "api/request_stats.h"
#include "api/router.h"

namespace api {

struct HttpServerOptions {
  // "host:port"; ":9090" and "0.0.0.0:9090" are all interfaces; "[::1]:9090"; port 0: any free one.
  std::vector<std::string> addresses;
  int workers = 0;                                   // For Lane::kOrdinary. 0: max(2, cores).
  int prompt_workers = 2;                            // For Lane::kPrompt alone.
  QueryPoolOptions queries;                          // Lane::kQuery.
  int max_connections = 512;                         // Further ones wait in the backlog.
  absl::Duration header_timeout = absl::Seconds(30); // From a request's first byte to its last header.
  absl::Duration read_timeout = absl::Minutes(5);    // For a whole request, and between requests.
  absl::Duration write_timeout = absl::Minutes(1);   // Without any progress in sending.
  uint32_t max_header_bytes = 1 << 20;
  uint64_t max_body_bytes = 64 << 20;                // As sent. More is answered 413.
};

class HttpServer {  // Thread-safe.
 public:
  // Binds and listens; connections wait until Start. `router` must outlive the server.
  static absl::StatusOr<std::unique_ptr<HttpServer>> Listen(HttpServerOptions options,
                                                            const Router* router);
  ~HttpServer();  // Stop(0).

  void Start();
  // Refuses new connections, closes idle ones, lets running requests finish. After `grace` their
  // Request::cancelled turns true and the connections are cut. Returns when all threads have ended.
  // Idempotent.
  void Stop(absl::Duration grace);

  std::vector<int> ports() const;      // As bound, one for each address.
  HttpStats stats() const;
  QueryPoolStats query_stats() const;  // Once it has been started.

  class Impl;  // http_server.cc

 private:
  explicit HttpServer(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace api
