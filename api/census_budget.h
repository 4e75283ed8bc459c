// How long one request goes on counting what lies in blocks.
#pragma once

#include <chrono>
#include <functional>

#include "api/router.h"

namespace api {

// For storage::Census::Count: a second, or until the client has gone. `request` outlives it.
inline std::function<bool()> CensusBudget(const Request& request) {
  const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(1);
  return [until, cancelled = request.cancelled] {
    return std::chrono::steady_clock::now() < until && (cancelled == nullptr || !*cancelled);
  };
}

}  // namespace api
