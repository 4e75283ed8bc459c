// How many samples a query looks at.
#pragma once

#include <cstdint>
#include <vector>

namespace promql {

// In all and, once they are asked for, at each step of a grid. Samples looked at count at every step
// whose window they are in; samples read count once, at the first.
class SampleTally {  // Not thread-safe.
 public:
  // From zero again; with figures for each of `steps`, or without when it is 0.
  void Reset(int steps) {
    looked_at_ = read_ = 0;
    looked_at_by_step_.assign(steps, 0);
    read_by_step_.assign(steps, 0);
  }
  bool by_step() const { return !read_by_step_.empty(); }

  void LookAt(int step, int64_t n) {
    looked_at_ += n;
    if (by_step()) looked_at_by_step_[step] += n;
  }
  void Read(int step, int64_t n) {
    read_ += n;
    if (by_step()) read_by_step_[step] += n;
  }
  void Add(int step, int64_t n) { LookAt(step, n), Read(step, n); }
  // When no one asks for steps, which is nearly always.
  void AddToAll(int64_t looked_at, int64_t read) { looked_at_ += looked_at, read_ += read; }

  // What `other`, of the same grid, has counted.
  void AddAll(const SampleTally& other) {
    AddToAll(other.looked_at_, other.read_);
    for (size_t i = 0; by_step() && i < other.read_by_step_.size(); ++i) {
      looked_at_by_step_[i] += other.looked_at_by_step_[i];
      read_by_step_[i] += other.read_by_step_[i];
    }
  }

  const int64_t& looked_at() const { return looked_at_; }
  int64_t read() const { return read_; }
  std::vector<int64_t>& looked_at_by_step() { return looked_at_by_step_; }
  std::vector<int64_t>& read_by_step() { return read_by_step_; }

 private:
  int64_t looked_at_ = 0, read_ = 0;
  std::vector<int64_t> looked_at_by_step_, read_by_step_;
};

}  // namespace promql
