// A web server for tests: plain sockets on 127.0.0.1, one thread for each connection, answers made
// by the test, well or badly formed.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

namespace testing_support {

struct TinyRequest {
  std::string method, target;
  std::vector<std::pair<std::string, std::string>> headers;  // Names in lower case.
  std::string body;
  std::string Header(std::string_view name) const;           // The first; "" when absent.
};

struct TinyReply {
  std::string bytes;           // Sent as they are.
  int delay_ms = 0;            // Before the first of them.
  bool close = false;          // After the last.
};
TinyReply TinyOk(std::string body, std::string content_type = "text/plain; version=0.0.4",
                 std::string extra_headers = "");  // "Name: value\r\n"
TinyReply TinyStatus(std::string status_and_reason, std::string extra_headers = "");

class TinyHttpServer {
 public:
  using Handler = std::function<TinyReply(const TinyRequest&)>;
  struct Options {
    std::string unix_socket;           // Listen there instead.
    std::string cert_file, key_file;   // TLS when set.
    bool proxy = false;                // CONNECT opens a tunnel to the port it names, on 127.0.0.1.
  };

  explicit TinyHttpServer(Handler handler) : TinyHttpServer(std::move(handler), Options()) {}
  TinyHttpServer(Handler handler, Options options);
  ~TinyHttpServer();

  int port() const { return port_; }
  std::string address() const { return "127.0.0.1:" + std::to_string(port_); }
  std::string url(std::string_view path = "/metrics") const;
  int connections() const { return connections_; }  // Accepted so far.
  void CloseConnections();                           // Those that are open.

 private:
  class Stream;
  void Accept();
  void Serve(int socket);

  const Handler handler_;
  const Options options_;
  void* tls_context_ = nullptr;
  int listener_ = -1, port_ = 0;
  std::atomic<int> connections_{0};
  std::atomic<bool> stopping_{false};
  std::mutex mu_;
  std::set<int> open_;
  std::vector<std::thread> threads_;
  std::thread acceptor_;
};

// A key and a self-signed certificate for 127.0.0.1 and localhost, as PEM files in `dir`.
struct TestCertificate {
  std::string cert_file, key_file;
};
TestCertificate MakeTestCertificate(const std::string& dir, const std::string& name = "server");

// A port of 127.0.0.1 on which nobody listens.
int UnusedPort();

}  // namespace testing_support
