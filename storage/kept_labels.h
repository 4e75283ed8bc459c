// The labels that a Selection lends: of all its series, or made when somebody asks for them.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <absl/base/thread_annotations.h>
#include <absl/container/flat_hash_map.h>
#include <absl/synchronization/mutex.h>

#include "storage/base/byte_arena.h"
#include "storage/model/labels.h"

namespace storage {

class KeptLabels {
 public:
  // Of all, one after the other, before Get is called. Not thread-safe.
  void Reserve(size_t series) { all_.reserve(series); }
  void Append(model::LabelsView labels) { Append(arena_.Copy(labels.bytes())); }
  // The next one's, to be filled with its canonical bytes.
  char* AppendRoom(size_t size) {
    char* const room = arena_.Reserve(size);
    Append(std::string_view(room, size));
    return room;
  }
  bool has_all() const { return !all_.empty(); }
  model::LabelsView operator[](size_t n) const { return all_[n]; }  // When it has all.

  // Thread-safe. `make` appends the canonical bytes of the `n`-th to a string; it is called once.
  template <class Make>
  model::LabelsView Get(uint32_t n, const Make& make) const {
    if (has_all()) return all_[n];
    absl::MutexLock lock(&mu_);
    const auto [it, added] = late_.try_emplace(n);
    if (added) {
      std::string bytes;
      make(&bytes);
      it->second = model::LabelsView(arena_.Copy(bytes));
    }
    return it->second;
  }

 private:
  void Append(std::string_view kept) { all_.emplace_back(kept); }

  std::vector<model::LabelsView> all_;
  mutable base::ByteArena arena_;  // Guarded by mu_ from the first Get on.
  mutable absl::Mutex mu_;
  mutable absl::flat_hash_map<uint32_t, model::LabelsView> late_ ABSL_GUARDED_BY(mu_);
};

}  // namespace storage
