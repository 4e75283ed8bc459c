#include "server/http_settings.h"

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <sys/stat.h>

#include <atomic>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <iterator>

#include "storage/base/status.h"

namespace server {
namespace {

using Context = std::shared_ptr<SSL_CTX>;

uint64_t NextId() {
  static std::atomic<uint64_t> next{1};
  return next++;
}

absl::StatusOr<std::string> ReadFile(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) {
    std::string reason = std::strerror(errno);
    reason[0] = static_cast<char>(std::tolower(static_cast<unsigned char>(reason[0])));
    return base::NotFound("open {}: {}", path, reason);
  }
  return std::string(std::istreambuf_iterator<char>(file), {});
}

// A secret: the value itself, or its file's text without the spaces and newlines around it.
absl::StatusOr<std::string> Secret(const std::string& value, const std::string& path,
                                   std::string_view what) {
  if (path.empty()) return value;
  const absl::StatusOr<std::string> text = ReadFile(path);
  if (!text.ok()) {
    return base::Error(text.status().code(), "unable to read {}: unable to read file {}: {}", what,
                       path, base::message(text.status()));
  }
  const size_t begin = text->find_first_not_of(" \t\r\n");
  if (begin == std::string::npos) return std::string();
  return text->substr(begin, text->find_last_not_of(" \t\r\n") - begin + 1);
}

// ---- TLS. ----

std::string OpenSslText() {
  const unsigned long code = ERR_get_error();
  ERR_clear_error();
  const char* reason = ERR_reason_error_string(code);
  return reason == nullptr ? "unknown error" : reason;
}

int ProtocolNumber(TlsVersion version) {
  switch (version) {
    case TlsVersion::kTls10:
      return TLS1_VERSION;
    case TlsVersion::kTls11:
      return TLS1_1_VERSION;
    case TlsVersion::kTls12:
      return TLS1_2_VERSION;
    case TlsVersion::kTls13:
      return TLS1_3_VERSION;
    case TlsVersion::kDefault:
      break;
  }
  return 0;
}

// The certificates of a PEM text, in order.
std::vector<std::unique_ptr<X509, void (*)(X509*)>> ReadCertificates(const std::string& pem) {
  std::vector<std::unique_ptr<X509, void (*)(X509*)>> list;
  const std::unique_ptr<BIO, int (*)(BIO*)> bio(
      BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())), &BIO_free);
  while (X509* certificate = PEM_read_bio_X509_AUX(bio.get(), nullptr, nullptr, nullptr)) {
    list.emplace_back(certificate, &X509_free);
  }
  ERR_clear_error();  // The end of the text counts as one.
  return list;
}

absl::Status UseCertificateAuthorities(SSL_CTX* context, const std::string& pem) {
  if (pem.empty()) {
    SSL_CTX_set_default_verify_paths(context);
    return absl::OkStatus();
  }
  const auto certificates = ReadCertificates(pem);
  if (certificates.empty()) {
    return base::InvalidArgument("unable to use specified CA cert: no certificate in it");
  }
  for (const auto& certificate : certificates) {
    X509_STORE_add_cert(SSL_CTX_get_cert_store(context), certificate.get());
  }
  return absl::OkStatus();
}

// The first certificate is the client's, the others lead to its authority.
absl::Status UseClientCertificate(SSL_CTX* context, const std::string& cert,
                                  const std::string& key) {
  const auto certificates = ReadCertificates(cert);
  if (certificates.empty()) return base::InvalidArgument("no certificate in it");
  bool good = SSL_CTX_use_certificate(context, certificates[0].get()) == 1;
  for (size_t i = 1; good && i < certificates.size(); ++i) {
    good = SSL_CTX_add1_chain_cert(context, certificates[i].get()) == 1;
  }
  const std::unique_ptr<BIO, int (*)(BIO*)> bio(
      BIO_new_mem_buf(key.data(), static_cast<int>(key.size())), &BIO_free);
  const std::unique_ptr<EVP_PKEY, void (*)(EVP_PKEY*)> private_key(
      PEM_read_bio_PrivateKey(bio.get(), nullptr, nullptr, nullptr), &EVP_PKEY_free);
  good = good && private_key != nullptr &&
         SSL_CTX_use_PrivateKey(context, private_key.get()) == 1 &&
         SSL_CTX_check_private_key(context) == 1;
  if (!good) return base::InvalidArgument("{}", OpenSslText());
  return absl::OkStatus();
}

absl::StatusOr<Context> MakeContext(const TlsConfig& config) {
  const Context context(SSL_CTX_new(TLS_client_method()), &SSL_CTX_free);
  if (context == nullptr) return base::Internal("no TLS context: {}", OpenSslText());
  const int least = ProtocolNumber(config.min_version);
  SSL_CTX_set_min_proto_version(context.get(), least == 0 ? TLS1_2_VERSION : least);
  if (least == TLS1_VERSION || least == TLS1_1_VERSION) SSL_CTX_set_security_level(context.get(), 0);
  SSL_CTX_set_max_proto_version(context.get(), ProtocolNumber(config.max_version));
  SSL_CTX_set_verify(context.get(), config.insecure_skip_verify ? SSL_VERIFY_NONE : SSL_VERIFY_PEER,
                     nullptr);
  const auto material = [](const std::string& text, const std::string& path) {
    return !text.empty() || path.empty() ? absl::StatusOr<std::string>(text) : ReadFile(path);
  };
  const absl::StatusOr<std::string> ca = material(config.ca, config.ca_file);
  if (!ca.ok()) {
    return base::Annotate(ca.status(), "unable to load specified CA cert " + config.ca_file);
  }
  RETURN_IF_ERROR(UseCertificateAuthorities(context.get(), *ca));
  const absl::StatusOr<std::string> cert = material(config.cert, config.cert_file);
  const absl::StatusOr<std::string> key = material(config.key, config.key_file);
  absl::Status status = cert.ok() ? key.status() : cert.status();
  if (status.ok() && !cert->empty()) status = UseClientCertificate(context.get(), *cert, *key);
  if (!status.ok()) {
    return base::Annotate(status, fmt::format("unable to use specified client cert ({}) & key ({})",
                                              config.cert_file, config.key_file));
  }
  return context;
}

// Tells whether any of the files has changed.
std::string FilesStamp(const TlsConfig& config) {
  std::string stamp;
  for (const std::string* path : {&config.ca_file, &config.cert_file, &config.key_file}) {
    struct stat info {};
    if (path->empty() || ::stat(path->c_str(), &info) != 0) continue;
    stamp += fmt::format("{}:{}:{}.{};", info.st_ino, info.st_size, info.st_mtim.tv_sec,
                         info.st_mtim.tv_nsec);
  }
  return stamp;
}

}  // namespace

std::string BasicAuthorization(std::string_view user_and_password) {
  std::string out(4 * ((user_and_password.size() + 2) / 3) + 1, '\0');
  const int n =
      EVP_EncodeBlock(reinterpret_cast<unsigned char*>(out.data()),
                      reinterpret_cast<const unsigned char*>(user_and_password.data()),
                      static_cast<int>(user_and_password.size()));
  out.resize(n);
  return "Basic " + out;
}

void ExpectServerName(SSL* tls, const std::string& name) {
  if (X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(tls), name.c_str()) == 1) return;
  ERR_clear_error();  // Not an address, then.
  SSL_set_tlsext_host_name(tls, name.c_str());
  SSL_set1_host(tls, name.c_str());
}

std::string VerifyFailure(SSL* tls, std::string_view name) {
  constexpr std::string_view kPrefix = "tls: failed to verify certificate: x509: ";
  if (SSL_get_verify_mode(tls) == SSL_VERIFY_NONE) return "";
  switch (SSL_get_verify_result(tls)) {
    case X509_V_OK:
      return "";
    case X509_V_ERR_CERT_HAS_EXPIRED:
    case X509_V_ERR_CERT_NOT_YET_VALID:
      return fmt::format("{}certificate has expired or is not yet valid", kPrefix);
    case X509_V_ERR_HOSTNAME_MISMATCH:
    case X509_V_ERR_IP_ADDRESS_MISMATCH:
      return fmt::format("{}certificate is not valid for {}", kPrefix, name);
    default:
      return fmt::format("{}certificate signed by unknown authority", kPrefix);
  }
}

absl::StatusOr<std::shared_ptr<HttpSettings>> HttpSettings::Make(const HttpClientConfig& config) {
  auto settings = std::make_shared<PreparedSettings>(config);
  RETURN_IF_ERROR(settings->Prepare());
  return std::shared_ptr<HttpSettings>(std::move(settings));
}

PreparedSettings::PreparedSettings(HttpClientConfig config)
    : config_(std::move(config)), id_(NextId()) {}

absl::Status PreparedSettings::Prepare() {
  if (!config_.proxy_url.empty()) {
    absl::StatusOr<HttpUrl> url = ParseHttpUrl(config_.proxy_url);
    if (!url.ok()) return base::Annotate(url.status(), "proxy_url");
    if (url->scheme != "http") {
      return base::InvalidArgument("proxy_url: scheme \"{}\" is not supported, only http is",
                                   url->scheme);
    }
    proxy_ = *std::move(url);
  }
  const TlsConfig& tls = config_.tls;
  const bool has_material = !tls.ca.empty() || !tls.ca_file.empty() || !tls.cert.empty() ||
                            !tls.cert_file.empty() || !tls.key.empty() || !tls.key_file.empty();
  return has_material ? Tls().status() : absl::OkStatus();
}

absl::StatusOr<PreparedSettings::TlsState> PreparedSettings::Tls() {
  const std::string stamp = FilesStamp(config_.tls);
  absl::MutexLock lock(&mu_);
  if (tls_.context == nullptr || stamp != stamp_) {
    ASSIGN_OR_RETURN(tls_.context, MakeContext(config_.tls));
    ++tls_.generation;
    stamp_ = stamp;
  }
  return tls_;
}

absl::StatusOr<std::vector<std::pair<std::string, std::string>>> PreparedSettings::Headers(
    const HttpUrl& url, bool trusted) const {
  std::vector<std::pair<std::string, std::string>> headers;
  for (const HttpHeader& header : config_.headers) {
    for (const std::string& value : header.values) headers.emplace_back(header.name, value);
    if (!trusted) continue;
    for (const std::string& value : header.secrets) headers.emplace_back(header.name, value);
    for (const std::string& path : header.files) {
      ASSIGN_OR_RETURN(std::string value, Secret("", path, "http header " + header.name));
      headers.emplace_back(header.name, std::move(value));
    }
  }
  if (!trusted) return headers;
  if (const auto& basic = config_.basic_auth) {
    ASSIGN_OR_RETURN(const std::string user,
                     Secret(basic->username, basic->username_file, "basic auth username"));
    ASSIGN_OR_RETURN(const std::string password,
                     Secret(basic->password, basic->password_file, "basic auth password"));
    headers.emplace_back("Authorization", BasicAuthorization(user + ":" + password));
  } else if (const auto& other = config_.authorization) {
    ASSIGN_OR_RETURN(
        const std::string credentials,
        Secret(other->credentials, other->credentials_file, "authorization credentials"));
    headers.emplace_back("Authorization", other->type + " " + credentials);
  } else if (!url.user_info.empty()) {
    headers.emplace_back("Authorization", BasicAuthorization(url.user_info));
  }
  return headers;
}

std::string PreparedSettings::PoolKey(const HttpUrl& url, const std::string& unix_socket,
                                      uint64_t generation) const {
  const bool own = url.scheme == "https" || proxy_.has_value();
  return fmt::format("{}|{}|{}|{}|{}.{}", url.scheme, url.host, url.port, unix_socket, own ? id_ : 0,
                     generation);
}

}  // namespace server
