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
};

// Runs on a worker thread and may block. Called from several at once.
using Handler = std::function<Response(const Request&)>;

// Filled at start-up, read-only after, hence shared without a lock.
class Router {
 public:
  Router();
  ~Router();
  // "/a/{name}/b"; "/a/*rest" takes everything below. An exact segment wins over a capture.
  void Add(Method method, std::string_view pattern, Handler handler);
  // Including 404, 405 (with Allow), and HEAD by way of GET. `*pattern`, when given, becomes the
  // route's pattern for metrics ("" for 404).
  Response Route(Request request, std::string* pattern = nullptr) const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace api
