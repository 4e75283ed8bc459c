#include "server/http_client.h"

#include <utility>

#include <boost/asio.hpp>
#include <boost/asio/generic/stream_protocol.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/ssl.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <sys/socket.h>

#include <algorithm>
#include <cstring>
#include <deque>
#include <optional>
#include <set>
#include <thread>

#include <absl/synchronization/mutex.h>
#include <absl/synchronization/notification.h>

#include "api/compress.h"
#include "server/dns_lookup.h"
#include "server/http_settings.h"
#include "server/http_url.h"
#include "storage/base/hash.h"
#include "storage/base/log.h"
#include "storage/base/status.h"

namespace server {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;
namespace ssl = asio::ssl;
using boost::system::error_code;
using Socket = asio::generic::stream_protocol::socket;
using Response = absl::StatusOr<HttpResponse>;
template <class T>
using Awaitable = asio::awaitable<T>;

constexpr int kMaxRedirects = 10;
constexpr uint32_t kMaxHeaderBytes = 1 << 20;

// ---- Words. ----

// "connection refused": the system's text as Go prints it.
std::string SystemText(const error_code& error) {
  std::string text = error.category() == asio::error::get_system_category()
                         ? std::string(std::strerror(error.value()))
                         : error.message();
  if (!text.empty()) text[0] = static_cast<char>(std::tolower(static_cast<unsigned char>(text[0])));
  return text;
}

std::string MethodTitle(const std::string& method) {
  std::string title = method;
  for (size_t i = 1; i < title.size(); ++i) {
    title[i] = static_cast<char>(std::tolower(static_cast<unsigned char>(title[i])));
  }
  return title;
}

bool SameText(std::string_view a, std::string_view b) {
  return beast::iequals({a.data(), a.size()}, {b.data(), b.size()});
}

// Why a handshake failed.
std::string HandshakeText(SSL* tls, const error_code& error, std::string_view host) {
  std::string text = VerifyFailure(tls, host);
  if (!text.empty()) return text;
  const bool from_tls = error.category() == asio::error::get_ssl_category();
  if (from_tls && ERR_GET_REASON(error.value()) == SSL_R_WRONG_VERSION_NUMBER) {
    return "http: server gave HTTP response to HTTPS client";
  }
  if (error == asio::error::eof || error == ssl::error::stream_truncated) return "EOF";
  return from_tls ? "remote error: tls: " + error.message() : SystemText(error);
}

// ---- One connection. ----

struct Connection {
  explicit Connection(asio::io_context& io) : socket(io) {}
  Socket socket;
  std::optional<ssl::context> context;
  std::unique_ptr<ssl::stream<Socket&>> tls;
  beast::flat_buffer buffer;
  std::string peer;  // "tcp 127.0.0.1:34567->127.0.0.1:9100"
  std::chrono::steady_clock::time_point idle_since;
  bool used = false;

  void Close() {
    error_code ignored;
    socket.close(ignored);
  }
  // Whether the other side has hung up (or talked out of turn) while nobody listened.
  bool Alive() {
    char byte;
    const ssize_t n = ::recv(socket.native_handle(), &byte, 1, MSG_PEEK | MSG_DONTWAIT);
    return n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK);
  }
};
using ConnectionPtr = std::shared_ptr<Connection>;

std::string EndpointText(const asio::generic::stream_protocol::endpoint& endpoint) {
  asio::ip::tcp::endpoint tcp;
  if (endpoint.size() > tcp.capacity()) return "";
  tcp.resize(endpoint.size());
  std::memcpy(tcp.data(), endpoint.data(), endpoint.size());
  return JoinHostPort(tcp.address().to_string(), std::to_string(tcp.port()));
}

}  // namespace

std::string HttpResponse::StatusText() const {
  return reason.empty() ? std::to_string(status) : fmt::format("{} {}", status, reason);
}

std::string_view HttpResponse::Header(std::string_view name) const {
  for (const auto& [key, value] : headers) {
    if (SameText(key, name)) return value;
  }
  return {};
}

// ---- The client. All of it lives on the io thread, but for the constructor and Fetch.
//
// The coroutines take references to what their caller's frame holds, and no temporary with a
// destructor stands in a co_await expression: GCC 12 destroys such a one twice. ----

class HttpClient::Impl {
 public:
  explicit Impl(HttpClientOptions options)
      : options_(options),
        io_(std::make_shared<asio::io_context>(1)),
        work_(io_->get_executor()),
        sweeper_(*io_),
        slots_free_(options.max_bodies),
        thread_([this] { RunLoop(); }) {
    asio::post(*io_, [this] { Sweep(); });
  }

  ~Impl() {
    asio::post(*io_, [this] {
      stopping_ = true;
      dns_.reset();
      sweeper_.cancel();
      idle_.clear();
      for (Operation* operation : std::vector<Operation*>(active_.begin(), active_.end())) {
        operation->Stop(&Operation::cancelled);
      }
      work_.reset();
    });
    thread_.join();
  }

  std::shared_ptr<HttpFetch> Fetch(std::shared_ptr<HttpSettings> settings, HttpRequest request,
                                   Done done) {
    auto operation = std::make_shared<Operation>(*io_, std::move(request), std::move(done));
    operation->settings = std::static_pointer_cast<PreparedSettings>(std::move(settings));
    auto handle = std::make_shared<Handle>(io_, operation);
    asio::post(*io_, [this, op = std::move(operation)] { Start(op); });
    return handle;
  }

 private:
  struct Operation {
    Operation(asio::io_context& context, HttpRequest r, Done d)
        : request(std::move(r)), done(std::move(d)), deadline(context), wakeup(context) {}

    // Ends whatever is being waited for.
    void Stop(bool Operation::*why) {
      this->*why = true;
      if (connection != nullptr) connection->Close();
      wakeup.cancel();
    }
    bool stopped() const { return cancelled || timed_out; }
    absl::Status Error(std::string_view text) const {
      if (cancelled) return absl::CancelledError("context canceled");
      if (timed_out) return absl::DeadlineExceededError("context deadline exceeded");
      return base::Unavailable("{}", text);
    }

    std::shared_ptr<PreparedSettings> settings;
    HttpRequest request;
    Done done;
    asio::steady_timer deadline, wakeup;
    ConnectionPtr connection;
    std::shared_ptr<void> slot;
    bool cancelled = false, timed_out = false;
    bool in_body = false;     // Errors from here on come without the address before them.
    bool answer_began = false;
  };
  using OperationPtr = std::shared_ptr<Operation>;

  // What the caller holds: it may outlive the operation and the client.
  struct Handle final : HttpFetch {
    Handle(std::weak_ptr<asio::io_context> context, std::weak_ptr<Operation> operation)
        : io(std::move(context)), op(std::move(operation)) {}
    void Cancel() override {
      const auto context = io.lock();
      if (context == nullptr) return;
      asio::post(*context, [weak = op] {
        if (const OperationPtr operation = weak.lock()) operation->Stop(&Operation::cancelled);
      });
    }
    const std::weak_ptr<asio::io_context> io;
    const std::weak_ptr<Operation> op;
  };

  void RunLoop() {
    for (;;) {
      try {
        io_->run();
        return;
      } catch (const std::exception& e) {
        base::Log(base::LogLevel::kError, "http_client", "Handler failed", {{"err", e.what()}});
      }
    }
  }

  void Start(const OperationPtr& op) {
    if (stopping_) {
      op->done(absl::CancelledError("context canceled"));
      return;
    }
    active_.insert(op.get());
    op->deadline.expires_after(std::chrono::milliseconds(op->request.timeout_ms));
    op->deadline.async_wait([op](error_code error) {
      if (!error) op->Stop(&Operation::timed_out);
    });
    asio::co_spawn(*io_, Run(op), asio::detached);
  }

  Awaitable<void> Run(OperationPtr op) {
    Response response = absl::InternalError("not run");
    try {
      response = co_await FollowRedirects(op);
    } catch (const std::exception& e) {
      response = base::Internal("{}", e.what());
    }
    op->deadline.cancel();
    active_.erase(op.get());
    op->connection.reset();
    op->slot.reset();
    Done done = std::move(op->done);
    done(std::move(response));
  }

  Awaitable<Response> FollowRedirects(const OperationPtr& op) {
    HttpRequest& request = op->request;
    absl::StatusOr<HttpUrl> url = ParseHttpUrl(request.url);
    if (!url.ok()) {
      co_return base::InvalidArgument("{} \"{}\": {}", MethodTitle(request.method), request.url,
                                      base::message(url.status()));
    }
    const HttpUrl first = *url;
    for (int redirects = 0;; ++redirects) {
      op->in_body = false;
      Response response = co_await Exchange(op, *url, first);
      const auto named = [&](const absl::Status& status) {
        return base::Error(status.code(), "{} \"{}\": {}", MethodTitle(request.method),
                           url->ToString(), base::message(status));
      };
      if (!response.ok()) {
        co_return op->in_body ? response.status() : named(response.status());
      }
      const int status = response->status;
      const bool moved = status == 301 || status == 302 || status == 303 || status == 307 ||
                         status == 308;
      if (!moved || !op->settings->config().follow_redirects) co_return response;
      const std::string location(response->Header("Location"));
      if (location.empty()) {
        if (status == 307 || status == 308) co_return response;
        co_return named(base::Unavailable("{} response missing Location header", status));
      }
      if (redirects == kMaxRedirects) {
        co_return named(base::Unavailable("stopped after {} redirects", kMaxRedirects));
      }
      absl::StatusOr<HttpUrl> next = ResolveHttpUrl(*url, location);
      if (!next.ok()) co_return named(next.status());
      url = std::move(next);
      if (status != 307 && status != 308 && request.method != "GET" && request.method != "HEAD") {
        request.method = "GET";
        request.body.clear();
      }
    }
  }

  // One request and its answer.
  Awaitable<Response> Exchange(const OperationPtr& op, const HttpUrl& url,
                               const HttpUrl& first) {
    PreparedSettings::TlsState tls;
    if (url.scheme == "https") {
      absl::StatusOr<PreparedSettings::TlsState> state = op->settings->Tls();
      if (!state.ok()) co_return state.status();
      tls = *state;
    }
    http::request<http::string_body> message;
    const absl::Status filled = Fill(*op, url, first, &message);
    if (!filled.ok()) co_return filled;
    const std::string key = op->settings->PoolKey(url, op->request.unix_socket, tls.generation);
    for (bool fresh = false;; fresh = true) {
      op->connection = fresh ? nullptr : TakeIdle(key);
      if (op->connection == nullptr) {
        const absl::Status connected = co_await Connect(op, url, tls);
        if (!connected.ok()) co_return connected;
        fresh = true;
      }
      op->answer_began = false;
      Response response = absl::InternalError("not run");
      if (op->connection->tls != nullptr) {
        response = co_await RoundTrip(op, *op->connection->tls, message, key);
      } else {
        response = co_await RoundTrip(op, op->connection->socket, message, key);
      }
      const bool again = !response.ok() && !fresh && !op->answer_began && !op->stopped() &&
                         (op->request.method == "GET" || op->request.method == "HEAD");
      if (!again) co_return response;
    }
  }

  template <class Stream>
  Awaitable<Response> RoundTrip(const OperationPtr& op, Stream& stream,
                                http::request<http::string_body>& message,
                                const std::string& key) {
    const ConnectionPtr connection = op->connection;
    error_code error;
    co_await http::async_write(stream, message, asio::redirect_error(asio::use_awaitable, error));
    if (error) co_return op->Error(fmt::format("write {}: write: {}", connection->peer, SystemText(error)));

    const uint64_t limit = op->request.body_limit_bytes == 0
                               ? kMaxBodyBytes
                               : std::min(op->request.body_limit_bytes, kMaxBodyBytes);
    std::optional<http::response_parser<http::string_body>> parser;
    do {  // 1xx answers come before the real one.
      parser.emplace();
      parser->header_limit(kMaxHeaderBytes);
      parser->body_limit(limit - 1);
      if (op->request.method == "HEAD") parser->skip(true);
      co_await http::async_read_header(stream, connection->buffer, *parser,
                                       asio::redirect_error(asio::use_awaitable, error));
      op->answer_began = op->answer_began || parser->got_some() || connection->buffer.size() > 0;
    } while (!error && parser->get().result_int() / 100 == 1);
    const absl::Status limit_exceeded = absl::ResourceExhaustedError("body size limit exceeded");
    op->in_body = !error || error == http::error::body_limit;  // The length stands in the header.
    if (error == http::error::body_limit) co_return limit_exceeded;
    if (error) co_return op->Error(ReadText(*connection, error));
    if (op->request.take_body_slot) {
      const absl::Status taken = co_await TakeSlot(op);
      if (!taken.ok()) co_return taken;
    }
    co_await http::async_read(stream, connection->buffer, *parser,
                              asio::redirect_error(asio::use_awaitable, error));
    if (error == http::error::body_limit) co_return limit_exceeded;
    if (error) {
      co_return op->Error(error == http::error::partial_message ? "unexpected EOF"
                                                                : ReadText(*connection, error));
    }
    const bool keep = parser->keep_alive() && connection->buffer.size() == 0;
    HttpResponse response;
    response.status = static_cast<int>(parser->get().result_int());
    response.reason = std::string(parser->get().reason());
    for (const auto& field : parser->get()) {
      response.headers.emplace_back(std::string(field.name_string()), std::string(field.value()));
    }
    response.body = std::move(parser->get().body());
    response.slot = std::move(op->slot);
    if (keep) PutIdle(key, connection);
    op->connection.reset();
    if (op->request.decode && response.Header("Content-Encoding") == "gzip") {
      std::string plain;
      const absl::Status decoded =
          api::Uncompress(response.body, api::Deflate::kGzip, limit - 1, &plain);
      if (absl::IsResourceExhausted(decoded)) co_return limit_exceeded;
      if (!decoded.ok()) co_return decoded;
      response.body = std::move(plain);
    }
    co_return response;
  }

  static std::string ReadText(const Connection& connection, const error_code& error) {
    if (error == http::error::end_of_stream || error == asio::error::eof ||
        error == ssl::error::stream_truncated) {
      return "EOF";
    }
    if (error == http::error::partial_message) return "unexpected EOF";
    if (error == http::error::header_limit) {
      return fmt::format("net/http: server response headers exceeded {} bytes; aborted",
                         kMaxHeaderBytes);
    }
    if (error.category() == make_error_code(http::error::bad_version).category()) {
      return fmt::format(
          "net/http: HTTP/1.x transport connection broken: malformed HTTP response: {}",
          error.message());
    }
    return fmt::format("read {}: read: {}", connection.peer, SystemText(error));
  }

  // Method, target and headers. Credentials only to where they were meant for.
  static absl::Status Fill(const Operation& op, const HttpUrl& url, const HttpUrl& first,
                           http::request<http::string_body>* message) {
    const bool proxied = op.settings->proxy() && url.scheme == "http" && op.request.unix_socket.empty();
    message->method_string(op.request.method);
    message->target(proxied ? url.ToString() : url.target);
    message->version(11);
    message->set(http::field::host, url.authority);
    for (const auto& [name, value] : op.request.headers) message->set(name, value);
    const bool trusted = url.host == first.host &&
                         ((url.scheme == first.scheme && url.port == first.port) ||
                          (url.scheme == "https" && first.scheme == "http"));
    if (!trusted) {
      message->erase(http::field::authorization);
      message->erase(http::field::cookie);
    }
    ASSIGN_OR_RETURN(const auto own, op.settings->Headers(url, trusted));
    for (const auto& [name, value] : own) message->erase(name);
    for (const auto& [name, value] : own) message->insert(name, value);
    if (proxied && !op.settings->proxy()->user_info.empty()) {
      message->set(http::field::proxy_authorization,
                   BasicAuthorization(op.settings->proxy()->user_info));
    }
    if (!op.request.body.empty() || op.request.method == "POST" || op.request.method == "PUT") {
      message->body() = op.request.body;
      message->prepare_payload();
    }
    return absl::OkStatus();
  }

  // ---- Connecting. Sets op->connection. ----

  Awaitable<absl::Status> Connect(const OperationPtr& op, const HttpUrl& url,
                                  const PreparedSettings::TlsState& tls) {
    const bool local = !op->request.unix_socket.empty();
    const std::optional<HttpUrl>& proxy = op->settings->proxy();
    absl::Status status;
    if (local) {
      status = co_await ConnectLocal(op);
    } else if (proxy) {
      status = co_await ConnectTcp(op, proxy->host, proxy->port);
      if (!status.ok()) status = base::Annotate(status, "proxyconnect tcp");
      if (status.ok() && url.scheme == "https") status = co_await OpenTunnel(op, url);
    } else {
      status = co_await ConnectTcp(op, url.host, url.port);
    }
    if (!status.ok() || url.scheme != "https") co_return status;
    co_return co_await Handshake(op, url, tls);
  }

  Awaitable<absl::Status> ConnectLocal(const OperationPtr& op) {
    const std::string& path = op->request.unix_socket;
    if (path.size() >= 108) {
      co_return op->Error(fmt::format("dial unix {}: connect: invalid argument", path));
    }
    op->connection = std::make_shared<Connection>(*io_);
    op->connection->peer = "unix ->" + path;
    const asio::generic::stream_protocol::endpoint endpoint{
        asio::local::stream_protocol::endpoint(path)};
    error_code error;
    co_await op->connection->socket.async_connect(
        endpoint, asio::redirect_error(asio::use_awaitable, error));
    if (error) {
      co_return op->Error(fmt::format("dial unix {}: connect: {}", path, SystemText(error)));
    }
    co_return absl::OkStatus();
  }

  Awaitable<absl::Status> ConnectTcp(const OperationPtr& op, const std::string& host,
                                     const std::string& port) {
    const uint16_t number = static_cast<uint16_t>(std::min(std::stoul(port), 65535ul));
    DnsAnswer answer;
    error_code error;
    asio::ip::make_address(host, error);
    if (!error) {
      answer.addresses.push_back(host);
    } else {
      answer = co_await Resolve(op, host);
      if (op->stopped()) co_return op->Error("");
      if (!answer.error.empty()) {
        co_return op->Error(fmt::format("dial tcp: lookup {}: {}", host, answer.error));
      }
    }
    absl::Status first_error;
    for (size_t i = 0; i < answer.addresses.size(); ++i) {
      const asio::ip::address address = asio::ip::make_address(answer.addresses[i], error);
      if (error) continue;
      const asio::ip::tcp::endpoint to(address, number);
      const absl::Status status = co_await ConnectAddress(op, to, answer.addresses.size() - i);
      if (status.ok() || op->stopped()) co_return status;
      if (first_error.ok()) first_error = status;
    }
    co_return first_error.ok() ? op->Error(fmt::format("dial tcp: lookup {}: no such host", host))
                               : first_error;
  }

  // `left`: this many addresses share the time that is left.
  Awaitable<absl::Status> ConnectAddress(const OperationPtr& op,
                                         const asio::ip::tcp::endpoint& to, size_t left) {
    const ConnectionPtr connection = std::make_shared<Connection>(*io_);
    op->connection = connection;
    asio::steady_timer patience(*io_);
    if (left > 1) {
      patience.expires_after((op->deadline.expiry() - std::chrono::steady_clock::now()) / left);
      patience.async_wait([connection](error_code e) {
        if (!e) connection->Close();
      });
    }
    const asio::generic::stream_protocol::endpoint endpoint(to);
    error_code error;
    co_await connection->socket.async_connect(endpoint,
                                              asio::redirect_error(asio::use_awaitable, error));
    patience.cancel();
    const std::string text = JoinHostPort(to.address().to_string(), std::to_string(to.port()));
    if (!error && !connection->socket.is_open()) error = asio::error::operation_aborted;
    if (error == asio::error::operation_aborted) {
      co_return op->Error(fmt::format("dial tcp {}: i/o timeout", text));
    }
    if (error) co_return op->Error(fmt::format("dial tcp {}: connect: {}", text, SystemText(error)));
    connection->socket.set_option(asio::ip::tcp::no_delay(true), error);
    connection->peer = fmt::format("tcp {}->{}", EndpointText(connection->socket.local_endpoint(error)), text);
    co_return absl::OkStatus();
  }

  Awaitable<DnsAnswer> Resolve(const OperationPtr& op, const std::string& host) {
    auto answer = std::make_shared<std::optional<DnsAnswer>>();
    if (dns_ != nullptr) {
      dns_->Resolve(host, [io = io_, op, answer](DnsAnswer found) {
        asio::post(*io, [op, answer, found = std::move(found)]() mutable {
          *answer = std::move(found);
          op->wakeup.cancel();
        });
      });
    }
    const auto ready = [&answer] { return answer->has_value(); };
    co_await Sleep(op, ready);
    co_return answer->has_value() ? **answer : DnsAnswer{};
  }

  // Until `ready` or the operation is stopped; whoever changes either cancels op->wakeup.
  template <class Ready>
  Awaitable<void> Sleep(const OperationPtr& op, const Ready& ready) {
    while (!ready() && !op->stopped()) {
      error_code ignored;
      op->wakeup.expires_after(std::chrono::hours(24));
      co_await op->wakeup.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
    }
  }

  Awaitable<absl::Status> OpenTunnel(const OperationPtr& op, const HttpUrl& url) {
    const ConnectionPtr connection = op->connection;
    http::request<http::empty_body> message;
    const std::string to = JoinHostPort(url.host, url.port);
    message.method(http::verb::connect);
    message.target(to);
    message.version(11);
    message.set(http::field::host, to);
    if (!op->settings->proxy()->user_info.empty()) {
      message.set(http::field::proxy_authorization,
                  BasicAuthorization(op->settings->proxy()->user_info));
    }
    error_code error;
    co_await http::async_write(connection->socket, message,
                               asio::redirect_error(asio::use_awaitable, error));
    http::response_parser<http::empty_body> parser;
    parser.skip(true);
    parser.header_limit(kMaxHeaderBytes);
    if (!error) {
      co_await http::async_read_header(connection->socket, connection->buffer, parser,
                                       asio::redirect_error(asio::use_awaitable, error));
    }
    if (error) co_return op->Error(ReadText(*connection, error));
    if (parser.get().result_int() != 200) co_return op->Error(std::string(parser.get().reason()));
    co_return absl::OkStatus();
  }

  Awaitable<absl::Status> Handshake(const OperationPtr& op, const HttpUrl& url,
                                    const PreparedSettings::TlsState& tls) {
    const ConnectionPtr connection = op->connection;
    const TlsConfig& config = op->settings->config().tls;
    const std::string name = config.server_name.empty() ? url.host : config.server_name;
    SSL_CTX_up_ref(tls.context.get());
    connection->context.emplace(tls.context.get());  // Takes one reference.
    connection->tls = std::make_unique<ssl::stream<Socket&>>(connection->socket, *connection->context);
    SSL* handle = connection->tls->native_handle();
    ExpectServerName(handle, name);
    error_code error;
    co_await connection->tls->async_handshake(ssl::stream_base::client,
                                              asio::redirect_error(asio::use_awaitable, error));
    if (error) co_return op->Error(HandshakeText(handle, error, name));
    co_return absl::OkStatus();
  }

  // ---- Idle connections. ----

  ConnectionPtr TakeIdle(const std::string& key) {
    const auto it = idle_.find(key);
    if (it == idle_.end()) return nullptr;
    ConnectionPtr connection;
    while (connection == nullptr && !it->second.empty()) {
      connection = std::move(it->second.back());
      it->second.pop_back();
      --idle_count_;
      if (!connection->Alive()) connection.reset();
    }
    if (it->second.empty()) idle_.erase(it);
    if (connection != nullptr) connection->used = true;
    return connection;
  }

  void PutIdle(const std::string& key, const ConnectionPtr& connection) {
    if (stopping_ || idle_count_ >= options_.max_idle) return;
    std::vector<ConnectionPtr>& list = idle_[key];
    if (static_cast<int>(list.size()) >= options_.max_idle_per_host) return;
    connection->idle_since = std::chrono::steady_clock::now();
    list.push_back(connection);
    ++idle_count_;
  }

  // Closes what has been idle for too long, from time to time.
  void Sweep() {
    const auto before =
        std::chrono::steady_clock::now() - std::chrono::milliseconds(options_.idle_timeout_ms);
    for (auto it = idle_.begin(); it != idle_.end();) {
      const size_t removed = std::erase_if(
          it->second, [&](const ConnectionPtr& c) { return c->idle_since < before; });
      idle_count_ -= static_cast<int>(removed);
      const auto here = it++;
      if (here->second.empty()) idle_.erase(here);
    }
    if (stopping_) return;
    sweeper_.expires_after(std::chrono::milliseconds(std::max<int64_t>(options_.idle_timeout_ms / 4, 10)));
    sweeper_.async_wait([this](error_code error) {
      if (!error) Sweep();
    });
  }

  // ---- Slots for bodies. ----

  Awaitable<absl::Status> TakeSlot(const OperationPtr& op) {
    if (slots_free_ > 0 && waiting_.empty()) {
      GiveSlot(op);
    } else {
      waiting_.push_back(op);
      const auto ready = [&op] { return op->slot != nullptr; };
      co_await Sleep(op, ready);
      if (op->slot == nullptr) {
        std::erase(waiting_, op);
        co_return op->Error("");
      }
    }
    co_return absl::OkStatus();
  }

  void GiveSlot(const OperationPtr& op) {
    --slots_free_;
    // Returned from whichever thread is done with the body; the client may be gone by then.
    op->slot = std::shared_ptr<void>(this, [io = std::weak_ptr(io_)](void* self) {
      if (const auto context = io.lock()) {
        asio::post(*context, [self] { static_cast<Impl*>(self)->SlotFreed(); });
      }
    });
  }

  void SlotFreed() {
    ++slots_free_;
    while (slots_free_ > 0 && !waiting_.empty()) {
      const OperationPtr op = waiting_.front();
      waiting_.pop_front();
      GiveSlot(op);
      op->wakeup.cancel();
    }
  }

  const HttpClientOptions options_;
  const std::shared_ptr<asio::io_context> io_;
  asio::executor_work_guard<asio::io_context::executor_type> work_;
  std::unique_ptr<DnsLookup> dns_ = std::make_unique<DnsLookup>();
  asio::steady_timer sweeper_;
  std::set<Operation*> active_;
  base::StringMap<std::vector<ConnectionPtr>> idle_;
  int idle_count_ = 0;
  int slots_free_;
  std::deque<OperationPtr> waiting_;
  bool stopping_ = false;
  std::thread thread_;  // Last: it uses all of the above.
};

HttpClient::HttpClient(HttpClientOptions options) : impl_(std::make_unique<Impl>(options)) {}
HttpClient::~HttpClient() = default;

std::shared_ptr<HttpFetch> HttpClient::Fetch(std::shared_ptr<HttpSettings> settings,
                                             HttpRequest request, Done done) {
  return impl_->Fetch(std::move(settings), std::move(request), std::move(done));
}

absl::StatusOr<HttpResponse> HttpClient::FetchAndWait(std::shared_ptr<HttpSettings> settings,
                                                      HttpRequest request) {
  absl::StatusOr<HttpResponse> result = absl::InternalError("not run");
  absl::Notification finished;
  Fetch(std::move(settings), std::move(request), [&](absl::StatusOr<HttpResponse> response) {
    result = std::move(response);
    finished.Notify();
  });
  finished.WaitForNotification();
  return result;
}

}  // namespace server
