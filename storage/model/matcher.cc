#include "storage/model/matcher.h"

#include <re2/re2.h>

#include <algorithm>
#include <optional>

#include "storage/base/status.h"
#include "storage/model/labels.h"
#include "storage/model/regex_error.h"
#include "storage/model/regex_syntax.h"

namespace model {
namespace {

constexpr std::string_view kMeta = "\\.+*?()|[]{}^$";

// Splits at '|' outside groups and classes. Nullopt where that cannot be told simply.
std::optional<std::vector<std::string_view>> SplitAlternatives(std::string_view s) {
  std::vector<std::string_view> parts;
  size_t begin = 0;
  for (size_t i = 0; i < s.size(); ++i) {
    if (s[i] == '\\') {
      ++i;
    } else if (s[i] == '(' || s[i] == '[') {
      return std::nullopt;
    } else if (s[i] == '|') {
      parts.push_back(s.substr(begin, i - begin));
      begin = i + 1;
    }
  }
  parts.push_back(s.substr(begin));
  return parts;
}

// Takes the literal text at the front of *s: plain characters and escaped punctuation. Stops before
// a metacharacter; a character that a repeat applies to is not taken.
std::string TakeLiteral(std::string_view* s) {
  std::string out;
  while (!s->empty()) {
    std::string one;
    size_t used = 1;
    if ((*s)[0] == '\\') {
      if (s->size() < 2 || kMeta.find((*s)[1]) == std::string_view::npos) break;
      one = (*s)[1];
      used = 2;
    } else if (kMeta.find((*s)[0]) != std::string_view::npos) {
      break;
    } else {
      one = (*s)[0];
      // A repeat applies to a whole UTF-8 character.
      while (used < s->size() && ((*s)[used] & 0xc0) == 0x80) one += (*s)[used++];
    }
    const std::string_view after = s->substr(used);
    if (!after.empty() && std::string_view("*+?{").find(after[0]) != std::string_view::npos) break;
    out += one;
    s->remove_prefix(used);
  }
  return out;
}

bool TakePrefix(std::string_view* s, std::string_view prefix) {
  if (!s->starts_with(prefix)) return false;
  s->remove_prefix(prefix.size());
  return true;
}

// Without flags inside, parentheses around the whole do not matter.
std::string_view StripParens(std::string_view s) {
  while (s.size() >= 2 && s.front() == '(' && s.back() == ')') {
    std::string_view inner = s.substr(1, s.size() - 2);
    TakePrefix(&inner, "?:");
    if (inner.starts_with('?') || inner.find_first_of("()[") != std::string_view::npos ||
        (!inner.empty() && inner.back() == '\\')) {
      break;
    }
    s = inner;
  }
  return s;
}

class Regex final : public AnchoredRegex {
 public:
  static absl::StatusOr<std::shared_ptr<const AnchoredRegex>> Compile(std::string_view pattern) {
    auto regex = std::make_shared<Regex>();
    regex->pattern_ = pattern;
    RE2::Options options;
    options.set_log_errors(false);
    options.set_max_mem(64 << 20);
    const std::string for_re2 = InRe2Syntax(pattern);
    const std::string whole = fmt::format("^(?s:{})$", for_re2);
    regex->re2_ = std::make_unique<RE2>(whole, options);
    // Prometheus parses the pattern alone first: so are its errors, and "a)(b" is one of them.
    if (!regex->re2_->ok() || pattern.find(')') != std::string_view::npos) {
      const RE2 alone(for_re2, options);
      if (!alone.ok()) return CompileError(alone, pattern);
      if (!regex->re2_->ok()) return CompileError(*regex->re2_, whole);
    }
    RETURN_IF_ERROR(CheckGoSyntax(pattern));
    if (regex->Analyse()) {
      regex->re2_.reset();
    } else {
      regex->way_ = Way::kRe2;
      regex->suffix_.clear();
    }
    return regex;
  }

  static std::shared_ptr<const AnchoredRegex> AnyOf(std::vector<std::string> literals) {
    auto regex = std::make_shared<Regex>();
    for (const std::string& literal : literals) {
      if (&literal != literals.data()) regex->pattern_ += '|';
      for (const char c : literal) {
        if (kMeta.find(c) != std::string_view::npos) regex->pattern_ += '\\';
        regex->pattern_ += c;
      }
    }
    regex->SetLiterals(std::move(literals));
    return regex;
  }

  bool Matches(std::string_view s) const override {
    switch (way_) {
      case Way::kEverything:
        return true;
      case Way::kLiterals:
        return literals_.size() == 1 ? s == literals_[0]
                                     : std::binary_search(literals_.begin(), literals_.end(), s);
      case Way::kAround:
        return s.size() >= prefix_.size() + suffix_.size() + at_least_ && s.starts_with(prefix_) &&
               s.ends_with(suffix_);
      case Way::kContains:
        return Contains(s);
      case Way::kRe2:
        return s.starts_with(prefix_) &&
               RE2::FullMatch(re2::StringPiece(s.data(), s.size()), *re2_);
    }
    return false;
  }

 private:
  enum class Way { kEverything, kLiterals, kAround, kContains, kRe2 };

  bool Contains(std::string_view s) const { return s.find(suffix_) != std::string_view::npos; }

  // True when RE2 is not needed. Only shapes whose meaning is beyond doubt are taken.
  bool Analyse() {
    const std::string_view body = StripParens(pattern_);
    if (AnalyseLiterals(body)) return true;
    std::string_view rest = body;
    if (body.find('|') != std::string_view::npos) return false;
    const bool leading_star = TakePrefix(&rest, ".*");
    if (leading_star && rest.empty()) {
      matches_everything_ = true;
      way_ = Way::kEverything;
      return true;
    }
    const std::string before = TakeLiteral(&rest);
    if (leading_star) {  // .*foo, .*foo.*
      suffix_ = before;
      if (rest.empty()) {
        way_ = Way::kAround;
        return true;
      }
      way_ = Way::kContains;
      return rest == ".*";
    }
    prefix_ = before;
    if (!TakePrefix(&rest, ".*")) {
      if (!TakePrefix(&rest, ".+")) return false;
      if (!rest.empty()) return false;  // .+ takes a character, which may be many bytes.
      at_least_ = 1;
      way_ = Way::kAround;
      return true;
    }
    suffix_ = TakeLiteral(&rest);
    way_ = Way::kAround;
    return rest.empty();  // foo.*, foo.*bar
  }

  bool AnalyseLiterals(std::string_view body) {
    const auto parts = SplitAlternatives(body);
    if (!parts) return false;
    std::vector<std::string> found;
    for (std::string_view part : *parts) {
      found.push_back(TakeLiteral(&part));
      if (!part.empty()) return false;
    }
    SetLiterals(std::move(found));
    return true;
  }

  void SetLiterals(std::vector<std::string> literals) {
    std::sort(literals.begin(), literals.end());
    literals.erase(std::unique(literals.begin(), literals.end()), literals.end());
    literals_ = std::move(literals);
    if (literals_.size() == 1) prefix_ = literals_[0];
    way_ = Way::kLiterals;
  }

  Way way_ = Way::kRe2;
  std::string suffix_;  // kContains: the needle.
  size_t at_least_ = 0;
  std::unique_ptr<RE2> re2_;
};

}  // namespace

std::string_view ToString(MatchType type) {
  switch (type) {
    case MatchType::kEqual: return "=";
    case MatchType::kNotEqual: return "!=";
    case MatchType::kRegex: return "=~";
    case MatchType::kNotRegex: return "!~";
  }
  return "";
}

absl::StatusOr<std::shared_ptr<const AnchoredRegex>> AnchoredRegex::Compile(std::string_view pattern) {
  return Regex::Compile(pattern);
}

std::shared_ptr<const AnchoredRegex> AnchoredRegex::AnyOf(std::vector<std::string> literals) {
  return Regex::AnyOf(std::move(literals));
}

absl::StatusOr<Matcher> Matcher::Create(MatchType type, std::string name, std::string value) {
  Matcher m;
  m.type_ = type;
  m.name_ = std::move(name);
  m.value_ = std::move(value);
  if (type == MatchType::kRegex || type == MatchType::kNotRegex) {
    ASSIGN_OR_RETURN(m.regex_, AnchoredRegex::Compile(m.value_));
  }
  m.matches_empty_ = m.Matches("");
  return m;
}

Matcher Matcher::Equal(std::string name, std::string value) {
  return *Create(MatchType::kEqual, std::move(name), std::move(value));
}

Matcher Matcher::AnyOf(std::string name, std::vector<std::string> values) {
  if (values.size() == 1) return Equal(std::move(name), std::move(values[0]));
  Matcher m;
  m.type_ = MatchType::kRegex;
  m.name_ = std::move(name);
  m.regex_ = AnchoredRegex::AnyOf(std::move(values));
  m.value_ = m.regex_->pattern();
  m.matches_empty_ = m.Matches("");
  return m;
}

bool Matcher::Matches(std::string_view value) const {
  switch (type_) {
    case MatchType::kEqual: return value == value_;
    case MatchType::kNotEqual: return value != value_;
    case MatchType::kRegex: return regex_->Matches(value);
    case MatchType::kNotRegex: return !regex_->Matches(value);
  }
  return false;
}

std::string Matcher::ToString() const {
  std::string out;
  if (IsLegacyLabelName(name_)) {
    out = name_;
  } else {
    AppendQuoted(&out, name_);
  }
  out += model::ToString(type_);
  AppendQuoted(&out, value_);
  return out;
}

}  // namespace model
