// Everything the server answers over HTTP, in one call:
//
//   api::StorageSlot slot;                       // Before the Database is open.
//   api::Router router;
//   api::RegisterRoutes(&router, {.engine = &engine, .queryable = &slot, .appendable = &slot,
//                                 .storage = &slot, .targets = &targets, .status = &status});
//   auto server = api::HttpServer::Listen({.addresses = {":9090"}}, &router);   // http_server.h
//   slot.Set(database.get(), progress);
#pragma once

#include <memory>
#include <string>

#include "api/providers.h"
#include "api/router.h"
#include "promql/engine.h"
#include "storage/appender.h"
#include "storage/base/clock.h"
#include "storage/base/memory_meter.h"
#include "storage/base/stats.h"
#include "storage/querier.h"

namespace api {

// Numbers that no other room counts. Thread-safe.
struct ApiStats {
  base::Counter remote_write_samples;         // Accepted over /api/v1/write.
  base::Counter remote_write_invalid_labels;  // Samples skipped for their labels.
  base::Counter federation_errors, federation_warnings;
};

// All pointers are borrowed, thread-safe, never null unless said so, and outlive the Router.
struct ApiDependencies {
  promql::Engine* engine = nullptr;
  storage::Queryable* queryable = nullptr;
  storage::Appendable* appendable = nullptr;
  StorageProvider* storage = nullptr;
  TargetProvider* targets = nullptr;
  StatusProvider* status = nullptr;
  ApiStats* stats = nullptr;                  // May be null.
  base::MemoryPool* memory = nullptr;         // What requests that read may take. May be null.
  base::Clock* clock = base::SystemClock::Get();
  // --web.cors.origin. Null: any origin.
  std::shared_ptr<const model::AnchoredRegex> cors_origin;
  std::string route_prefix = "/";             // --web.route-prefix
  std::string app_name = "Prometheus Server";  // "... is Healthy."
  std::string page_title = "Tidemark";        // --web.page-title
};

void RegisterRoutes(Router* router, const ApiDependencies& dependencies);

}  // namespace api
