// The Histogram message of remote write, 1.0 and 2.0 alike.
#pragma once

#include <protozero/pbf_reader.hpp>

#include "storage/model/histogram.h"

namespace api {

struct WireHistogram {
  model::TimeMs t = 0;
  model::TimeMs start = 0;  // 2.0 only.
  model::AnyHistogram value;
};

// Floats when the message has a float count. Of a schema finer than we keep the buckets are put
// together, if they can be; what the fields say is otherwise not checked: model::Validate does.
// Throws protozero::exception for a malformed message.
WireHistogram ReadWireHistogram(protozero::pbf_reader reader);

}  // namespace api
