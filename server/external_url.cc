#include "server/external_url.h"

#include "storage/base/status.h"

namespace server {
namespace {

bool IsQuote(char c) { return c == '"' || c == '\''; }

// Without slashes at its end, with one at its start; "" for none.
std::string TidyPath(std::string_view path) {
  while (path.ends_with('/')) path.remove_suffix(1);
  if (path.empty()) return "";
  return path.starts_with('/') ? std::string(path) : fmt::format("/{}", path);
}

}  // namespace

absl::StatusOr<ExternalUrl> MakeExternalUrl(std::string_view external, std::string_view prefix,
                                            std::string_view listen_address,
                                            std::string_view hostname) {
  std::string url(external);
  if (url.empty()) {
    const size_t colon = listen_address.rfind(':');
    if (colon == std::string_view::npos) {
      return base::InvalidArgument("address {}: missing port in address", listen_address);
    }
    url = fmt::format("http://{}:{}/", hostname, listen_address.substr(colon + 1));
  }
  if (IsQuote(url.front()) || IsQuote(url.back())) {
    return base::InvalidArgument("URL must not begin or end with quotes");
  }
  for (const unsigned char c : url) {
    if (c <= ' ' || c == 0x7f)
      return base::InvalidArgument("parse \"{}\": invalid character in URL", url);
  }
  const size_t scheme = url.find("://");
  // A bare path is a URL as well.
  const size_t slash = scheme == std::string::npos ? 0 : url.find_first_of("/?#", scheme + 3);
  const std::string base = url.substr(0, slash);
  std::string path = slash == std::string::npos ? "" : url.substr(slash);
  path = TidyPath(path.substr(0, path.find_first_of("?#")));
  const std::string route = prefix.empty() ? path : TidyPath(prefix);
  return ExternalUrl{.url = base + path, .route_prefix = route.empty() ? "/" : route};
}

}  // namespace server
