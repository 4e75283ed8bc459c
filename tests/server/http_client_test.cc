#include "server/http_client.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <fstream>
#include <string>
#include <thread>
#include <vector>

#include <absl/synchronization/notification.h>

#include "api/compress.h"
#include "server/http_url.h"
#include "storage/base/status.h"
#include "tests/testing/temp_dir.h"
#include "tests/testing/tiny_http_server.h"

namespace server {
namespace {

using testing::HasSubstr;
using testing::StartsWith;
using testing_support::MakeTestCertificate;
using testing_support::TempDir;
using testing_support::TestCertificate;
using testing_support::TinyHttpServer;
using testing_support::TinyOk;
using testing_support::TinyReply;
using testing_support::TinyRequest;
using testing_support::TinyStatus;

class HttpClientTest : public testing::Test {
 protected:
  absl::StatusOr<HttpResponse> Get(const std::string& url, HttpRequest request = {}) {
    auto settings = HttpSettings::Make(config_);
    if (!settings.ok()) return settings.status();
    request.url = url;
    return client_.FetchAndWait(*settings, std::move(request));
  }
  // The body, or the error.
  std::string Text(const std::string& url, HttpRequest request = {}) {
    const auto response = Get(url, std::move(request));
    return response.ok() ? response->body : std::string(base::message(response.status()));
  }
  void Write(const std::string& path, std::string_view text) { std::ofstream(path) << text; }

  HttpClientConfig config_;
  HttpClient client_;
  TempDir dir_;
};

TinyReply Echo(const TinyRequest& r) { return TinyOk(r.method + " " + r.target + " " + r.body); }

TEST_F(HttpClientTest, FetchesAndKeepsTheConnection) {
  TinyHttpServer server(Echo);
  auto settings = *HttpSettings::Make(config_);
  for (int i = 0; i < 3; ++i) {
    const auto response = client_.FetchAndWait(settings, {.url = server.url("/a?b=c")});
    ASSERT_TRUE(response.ok()) << response.status();
    EXPECT_EQ(response->status, 200);
    EXPECT_EQ(response->StatusText(), "200 OK");
    EXPECT_EQ(response->Header("content-TYPE"), "text/plain; version=0.0.4");
    EXPECT_EQ(response->body, "GET /a?b=c ");
  }
  EXPECT_EQ(server.connections(), 1);
}

TEST_F(HttpClientTest, Posts) {
  TinyHttpServer server(Echo);
  EXPECT_EQ(Text(server.url("/p"), {.method = "POST", .body = "hello"}), "POST /p hello");
}

TEST_F(HttpClientTest, AnIdleConnectionThatWasClosedIsReplaced) {
  TinyHttpServer server(Echo);
  auto settings = *HttpSettings::Make(config_);
  ASSERT_TRUE(client_.FetchAndWait(settings, {.url = server.url()}).ok());
  server.CloseConnections();
  EXPECT_TRUE(client_.FetchAndWait(settings, {.method = "POST", .url = server.url()}).ok());
  EXPECT_EQ(server.connections(), 2);
}

TEST_F(HttpClientTest, AUsedConnectionThatBreaksIsTriedOnceMore) {
  std::atomic<int> requests{0};
  TinyHttpServer server([&](const TinyRequest&) {
    return ++requests == 2 ? TinyReply{.close = true} : TinyOk("fine");
  });
  auto settings = *HttpSettings::Make(config_);
  EXPECT_TRUE(client_.FetchAndWait(settings, {.url = server.url()}).ok());
  EXPECT_TRUE(client_.FetchAndWait(settings, {.url = server.url()}).ok());
  EXPECT_EQ(requests, 3);
  EXPECT_EQ(server.connections(), 2);
}

TEST_F(HttpClientTest, ErrorsReadAsGoPrintsThem) {
  const int port = testing_support::UnusedPort();
  EXPECT_EQ(Text(fmt::format("http://127.0.0.1:{}/metrics", port)),
            fmt::format("Get \"http://127.0.0.1:{0}/metrics\": dial tcp 127.0.0.1:{0}: connect: "
                        "connection refused", port));
  EXPECT_EQ(Text(fmt::format("http://[::1]:{}/", port)).substr(0, 24),
            fmt::format("Get \"http://[::1]:{}/\": dial tcp", port).substr(0, 24));
  EXPECT_EQ(Text("http://no-such-host.invalid/x"),
            "Get \"http://no-such-host.invalid/x\": dial tcp: lookup no-such-host.invalid: no such host");
  EXPECT_EQ(Text("ftp://h/"), "Get \"ftp://h/\": unsupported protocol scheme \"ftp\"");
  EXPECT_EQ(Text("http:///x"), "Get \"http:///x\": no Host in request URL");
  EXPECT_THAT(Text("http://h:port/x"), HasSubstr("invalid port"));
  TinyHttpServer closes([](const TinyRequest&) { return TinyReply{.close = true}; });
  EXPECT_EQ(Text(closes.url()), fmt::format("Get \"{}\": EOF", closes.url()));
  TinyHttpServer garbage([](const TinyRequest&) { return TinyReply{"what?\r\n\r\n", 0, true}; });
  EXPECT_THAT(Text(garbage.url()), HasSubstr("transport connection broken: malformed HTTP response"));
  TinyHttpServer half([](const TinyRequest&) {
    return TinyReply{"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf", 0, true};
  });
  EXPECT_EQ(Text(half.url()), "unexpected EOF");
}

TEST_F(HttpClientTest, TheDeadlineIsForEverything) {
  TinyHttpServer slow([](const TinyRequest&) {
    auto reply = TinyOk("late");
    reply.delay_ms = 3000;
    return reply;
  });
  const auto response = Get(slow.url(), {.timeout_ms = 50});
  EXPECT_TRUE(absl::IsDeadlineExceeded(response.status()));
  EXPECT_EQ(base::message(response.status()),
            fmt::format("Get \"{}\": context deadline exceeded", slow.url()));
  TinyHttpServer drips([](const TinyRequest&) {
    return TinyReply{"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf"};
  });
  EXPECT_EQ(Text(drips.url(), {.timeout_ms = 50}), "context deadline exceeded");
}

TEST_F(HttpClientTest, CancelEndsAFetch) {
  TinyHttpServer slow([](const TinyRequest&) {
    auto reply = TinyOk("late");
    reply.delay_ms = 5000;
    return reply;
  });
  absl::Notification done;
  absl::Status status;
  const auto fetch = client_.Fetch(*HttpSettings::Make(config_), {.url = slow.url()},
                                   [&](absl::StatusOr<HttpResponse> response) {
                                     status = response.status();
                                     done.Notify();
                                   });
  fetch->Cancel();
  done.WaitForNotification();
  EXPECT_TRUE(absl::IsCancelled(status));
  fetch->Cancel();
}

TEST_F(HttpClientTest, ChunksGzipAndLimits) {
  const std::string plain(100'000, 'x');
  const std::string packed = api::Compress(plain, api::Deflate::kGzip);
  TinyHttpServer server([&](const TinyRequest& r) {
    if (r.target == "/chunked") {
      return TinyReply{"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n"};
    }
    if (r.target == "/broken") return TinyOk("not gzip at all", "text/plain", "Content-Encoding: gzip\r\n");
    if (r.target == "/plain") return TinyOk(plain);
    if (r.target == "/eof") return TinyReply{"HTTP/1.0 200 OK\r\n\r\nto the end", 0, true};
    return TinyOk(packed, "text/plain", "Content-Encoding: gzip\r\n");
  });
  EXPECT_EQ(Text(server.url("/chunked")), "abcde");
  EXPECT_EQ(Text(server.url("/eof")), "to the end");
  EXPECT_EQ(Text(server.url("/gzip")), plain);
  EXPECT_EQ(Text(server.url("/gzip"), {.decode = false}), packed);
  EXPECT_THAT(Text(server.url("/broken")), StartsWith("gzip: "));
  for (const char* path : {"/plain", "/gzip"}) {
    EXPECT_EQ(Text(server.url(path), {.body_limit_bytes = plain.size() + 1}), plain) << path;
    const auto response = Get(server.url(path), {.body_limit_bytes = plain.size()});
    EXPECT_TRUE(absl::IsResourceExhausted(response.status()));
    EXPECT_EQ(base::message(response.status()), "body size limit exceeded");
  }
  EXPECT_EQ(Text(server.url("/chunked"), {.body_limit_bytes = 5}), "body size limit exceeded");
}

TEST_F(HttpClientTest, FollowsRedirectsWithoutLeakingCredentials) {
  TempDir dir;
  TinyHttpServer other([](const TinyRequest& r) { return TinyOk("auth=" + r.Header("authorization") + " x=" + r.Header("x-secret")); });
  TinyHttpServer server([&](const TinyRequest& r) {
    if (r.target == "/there") return TinyStatus("302 Found", "Location: " + other.url("/x") + "\r\n");
    if (r.target == "/here") return TinyStatus("301 Moved", "Location: ../end?q\r\n");
    if (r.target == "/loop") return TinyStatus("302 Found", "Location: /loop\r\n");
    if (r.target == "/nowhere") return TinyStatus("302 Found");
    if (r.target == "/keep") return TinyStatus("307 Temporary", "Location: /end\r\n");
    return TinyOk(r.method + r.target + " auth=" + r.Header("authorization") + r.body);
  });
  config_.basic_auth = BasicAuth{.username = "me", .password = "pw"};
  config_.headers = {{.name = "X-Secret", .secrets = {"s"}}};
  EXPECT_EQ(Text(server.url("/there")), "auth= x=");
  EXPECT_EQ(Text(server.url("/here")), "GET/../end?q auth=Basic bWU6cHc=");
  EXPECT_EQ(Text(server.url("/keep"), {.method = "POST", .body = "b"}), "POST/end auth=Basic bWU6cHc=b");
  EXPECT_EQ(Text(server.url("/loop")), fmt::format("Get \"{}\": stopped after 10 redirects", server.url("/loop")));
  EXPECT_THAT(Text(server.url("/nowhere")), HasSubstr("302 response missing Location header"));
  config_.follow_redirects = false;
  EXPECT_EQ(Get(server.url("/there"))->StatusText(), "302 Found");
}

TEST_F(HttpClientTest, SecretsAreReadFromFilesOnEveryRequest) {
  TinyHttpServer server([](const TinyRequest& r) {
    return TinyOk(r.Header("authorization") + " " + r.Header("x-more"));
  });
  const std::string path = dir_.path() + "/token";
  config_.authorization = Authorization{.credentials_file = path};
  config_.headers = {{.name = "X-More", .files = {path}}};
  auto settings = *HttpSettings::Make(config_);
  const auto text = [&] {
    const auto response = client_.FetchAndWait(settings, {.url = server.url()});
    return response.ok() ? response->body : std::string(base::message(response.status()));
  };
  EXPECT_THAT(text(), HasSubstr("no such file or directory"));
  Write(path, "first\n");
  EXPECT_EQ(text(), "Bearer first first");
  Write(path, " second \n");
  EXPECT_EQ(text(), "Bearer second second");
}

TEST_F(HttpClientTest, TlsChecksTheCertificate) {
  const TestCertificate certificate = MakeTestCertificate(dir_.path());
  TinyHttpServer server(Echo, {.cert_file = certificate.cert_file, .key_file = certificate.key_file});
  EXPECT_THAT(Text(server.url()),
              HasSubstr("tls: failed to verify certificate: x509: certificate signed by unknown authority"));
  config_.tls.ca_file = certificate.cert_file;
  EXPECT_EQ(Text(server.url("/x")), "GET /x ");
  config_.tls.server_name = "localhost";
  EXPECT_EQ(Text(server.url("/x")), "GET /x ");
  config_.tls.server_name = "elsewhere.example";
  EXPECT_THAT(Text(server.url()), HasSubstr("x509: certificate is not valid for elsewhere.example"));
  config_.tls = TlsConfig{.insecure_skip_verify = true, .min_version = TlsVersion::kTls13};
  EXPECT_EQ(Text(server.url("/x")), "GET /x ");
  config_.tls.ca_file = dir_.path() + "/absent";
  EXPECT_THAT(Text(server.url()), StartsWith("unable to load specified CA cert"));
  TinyHttpServer plain(Echo);
  config_.tls = {};
  EXPECT_THAT(Text("https://" + plain.address()),
              HasSubstr("http: server gave HTTP response to HTTPS client"));
}

TEST_F(HttpClientTest, TlsFilesAreReadAnewWhenTheyChange) {
  const TestCertificate wrong = MakeTestCertificate(dir_.path(), "wrong");
  const TestCertificate right = MakeTestCertificate(dir_.path(), "right");
  TinyHttpServer server(Echo, {.cert_file = right.cert_file, .key_file = right.key_file});
  config_.tls.ca_file = wrong.cert_file;
  config_.tls.cert_file = right.cert_file;
  config_.tls.key_file = right.key_file;
  auto settings = *HttpSettings::Make(config_);
  EXPECT_FALSE(client_.FetchAndWait(settings, {.url = server.url()}).ok());
  std::filesystem::copy_file(right.cert_file, wrong.cert_file,
                             std::filesystem::copy_options::overwrite_existing);
  EXPECT_TRUE(client_.FetchAndWait(settings, {.url = server.url()}).ok());
  config_.tls.key_file = wrong.key_file;
  EXPECT_THAT(HttpSettings::Make(config_).status().ToString(), HasSubstr("unable to use specified client cert"));
}

TEST_F(HttpClientTest, UnixSockets) {
  const std::string path = dir_.path() + "/s";
  TinyHttpServer server([](const TinyRequest& r) { return TinyOk(r.Header("host") + r.target); },
                        {.unix_socket = path});
  EXPECT_EQ(Text("http://name:1/m", {.unix_socket = path}), "name:1/m");
  EXPECT_EQ(Text("http://h/", {.unix_socket = path + "x"}),
            fmt::format("Get \"http://h/\": dial unix {}x: connect: no such file or directory", path));
}

TEST_F(HttpClientTest, ProxiesForBothSchemes) {
  const TestCertificate certificate = MakeTestCertificate(dir_.path());
  TinyHttpServer secure(Echo, {.cert_file = certificate.cert_file, .key_file = certificate.key_file});
  std::string seen;
  TinyHttpServer proxy(
      [&](const TinyRequest& r) {
        seen = r.method + " " + r.target + " " + r.Header("proxy-authorization");
        return TinyOk("via proxy");
      },
      {.proxy = true});
  config_.proxy_url = "http://u:p@" + proxy.address();
  config_.tls.ca_file = certificate.cert_file;
  EXPECT_EQ(Text("http://far.example:81/x?y"), "via proxy");
  EXPECT_EQ(seen, "GET http://far.example:81/x?y Basic dTpw");
  EXPECT_EQ(Text(secure.url("/s")), "GET /s ");
  EXPECT_EQ(seen, "CONNECT " + secure.address() + " Basic dTpw");
  config_.proxy_url = "socks5://h:1";
  EXPECT_EQ(Text("http://h/"), "proxy_url: unsupported protocol scheme \"socks5\"");
}

TEST_F(HttpClientTest, OnlySoManyBodiesAtOnce) {
  HttpClient client({.max_bodies = 1});
  TinyHttpServer server(Echo);
  auto settings = *HttpSettings::Make(config_);
  auto first = client.FetchAndWait(settings, {.url = server.url(), .take_body_slot = true});
  ASSERT_TRUE(first.ok());
  ASSERT_NE(first->slot, nullptr);
  const auto second =
      client.FetchAndWait(settings, {.url = server.url(), .timeout_ms = 60, .take_body_slot = true});
  EXPECT_TRUE(absl::IsDeadlineExceeded(second.status())) << second.status();
  absl::Notification done;
  client.Fetch(settings, {.url = server.url(), .take_body_slot = true},
               [&](absl::StatusOr<HttpResponse> response) {
                 EXPECT_TRUE(response.ok()) << response.status();
                 done.Notify();
               });
  first->slot.reset();
  done.WaitForNotification();
}

TEST_F(HttpClientTest, EveryFetchIsAnsweredWhenTheClientEnds) {
  TinyHttpServer slow([](const TinyRequest&) {
    auto reply = TinyOk("late");
    reply.delay_ms = 5000;
    return reply;
  });
  std::atomic<int> answers{0};
  std::shared_ptr<HttpFetch> fetch;
  {
    HttpClient client;
    auto settings = *HttpSettings::Make(config_);
    for (int i = 0; i < 10; ++i) {
      fetch = client.Fetch(settings, {.url = slow.url()},
                           [&](absl::StatusOr<HttpResponse> response) {
                             EXPECT_TRUE(absl::IsCancelled(response.status()));
                             ++answers;
                           });
    }
  }
  EXPECT_EQ(answers, 10);
  fetch->Cancel();
}

TEST(HttpUrl, PartsAndReferences) {
  const HttpUrl url = *ParseHttpUrl("HTTP://u%40:p@[::1]:81?q#f");
  EXPECT_EQ(url.scheme, "http");
  EXPECT_EQ(url.user_info, "u@:p");
  EXPECT_EQ(url.host, "::1");
  EXPECT_EQ(url.port, "81");
  EXPECT_EQ(url.authority, "[::1]:81");
  EXPECT_EQ(url.target, "/?q");
  EXPECT_EQ(ParseHttpUrl("https://h")->port, "443");
  const HttpUrl base = *ParseHttpUrl("http://h/a/b?c");
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"https://o/x", "https://o/x"}, {"//o/x", "http://o/x"}, {"/x?y", "http://h/x?y"},
      {"?z", "http://h/a/b?z"},       {"x", "http://h/a/x"},   {"", "http://h/a/b?c"},
  };
  for (const auto& [reference, want] : cases) {
    EXPECT_EQ(ResolveHttpUrl(base, reference)->ToString(), want) << reference;
  }
  for (const char* bad : {"h", "http://", "http://[::1", "http://h:70000/", "http://h/a b", "http://h\r\nX: y"}) {
    EXPECT_FALSE(ParseHttpUrl(bad).ok()) << bad;
  }
}

}  // namespace
}  // namespace server
