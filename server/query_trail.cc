#include "server/query_trail.h"

#include <filesystem>

#include "storage/base/log.h"
#include "storage/base/status.h"

namespace server {

void QueryTrail::StartTracking(const std::string& dir, int max_concurrency) {
  const std::string path = (std::filesystem::path(dir) / "queries.active").string();
  if (const std::string queries = UnfinishedQueries(path); !queries.empty()) {
    base::Log(base::LogLevel::kInfo, "activeQueryTracker",
              "These queries didn't finish in the last run:", {{"queries", queries}});
  }
  auto active = ActiveQueries::Create(path, max_concurrency);
  if (!active.ok()) {
    base::Log(base::LogLevel::kError, "activeQueryTracker", "Running queries are not tracked",
              {{"err", std::string(base::message(active.status()))}});
    return;
  }
  active_ = *std::move(active);
  tracking_ = active_.get();
}

int QueryTrail::Begin(std::string_view query) {
  ActiveQueries* const active = tracking_;
  return active == nullptr ? -1 : active->Insert(query);
}

void QueryTrail::End(int ticket) {
  if (ticket >= 0) tracking_.load()->Remove(ticket);
}

}  // namespace server
