#include "server/nearest.h"

#include <algorithm>
#include <numeric>
#include <vector>

namespace server {
namespace {

// Letters to insert, remove, replace, or swap with their neighbour.
size_t Distance(std::string_view a, std::string_view b) {
  std::vector<size_t> before, last(b.size() + 1), row(b.size() + 1);
  std::iota(last.begin(), last.end(), 0);
  for (size_t i = 1; i <= a.size(); ++i) {
    row[0] = i;
    for (size_t k = 1; k <= b.size(); ++k) {
      row[k] = std::min({last[k] + 1, row[k - 1] + 1, last[k - 1] + (a[i - 1] != b[k - 1])});
      if (i > 1 && k > 1 && a[i - 1] == b[k - 2] && a[i - 2] == b[k - 1]) {
        row[k] = std::min(row[k], before[k - 2] + 1);
      }
    }
    before = last;
    last.swap(row);
  }
  return last[b.size()];
}

}  // namespace

std::string Nearest(std::string_view name, std::span<const std::string_view> known) {
  constexpr size_t kLongest = 100;
  if (name.empty() || name.size() > kLongest) return "";
  size_t best = std::max<size_t>(2, name.size() / 3) + 1;
  std::string_view found;
  for (const std::string_view candidate : known) {
    const size_t distance = Distance(name, candidate);
    if (distance < best) {
      best = distance;
      found = candidate;
    }
  }
  if (!found.empty()) return std::string(found);
  // A word of it, or more words than it has: "interval" for "scrape_interval".
  for (const std::string_view candidate : known) {
    if (name.size() >= 4 && (candidate.find(name) != std::string_view::npos)) {
      return std::string(candidate);
    }
  }
  return "";
}

}  // namespace server
