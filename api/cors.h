#pragma once

#include "api/router.h"
#include "storage/model/matcher.h"

namespace api {

// Lets pages of other origins read the response. `allowed` is --web.cors.origin; null: any origin.
void AddCorsHeaders(const Request& request, const model::AnchoredRegex* allowed,
                    Response* response);

}  // namespace api
