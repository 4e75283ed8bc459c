#include "api/cors.h"

namespace api {

void AddCorsHeaders(const Request& request, const model::AnchoredRegex* allowed,
                    Response* response) {
  response->headers.emplace_back("Vary", "Origin");
  const std::string_view origin = request.Header("origin");
  if (origin.empty()) return;
  response->headers.emplace_back("Access-Control-Allow-Headers",
                                 "Accept, Authorization, Content-Type, Origin");
  response->headers.emplace_back("Access-Control-Allow-Methods", "GET, POST, OPTIONS");
  response->headers.emplace_back("Access-Control-Expose-Headers", "Date");
  if (allowed == nullptr || allowed->pattern() == ".*") {
    response->headers.emplace_back("Access-Control-Allow-Origin", "*");
  } else if (allowed->Matches(origin)) {
    response->headers.emplace_back("Access-Control-Allow-Origin", origin);
  }
}

}  // namespace api
