// Groups and match groups: which labels of a series count, as bytes to hash.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include <absl/container/flat_hash_set.h>

#include "promql/operator.h"
#include "storage/base/hash.h"
#include "storage/model/labels.h"

namespace promql {

bool IsMetadataLabel(std::string_view name);  // __name__, __type__, __unit__

// Keeps the labels named (by, on) or all others (without, ignoring).
class LabelPicker {
 public:
  static LabelPicker Only(std::vector<std::string> names) { return {std::move(names), true}; }
  static LabelPicker AllBut(std::vector<std::string> names) { return {std::move(names), false}; }

  // Replaces *out with the canonical bytes of what is kept. Metadata labels count as absent if
  // `hide_metadata`.
  void Pick(model::LabelsView labels, bool hide_metadata, std::string* out) const;
  // Those it was made of, ascending, each once; without those of metadata if `hide_metadata`.
  std::vector<std::string> Names(bool hide_metadata) const;

 private:
  LabelPicker(std::vector<std::string> names, bool keep);
  std::vector<std::string> names_;  // Sorted.
  bool keep_;
};

// Labels without metadata labels, if those are hidden.
model::Labels VisibleLabels(model::LabelsView labels, bool hide_metadata);
std::vector<model::Labels> VisibleLabels(const BorrowedSeries& series);  // Of each.

// Numbers distinct byte strings in the order they come. Millions may be long: it keeps 128 bits of a
// seeded hash of each, which stand for it as they do in the head.
class Numbering {
 public:
  Numbering() : numbers_(0, Hash{&hashes_}, Eq{&hashes_}) {}
  Numbering(const Numbering&) = delete;
  Numbering& operator=(const Numbering&) = delete;

  // The number of `key`; a new one if it was not there.
  int Number(std::string_view key);
  int size() const { return static_cast<int>(hashes_.size()); }

 private:
  struct Hash {
    using is_transparent = void;
    const std::vector<base::Hash128>* hashes;
    size_t operator()(const base::Hash128& hash) const { return hash.low; }
    size_t operator()(int number) const { return (*hashes)[static_cast<size_t>(number)].low; }
  };
  struct Eq {
    using is_transparent = void;
    const std::vector<base::Hash128>* hashes;
    bool operator()(int a, int b) const { return a == b; }
    bool operator()(int number, const base::Hash128& hash) const {
      return (*hashes)[static_cast<size_t>(number)] == hash;
    }
    bool operator()(const base::Hash128& hash, int number) const { return (*this)(number, hash); }
  };

  std::vector<base::Hash128> hashes_;  // By number.
  absl::flat_hash_set<int, Hash, Eq> numbers_;
};

}  // namespace promql
