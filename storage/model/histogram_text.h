// Native histograms as Prometheus prints them.
#pragma once

#include <string>

#include "storage/model/histogram.h"

namespace model {

// {count:5, sum:18.4, [-0.001,0.001]:1, (0.5,1]:4}: buckets that are not empty, ascending.
std::string ToString(const AnyHistogram& h);

}  // namespace model
