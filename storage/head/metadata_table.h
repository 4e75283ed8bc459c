// Type, help and unit of metric families, as sources tell them; several of one family where sources
// differ. All of it is in memory, and small: the log has what is new, each checkpoint has all.
#pragma once

#include <string_view>
#include <vector>

#include <absl/base/thread_annotations.h>
#include <absl/functional/function_ref.h>
#include <absl/synchronization/mutex.h>

#include "storage/base/hash.h"
#include "storage/model/metadata.h"

namespace storage {

class MetadataTable {  // Thread-safe.
 public:
  // Of one family; beyond, the one heard longest ago goes.
  static constexpr size_t kMaxOfFamily = 16;
  // How far behind the newest of its family an entry is still shown: sources are heard every hour.
  static constexpr model::TimeMs kShownMs = 3 * 3'600'000;

  // Beyond `max_bytes` the eighth heard longest ago goes.
  explicit MetadataTable(size_t max_bytes) : max_bytes_(max_bytes) {}

  // Whether there is a place for it at all; one entry takes at most a 64th of the bytes.
  bool MayHold(std::string_view family, const model::MetadataView& metadata) const;
  // Notes that it was heard at `now`. False when it is not there: then Add it.
  bool Heard(std::string_view family, const model::MetadataView& metadata, model::TimeMs now);
  // What is there already was heard at the later of both times.
  void Add(model::FamilyMetadata entry);

  // Of one family, or of all when it is empty: by name, of each the one heard last first.
  // `shown`: without what newer ones have replaced.
  std::vector<model::FamilyMetadata> List(std::string_view family, bool shown) const;
  // Removes what was last heard before `heard_before`, and families last heard before `used_before`
  // that `in_use` denies, which is called without a lock.
  void Forget(model::TimeMs heard_before, model::TimeMs used_before,
              absl::FunctionRef<bool(std::string_view family)> in_use);

  size_t num_entries() const;
  size_t bytes() const;

 private:
  struct Entry {
    model::Metadata metadata;
    model::TimeMs seen = 0;
  };
  using Entries = std::vector<Entry>;  // The one heard last first.

  static size_t BytesOf(std::string_view family, const model::MetadataView& metadata);
  static Entry* Find(Entries* entries, const model::MetadataView& metadata);
  // Removes entries of whichever family that `goes` names.
  void EraseIf(absl::FunctionRef<bool(const Entry&)> goes) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void MakeRoom() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);

  const size_t max_bytes_;
  mutable absl::Mutex mu_;
  base::StringMap<Entries> families_ ABSL_GUARDED_BY(mu_);
  size_t bytes_ ABSL_GUARDED_BY(mu_) = 0, num_entries_ ABSL_GUARDED_BY(mu_) = 0;
};

}  // namespace storage
