// Values of a mapping that has been through CheckSchema: absent, empty or wrong ones are the
// default.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "server/config/yaml.h"

namespace server {

class Fields {
 public:
  explicit Fields(const YamlNode& node) : node_(node) {}

  const YamlNode& node() const { return node_; }
  bool Has(std::string_view key) const;            // And not null.
  const YamlNode& At(std::string_view key) const;  // Its node; the mapping's when absent.
  std::string String(std::string_view key, std::string_view otherwise = "") const;
  bool Bool(std::string_view key, bool otherwise) const;
  int64_t Int(std::string_view key, int64_t otherwise) const;
  uint64_t Uint(std::string_view key, uint64_t otherwise) const;
  uint64_t Bytes(std::string_view key, uint64_t otherwise) const;
  double Float(std::string_view key, double otherwise) const;
  int64_t DurationMs(std::string_view key, int64_t otherwise) const;
  std::vector<std::string> Strings(std::string_view key) const;
  Fields Section(std::string_view key) const;  // An empty one when absent.
  const std::vector<YamlNode>& List(std::string_view key) const;

 private:
  const YamlNode& node_;
};

// `path` as it is when absolute or empty, else below `dir`.
std::string ResolvePath(std::string_view dir, std::string_view path);

std::string Quote(std::string_view s);  // As Go's %q.

}  // namespace server
