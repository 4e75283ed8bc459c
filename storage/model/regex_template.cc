#include "storage/model/regex_template.h"

#include <re2/re2.h>

#include <algorithm>

#include "storage/base/status.h"
#include "storage/model/regex_error.h"
#include "storage/model/regex_syntax.h"

namespace model {
namespace {

re2::StringPiece AsPiece(std::string_view s) { return {s.data(), s.size()}; }

// How much of `s` may be a group's name: letters, digits and underscores of any script.
size_t NameLength(std::string_view s) {
  static const RE2* const kName = new RE2("[\\p{L}\\p{Nd}_]*");
  re2::StringPiece rest = AsPiece(s);
  RE2::Consume(&rest, *kName);
  return s.size() - rest.size();
}

RE2::Options Options() {
  RE2::Options options;
  options.set_log_errors(false);
  options.set_max_mem(64 << 20);
  return options;
}

size_t RuneSize(std::string_view s) {
  size_t n = 1;
  while (n < s.size() && (s[n] & 0xC0) == 0x80) ++n;
  return n;
}

}  // namespace

RegexTemplate::RegexTemplate(std::unique_ptr<re2::RE2> regex) : regex_(std::move(regex)) {}
RegexTemplate::RegexTemplate(RegexTemplate&&) noexcept = default;
RegexTemplate& RegexTemplate::operator=(RegexTemplate&&) noexcept = default;
RegexTemplate::~RegexTemplate() = default;

absl::StatusOr<RegexTemplate> RegexTemplate::Compile(std::string_view pattern,
                                                     std::string_view replacement) {
  auto regex = std::make_unique<RE2>(fmt::format("^(?s:{})$", InRe2Syntax(pattern)), Options());
  if (!regex->ok()) return base::InvalidArgument("{}", regex->error());
  RETURN_IF_ERROR(CheckGoSyntax(pattern));
  RegexTemplate compiled(std::move(regex));
  compiled.Parse(replacement);
  return compiled;
}

absl::StatusOr<RegexTemplate> RegexTemplate::CompileAnywhere(std::string_view pattern,
                                                             std::string_view replacement) {
  auto regex = std::make_unique<RE2>(InRe2Syntax(pattern), Options());
  if (!regex->ok()) return CompileError(*regex, pattern);
  RETURN_IF_ERROR(CheckGoSyntax(pattern));
  RegexTemplate compiled(std::move(regex));
  compiled.Parse(replacement);
  return compiled;
}

bool RegexTemplate::FoundIn(std::string_view s) const {
  return regex_->Match(AsPiece(s), 0, s.size(), RE2::UNANCHORED, nullptr, 0);
}

std::optional<std::string> RegexTemplate::ReplaceAll(std::string_view s, size_t most_bytes) const {
  std::vector<re2::StringPiece> groups(std::max(num_groups_, 1));
  std::string out;
  size_t copied = 0, at = 0;  // What of `s` is in *out, and where to look next.
  while (at <= s.size() && out.size() <= most_bytes &&
         regex_->Match(AsPiece(s), at, s.size(), RE2::UNANCHORED, groups.data(),
                       static_cast<int>(groups.size()))) {
    const size_t begin = groups[0].data() - s.data(), end = begin + groups[0].size();
    out += s.substr(copied, begin - copied);
    // Not for nothing that comes right behind a match.
    if (end > copied || begin == 0) AppendExpanded(groups, &out);
    copied = end;
    at = std::max(end, at + (at < s.size() ? (end > at ? 0 : RuneSize(s.substr(at))) : 1));
  }
  out += s.substr(copied);
  if (out.size() > most_bytes) return std::nullopt;
  return out;
}

std::optional<std::string> RegexTemplate::Expand(std::string_view s) const {
  std::vector<re2::StringPiece> groups(num_groups_);
  if (!regex_->Match(AsPiece(s), 0, s.size(), RE2::ANCHOR_BOTH, groups.data(), num_groups_)) {
    return std::nullopt;
  }
  std::string out;
  AppendExpanded(groups, &out);
  return out;
}

void RegexTemplate::AppendExpanded(std::span<const re2::StringPiece> groups,
                                   std::string* out) const {
  for (const struct Piece& piece : pieces_) {
    *out += piece.text;
    if (piece.group >= 0) out->append(groups[piece.group].data(), groups[piece.group].size());
  }
}

void RegexTemplate::Parse(std::string_view replacement) {
  pieces_.emplace_back();
  while (!replacement.empty()) {
    const size_t dollar = std::min(replacement.find('$'), replacement.size());
    pieces_.back().text += replacement.substr(0, dollar);
    replacement.remove_prefix(dollar);
    if (replacement.empty()) return;
    replacement.remove_prefix(1);
    if (replacement.starts_with('$')) {
      pieces_.back().text += '$';
      replacement.remove_prefix(1);
    } else if (!TakeVariable(&replacement)) {
      pieces_.back().text += '$';
    }
  }
}

// Takes what follows a dollar, if it is a variable.
bool RegexTemplate::TakeVariable(std::string_view* rest) {
  const bool braces = rest->starts_with('{');
  const std::string_view inner = rest->substr(braces ? 1 : 0);
  const size_t length = NameLength(inner);
  if (length == 0) return false;
  if (braces && !inner.substr(length).starts_with('}')) return false;
  const int group = GroupOf(inner.substr(0, length));
  if (group >= 0) {
    pieces_.back().group = group;
    pieces_.emplace_back();
    num_groups_ = std::max(num_groups_, group + 1);
  }
  *rest = inner.substr(length + (braces ? 1 : 0));
  return true;
}

// -1 when there is no such group. A number has no leading zero; otherwise it is a name.
int RegexTemplate::GroupOf(std::string_view name) const {
  const bool number =
      name.size() <= 9 && (name == "0" || name[0] != '0') &&
      std::all_of(name.begin(), name.end(), [](char c) { return c >= '0' && c <= '9'; });
  if (number) {
    const int group = std::stoi(std::string(name));
    return group <= regex_->NumberOfCapturingGroups() ? group : -1;
  }
  const auto& names = regex_->NamedCapturingGroups();
  const auto it = names.find(std::string(name));
  return it == names.end() ? -1 : it->second;
}

}  // namespace model
