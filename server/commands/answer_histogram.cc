#include "server/commands/answer_histogram.h"

#include <algorithm>
#include <cmath>

#include "server/commands/bars.h"
#include "storage/model/number_text.h"

namespace server {
namespace {

constexpr size_t kMostBars = 40;

std::string Number(double v) { return model::FormatFloat(v, 'f'); }

// As %f of Go.
std::string Fixed(double v) { return std::isfinite(v) ? fmt::format("{:.6f}", v) : Number(v); }

}  // namespace

std::string HistogramLine(const AnswerHistogram& h) {
  std::string out = fmt::format("count {}, sum {}", Number(h.count), Number(h.sum));
  if (h.buckets.empty()) return out;
  const size_t n = h.buckets.size(), bars = std::min(n, kMostBars);
  std::vector<double> counts(bars);
  for (size_t i = 0; i < n; ++i) counts[i * bars / n] += h.buckets[i].count;
  const double most = *std::max_element(counts.begin(), counts.end());
  out += fmt::format(", {} ", Number(h.buckets.front().lower));
  for (const double count : counts) out += Bar(most > 0 ? count / most : 0);
  return out + " " + Number(h.buckets.back().upper);
}

std::string BucketsText(const AnswerHistogram& h) {
  std::string out;
  for (const AnswerBucket& b : h.buckets) {
    out += fmt::format("{}{}{},{}{}:{}", out.empty() ? "" : " ", b.ends == 1 || b.ends == 3 ? '[' : '(',
                       model::FormatFloat(b.lower, 'g'), model::FormatFloat(b.upper, 'g'),
                       b.ends == 0 || b.ends == 3 ? ']' : ')', Number(b.count));
  }
  return out;
}

std::string HistogramText(const AnswerHistogram& h) {
  return fmt::format("Count: {}, Sum: {}, Buckets: [{}]", Fixed(h.count), Fixed(h.sum),
                     BucketsText(h));
}

}  // namespace server
