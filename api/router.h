// Requests in, responses out, as plain values. Beast is elsewhere (http_server).
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <absl/status/statusor.h>
#include <absl/time/time.h>

#include "storage/base/turn.h"

namespace api {

using Pairs = std::vector<std::pair<std::string, std::string>>;
enum class Method : uint8_t { kGet, kPost, kPut, kDelete, kOptions, kHead, kOther };

struct Request {
  Method method = Method::kGet;
  std::string path;      // Decoded, without the query.
  Pairs params;          // From a form body, then from the query (Go's FormValue order); order kept.
  Pairs url_params;      // From the query only.
  Pairs captures;        // The {name} parts of the route.
  Pairs headers;         // Names in lower case.
  std::string body;      // As sent: Content-Encoding is the handler's affair.
  std::string remote;    // address:port of the client.
  const std::atomic<bool>* cancelled = nullptr;  // True once the client has gone. May be null.
  base::Turn* turn = nullptr;            // Of what runs in Lane::kQuery. May be null.
  absl::Time arrived = absl::InfiniteFuture();  // Before it waited for its turn, if it has one.

  std::string_view Param(std::string_view name) const;             // The first, or "".
  std::optional<std::string_view> FindParam(std::string_view name) const;
  std::vector<std::string_view> ParamList(std::string_view name) const;  // All, in order.
  std::string_view Capture(std::string_view name) const;
  std::string_view Header(std::string_view lower_case_name) const;  // "" when absent.
};

struct Response {
  int status = 200;
  std::string content_type = "application/json";
  std::string body;
  Pairs headers;
  std::shared_ptr<const void> held;  // Goes when the body has been sent.
  absl::Duration hold_back;          // It leaves so much later; no thread waits for it.
};

// As Go's http.Error: the message and a newline, text/plain.
Response TextResponse(int status, std::string_view message);

// Runs on a worker thread and may block. Called from several at once.
using Handler = std::function<Response(const Request&)>;

// Which threads of the server run a route. kPrompt routes (health, metrics, pages, remote write)
// also have workers of their own, so that a pile of slow requests does not hold them up. kQuery
// routes, which read the store, have a pool of their own too (query_pool); they may be called again
// from the start when others have to go first, and must not change anything.
enum class Lane : uint8_t { kOrdinary, kPrompt, kQuery };

// Filled at start-up, read-only after, hence shared without a lock.
class Router {
 public:
  Router();
  ~Router();
  // "/a/{name}/b"; "/a/*rest" takes everything below. An exact segment wins over a capture, a
  // capture over a rest. Adding the same pattern and method again replaces the handler.
  void Add(Method method, std::string_view pattern, Handler handler, Lane lane = Lane::kOrdinary);
  // Everything then lives below `prefix` ("/prom"): "/" redirects there, the rest is 404. "" or "/"
  // is no prefix. Patterns and what handlers see in Request::path stay without it.
  void set_prefix(std::string_view prefix);
  // Including 404, 405 (with Allow), and HEAD by way of GET. Repeated slashes count as one.
  // `*pattern`, when given, becomes the route's pattern for metrics ("" for 404). A handler that
  // throws is answered 500.
  Response Route(Request request, std::string* pattern = nullptr) const;
  Lane LaneOf(Method method, std::string_view path) const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace api
