#include "promql/functions/natural_order.h"

#include <charconv>
#include <cstdint>
#include <optional>

namespace promql {
namespace {

bool IsDigit(char c) { return c >= '0' && c <= '9'; }

std::string_view TakeRun(std::string_view* s) {
  size_t size = 1;
  while (size < s->size() && IsDigit((*s)[size]) == IsDigit((*s)[0])) ++size;
  const std::string_view run = s->substr(0, size);
  s->remove_prefix(size);
  return run;
}

std::optional<int64_t> Number(std::string_view run) {
  int64_t number = 0;
  const auto [end, error] = std::from_chars(run.data(), run.data() + run.size(), number);
  if (!IsDigit(run[0]) || error != std::errc()) return std::nullopt;
  return number;
}

}  // namespace

std::weak_ordering CompareNaturally(std::string_view a, std::string_view b) {
  while (!a.empty() && !b.empty()) {
    const std::string_view run_a = TakeRun(&a), run_b = TakeRun(&b);
    const std::optional<int64_t> number_a = Number(run_a), number_b = Number(run_b);
    const std::weak_ordering order = number_a.has_value() && number_b.has_value()
                                         ? std::weak_ordering(*number_a <=> *number_b)
                                         : std::weak_ordering(run_a <=> run_b);
    if (order != 0) return order;
  }
  return !a.empty() <=> !b.empty();
}

}  // namespace promql
