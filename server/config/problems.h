// Everything wrong with a file, gathered so that one look at it is enough.
#pragma once

#include <algorithm>
#include <string>
#include <tuple>
#include <vector>

#include "server/config/yaml.h"
#include "storage/base/status.h"

namespace server {

class Problems {
 public:
  explicit Problems(std::string file) : file_(std::move(file)) {}

  template <class... A>
  void Add(int line, int column, fmt::format_string<A...> format, A&&... args) {
    if (found_.size() < kMost) {
      found_.emplace_back(line, column, fmt::format(format, std::forward<A>(args)...));
    }
  }
  template <class... A>
  void Add(const YamlNode& at, fmt::format_string<A...> format, A&&... args) {
    Add(std::max(at.line, 1), std::max(at.column, 1), format, std::forward<A>(args)...);
  }

  size_t size() const { return found_.size(); }
  const std::string& file() const { return file_; }

  // kInvalidArgument with one "file:line:column: what" a line, in the order of the file.
  absl::Status status() const {
    if (found_.empty()) return absl::OkStatus();
    auto sorted = found_;
    std::stable_sort(sorted.begin(), sorted.end(), [](const auto& a, const auto& b) {
      return std::tie(std::get<0>(a), std::get<1>(a)) < std::tie(std::get<0>(b), std::get<1>(b));
    });
    std::string all;
    for (const auto& [line, column, text] : sorted) {
      all += fmt::format("{}{}:{}:{}: {}", all.empty() ? "" : "\n", file_, line, column, text);
    }
    return absl::InvalidArgumentError(all);
  }

 private:
  static constexpr size_t kMost = 50;
  std::string file_;
  std::vector<std::tuple<int, int, std::string>> found_;
};

}  // namespace server
