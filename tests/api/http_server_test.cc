// Over real sockets on the loopback interface.
#include "api/http_server.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <thread>

#include <absl/synchronization/notification.h>
#include <absl/time/clock.h>

#include "storage/base/status.h"

namespace api {
namespace {

using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::StartsWith;

class Client {
 public:
  explicit Client(int port) : fd_(::socket(AF_INET, SOCK_STREAM, 0)) {
    sockaddr_in address = {};
    address.sin_family = AF_INET;
    address.sin_port = htons(static_cast<uint16_t>(port));
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    connected_ = ::connect(fd_, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0;
  }
  ~Client() { Close(); }
  bool connected() const { return connected_; }
  void Close() {
    if (fd_ >= 0) ::close(fd_);
    fd_ = -1;
  }
  // False when the other side has gone.
  bool Send(std::string_view bytes) {
    while (!bytes.empty()) {
      const ssize_t n = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (n <= 0) return false;
      bytes.remove_prefix(static_cast<size_t>(n));
    }
    return true;
  }
  // One response, body and all; "" at the end of the connection, "TIMEOUT" when nothing comes.
  std::string Receive(bool head_only = false, int timeout_ms = 10'000) {
    while (true) {
      const size_t end = buffer_.find("\r\n\r\n");
      if (end != std::string::npos) {
        size_t length = 0;
        const size_t at = buffer_.find("Content-Length: ");
        if (at < end && !head_only) length = std::stoul(buffer_.substr(at + 16));
        const size_t total = end + 4 + length;
        if (buffer_.size() >= total) {
          std::string response = buffer_.substr(0, total);
          buffer_.erase(0, total);
          return response;
        }
      }
      if (!More(timeout_ms)) return timed_out_ ? "TIMEOUT" : "";
    }
  }
  bool AtEnd() { return buffer_.empty() && !More(10'000) && !timed_out_; }
  void set_receive_buffer(int bytes) {
    ::setsockopt(fd_, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof bytes);
  }

 private:
  bool More(int timeout_ms) {
    pollfd poller = {fd_, POLLIN, 0};
    timed_out_ = ::poll(&poller, 1, timeout_ms) == 0;
    if (timed_out_) return false;
    char chunk[65536];
    const ssize_t n = ::recv(fd_, chunk, sizeof chunk, 0);
    if (n <= 0) return false;
    buffer_.append(chunk, static_cast<size_t>(n));
    return true;
  }
  int fd_;
  bool connected_ = false, timed_out_ = false;
  std::string buffer_;
};

class HttpServerTest : public ::testing::Test {
 protected:
  HttpServerTest() {
    options_.addresses = {"127.0.0.1:0"};
    options_.workers = 2;
    options_.prompt_workers = 1;
    Add(Method::kGet, "/hello", [](const Request& request) {
      Response response;
      response.content_type = "text/plain";
      response.body = "hello " + std::string(request.Param("name"));
      return response;
    });
    Add(Method::kPost, "/echo", [](const Request& request) {
      return Response{.content_type = "text/plain", .body = request.body};
    });
    Add(Method::kPost, "/form", [](const Request& request) {
      return Response{.body = std::string(request.Param("a")) + "," +
                              std::string(request.Param("b"))};
    });
    Add(Method::kGet, "/nothing", [](const Request&) { return Response{.status = 204}; });
    Add(Method::kGet, "/large", [](const Request&) {
      return Response{.content_type = "text/plain", .body = std::string(20 << 20, 'x')};
    });
    Add(Method::kGet, "/wait", [this](const Request& request) {
      ++waiting_;
      while (!request.cancelled->load() && !release_) {
        std::this_thread::sleep_for(std::chrono::milliseconds(1));
      }
      ++(request.cancelled->load() ? cancelled_ : finished_);
      return Response{.body = "waited"};
    });
    router_.Add(Method::kGet, "/prompt", [](const Request&) { return Response{.body = "prompt"}; },
                Lane::kPrompt);
  }
  ~HttpServerTest() override { release_ = true; }

  void Add(Method method, std::string_view path, Handler handler) {
    router_.Add(method, path, std::move(handler));
  }
  void Start() {
    auto server = HttpServer::Listen(options_, &router_);
    ASSERT_TRUE(server.ok()) << base::message(server.status());
    server_ = *std::move(server);
    server_->Start();
  }
  int port() const { return server_->ports()[0]; }
  static void Until(const std::atomic<int>& counter, int at_least) {
    while (counter < at_least) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }

  HttpServerOptions options_;
  Router router_;
  std::atomic<int> waiting_{0}, finished_{0}, cancelled_{0};
  std::atomic<bool> release_{false};
  std::unique_ptr<HttpServer> server_;  // Gone before what its handlers use.
};

TEST_F(HttpServerTest, KeepsTheConnectionForTheNextRequest) {
  Start();
  Client client(port());
  for (int i = 0; i < 3; ++i) {
    ASSERT_TRUE(client.Send("GET /hello?name=a%20b HTTP/1.1\r\nHost: x\r\n\r\n"));
    const std::string response = client.Receive();
    EXPECT_THAT(response, StartsWith("HTTP/1.1 200 OK\r\nDate: "));
    EXPECT_THAT(response, HasSubstr("Content-Type: text/plain\r\nContent-Length: 9\r\n\r\n"));
    EXPECT_THAT(response, EndsWith("hello a b"));
  }
  EXPECT_EQ(server_->stats().accepted_connections, 1u);
  EXPECT_EQ(server_->stats().routes.at("/hello").requests_by_code.at(200), 3u);
}

TEST_F(HttpServerTest, ClosesWhenToldAndForHttp10) {
  Start();
  Client closing(port());
  closing.Send("GET /hello HTTP/1.1\r\nConnection: close\r\n\r\n");
  EXPECT_THAT(closing.Receive(), HasSubstr("Connection: close\r\n"));
  EXPECT_TRUE(closing.AtEnd());
  Client old(port());
  old.Send("GET /hello HTTP/1.0\r\n\r\n");
  EXPECT_THAT(old.Receive(), EndsWith("hello "));
  EXPECT_TRUE(old.AtEnd());
  Client keeping(port());
  keeping.Send("GET /hello HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
  EXPECT_THAT(keeping.Receive(), HasSubstr("Connection: keep-alive\r\n"));
}

TEST_F(HttpServerTest, PipelinedRequestsAreAnsweredInOrder) {
  Start();
  Client client(port());
  std::string all;
  for (int i = 0; i < 50; ++i) {
    all += fmt::format("GET /hello?name={} HTTP/1.1\r\n\r\n", i);
    all += fmt::format("POST /echo HTTP/1.1\r\nContent-Length: 3\r\n\r\n{:03}", i);
  }
  ASSERT_TRUE(client.Send(all));
  for (int i = 0; i < 50; ++i) {
    EXPECT_THAT(client.Receive(), EndsWith(fmt::format("hello {}", i)));
    EXPECT_THAT(client.Receive(), EndsWith(fmt::format("\r\n\r\n{:03}", i)));
  }
}

TEST_F(HttpServerTest, BodiesComeWholeHoweverTheyAreSent) {
  Start();
  Client client(port());
  client.Send("POST /echo HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n");
  client.Send("2\r\nde\r\n0\r\n\r\n");
  EXPECT_THAT(client.Receive(), EndsWith("\r\n\r\nabcde"));
  const std::string body(3 << 20, 'y');
  client.Send(fmt::format("POST /echo HTTP/1.1\r\nContent-Length: {}\r\n\r\n", body.size()));
  client.Send(body);
  EXPECT_THAT(client.Receive(), EndsWith("\r\n\r\n" + body));
  client.Send("POST /form?b=2 HTTP/1.1\r\nContent-Type: application/x-www-form-urlencoded\r\n"
              "Content-Length: 3\r\n\r\na=1");
  EXPECT_THAT(client.Receive(), EndsWith("1,2"));
}

TEST_F(HttpServerTest, AnswersExpectContinue) {
  Start();
  Client client(port());
  client.Send("POST /echo HTTP/1.1\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n");
  EXPECT_EQ(client.Receive(), "HTTP/1.1 100 Continue\r\n\r\n");
  client.Send("ok");
  EXPECT_THAT(client.Receive(), EndsWith("\r\n\r\nok"));
}

TEST_F(HttpServerTest, HeadAndEmptyAnswersHaveNoBody) {
  Start();
  Client client(port());
  client.Send("HEAD /hello HTTP/1.1\r\n\r\nGET /nothing HTTP/1.1\r\n\r\nGET /hello HTTP/1.1\r\n\r\n");
  const std::string head = client.Receive(true);
  EXPECT_THAT(head, HasSubstr("Content-Length: 6\r\n"));
  const std::string empty = client.Receive(true);
  EXPECT_THAT(empty, StartsWith("HTTP/1.1 204 No Content\r\n"));
  EXPECT_THAT(empty, ::testing::Not(HasSubstr("Content-Length")));
  EXPECT_THAT(client.Receive(), EndsWith("hello "));
}

TEST_F(HttpServerTest, TakesQueriesThatShouldHaveBeenEscaped) {
  Start();
  Client client(port());
  client.Send("GET /hello?name=up{a=\"b|c\"}[5m] HTTP/1.1\r\n\r\n");
  EXPECT_THAT(client.Receive(), EndsWith("hello up{a=\"b|c\"}[5m]"));
}

TEST_F(HttpServerTest, MalformedRequestsAre400AndTheEnd) {
  Start();
  for (const char* bytes :
       {"nonsense\r\n\r\n", "GET / HTTP/9.9\r\n\r\n", "GET /hello HTTP/1.1\r\nno colon\r\n\r\n",
        "POST /echo HTTP/1.1\r\nContent-Length: x\r\n\r\n", "GET  /hello HTTP/1.1\r\n\r\n",
        "POST /echo HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", "GET x HTTP/1.1\r\n\r\n",
        "POST /echo HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab"}) {
    Client client(port());
    client.Send(bytes);
    EXPECT_THAT(client.Receive(), StartsWith("HTTP/1.1 400 Bad Request\r\n")) << bytes;
    EXPECT_TRUE(client.AtEnd());
  }
  EXPECT_EQ(server_->stats().rejected_requests, 8u);
}

TEST_F(HttpServerTest, WhatIsTooLargeIsRefused) {
  options_.max_body_bytes = 1000;
  options_.max_header_bytes = 4096;
  Start();
  Client announced(port());
  announced.Send("POST /echo HTTP/1.1\r\nContent-Length: 1001\r\n\r\n");
  EXPECT_THAT(announced.Receive(), StartsWith("HTTP/1.1 413 "));
  Client sending(port());  // The answer arrives although the client goes on sending.
  sending.Send("POST /echo HTTP/1.1\r\nContent-Length: 3000000\r\n\r\n");
  sending.Send(std::string(3'000'000, 'x'));
  EXPECT_THAT(sending.Receive(), HasSubstr("request body exceeds the limit of 1000 bytes"));
  Client chunked(port());
  chunked.Send("POST /echo HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n7d0\r\n" +
               std::string(2000, 'x'));
  EXPECT_THAT(chunked.Receive(), StartsWith("HTTP/1.1 413 "));
  Client header(port());
  header.Send("GET /hello HTTP/1.1\r\nX: " + std::string(10'000, 'x'));
  EXPECT_THAT(header.Receive(), StartsWith("HTTP/1.1 431 "));
  Client fields(port());
  std::string many = "GET /hello HTTP/1.1\r\n";
  for (int i = 0; i < 1010; ++i) many += "a:\r\n";
  fields.Send(many + "\r\n");
  EXPECT_THAT(fields.Receive(), StartsWith("HTTP/1.1 431 "));
}

TEST_F(HttpServerTest, ASlowHeaderIsCutOff) {
  options_.header_timeout = absl::Milliseconds(50);
  Start();
  Client slow(port());
  slow.Send("GET /hello HT");
  EXPECT_TRUE(slow.AtEnd());
  Client fine(port());
  fine.Send("GET /hello HTTP/1.1\r\n\r\n");
  EXPECT_THAT(fine.Receive(), EndsWith("hello "));
}

TEST_F(HttpServerTest, ASlowBodyAndAnIdleConnectionAreCutOff) {
  options_.read_timeout = absl::Milliseconds(50);
  Start();
  Client slow(port());
  slow.Send("POST /echo HTTP/1.1\r\nContent-Length: 10\r\n\r\nabc");
  Client idle(port());
  EXPECT_TRUE(slow.AtEnd());
  EXPECT_TRUE(idle.AtEnd());
}

TEST_F(HttpServerTest, AClientThatDoesNotReadIsCutOff) {
  options_.write_timeout = absl::Milliseconds(50);
  Start();
  Client client(port());
  client.set_receive_buffer(4096);
  for (int i = 0; i < 3; ++i) client.Send("GET /large HTTP/1.1\r\n\r\n");
  while (server_->stats().open_connections > 0) {
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
}

TEST_F(HttpServerTest, LargeAnswersComeWhole) {
  Start();
  Client client(port());
  client.Send("GET /large HTTP/1.1\r\n\r\n");
  EXPECT_THAT(client.Receive(), EndsWith(std::string(20 << 20, 'x')));
}

TEST_F(HttpServerTest, AClientThatGoesCancelsItsRequest) {
  Start();
  Client client(port());
  client.Send("GET /wait HTTP/1.1\r\n\r\n");
  Until(waiting_, 1);
  client.Close();
  Until(cancelled_, 1);
  EXPECT_EQ(finished_, 0);
}

TEST_F(HttpServerTest, PipeliningDoesNotLookLikeGoing) {
  Start();
  Client client(port());
  client.Send("GET /wait HTTP/1.1\r\n\r\n");
  Until(waiting_, 1);
  client.Send("GET /hello HTTP/1.1\r\n\r\n");
  release_ = true;
  EXPECT_THAT(client.Receive(), EndsWith("waited"));
  EXPECT_THAT(client.Receive(), EndsWith("hello "));
  EXPECT_EQ(cancelled_, 0);
}

TEST_F(HttpServerTest, PromptRoutesAnswerWhileAllWorkersAreBusy) {
  Start();
  std::vector<std::unique_ptr<Client>> busy;
  for (int i = 0; i < 4; ++i) {
    busy.push_back(std::make_unique<Client>(port()));
    busy.back()->Send("GET /wait HTTP/1.1\r\n\r\n");
  }
  Until(waiting_, 2);
  Client client(port());
  client.Send("GET /prompt HTTP/1.1\r\n\r\n");
  EXPECT_THAT(client.Receive(), EndsWith("prompt"));
  client.Send("GET /unknown HTTP/1.1\r\n\r\n");
  EXPECT_THAT(client.Receive(), StartsWith("HTTP/1.1 404 "));
  release_ = true;
  for (auto& one : busy) EXPECT_THAT(one->Receive(), EndsWith("waited"));
}

TEST_F(HttpServerTest, AnAnswerThatIsHeldBackKeepsNoWorker) {
  const auto held_back = [](absl::Duration hold_back) {
    return [=](const Request&) { return Response{.body = "late", .hold_back = hold_back}; };
  };
  Add(Method::kGet, "/late", held_back(absl::Milliseconds(300)));
  Add(Method::kGet, "/never", held_back(absl::Hours(1)));
  Start();
  std::vector<std::unique_ptr<Client>> clients;
  const absl::Time start = absl::Now();
  for (int i = 0; i < 20; ++i) {
    clients.push_back(std::make_unique<Client>(port()));
    clients.back()->Send("GET /late HTTP/1.1\r\n\r\n");
  }
  Client client(port());
  client.Send("GET /hello HTTP/1.1\r\n\r\n");
  EXPECT_THAT(client.Receive(), EndsWith("hello "));
  for (auto& one : clients) EXPECT_THAT(one->Receive(), EndsWith("late"));
  EXPECT_GE(absl::Now() - start, absl::Milliseconds(300));
  client.Send("GET /never HTTP/1.1\r\n\r\n");
  EXPECT_EQ(client.Receive(false, 50), "TIMEOUT");
  server_->Stop(absl::Milliseconds(5));
  EXPECT_TRUE(client.AtEnd());
}

TEST_F(HttpServerTest, MoreConnectionsThanAllowedWait) {
  options_.max_connections = 2;
  Start();
  auto first = std::make_unique<Client>(port());
  auto second = std::make_unique<Client>(port());
  for (Client* client : {first.get(), second.get()}) {
    client->Send("GET /hello HTTP/1.1\r\n\r\n");
    EXPECT_THAT(client->Receive(), EndsWith("hello "));
  }
  Client third(port());
  third.Send("GET /hello HTTP/1.1\r\n\r\n");
  EXPECT_EQ(third.Receive(false, 50), "TIMEOUT");
  first->Close();
  EXPECT_THAT(third.Receive(), EndsWith("hello "));
}

TEST_F(HttpServerTest, AGracefulStopFinishesWhatRuns) {
  Start();
  const int port_number = port();
  Client running(port_number), idle(port_number);
  running.Send("GET /wait HTTP/1.1\r\n\r\n");
  Until(waiting_, 1);
  std::thread stopper([&] { server_->Stop(absl::Seconds(30)); });
  EXPECT_TRUE(idle.AtEnd());
  EXPECT_FALSE(Client(port_number).connected());
  release_ = true;
  const std::string response = running.Receive();
  EXPECT_THAT(response, EndsWith("waited"));
  EXPECT_THAT(response, HasSubstr("Connection: close\r\n"));
  stopper.join();
  EXPECT_EQ(finished_, 1);
  server_->Stop(absl::ZeroDuration());
}

TEST_F(HttpServerTest, AnImpatientStopCancelsWhatRuns) {
  Start();
  Client running(port());
  running.Send("GET /wait HTTP/1.1\r\n\r\n");
  Until(waiting_, 1);
  server_->Stop(absl::Milliseconds(5));
  EXPECT_EQ(cancelled_, 1);
  EXPECT_TRUE(running.AtEnd());
}

TEST_F(HttpServerTest, AddressesAreCheckedAndBound) {
  options_.addresses = {"127.0.0.1:0", ":0", "[::1]:0", "localhost:0"};
  auto several = HttpServer::Listen(options_, &router_);
  if (several.ok()) {  // The machine may have no IPv6.
    EXPECT_EQ((*several)->ports().size(), 4u);
  }
  options_.addresses = {"127.0.0.1:0"};
  Start();
  const std::vector<std::string> kBad = {"noport", "a:b:1", "127.0.0.1:nonsense",
                                         fmt::format("127.0.0.1:{}", port())};
  for (const std::string& bad : kBad) {
    options_.addresses = {bad};
    EXPECT_FALSE(HttpServer::Listen(options_, &router_).ok()) << bad;
  }
}

TEST_F(HttpServerTest, ManyClientsAtOnce) {
  Start();
  std::atomic<int> good{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < 8; ++t) {
    threads.emplace_back([&, t] {
      Client client(port());
      for (int i = 0; i < 100; ++i) {
        client.Send(fmt::format("GET /hello?name={}-{} HTTP/1.1\r\n\r\n", t, i));
        if (client.Receive().ends_with(fmt::format("hello {}-{}", t, i))) ++good;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(good, 800);
}

}  // namespace
}  // namespace api
