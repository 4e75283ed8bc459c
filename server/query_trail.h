// What queries leave behind: a line in the query log, and while they run an entry in queries.active.
#pragma once

#include <atomic>
#include <memory>
#include <string>

#include "promql/engine.h"
#include "server/active_queries.h"
#include "server/query_log.h"

namespace server {

class QueryTrail final : public promql::QueryObserver {  // Thread-safe but for StartTracking.
 public:
  // Logs what ran in `dir` when a server ended there without a stop, and keeps track from now on;
  // call once. Without the file queries run all the same: that is only logged.
  void StartTracking(const std::string& dir, int max_concurrency);
  QueryLog& log() { return log_; }

  int Begin(std::string_view query) override;
  void End(int ticket) override;
  void Finished(const Record& record) override { log_.Write(record); }

 private:
  QueryLog log_;
  std::unique_ptr<ActiveQueries> active_;
  std::atomic<ActiveQueries*> tracking_{nullptr};
};

}  // namespace server
