// YAML as a plain tree that knows where everything stood. libfyaml reads; nothing of it crosses
// here.
#pragma once

#include <absl/status/statusor.h>

#include <string>
#include <string_view>
#include <vector>

namespace server {

struct YamlNode {
  enum class Kind : uint8_t { kNull, kScalar, kSequence, kMapping };

  struct Key {
    std::string name;
    int line = 0, column = 0;
  };

  Kind kind = Kind::kNull;
  bool plain = false;           // A scalar without quotes, which may thus mean a number or a bool.
  bool flow = false;            // A sequence to be printed as [a, b].
  int line = 0, column = 0;     // Where it starts, from 1.
  std::string text;             // Of a scalar.
  std::vector<YamlNode> items;  // Of a sequence; of a mapping its values.
  std::vector<Key> keys;        // Of a mapping, as long as `items`.

  bool is_null() const { return kind == Kind::kNull; }
  bool is_scalar() const { return kind == Kind::kScalar; }
  bool is_sequence() const { return kind == Kind::kSequence; }
  bool is_mapping() const { return kind == Kind::kMapping; }
  // The value of `key` in a mapping; null when there is none or this is no mapping.
  const YamlNode* Find(std::string_view key) const;

  // For writing.
  static YamlNode Scalar(std::string text, bool plain = false);
  static YamlNode Sequence() { return {.kind = Kind::kSequence}; }
  static YamlNode Mapping() { return {.kind = Kind::kMapping}; }
  YamlNode* Add(std::string key, YamlNode value);  // To a mapping; what was added, until the next.
  YamlNode* Add(YamlNode value);                   // To a sequence.
};

enum class YamlSyntax { kYaml, kJson };

// The first document; an empty one is kNull. Anchors, aliases and merge keys are resolved.
// kInvalidArgument, as "file:line:column: what": bad syntax, a key twice, more than one document,
// or more than the limits: 32 MiB of text, 64 levels, a million nodes, 100,000 nodes by aliases.
absl::StatusOr<YamlNode> ParseYaml(std::string_view text, std::string_view file,
                                   YamlSyntax syntax = YamlSyntax::kYaml);

// Block style, as Prometheus prints its configuration; quotes where they are needed.
std::string PrintYaml(const YamlNode& node);

}  // namespace server
