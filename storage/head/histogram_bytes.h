// Histograms as the log has them: README of storage, "Log records".
#pragma once

#include <string>
#include <string_view>

#include "storage/model/histogram.h"

namespace storage {

void AppendHistogram(const model::AnyHistogram& h, std::string* out);
// Takes one from the front. False when it is none, or not a valid one.
bool TakeHistogram(std::string_view* in, model::AnyHistogram* h);

// Stands for a histogram where a sample's value is compared: the stale marker for a stale one, else
// 64 bits of a hash of all but the hint, as if they were a double.
double Fingerprint(const model::AnyHistogram& h);

}  // namespace storage
