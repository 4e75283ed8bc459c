#pragma once

#include <compare>
#include <vector>

#include "storage/model/labels.h"
#include "storage/model/sample.h"

namespace model {

// An example of what a sample counted, usually with a trace id.
struct Exemplar {
  Labels labels;
  double value = 0;
  TimeMs t = 0;
  bool has_time = false;  // Whether the source gave one.
};

// By time, value and labels, which is how a series' exemplars are kept and shown. Values compare by
// their bits, so any two that differ at all differ here; whose time it is does not count.
std::strong_ordering Compare(const Exemplar& a, const Exemplar& b);

// In that order, each once.
void SortUnique(std::vector<Exemplar>* exemplars);

}  // namespace model
