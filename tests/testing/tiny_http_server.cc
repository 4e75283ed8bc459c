#include "tests/testing/tiny_http_server.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <cstring>

#include "storage/base/check.h"

namespace testing_support {
namespace {

std::string Lower(std::string s) {
  std::transform(s.begin(), s.end(), s.begin(), [](unsigned char c) { return std::tolower(c); });
  return s;
}

int ListenTcp(int* port) {
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  CHECK(::bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0);
  CHECK(::listen(fd, 64) == 0);
  socklen_t size = sizeof address;
  ::getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size);
  *port = ntohs(address.sin_port);
  return fd;
}

int ListenUnix(const std::string& path) {
  const int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::strncpy(address.sun_path, path.c_str(), sizeof address.sun_path - 1);
  CHECK(::bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0);
  CHECK(::listen(fd, 64) == 0);
  return fd;
}

int ConnectTo(int port) {
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(static_cast<uint16_t>(port));
  if (::connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) {
    ::close(fd);
    return -1;
  }
  return fd;
}

// Bytes both ways until either side ends.
void Relay(int a, int b) {
  pollfd both[2] = {{a, POLLIN, 0}, {b, POLLIN, 0}};
  char buffer[16384];
  for (;;) {
    if (::poll(both, 2, 5000) <= 0) return;
    for (int i = 0; i < 2; ++i) {
      if (both[i].revents == 0) continue;
      const ssize_t n = ::read(both[i].fd, buffer, sizeof buffer);
      if (n <= 0 || ::send(both[1 - i].fd, buffer, n, MSG_NOSIGNAL) != n) return;
    }
  }
}

}  // namespace

std::string TinyRequest::Header(std::string_view name) const {
  for (const auto& [key, value] : headers) {
    if (key == name) return value;
  }
  return "";
}

TinyReply TinyOk(std::string body, std::string content_type, std::string extra_headers) {
  std::string bytes = "HTTP/1.1 200 OK\r\n";
  if (!content_type.empty()) bytes += "Content-Type: " + content_type + "\r\n";
  bytes += extra_headers + "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
  return {.bytes = std::move(bytes)};
}

TinyReply TinyStatus(std::string status_and_reason, std::string extra_headers) {
  return {.bytes = "HTTP/1.1 " + status_and_reason + "\r\n" + extra_headers +
                   "Content-Length: 0\r\n\r\n"};
}

class TinyHttpServer::Stream {
 public:
  Stream(int socket, void* context) : socket_(socket) {
    if (context == nullptr) return;
    tls_ = SSL_new(static_cast<SSL_CTX*>(context));
    SSL_set_fd(tls_, socket);
    if (SSL_accept(tls_) != 1) broken_ = true;
  }
  ~Stream() {
    if (tls_ != nullptr) SSL_free(tls_);
  }
  bool broken() const { return broken_; }
  int Read(char* buffer, int size) {
    return tls_ != nullptr ? SSL_read(tls_, buffer, size)
                           : static_cast<int>(::read(socket_, buffer, size));
  }
  bool Write(std::string_view bytes) {
    while (!bytes.empty()) {
      const ssize_t n = tls_ != nullptr
                            ? SSL_write(tls_, bytes.data(), static_cast<int>(bytes.size()))
                            : ::send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (n <= 0) return false;
      bytes.remove_prefix(n);
    }
    return true;
  }

 private:
  const int socket_;
  SSL* tls_ = nullptr;
  bool broken_ = false;
};

TinyHttpServer::TinyHttpServer(Handler handler, Options options)
    : handler_(std::move(handler)), options_(std::move(options)) {
  std::signal(SIGPIPE, SIG_IGN);  // OpenSSL writes to a socket as to a file.
  if (!options_.cert_file.empty()) {
    SSL_CTX* context = SSL_CTX_new(TLS_server_method());
    CHECK(SSL_CTX_use_certificate_chain_file(context, options_.cert_file.c_str()) == 1);
    CHECK(SSL_CTX_use_PrivateKey_file(context, options_.key_file.c_str(), SSL_FILETYPE_PEM) == 1);
    tls_context_ = context;
  }
  listener_ = options_.unix_socket.empty() ? ListenTcp(&port_) : ListenUnix(options_.unix_socket);
  acceptor_ = std::thread([this] { Accept(); });
}

TinyHttpServer::~TinyHttpServer() {
  stopping_ = true;
  ::shutdown(listener_, SHUT_RDWR);
  acceptor_.join();
  CloseConnections();
  for (std::thread& thread : threads_) thread.join();
  ::close(listener_);
  if (tls_context_ != nullptr) SSL_CTX_free(static_cast<SSL_CTX*>(tls_context_));
}

std::string TinyHttpServer::url(std::string_view path) const {
  return (tls_context_ == nullptr ? "http://" : "https://") + address() + std::string(path);
}

void TinyHttpServer::CloseConnections() {
  std::lock_guard lock(mu_);
  for (const int socket : open_) ::shutdown(socket, SHUT_RDWR);
}

void TinyHttpServer::Accept() {
  while (!stopping_) {
    const int socket = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
    if (socket < 0) {
      if (stopping_) return;
      continue;
    }
    ++connections_;
    std::lock_guard lock(mu_);
    open_.insert(socket);
    threads_.emplace_back([this, socket] {
      Serve(socket);
      std::lock_guard inner(mu_);
      open_.erase(socket);
      ::close(socket);
    });
  }
}

void TinyHttpServer::Serve(int socket) {
  Stream stream(socket, tls_context_);
  std::string data;
  char buffer[16384];
  while (!stream.broken() && !stopping_) {
    size_t head;
    while ((head = data.find("\r\n\r\n")) == std::string::npos) {
      const int n = stream.Read(buffer, sizeof buffer);
      if (n <= 0) return;
      data.append(buffer, n);
      if (data[0] == 0x16) {  // Somebody speaks TLS.
        stream.Write("HTTP/1.0 400 Bad Request\r\n\r\n");
        ::shutdown(socket, SHUT_RDWR);
        return;
      }
    }
    TinyRequest request;
    size_t line = data.find("\r\n");
    const std::string first = data.substr(0, line);
    const size_t a = first.find(' '), b = first.rfind(' ');
    request.method = first.substr(0, a);
    request.target = first.substr(a + 1, b - a - 1);
    while (line < head) {
      const size_t begin = line + 2;
      line = data.find("\r\n", begin);
      const std::string field = data.substr(begin, line - begin);
      const size_t colon = field.find(':');
      size_t value = colon + 1;
      while (value < field.size() && field[value] == ' ') ++value;
      request.headers.emplace_back(Lower(field.substr(0, colon)), field.substr(value));
    }
    data.erase(0, head + 4);
    const size_t length = std::strtoul(request.Header("content-length").c_str(), nullptr, 10);
    while (data.size() < length) {
      const int n = stream.Read(buffer, sizeof buffer);
      if (n <= 0) return;
      data.append(buffer, n);
    }
    request.body = data.substr(0, length);
    data.erase(0, length);

    if (options_.proxy && request.method == "CONNECT") {
      handler_(request);
      const int other = ConnectTo(std::atoi(request.target.substr(request.target.rfind(':') + 1).c_str()));
      if (other < 0) return;
      stream.Write("HTTP/1.1 200 Connection established\r\n\r\n");
      Relay(socket, other);
      ::close(other);
      return;
    }
    const TinyReply reply = handler_(request);
    for (int waited = 0; waited < reply.delay_ms && !stopping_; waited += 5) {
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
    if (!stream.Write(reply.bytes) || reply.close) {
      ::shutdown(socket, SHUT_RDWR);
      return;
    }
  }
}

TestCertificate MakeTestCertificate(const std::string& dir, const std::string& name) {
  TestCertificate files{dir + "/" + name + ".crt", dir + "/" + name + ".key"};
  const std::string command =
      "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 "
      "-subj /CN=" + name + " -addext subjectAltName=DNS:localhost,IP:127.0.0.1 -keyout " +
      files.key_file + " -out " + files.cert_file + " >/dev/null 2>&1";
  CHECK(std::system(command.c_str()) == 0);
  return files;
}

int UnusedPort() {
  int port = 0;
  ::close(ListenTcp(&port));
  return port;
}

}  // namespace testing_support
