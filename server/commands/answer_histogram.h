// Native histograms of an answer as text.
#pragma once

#include <string>

#include "server/commands/query_answer.h"

namespace server {

// For people: count 9, sum 12.5, 0.25 ▁▃█ 4 -- a bar for each bucket that is not empty, of very many
// for some together, between the outer ends.
std::string HistogramLine(const AnswerHistogram& h);

// (0.5,1]:3 (1,2]:4
std::string BucketsText(const AnswerHistogram& h);

// As the client library of Prometheus prints one: Count: 9.000000, Sum: 12.500000, Buckets: [...]
std::string HistogramText(const AnswerHistogram& h);

}  // namespace server
