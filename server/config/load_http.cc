#include "server/config/load_http.h"

#include <algorithm>
#include <array>

namespace server {
namespace {

std::string Lower(std::string_view s) {
  std::string out(s);
  for (char& c : out) c |= c >= 'A' && c <= 'Z' ? 0x20 : 0;
  return out;
}

std::string Trim(std::string_view s) {
  const size_t start = s.find_first_not_of(" \t\r\n");
  if (start == std::string_view::npos) return "";
  return std::string(s.substr(start, s.find_last_not_of(" \t\r\n") - start + 1));
}

// How many of `keys` are set to something.
int Count(const Fields& fields, std::initializer_list<std::string_view> keys) {
  return static_cast<int>(std::count_if(
      keys.begin(), keys.end(), [&](std::string_view key) { return !fields.String(key).empty(); }));
}

void RejectRefs(const Fields& fields, Problems* problems) {
  for (const YamlNode::Key& key : fields.node().keys) {
    if (key.name.ends_with("_ref") && !fields.String(key.name).empty()) {
      problems->Add(key.line, key.column, "{}: there is no secret manager in this server",
                    key.name);
    }
  }
}

void CheckTls(const Fields& tls, Problems* problems) {
  RejectRefs(tls, problems);
  const auto most_one = [&](std::string_view a, std::string_view b, std::string_view message) {
    if (Count(tls, {a, b}) > 1) problems->Add(tls.At(a), "{}", message);
  };
  most_one("ca", "ca_file", "at most one of ca, ca_file & ca_ref must be configured");
  most_one("cert", "cert_file", "at most one of cert, cert_file & cert_ref must be configured");
  most_one("key", "key_file", "at most one of key and key_file must be configured");
  const bool cert = Count(tls, {"cert", "cert_file"}) > 0,
             key = Count(tls, {"key", "key_file"}) > 0;
  if (cert && !key) {
    problems->Add(tls.node(),
                  "exactly one of key or key_file must be configured when a client certificate is "
                  "configured");
  } else if (key && !cert) {
    problems->Add(
        tls.node(),
        "exactly one of cert or cert_file must be configured when a client key is configured");
  }
  for (const std::string_view version : {"min_version", "max_version"}) {
    static constexpr std::array<std::string_view, 5> kKnown = {"", "TLS10", "TLS11", "TLS12",
                                                               "TLS13"};
    const std::string value = tls.String(version);
    if (std::find(kKnown.begin(), kKnown.end(), value) == kKnown.end()) {
      problems->Add(tls.At(version), "unknown TLS version: {}", value);
    }
  }
}

void CheckAuth(const Fields& fields, Problems* problems) {
  const bool basic = fields.Has("basic_auth"), oauth2 = fields.Has("oauth2");
  const bool authorization = fields.Has("authorization");
  const int bearer = Count(fields, {"bearer_token", "bearer_token_file"});
  if (bearer > 1) {
    problems->Add(fields.At("bearer_token"),
                  "at most one of bearer_token & bearer_token_file must be configured");
  }
  if ((basic || oauth2) && bearer > 0) {
    problems->Add(
        fields.At(basic ? "basic_auth" : "oauth2"),
        "at most one of basic_auth, oauth2, bearer_token & bearer_token_file must be configured");
  }
  if (authorization && bearer > 0) {
    problems->Add(fields.At("authorization"),
                  "authorization is not compatible with bearer_token & bearer_token_file");
  }
  if (basic + oauth2 + authorization > 1) {
    problems->Add(fields.At(authorization ? "authorization" : "oauth2"),
                  "at most one of basic_auth, oauth2 & authorization must be configured");
  }
  if (basic) {
    const Fields section = fields.Section("basic_auth");
    RejectRefs(section, problems);
    if (Count(section, {"username", "username_file", "username_ref"}) > 1) {
      problems->Add(
          section.node(),
          "at most one of basic_auth username, username_file & username_ref must be configured");
    }
    if (Count(section, {"password", "password_file", "password_ref"}) > 1) {
      problems->Add(
          section.node(),
          "at most one of basic_auth password, password_file & password_ref must be configured");
    }
  }
  if (authorization) {
    const Fields section = fields.Section("authorization");
    RejectRefs(section, problems);
    if (Count(section, {"credentials", "credentials_file", "credentials_ref"}) > 1) {
      problems->Add(
          section.node(),
          "at most one of authorization credentials & credentials_file must be configured");
    }
    if (Lower(Trim(section.String("type"))) == "basic") {
      problems->Add(section.At("type"),
                    "authorization type cannot be set to \"basic\", use \"basic_auth\" instead");
    }
  }
}

void CheckOAuth2(const Fields& oauth2, Problems* problems) {
  RejectRefs(oauth2, problems);
  if (oauth2.String("client_id").empty()) {
    problems->Add(oauth2.node(), "oauth2 client_id must be configured");
  }
  if (oauth2.String("token_url").empty()) {
    problems->Add(oauth2.node(), "oauth2 token_url must be configured");
  }
  if (Count(oauth2, {"client_secret", "client_secret_file", "client_secret_ref"}) > 1) {
    problems->Add(oauth2.node(),
                  "at most one of oauth2 client_secret, client_secret_file & client_secret_ref "
                  "must be configured using grant-type=client_credentials");
  }
  CheckTls(oauth2.Section("tls_config"), problems);
}

void CheckProxy(const Fields& fields, Problems* problems) {
  const bool url = !fields.String("proxy_url").empty();
  const bool environment = fields.Bool("proxy_from_environment", false);
  if (fields.Has("proxy_connect_header") && !environment && !url) {
    problems->Add(fields.At("proxy_connect_header"),
                  "if proxy_connect_header is configured, proxy_url or proxy_from_environment must "
                  "also be configured");
  }
  if (environment && url) {
    problems->Add(fields.At("proxy_url"),
                  "if proxy_from_environment is configured, proxy_url must not be configured");
  }
  if (!fields.String("no_proxy").empty() && (environment || !url)) {
    problems->Add(fields.At("no_proxy"), "{}",
                  environment
                      ? "if proxy_from_environment is configured, no_proxy must not be configured"
                      : "if no_proxy is configured, proxy_url must also be configured");
  }
}

void CheckHeaders(const YamlNode& headers, Problems* problems) {
  static constexpr std::array<std::string_view, 18> kReserved = {
      "authorization",
      "host",
      "content-encoding",
      "content-length",
      "content-type",
      "user-agent",
      "connection",
      "keep-alive",
      "proxy-authenticate",
      "proxy-authorization",
      "www-authenticate",
      "accept-encoding",
      "x-prometheus-remote-write-version",
      "x-prometheus-remote-read-version",
      "x-prometheus-scrape-timeout-seconds",
      "x-amz-date",
      "x-amz-security-token",
      "x-amz-content-sha256"};
  constexpr std::string_view kToken =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789!#$%&'*+-.^_`|~";
  for (const YamlNode::Key& key : headers.keys) {
    if (std::find(kReserved.begin(), kReserved.end(), Lower(key.name)) != kReserved.end()) {
      problems->Add(key.line, key.column, "setting header {} is not allowed", Quote(key.name));
    } else if (key.name.empty() || key.name.find_first_not_of(kToken) != std::string::npos) {
      problems->Add(key.line, key.column, "{} is not a valid header name", Quote(key.name));
    }
  }
}

TlsVersion VersionOf(std::string_view text) {
  if (text == "TLS10") return TlsVersion::kTls10;
  if (text == "TLS11") return TlsVersion::kTls11;
  if (text == "TLS12") return TlsVersion::kTls12;
  if (text == "TLS13") return TlsVersion::kTls13;
  return TlsVersion::kDefault;
}

TlsConfig LoadTls(const Fields& fields, std::string_view dir) {
  return {.ca = fields.String("ca"),
          .ca_file = ResolvePath(dir, fields.String("ca_file")),
          .cert = fields.String("cert"),
          .cert_file = ResolvePath(dir, fields.String("cert_file")),
          .key = fields.String("key"),
          .key_file = ResolvePath(dir, fields.String("key_file")),
          .server_name = fields.String("server_name"),
          .insecure_skip_verify = fields.Bool("insecure_skip_verify", false),
          .min_version = VersionOf(fields.String("min_version")),
          .max_version = VersionOf(fields.String("max_version"))};
}

std::optional<Authorization> LoadAuthorization(const Fields& fields, std::string_view dir) {
  if (fields.Has("authorization")) {
    const Fields section = fields.Section("authorization");
    const std::string type = Trim(section.String("type"));
    return Authorization{.type = type.empty() ? "Bearer" : type,
                         .credentials = section.String("credentials"),
                         .credentials_file = ResolvePath(dir, section.String("credentials_file"))};
  }
  if (Count(fields, {"bearer_token", "bearer_token_file"}) == 0) return std::nullopt;
  return Authorization{.type = "Bearer",
                       .credentials = fields.String("bearer_token"),
                       .credentials_file = ResolvePath(dir, fields.String("bearer_token_file"))};
}

}  // namespace

void CheckHttpClient(const Fields& fields, Problems* problems) {
  CheckAuth(fields, problems);
  if (fields.Has("oauth2")) CheckOAuth2(fields.Section("oauth2"), problems);
  CheckTls(fields.Section("tls_config"), problems);
  CheckProxy(fields, problems);
  CheckHeaders(fields.Section("http_headers").node(), problems);
}

HttpClientConfig LoadHttpClient(const Fields& fields, std::string_view dir, Problems* problems,
                                std::vector<std::string>* without_effect) {
  CheckHttpClient(fields, problems);
  HttpClientConfig out;
  if (fields.Has("basic_auth")) {
    const Fields section = fields.Section("basic_auth");
    out.basic_auth = BasicAuth{.username = section.String("username"),
                               .username_file = ResolvePath(dir, section.String("username_file")),
                               .password = section.String("password"),
                               .password_file = ResolvePath(dir, section.String("password_file"))};
  }
  out.authorization = LoadAuthorization(fields, dir);
  out.tls = LoadTls(fields.Section("tls_config"), dir);
  out.follow_redirects = fields.Bool("follow_redirects", true);
  out.enable_http2 = fields.Bool("enable_http2", true);
  out.proxy_url = fields.String("proxy_url");
  const YamlNode& headers = fields.Section("http_headers").node();
  for (size_t i = 0; i < headers.keys.size(); ++i) {
    const Fields header(headers.items[i]);
    HttpHeader& added = out.headers.emplace_back();
    added.name = headers.keys[i].name;
    added.values = header.Strings("values");
    added.secrets = header.Strings("secrets");
    for (const std::string& file : header.Strings("files")) {
      added.files.push_back(ResolvePath(dir, file));
    }
  }
  for (const std::string_view key :
       {"oauth2", "no_proxy", "proxy_from_environment", "proxy_connect_header"}) {
    if (fields.Has(key)) without_effect->emplace_back(key);
  }
  return out;
}

}  // namespace server
