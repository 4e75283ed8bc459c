// The built-in pages. Every address Prometheus' own pages have shows ours.
#include "api/compress.h"
#include "api/route_groups.h"
#include "api/ui/pages.h"
#include "storage/base/hash.h"
#include "storage/base/status.h"

namespace api {
namespace {

std::string EscapeHtml(std::string_view text) {
  std::string out;
  for (char c : text) {
    switch (c) {
      case '&': out += "&amp;"; break;
      case '<': out += "&lt;"; break;
      case '>': out += "&gt;"; break;
      case '"': out += "&quot;"; break;
      default: out += c;
    }
  }
  return out;
}

std::string WithTitle(std::string_view page, std::string_view title) {
  constexpr std::string_view kPlace = "PAGE_TITLE";
  const std::string escaped = EscapeHtml(title);
  std::string out;
  for (size_t at; (at = page.find(kPlace)) != std::string_view::npos;) {
    out += page.substr(0, at);
    out += escaped;
    page.remove_prefix(at + kPlace.size());
  }
  out += page;
  return out;
}

// Answers with `bytes`, or 304 when the browser has them.
Handler Serve(std::string content_type, std::string bytes) {
  const std::string tag = fmt::format("\"{:016x}\"", base::Hash64(bytes));
  return [=](const Request& request) {
    Response response{.content_type = content_type};
    response.headers = {{"ETag", tag},
                        {"Cache-Control", "no-cache"},
                        {"X-Content-Type-Options", "nosniff"},
                        {"Content-Security-Policy",
                         "default-src 'self'; img-src 'self' data:; style-src 'self' "
                         "'unsafe-inline'; object-src 'none'; base-uri 'none'"}};
    if (request.Header("if-none-match").find(tag) != std::string_view::npos) {
      response.status = 304;
      return response;
    }
    response.body = bytes;
    CompressResponse(request, &response);
    return response;
  };
}

}  // namespace

void AddPageRoutes(Router* router, const ApiDependencies& d) {
  const Handler index = Serve("text/html; charset=utf-8", WithTitle(IndexPage(), d.page_title));
  for (const char* path : {"/", "/graph", "/query", "/targets", "/status", "/alerts", "/rules",
                           "/flags", "/config", "/service-discovery", "/tsdb-status"}) {
    router->Add(Method::kGet, path, index, Lane::kPrompt);
  }
  for (const PageFile& file : AssetFiles()) {
    const Handler handler = Serve(std::string(file.content_type), std::string(file.bytes));
    router->Add(Method::kGet, fmt::format("/assets/{}", file.name), handler, Lane::kPrompt);
    if (file.name == "favicon.svg") {
      router->Add(Method::kGet, "/favicon.svg", handler, Lane::kPrompt);
      router->Add(Method::kGet, "/favicon.ico", handler, Lane::kPrompt);
    }
  }
}

}  // namespace api
