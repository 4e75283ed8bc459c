// Writes Prometheus' text format 0.0.4: families in the order they are begun, samples below them.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace server {

class MetricText {  // Not thread-safe.
 public:
  using Labels = std::vector<std::pair<std::string_view, std::string_view>>;

  void Family(std::string_view name, std::string_view type, std::string_view help);
  // Of the family begun last, whose name gets `suffix`.
  void Sample(double value, const Labels& labels = {}, std::string_view suffix = "");
  void Sample(uint64_t value, const Labels& labels = {}, std::string_view suffix = "") {
    Sample(static_cast<double>(value), labels, suffix);
  }

  // A family of one sample.
  void Counter(std::string_view name, std::string_view help, double value) {
    Family(name, "counter", help);
    Sample(value);
  }
  void Gauge(std::string_view name, std::string_view help, double value) {
    Family(name, "gauge", help);
    Sample(value);
  }

  std::string Take() { return std::move(out_); }

 private:
  std::string name_, out_;
};

}  // namespace server
