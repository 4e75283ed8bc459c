// A condition on the value of one label. A label that is absent counts as "".
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <absl/status/statusor.h>

namespace model {

enum class MatchType { kEqual, kNotEqual, kRegex, kNotRegex };
std::string_view ToString(MatchType type);  // "=", "!=", "=~", "!~"

// A regular expression that must match a whole string, dot matching newline: ^(?s:...)$ in RE2's
// syntax. Literals, alternations of literals, prefixes, suffixes and containment are answered
// without RE2. Immutable, thread-safe.
class AnchoredRegex {
 public:
  // kInvalidArgument in Go's words: error parsing regexp: missing closing ]: `[a)$`
  static absl::StatusOr<std::shared_ptr<const AnchoredRegex>> Compile(std::string_view pattern);
  // One that matches just these strings, at least one; in any number, as RE2 is not asked.
  static std::shared_ptr<const AnchoredRegex> AnyOf(std::vector<std::string> literals);
  virtual ~AnchoredRegex() = default;

  virtual bool Matches(std::string_view s) const = 0;
  const std::string& pattern() const { return pattern_; }
  // When the expression can match only these strings: all of them, sorted. Else empty.
  const std::vector<std::string>& literals() const { return literals_; }
  // Every match starts with this.
  const std::string& prefix() const { return prefix_; }
  bool matches_everything() const { return matches_everything_; }  // .*

 protected:
  std::string pattern_, prefix_;
  std::vector<std::string> literals_;
  bool matches_everything_ = false;
};

// Copyable, immutable, thread-safe.
class Matcher {
 public:
  // kInvalidArgument when a regex does not compile.
  static absl::StatusOr<Matcher> Create(MatchType type, std::string name, std::string value);
  static Matcher Equal(std::string name, std::string value);
  static Matcher AnyOf(std::string name, std::vector<std::string> values);  // At least one value.
  Matcher() = default;

  bool Matches(std::string_view value) const;
  bool matches_empty() const { return matches_empty_; }

  MatchType type() const { return type_; }
  const std::string& name() const { return name_; }
  const std::string& value() const { return value_; }
  const AnchoredRegex* regex() const { return regex_.get(); }  // Null for = and !=.
  std::string ToString() const;  // job="node"; the name quoted when it is not legacy.

  friend bool operator==(const Matcher& a, const Matcher& b) {
    return a.type_ == b.type_ && a.name_ == b.name_ && a.value_ == b.value_;
  }

 private:
  MatchType type_ = MatchType::kEqual;
  std::string name_, value_;
  std::shared_ptr<const AnchoredRegex> regex_;
  bool matches_empty_ = true;
};

}  // namespace model
