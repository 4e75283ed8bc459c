// What /api/v1/status/tsdb counts when match[] narrows it down.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <unordered_map>

#include <absl/status/statusor.h>

#include "api/envelope.h"
#include "api/routes.h"
#include "storage/head/head_info.h"
#include "storage/model/labels.h"

namespace api {

// Counts label sets as the head's own index does. Thread-compatible.
class SelectedCardinality {
 public:
  // The bytes of `labels` must outlive this. Each series once.
  void Add(model::LabelsView labels);
  // The largest first, equal ones by name, `limit` each.
  storage::Cardinality Top(size_t limit) const;

 private:
  std::unordered_map<std::string_view, std::unordered_map<std::string_view, uint64_t>> names_;
};

// Of the series in `range` that any match[] of the request selects. In series_routes.cc.
absl::StatusOr<storage::Cardinality> CardinalityOfSelected(const ApiDependencies& d,
                                                           const Request& request,
                                                           model::TimeRange range, size_t limit,
                                                           Reply* reply);

}  // namespace api
