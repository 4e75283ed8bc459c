#pragma once

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

}  // namespace model
