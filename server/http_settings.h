// What HttpSettings are inside: credentials and TLS material, read from files that may change.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <absl/base/thread_annotations.h>
#include <absl/status/statusor.h>
#include <absl/synchronization/mutex.h>

#include "server/http_client.h"
#include "server/http_url.h"

struct ssl_ctx_st;  // OpenSSL's SSL_CTX
struct ssl_st;      // and SSL.

namespace server {

// Thread-safe.
class PreparedSettings final : public HttpSettings {
 public:
  explicit PreparedSettings(HttpClientConfig config);
  absl::Status Prepare();  // Checks what can be checked now. Once, before anything else.

  const HttpClientConfig& config() const { return config_; }
  const std::optional<HttpUrl>& proxy() const { return proxy_; }

  struct TlsState {
    std::shared_ptr<ssl_ctx_st> context;
    uint64_t generation = 0;  // Another one after the files have changed.
  };
  absl::StatusOr<TlsState> Tls();

  // The configured headers, Authorization among them. Not `trusted`: those without a secret.
  absl::StatusOr<std::vector<std::pair<std::string, std::string>>> Headers(const HttpUrl& url,
                                                                           bool trusted) const;

  // Connections made with other TLS material or another proxy are not ours to use.
  std::string PoolKey(const HttpUrl& url, const std::string& unix_socket, uint64_t generation) const;

 private:
  const HttpClientConfig config_;
  const uint64_t id_;
  std::optional<HttpUrl> proxy_;  // Constant after Prepare.
  absl::Mutex mu_;
  TlsState tls_ ABSL_GUARDED_BY(mu_);
  std::string stamp_ ABSL_GUARDED_BY(mu_);
};

// The name (or address) that the server's certificate must carry, and that SNI asks for.
void ExpectServerName(ssl_st* tls, const std::string& name);
// What is wrong with its certificate; empty: nothing.
std::string VerifyFailure(ssl_st* tls, std::string_view name);

// "Basic bWU6cHc=" of "me:pw".
std::string BasicAuthorization(std::string_view user_and_password);

}  // namespace server
