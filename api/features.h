// What this server can do, for /api/v1/features: category -> feature -> on.
#pragma once

#include <map>
#include <string>

#include "promql/engine.h"

namespace api {

using FeatureMap = std::map<std::string, std::map<std::string, bool>>;

// The categories that api and promql know about: api, promql, promql_functions, promql_operators,
// ui. The server adds its own.
FeatureMap OwnFeatures(const promql::Engine::Options& engine, bool admin, bool lifecycle,
                       bool remote_write);

}  // namespace api
