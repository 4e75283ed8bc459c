#include "api/http_server.h"

#include <utility>

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ip/v6_only.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http.hpp>

#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <ctime>
#include <thread>
#include <unordered_set>

#include <absl/base/thread_annotations.h>
#include <absl/synchronization/mutex.h>

#include "api/cost_class.h"
#include "api/envelope.h"
#include "api/http_text.h"
#include "api/params.h"
#include "api/query_pool.h"
#include "api/worker_pool.h"
#include "storage/base/log.h"
#include "storage/base/stats.h"
#include "storage/base/status.h"

namespace api {
namespace {

namespace asio = boost::asio;
namespace http = boost::beast::http;
using boost::system::error_code;
using asio::ip::tcp;
using SteadyClock = std::chrono::steady_clock;

constexpr size_t kMaxHeaders = 1000;
constexpr size_t kReserveBytes = 1 << 20;    // A Content-Length is believed so far without a byte.
constexpr size_t kLingerBytes = 16 << 20;    // Read and dropped after an early answer.
constexpr auto kLinger = std::chrono::seconds(2);

// A body in a string that grows with what has come, not with what was announced.
struct GrowingBody {
  using value_type = std::string;
  static uint64_t size(const value_type& body) { return body.size(); }
  class reader {
   public:
    template <bool is_request, class Fields>
    reader(http::header<is_request, Fields>&, value_type& body) : body_(body) {}
    void init(const boost::optional<uint64_t>& length, error_code& ec) {
      if (length) body_.reserve(std::min<uint64_t>(*length, kReserveBytes));
      ec = {};
    }
    template <class Buffers>
    size_t put(const Buffers& buffers, error_code& ec) {
      ec = {};
      size_t n = 0;
      for (auto it = asio::buffer_sequence_begin(buffers); it != asio::buffer_sequence_end(buffers);
           ++it) {
        body_.append(static_cast<const char*>(it->data()), it->size());
        n += it->size();
      }
      return n;
    }
    void finish(error_code& ec) { ec = {}; }

   private:
    value_type& body_;
  };
};

Method MethodOf(http::verb verb) {
  switch (verb) {
    case http::verb::get: return Method::kGet;
    case http::verb::post: return Method::kPost;
    case http::verb::put: return Method::kPut;
    case http::verb::delete_: return Method::kDelete;
    case http::verb::options: return Method::kOptions;
    case http::verb::head: return Method::kHead;
    default: return Method::kOther;
  }
}

std::string_view ReasonOf(int status) {
  if (status == 499) return "Client Closed Request";
  const auto reason = http::obsolete_reason(static_cast<http::status>(status));
  return {reason.data(), reason.size()};
}

std::string_view View(boost::beast::string_view s) { return {s.data(), s.size()}; }

SteadyClock::duration ToChrono(absl::Duration d) {
  return std::chrono::duration_cast<SteadyClock::duration>(absl::ToChronoNanoseconds(d));
}

// Proxies and Grafana say in headers for whom they ask.
Client ClientOf(const Request& request) {
  constexpr size_t kMostBytes = 256;
  Client client{.address = request.remote.substr(0, request.remote.rfind(':')), .who = {}};
  for (const std::string_view header : {"x-scope-orgid", "x-grafana-user", "x-forwarded-for"}) {
    client.who += request.Header(header).substr(0, kMostBytes);
    client.who += '\n';
  }
  return client;
}

class Session;

}  // namespace

// Everything here but the counters and stop_mu_'s is touched by the io thread only, once it runs.
class HttpServer::Impl {
 public:
  Impl(HttpServerOptions options, const Router* router)
      : options_(std::move(options)), router_(router) {}
  ~Impl() { Stop(absl::ZeroDuration()); }

  absl::Status Bind();
  void Start();
  void Stop(absl::Duration grace);

  void Accept(size_t i);
  void Opened(Session* session);
  void Closed(Session* session);  // Once for each that was opened.
  void Sweep();
  const std::string& Date();

  const HttpServerOptions options_;
  const Router* const router_;
  asio::io_context io_{1};
  asio::steady_timer sweep_timer_{io_};
  std::vector<tcp::acceptor> acceptors_;
  std::vector<int> ports_;
  std::vector<bool> accepting_;
  std::unordered_set<Session*> sessions_;
  bool stopping_ = false;
  std::string date_;
  std::time_t date_second_ = 0;

  RequestStats request_stats_;
  base::Gauge open_;
  base::Counter accepted_, rejected_;

  std::unique_ptr<WorkerPool> pool_;
  std::unique_ptr<QueryPool> queries_;
  std::thread thread_;

  absl::Mutex stop_mu_;
  bool stop_done_ ABSL_GUARDED_BY(stop_mu_) = false;
  absl::Mutex drained_mu_;
  bool drained_ ABSL_GUARDED_BY(drained_mu_) = false;
};

namespace {

// One connection. Lives on the io thread; a worker holds it too while a handler runs, for
// `cancelled_` only.
class Session : public std::enable_shared_from_this<Session> {
 public:
  Session(HttpServer::Impl* server, tcp::socket socket)
      : server_(server), socket_(std::move(socket)),
        buffer_(server->options_.max_header_bytes + (128 << 10)) {}
  ~Session() {  // Unclosed only when something threw on the io thread.
    if (opened_) Close();
  }

  void Start() {
    error_code ignored;
    socket_.set_option(tcp::no_delay(true), ignored);
    const auto peer = socket_.remote_endpoint(ignored);
    if (!ignored) remote_ = fmt::format("{}:{}", peer.address().to_string(), peer.port());
    opened_ = true;
    server_->Opened(this);
    ReadRequest();
  }

  SteadyClock::time_point deadline() const { return deadline_; }
  bool idle() const { return idle_; }

  // The connection is cut and a running handler told.
  void Abort() {
    cancelled_.store(true, std::memory_order_relaxed);
    Close();
  }
  void Close() {
    if (closed_) return;
    closed_ = true;
    error_code ignored;
    socket_.close(ignored);
    server_->Closed(this);
  }

 private:
  using Parser = http::request_parser<GrowingBody>;

  void SetDeadline(absl::Duration d) { deadline_ = SteadyClock::now() + ToChrono(d); }
  void ClearDeadline() { deadline_ = SteadyClock::time_point::max(); }

  // --- Reading.

  void ReadRequest() {
    if (closed_) return;
    if (server_->stopping_) return Close();
    parser_.emplace();
    parser_->header_limit(server_->options_.max_header_bytes);
    parser_->body_limit(server_->options_.max_body_bytes);
    if (buffer_.size() > 0) return ReadHeader();  // Pipelined.
    idle_ = true;
    SetDeadline(server_->options_.read_timeout);
    socket_.async_read_some(buffer_.prepare(4096), [self = shared_from_this()](error_code ec,
                                                                              size_t n) {
      self->idle_ = false;
      if (ec) return self->Close();
      self->buffer_.commit(n);
      self->ReadHeader();
    });
  }

  void ReadHeader() {
    request_start_ = SteadyClock::now();
    SetDeadline(server_->options_.header_timeout);
    http::async_read_header(socket_, buffer_, *parser_,
                            [self = shared_from_this()](error_code ec, size_t) {
                              if (ec) return self->ReadFailed(ec);
                              self->HeaderRead();
                            });
  }

  void HeaderRead() {
    const auto& head = parser_->get();
    if (static_cast<size_t>(std::distance(head.begin(), head.end())) > kMaxHeaders) {
      return Refuse(431, "too many header fields");
    }
    deadline_ = request_start_ + ToChrono(server_->options_.read_timeout);
    const bool wants_continue =
        head.version() >= 11 && boost::beast::iequals(head[http::field::expect], "100-continue");
    if (wants_continue && !parser_->is_done() && buffer_.size() == 0) {
      static constexpr std::string_view kContinue = "HTTP/1.1 100 Continue\r\n\r\n";
      asio::async_write(socket_, asio::buffer(kContinue.data(), kContinue.size()),
                        [self = shared_from_this()](error_code ec, size_t) {
                          if (ec) return self->Close();
                          self->ReadBody();
                        });
      return;
    }
    ReadBody();
  }

  void ReadBody() {
    if (parser_->is_done()) return Dispatch();
    http::async_read(socket_, buffer_, *parser_, [self = shared_from_this()](error_code ec, size_t) {
      if (ec) return self->ReadFailed(ec);
      self->Dispatch();
    });
  }

  void ReadFailed(error_code ec) {
    if (closed_) return;
    if (ec == http::error::body_limit) {
      return Refuse(413, fmt::format("request body exceeds the limit of {} bytes",
                                     server_->options_.max_body_bytes));
    }
    if (ec == http::error::header_limit || ec == http::error::buffer_overflow) {
      return Refuse(431, fmt::format("request header exceeds the limit of {} bytes",
                                     server_->options_.max_header_bytes));
    }
    const bool cut = ec == http::error::end_of_stream || ec == http::error::partial_message;
    if (!cut && ec.category() == error_code(http::error::bad_method).category()) {
      return Refuse(400, fmt::format("400 Bad Request: {}", ec.message()));
    }
    Close();  // The client went, or the deadline closed the socket.
  }

  // An answer to what is not a request. The rest of what comes is read and dropped for a while, so
  // that the answer is not lost to a reset.
  void Refuse(int status, std::string_view message) {
    server_->rejected_.Add();
    keep_alive_ = false;
    linger_ = true;
    head_ = false;
    Respond(TextResponse(status, message));
  }

  // --- Running.

  Request TakeRequest() {
    auto& message = parser_->get();
    Request request;
    request.method = MethodOf(message.method());
    request.remote = remote_;
    for (const auto& field : message) {
      std::string name(View(field.name_string()));
      for (char& c : name) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
      request.headers.emplace_back(std::move(name), View(field.value()));
    }
    request.body = std::move(message.body());
    cancelled_.store(false, std::memory_order_relaxed);
    request.cancelled = &cancelled_;
    return request;
  }

  void Dispatch() {
    const auto& message = parser_->get();
    const std::string target(View(message.target()));
    version_ = message.version();
    keep_alive_ = message.keep_alive();
    head_ = message.method() == http::verb::head;
    Request request = TakeRequest();
    parser_.reset();
    if (const auto status = SetTarget(target, &request); !status.ok()) {
      return Refuse(400, fmt::format("400 Bad Request: {}", base::message(status)));
    }
    ClearDeadline();
    running_ = true;
    Watch();
    const Lane lane = server_->router_->LaneOf(request.method, request.path);
    if (lane == Lane::kQuery) return DispatchQuery(std::move(request));
    server_->pool_->Submit(
        lane, [self = shared_from_this(), request = std::move(request)]() mutable {
          Session* session = self.get();
          session->RunHandler(std::move(request), std::move(self));
        });
  }

  // On a worker. `self` goes back to the io thread, where the session must end.
  void RunHandler(Request request, std::shared_ptr<Session> self) {
    std::string pattern;
    Response response;
    if (const auto status = AddFormParams(&request); !status.ok()) {
      response = FormError(status);
    } else {
      response = server_->router_->Route(std::move(request), &pattern);
    }
    Answer(pattern, std::move(response), std::move(self));
  }

  static Response FormError(const absl::Status& status) {
    return TextResponse(400, fmt::format("error parsing form values: {}", base::message(status)));
  }

  // What waits for its turn, or has it.
  struct Query {
    std::shared_ptr<Session> session;
    Request request;
    bool form_read = false;
  };

  void DispatchQuery(Request request) {
    constexpr size_t kSmallForm = 64 << 10;  // Microseconds.
    auto query = std::make_shared<Query>(Query{shared_from_this(), std::move(request)});
    QueryPool::Job job{.client = ClientOf(query->request), .cancelled = &cancelled_};
    if (query->request.body.size() <= kSmallForm) {
      query->form_read = true;
      if (const auto status = AddFormParams(&query->request); !status.ok()) {
        return Answer("", FormError(status), std::move(query->session));
      }
      job.fingerprint = FingerprintOf(query->request);
      if (const auto own = ParseDurationNs(query->request.Param("timeout")); own.ok() && *own > 0) {
        job.timeout = absl::Nanoseconds(*own);
      }
    }
    job.run = [query](QueryPool::Ticket* ticket) {
      Session* const session = query->session.get();
      session->RunQuery(query.get(), ticket);
    };
    job.refuse = [query](const absl::Status& status) {
      Session* const session = query->session.get();
      session->Answer("", Refusal(status), std::move(query->session));
    };
    server_->queries_->Submit(std::move(job));
  }

  // On a thread of the pool.
  void RunQuery(Query* query, QueryPool::Ticket* ticket) {
    Request& request = query->request;
    if (!query->form_read) {
      query->form_read = true;
      if (const auto status = AddFormParams(&request); !status.ok()) {
        return Answer("", FormError(status), std::move(query->session));
      }
    }
    request.turn = ticket;
    request.arrived = ticket->arrived();
    std::string pattern;
    Response response = server_->router_->Route(request, &pattern);
    if (!ticket->put_off()) Answer(pattern, std::move(response), std::move(query->session));
  }

  // On any thread.
  void Answer(const std::string& pattern, Response response, std::shared_ptr<Session> self) {
    const std::chrono::duration<double> took = SteadyClock::now() - request_start_;
    server_->request_stats_.Observe(pattern, response.status, took.count(), response.body.size());
    asio::post(server_->io_,
               [self = std::move(self), response = std::move(response)]() mutable {
                 Session* session = self.get();
                 session->AnswerReady(std::move(response), std::move(self));
               });
  }

  void AnswerReady(Response response, std::shared_ptr<Session> self) {
    const absl::Duration hold_back = std::exchange(response.hold_back, absl::ZeroDuration());
    if (hold_back > absl::ZeroDuration() && !server_->stopping_) {
      auto timer = std::make_unique<asio::steady_timer>(server_->io_, ToChrono(hold_back));
      asio::steady_timer* const waits = timer.get();
      return waits->async_wait([self = std::move(self), response = std::move(response),
                                timer = std::move(timer)](error_code) mutable {
        Session* session = self.get();
        session->AnswerReady(std::move(response), std::move(self));
      });
    }
    running_ = false;
    Respond(std::move(response));
  }

  // Sees the client go while a handler runs. What it pipelines meanwhile hides its going.
  void Watch() {
    socket_.async_wait(tcp::socket::wait_read, [self = shared_from_this()](error_code ec) {
      if (ec || !self->running_ || self->closed_) return;
      char byte;
      const auto n = ::recv(self->socket_.native_handle(), &byte, 1, MSG_PEEK | MSG_DONTWAIT);
      if (n > 0) return;
      if (n < 0 && (errno == EAGAIN || errno == EINTR)) return self->Watch();
      self->cancelled_.store(true, std::memory_order_relaxed);
    });
  }

  // --- Writing.

  void Respond(Response response) {
    if (closed_) return;
    error_code ignored;
    socket_.cancel(ignored);  // The watch.
    if (server_->stopping_) keep_alive_ = false;
    const bool bodyless = response.status == 204 || response.status == 304;
    out_head_.clear();
    auto to = std::back_inserter(out_head_);
    fmt::format_to(to, "HTTP/1.1 {} {}\r\nDate: {}\r\n", response.status,
                   ReasonOf(response.status), server_->Date());
    if (!response.content_type.empty() && !bodyless) {
      fmt::format_to(to, "Content-Type: {}\r\n", response.content_type);
    }
    for (const auto& [name, value] : response.headers) {
      if ((name + value).find_first_of("\r\n") != std::string::npos) continue;
      fmt::format_to(to, "{}: {}\r\n", name, value);
    }
    if (!bodyless) fmt::format_to(to, "Content-Length: {}\r\n", response.body.size());
    if (!keep_alive_) {
      out_head_ += "Connection: close\r\n";
    } else if (version_ < 11) {
      out_head_ += "Connection: keep-alive\r\n";
    }
    out_head_ += "\r\n";
    out_body_ = bodyless || head_ ? std::string() : std::move(response.body);
    out_held_ = std::move(response.held);
    written_ = 0;
    WriteSome();
  }

  void WriteSome() {
    SetDeadline(server_->options_.write_timeout);
    const size_t head = std::min(written_, out_head_.size());
    const size_t body = written_ - head;
    const std::array<asio::const_buffer, 2> buffers = {
        asio::buffer(out_head_) + head, asio::buffer(out_body_) + body};
    socket_.async_write_some(buffers, [self = shared_from_this()](error_code ec, size_t n) {
      if (ec) return self->Close();
      self->written_ += n;
      if (self->written_ < self->out_head_.size() + self->out_body_.size()) {
        return self->WriteSome();
      }
      self->Written();
    });
  }

  void Written() {
    std::string().swap(out_body_);
    out_held_.reset();
    if (keep_alive_) return ReadRequest();
    if (!linger_) return Close();
    error_code ignored;
    socket_.shutdown(tcp::socket::shutdown_send, ignored);
    SetDeadline(absl::FromChrono(kLinger));
    Linger(0);
  }

  void Linger(size_t seen) {
    buffer_.consume(buffer_.size());
    socket_.async_read_some(buffer_.prepare(64 << 10),
                            [self = shared_from_this(), seen](error_code ec, size_t n) {
                              if (ec || seen + n > kLingerBytes) return self->Close();
                              self->Linger(seen + n);
                            });
  }

  HttpServer::Impl* const server_;
  tcp::socket socket_;
  boost::beast::flat_buffer buffer_;
  std::optional<Parser> parser_;
  std::string remote_;
  SteadyClock::time_point deadline_ = SteadyClock::time_point::max();
  SteadyClock::time_point request_start_;  // Written before a worker gets the request.
  std::atomic<bool> cancelled_{false};
  std::string out_head_, out_body_;
  std::shared_ptr<const void> out_held_;
  size_t written_ = 0;
  unsigned version_ = 11;
  bool keep_alive_ = true, head_ = false, linger_ = false;
  bool idle_ = false, running_ = false, opened_ = false, closed_ = false;
};

error_code OpenAcceptor(tcp::acceptor* acceptor, const tcp::endpoint& endpoint, bool dual_stack) {
  error_code ec;
  if (acceptor->open(endpoint.protocol(), ec)) return ec;
  if (acceptor->set_option(tcp::acceptor::reuse_address(true), ec)) return ec;
  if (dual_stack) acceptor->set_option(asio::ip::v6_only(false), ec);
  if (acceptor->bind(endpoint, ec)) return ec;
  acceptor->listen(asio::socket_base::max_listen_connections, ec);
  return ec;
}

}  // namespace

absl::Status HttpServer::Impl::Bind() {
  for (const std::string& text : options_.addresses) {
    ASSIGN_OR_RETURN(const HostPort address, SplitHostPort(text));
    error_code ec;
    std::vector<tcp::endpoint> endpoints;
    tcp::resolver resolver(io_);
    if (address.host.empty()) {  // All interfaces: both families where there are both.
      for (const auto& entry : resolver.resolve("::", address.port, ec)) {
        endpoints.push_back(entry.endpoint());
      }
      for (const auto& entry : resolver.resolve("0.0.0.0", address.port, ec)) {
        endpoints.push_back(entry.endpoint());
      }
    } else {
      for (const auto& entry : resolver.resolve(address.host, address.port, ec)) {
        endpoints.push_back(entry.endpoint());
      }
    }
    if (endpoints.empty()) return base::InvalidArgument("listen tcp {}: {}", text, ec.message());
    std::string first_error;
    bool bound = false;
    for (const tcp::endpoint& endpoint : endpoints) {
      tcp::acceptor acceptor(io_);
      ec = OpenAcceptor(&acceptor, endpoint, address.host.empty() && endpoint.address().is_v6());
      if (!ec) {
        ports_.push_back(acceptor.local_endpoint(ec).port());
        acceptors_.push_back(std::move(acceptor));
        bound = true;
        break;
      }
      if (first_error.empty()) first_error = ec.message();
    }
    if (!bound) return base::Unavailable("listen tcp {}: {}", text, first_error);
  }
  accepting_.assign(acceptors_.size(), false);
  return absl::OkStatus();
}

void HttpServer::Impl::Start() {
  const int cores = static_cast<int>(std::thread::hardware_concurrency());
  const int workers = options_.workers > 0 ? options_.workers : std::max(2, cores);
  pool_ = std::make_unique<WorkerPool>(workers, options_.prompt_workers);
  queries_ = std::make_unique<QueryPool>(options_.queries);
  thread_ = std::thread([this] {
    for (size_t i = 0; i < acceptors_.size(); ++i) Accept(i);
    Sweep();
    auto keep = asio::make_work_guard(io_);
    while (true) {
      try {
        io_.run();
        return;
      } catch (const std::exception& e) {
        base::Log(base::LogLevel::kError, "web", "Connection failed", {{"err", e.what()}});
      }
    }
  });
}

void HttpServer::Impl::Accept(size_t i) {
  if (stopping_ || accepting_[i]) return;
  if (sessions_.size() >= static_cast<size_t>(options_.max_connections)) return;
  accepting_[i] = true;
  acceptors_[i].async_accept([this, i](error_code ec, tcp::socket socket) {
    accepting_[i] = false;
    if (stopping_) return;
    if (!ec) {
      accepted_.Add();
      std::make_shared<Session>(this, std::move(socket))->Start();
      return Accept(i);
    }
    if (ec == asio::error::operation_aborted) return;
    // Out of descriptors, or the client gave up already. The next sweep tries again.
    base::Log(base::LogLevel::kWarn, "web", "Accept failed", {{"err", ec.message()}});
  });
}

void HttpServer::Impl::Opened(Session* session) {
  sessions_.insert(session);
  open_.Set(static_cast<int64_t>(sessions_.size()));
}

void HttpServer::Impl::Closed(Session* session) {
  sessions_.erase(session);
  open_.Set(static_cast<int64_t>(sessions_.size()));
  if (stopping_ && sessions_.empty()) {
    absl::MutexLock lock(&drained_mu_);
    drained_ = true;
  }
  // Not from within the caller: it may stand in the middle of a session.
  asio::post(io_, [this] {
    for (size_t i = 0; i < acceptors_.size(); ++i) Accept(i);
  });
}

// Cuts connections whose deadline has passed, a few times per shortest deadline.
void HttpServer::Impl::Sweep() {
  const absl::Duration shortest =
      std::min({options_.header_timeout, options_.read_timeout, options_.write_timeout});
  const absl::Duration interval =
      std::clamp(shortest / 4, absl::Milliseconds(5), absl::Milliseconds(500));
  const auto now = SteadyClock::now();
  std::vector<Session*> late;
  for (Session* session : sessions_) {
    if (session->deadline() <= now) late.push_back(session);
  }
  for (Session* session : late) {
    if (!session->idle()) rejected_.Add();
    session->Abort();
  }
  for (size_t i = 0; i < acceptors_.size(); ++i) Accept(i);
  queries_->Sweep();
  sweep_timer_.expires_after(ToChrono(interval));
  sweep_timer_.async_wait([this](error_code ec) {
    if (!ec) Sweep();
  });
}

const std::string& HttpServer::Impl::Date() {
  if (const std::time_t now = std::time(nullptr); now != date_second_) {
    date_second_ = now;
    date_ = HttpDate(now);
  }
  return date_;
}

void HttpServer::Impl::Stop(absl::Duration grace) {
  absl::MutexLock stop_lock(&stop_mu_);
  if (stop_done_) return;
  stop_done_ = true;
  if (!thread_.joinable()) return;
  const auto copy = [this] { return std::vector<Session*>(sessions_.begin(), sessions_.end()); };
  asio::post(io_, [this, copy] {
    stopping_ = true;
    error_code ignored;
    for (tcp::acceptor& acceptor : acceptors_) acceptor.close(ignored);
    for (Session* session : copy()) {
      if (session->idle()) session->Close();
    }
    if (sessions_.empty()) {
      absl::MutexLock lock(&drained_mu_);
      drained_ = true;
    }
  });
  {
    absl::MutexLock lock(&drained_mu_);
    drained_mu_.AwaitWithTimeout(absl::Condition(&drained_), grace);
  }
  asio::post(io_, [copy] {
    for (Session* session : copy()) session->Abort();
  });
  pool_->Stop();
  queries_->Stop();
  // Behind the aborts and whatever the last handlers posted.
  asio::post(io_, [this] { io_.stop(); });
  thread_.join();
}

HttpServer::HttpServer(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
HttpServer::~HttpServer() = default;

absl::StatusOr<std::unique_ptr<HttpServer>> HttpServer::Listen(HttpServerOptions options,
                                                               const Router* router) {
  auto impl = std::make_unique<Impl>(std::move(options), router);
  RETURN_IF_ERROR(impl->Bind());
  return std::unique_ptr<HttpServer>(new HttpServer(std::move(impl)));
}

void HttpServer::Start() { impl_->Start(); }
void HttpServer::Stop(absl::Duration grace) { impl_->Stop(grace); }
std::vector<int> HttpServer::ports() const { return impl_->ports_; }

QueryPoolStats HttpServer::query_stats() const { return impl_->queries_->stats(); }

HttpStats HttpServer::stats() const {
  return {.open_connections = impl_->open_.value(),
          .accepted_connections = impl_->accepted_.value(),
          .rejected_requests = impl_->rejected_.value(),
          .routes = impl_->request_stats_.Snapshot()};
}

}  // namespace api
