// A regular expression with a replacement text built from its groups: of a whole string, as
// label_replace wants it, or of every place where it matches.
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <absl/status/statusor.h>

namespace re2 {
class RE2;
class StringPiece;
}  // namespace re2

namespace model {

// Immutable and thread-safe.
class RegexTemplate {
 public:
  // The expression as AnchoredRegex takes it: ^(?s:...)$. In `replacement`, as in Go's
  // Regexp.Expand: $1, ${1}, $name, ${name}, the longest name that fits; $$ is a dollar; a group
  // that is not there or took no part is empty; any other dollar stands for itself.
  // kInvalidArgument when the expression does not compile.
  static absl::StatusOr<RegexTemplate> Compile(std::string_view pattern,
                                               std::string_view replacement);
  // The expression as it is, for places anywhere in a string: as Go's Regexp.ReplaceAllString has
  // it. kInvalidArgument in Go's words: error parsing regexp: missing closing ): `(`
  static absl::StatusOr<RegexTemplate> CompileAnywhere(std::string_view pattern,
                                                       std::string_view replacement);
  RegexTemplate(RegexTemplate&&) noexcept;
  RegexTemplate& operator=(RegexTemplate&&) noexcept;
  ~RegexTemplate();

  // The replacement for `s`; nothing when `s` does not match.
  std::optional<std::string> Expand(std::string_view s) const;

  // Of CompileAnywhere. `s` with every match replaced; nothing when that is longer than
  // `most_bytes`.
  std::optional<std::string> ReplaceAll(std::string_view s, size_t most_bytes) const;
  bool FoundIn(std::string_view s) const;

 private:
  struct Piece {  // `text`, then the group; -1 for none.
    std::string text;
    int group = -1;
  };

  explicit RegexTemplate(std::unique_ptr<re2::RE2> regex);
  void Parse(std::string_view replacement);
  bool TakeVariable(std::string_view* rest);
  int GroupOf(std::string_view name) const;
  void AppendExpanded(std::span<const re2::StringPiece> groups, std::string* out) const;

  std::unique_ptr<re2::RE2> regex_;
  std::vector<Piece> pieces_;
  int num_groups_ = 0;  // How many RE2 must report, the whole match included.
};

}  // namespace model
