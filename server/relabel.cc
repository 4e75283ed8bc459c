#include "server/relabel.h"

#include <openssl/evp.h>
#include <re2/re2.h>

#include <algorithm>
#include <array>

#include "server/letters.h"
#include "storage/base/check.h"
#include "storage/base/status.h"
#include "storage/model/matcher.h"
#include "storage/model/regex_syntax.h"

namespace server {
namespace {

constexpr std::array<std::string_view, 11> kActionNames = {
    "replace",  "keep",      "drop",      "keepequal", "dropequal", "hashmod",
    "labelmap", "labeldrop", "labelkeep", "lowercase", "uppercase"};

re2::StringPiece Piece(std::string_view s) { return {s.data(), s.size()}; }

bool IsValidName(std::string_view name, bool legacy) {
  return legacy ? model::IsLegacyLabelName(name) : !name.empty() && model::IsValidUtf8(name);
}

bool HasVariable(std::string_view s) { return s.find('$') != std::string_view::npos; }

// A replacement, cut into literal text and capture groups once. Go's rules: $name takes the longest
// run of word characters, ${name} ends the name, $$ is a dollar, and a group that is not there is
// empty. A dollar that starts nothing stands for itself.
class Template {
 public:
  Template() = default;
  Template(std::string_view text, const RE2& regex) {
    while (!text.empty()) {
      const size_t dollar = text.find('$');
      AddText(text.substr(0, dollar));
      if (dollar == std::string_view::npos) return;
      text.remove_prefix(dollar + 1);
      TakeVariable(&text, regex);
    }
  }

  bool constant() const { return pieces_.empty() || (pieces_.size() == 1 && pieces_[0].group < 0); }

  std::string Expand(std::span<const re2::StringPiece> groups) const {
    std::string out;
    for (const Piece& piece : pieces_) {
      if (piece.group < 0) {
        out += piece.text;
      } else if (static_cast<size_t>(piece.group) < groups.size()) {
        const re2::StringPiece& group = groups[piece.group];
        if (group.data() != nullptr) out.append(group.data(), group.size());
      }
    }
    return out;
  }
  int max_group() const { return max_group_; }

 private:
  struct Piece {
    std::string text;
    int group = -1;
  };

  void AddText(std::string_view text) {
    if (text.empty()) return;
    if (pieces_.empty() || pieces_.back().group >= 0) pieces_.emplace_back();
    pieces_.back().text += text;
  }

  // The length in bytes of the name at the start of `text`.
  static size_t NameSize(std::string_view text) {
    static const RE2* const kName = new RE2("[\\p{L}\\p{Nd}_]*");
    re2::StringPiece rest = server::Piece(text);
    RE2::Consume(&rest, *kName);
    return text.size() - rest.size();
  }

  void TakeVariable(std::string_view* text, const RE2& regex) {
    if (text->starts_with('$')) {
      AddText("$");
      text->remove_prefix(1);
      return;
    }
    const bool braced = text->starts_with('{');
    const size_t size = NameSize(text->substr(braced));
    const std::string_view name = text->substr(braced, size);
    if (name.empty() || (braced && !text->substr(1 + size).starts_with('}'))) {
      AddText("$");
      return;
    }
    text->remove_prefix(size + (braced ? 2 : 0));
    if (const int group = GroupOf(name, regex); group >= 0) {
      pieces_.push_back({.text = "", .group = group});
      max_group_ = std::max(max_group_, group);
    }
  }

  // -1 when the expression has no such group.
  static int GroupOf(std::string_view name, const RE2& regex) {
    if (name.find_first_not_of("0123456789") == std::string_view::npos) {
      if (name.size() > 6) return -1;
      const int group = std::stoi(std::string(name));
      return group <= regex.NumberOfCapturingGroups() ? group : -1;
    }
    const auto& names = regex.NamedCapturingGroups();
    const auto found = names.find(std::string(name));
    return found == names.end() ? -1 : found->second;
  }

  std::vector<Piece> pieces_;
  int max_group_ = 0;
};

}  // namespace

class RelabelRegex {
 public:
  std::shared_ptr<const model::AnchoredRegex> whole;  // Whether it matches; the fast way.
  std::unique_ptr<RE2> groups;                        // Only for actions that expand a template.
  Template target, replacement;

  // Fills `found` from group 0 on. False: no match.
  bool Match(std::string_view text, std::vector<re2::StringPiece>* found) const {
    found->resize(1 + std::max(target.max_group(), replacement.max_group()));
    return groups->Match(Piece(text), 0, text.size(), RE2::ANCHOR_BOTH, found->data(),
                         static_cast<int>(found->size()));
  }
};

namespace {

absl::Status Invalid(std::string_view value, std::string_view field, RelabelAction action) {
  std::string quoted;
  model::AppendQuoted(&quoted, value);
  return base::InvalidArgument("{} is invalid '{}' for {} action", quoted, field, ToString(action));
}

// A name with $variables in it: by the old rule each variable counts as letters.
bool IsValidTemplate(std::string_view value, bool legacy) {
  if (!legacy) return IsValidName(value, false);
  static const RE2* const kLegacy = new RE2(R"((?:(?:[a-zA-Z_]|\$(?:\{\w+\}|\w+))+\w*)+)");
  return RE2::FullMatch(Piece(value), *kLegacy);
}

bool NeedsTarget(RelabelAction action) {
  switch (action) {
    case RelabelAction::kReplace:
    case RelabelAction::kHashMod:
    case RelabelAction::kLowercase:
    case RelabelAction::kUppercase:
    case RelabelAction::kKeepEqual:
    case RelabelAction::kDropEqual:
      return true;
    default:
      return false;
  }
}

absl::Status Check(const RelabelConfig& c, bool legacy) {
  static const RelabelConfig kDefault;
  const RelabelAction action = c.action;
  const std::string_view name = ToString(action);
  if (c.modulus == 0 && action == RelabelAction::kHashMod) {
    return base::InvalidArgument("relabel configuration for hashmod requires non-zero modulus");
  }
  if (NeedsTarget(action) && c.target_label.empty()) {
    return base::InvalidArgument(
        "relabel configuration for {} action requires 'target_label' value", name);
  }
  const bool equal = action == RelabelAction::kKeepEqual || action == RelabelAction::kDropEqual;
  const bool letters = action == RelabelAction::kLowercase || action == RelabelAction::kUppercase;
  if (action == RelabelAction::kReplace) {
    const bool valid = HasVariable(c.target_label) ? IsValidTemplate(c.target_label, legacy)
                                                   : IsValidName(c.target_label, legacy);
    if (!valid) return Invalid(c.target_label, "target_label", action);
  } else if (NeedsTarget(action) && !IsValidName(c.target_label, legacy)) {
    return Invalid(c.target_label, "target_label", action);
  }
  if ((equal || letters) && c.replacement != kDefault.replacement) {
    return base::InvalidArgument("'replacement' can not be set for {} action", name);
  }
  if (action == RelabelAction::kLabelMap && !IsValidTemplate(c.replacement, legacy)) {
    return Invalid(c.replacement, "replacement", action);
  }
  if (equal && (c.regex != kDefault.regex || c.modulus != 0 || c.separator != kDefault.separator)) {
    return base::InvalidArgument(
        "{} action requires only 'source_labels' and `target_label`, and no other fields", name);
  }
  if ((action == RelabelAction::kLabelDrop || action == RelabelAction::kLabelKeep) &&
      (!c.source_labels.empty() || !c.target_label.empty() || c.modulus != 0 ||
       c.separator != kDefault.separator || c.replacement != kDefault.replacement)) {
    return base::InvalidArgument("{} action requires only 'regex', and no other fields", name);
  }
  return absl::OkStatus();
}

std::string Join(const RelabelConfig& rule, const model::LabelsBuilder& labels) {
  std::string joined;
  for (size_t i = 0; i < rule.source_labels.size(); ++i) {
    if (i > 0) joined += rule.separator;
    joined += labels.Get(rule.source_labels[i]);
  }
  return joined;
}

void Replace(const RelabelConfig& rule, std::string_view source, model::LabelsBuilder* labels) {
  const RelabelRegex& regex = *rule.compiled;
  std::vector<re2::StringPiece> groups;
  const bool wants_groups = !regex.target.constant() || !regex.replacement.constant();
  if (wants_groups ? !regex.Match(source, &groups) : !regex.whole->Matches(source)) return;
  const std::string target = regex.target.Expand(groups);
  if (!IsValidName(target, rule.legacy_names)) return;
  labels->Set(target, regex.replacement.Expand(groups));
}

void LabelMap(const RelabelConfig& rule, model::LabelsBuilder* labels) {
  const std::vector<model::Labels::Pair> before = labels->pairs();
  std::vector<re2::StringPiece> groups;
  for (const auto& [name, value] : before) {
    if (!rule.compiled->Match(name, &groups)) continue;
    const std::string target = rule.compiled->replacement.Expand(groups);
    if (!target.empty()) labels->Set(target, value);
  }
}

void RemoveWhere(const RelabelConfig& rule, bool matching, model::LabelsBuilder* labels) {
  std::vector<std::string> doomed;
  for (const auto& [name, value] : labels->pairs()) {
    if (rule.compiled->whole->Matches(name) == matching) doomed.push_back(name);
  }
  for (const std::string& name : doomed) labels->Remove(name);
}

uint64_t HashMod(std::string_view source, uint64_t modulus) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned size = 0;
  const int ok = EVP_Digest(source.data(), source.size(), digest.data(), &size, EVP_md5(), nullptr);
  CHECK(ok == 1 && size == 16);
  uint64_t last = 0;
  for (int i = 8; i < 16; ++i) last = last << 8 | digest[i];
  return last % modulus;
}

bool Apply(const RelabelConfig& rule, model::LabelsBuilder* labels) {
  DCHECK(rule.compiled != nullptr);
  switch (rule.action) {
    case RelabelAction::kKeep:
      return rule.compiled->whole->Matches(Join(rule, *labels));
    case RelabelAction::kDrop:
      return !rule.compiled->whole->Matches(Join(rule, *labels));
    case RelabelAction::kKeepEqual:
      return labels->Get(rule.target_label) == Join(rule, *labels);
    case RelabelAction::kDropEqual:
      return labels->Get(rule.target_label) != Join(rule, *labels);
    case RelabelAction::kReplace:
      Replace(rule, Join(rule, *labels), labels);
      return true;
    case RelabelAction::kHashMod:
      labels->Set(rule.target_label, std::to_string(HashMod(Join(rule, *labels), rule.modulus)));
      return true;
    case RelabelAction::kLabelMap:
      LabelMap(rule, labels);
      return true;
    case RelabelAction::kLabelDrop:
      RemoveWhere(rule, true, labels);
      return true;
    case RelabelAction::kLabelKeep:
      RemoveWhere(rule, false, labels);
      return true;
    case RelabelAction::kLowercase:
    case RelabelAction::kUppercase:
      labels->Set(rule.target_label,
                  ChangeCase(Join(rule, *labels), rule.action == RelabelAction::kUppercase));
      return true;
  }
  return true;
}

}  // namespace

std::string_view ToString(RelabelAction action) { return kActionNames[static_cast<int>(action)]; }

absl::StatusOr<RelabelAction> ParseRelabelAction(std::string_view name) {
  const std::string lower = ChangeCase(name, false);
  const auto found = std::find(kActionNames.begin(), kActionNames.end(), lower);
  if (found == kActionNames.end()) {
    std::string quoted;
    model::AppendQuoted(&quoted, name);
    return base::InvalidArgument("unknown relabel action {}", quoted);
  }
  return static_cast<RelabelAction>(found - kActionNames.begin());
}

absl::Status CompileRelabel(RelabelConfig* config, bool legacy_names) {
  RETURN_IF_ERROR(Check(*config, legacy_names));
  auto compiled = std::make_shared<RelabelRegex>();
  const std::string pattern = model::InRe2Syntax(config->regex);
  ASSIGN_OR_RETURN(compiled->whole, model::AnchoredRegex::Compile(pattern));
  if (config->action == RelabelAction::kReplace || config->action == RelabelAction::kLabelMap) {
    RE2::Options options;
    options.set_log_errors(false);
    options.set_max_mem(64 << 20);
    compiled->groups = std::make_unique<RE2>(fmt::format("(?s:{})", pattern), options);
    if (!compiled->groups->ok()) {
      return base::InvalidArgument("error parsing regexp: {}", compiled->groups->error());
    }
    compiled->target = Template(config->target_label, *compiled->groups);
    compiled->replacement = Template(config->replacement, *compiled->groups);
  }
  config->compiled = std::move(compiled);
  config->legacy_names = legacy_names;
  return absl::OkStatus();
}

bool Relabel(std::span<const RelabelConfig> rules, model::LabelsBuilder* labels) {
  return std::all_of(rules.begin(), rules.end(),
                     [&](const RelabelConfig& rule) { return Apply(rule, labels); });
}

}  // namespace server
