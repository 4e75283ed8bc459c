// Where the Database will be once it has been opened. Until then everything answers kUnavailable,
// so that the HTTP server can start before the log is replayed.
#pragma once

#include <functional>
#include <memory>
#include <span>
#include <vector>

#include <absl/base/thread_annotations.h>
#include <absl/synchronization/mutex.h>

#include "api/providers.h"
#include "storage/database.h"

namespace api {

// Thread-safe.
class StorageSlot final : public storage::Queryable,
                          public storage::Appendable,
                          public StorageProvider {
 public:
  // From now on calls go to `database`, which is borrowed. Set(nullptr) takes it away again: it
  // does not wait for calls that are under way.
  void Set(storage::Database* database);
  // What CleanTombstones does, which is nothing of the Database.
  void SetCleaner(std::function<absl::Status()> clean);
  void SetReplay(const storage::ReplayProgress& progress);
  storage::Database* database() const override;

  absl::StatusOr<std::unique_ptr<storage::Querier>> NewQuerier(model::TimeRange range) override;
  storage::ChangeLog* changes() override;
  // Null while there is no database: callers that cannot be kept away by Ready() check for it.
  std::unique_ptr<storage::Appender> NewAppender() override;
  absl::StatusOr<std::vector<storage::ExemplarSeries>> Exemplars(
      std::span<const std::vector<model::Matcher>> matchers, model::TimeRange range) override;
  absl::StatusOr<storage::HeadInfo> Head() override;
  absl::StatusOr<storage::Cardinality> TopCardinality(size_t limit) override;
  absl::StatusOr<std::vector<storage::BlockMeta>> BlockMetas() override;
  storage::ReplayProgress Replay() override;
  absl::Status Delete(std::span<const std::vector<model::Matcher>> sets,
                      model::TimeRange range) override;
  absl::Status CleanTombstones() override;
  absl::Status Snapshot(std::string_view name, bool skip_head) override;

 private:
  mutable absl::Mutex mu_;
  storage::Database* database_ ABSL_GUARDED_BY(mu_) = nullptr;
  std::function<absl::Status()> clean_ ABSL_GUARDED_BY(mu_);
  storage::ReplayProgress replay_ ABSL_GUARDED_BY(mu_);
};

}  // namespace api
