#include "server/config/yaml.h"

#include <libfyaml.h>

#include <memory>
#include <optional>

#include "storage/base/hash.h"
#include "storage/base/status.h"
#include "storage/model/labels.h"

namespace server {
namespace {

constexpr size_t kMaxBytes = 32 << 20, kMaxDepth = 64, kMaxNodes = 1'000'000;
constexpr size_t kMaxAliasNodes = 100'000, kMaxAliasBytes = 16 << 20;

// How much a subtree weighs, so that a few aliases cannot grow into gigabytes.
struct Weight {
  size_t nodes = 0, bytes = 0;
};
void Weigh(const YamlNode& node, Weight* weight) {
  weight->nodes += 1;
  weight->bytes += node.text.size();
  for (const YamlNode::Key& key : node.keys) weight->bytes += key.name.size();
  for (const YamlNode& item : node.items) Weigh(item, weight);
}

std::string_view TokenText(fy_token* token) {
  size_t size = 0;
  const char* text = token == nullptr ? nullptr : fy_token_get_text(token, &size);
  return text == nullptr ? std::string_view() : std::string_view(text, size);
}

bool IsNullText(std::string_view s) {
  return s.empty() || s == "~" || s == "null" || s == "Null" || s == "NULL";
}

// Events in, a tree out. One open container per level, so depth costs no stack while building.
class Builder {
 public:
  Builder(std::string_view file, fy_parser* parser, fy_diag* diag)
      : file_(file), parser_(parser), diag_(diag) {}

  absl::StatusOr<YamlNode> Run() {
    while (true) {
      fy_event* event = fy_parser_parse(parser_);
      if (event == nullptr) return SyntaxError();
      const std::unique_ptr<fy_event, Free> owner(event, Free{parser_});
      if (event->type == FYET_STREAM_END) break;
      RETURN_IF_ERROR(Take(event));
    }
    return std::move(root_);
  }

 private:
  struct Free {
    fy_parser* parser;
    void operator()(fy_event* event) const { fy_parser_event_free(parser, event); }
  };
  struct Open {
    YamlNode node;
    std::string anchor;
    std::optional<YamlNode::Key> key;  // Of a mapping: the key whose value comes next.
    std::vector<YamlNode> merges;      // Mappings named by <<.
    base::StringSet names;
  };

  template <class... A>
  absl::Status Fail(int line, int column, fmt::format_string<A...> format, A&&... args) const {
    return base::InvalidArgument("{}:{}:{}: {}", file_, line, column,
                                 fmt::format(format, std::forward<A>(args)...));
  }

  absl::Status SyntaxError() const {
    void* previous = nullptr;
    const fy_diag_error* error = fy_diag_errors_iterate(diag_, &previous);
    if (error == nullptr) return Fail(line_, column_, "cannot be read as YAML");
    return Fail(std::max(error->line, 1), std::max(error->column, 1), "{}",
                error->msg == nullptr ? "syntax error" : error->msg);
  }

  void Locate(fy_event* event, YamlNode* node) {
    const fy_mark* mark = fy_event_start_mark(event);
    if (mark != nullptr) {
      line_ = mark->line + 1;
      column_ = mark->column + 1;
    }
    node->line = line_;
    node->column = column_;
  }

  absl::Status Take(fy_event* event) {
    YamlNode node;
    Locate(event, &node);
    switch (event->type) {
      case FYET_DOCUMENT_START:
        ++documents_;
        return absl::OkStatus();
      case FYET_MAPPING_START:
        node.kind = YamlNode::Kind::kMapping;
        return Descend(std::move(node), event->mapping_start.anchor);
      case FYET_SEQUENCE_START:
        node.kind = YamlNode::Kind::kSequence;
        return Descend(std::move(node), event->sequence_start.anchor);
      case FYET_MAPPING_END:
      case FYET_SEQUENCE_END:
        return Ascend();
      case FYET_SCALAR:
        return TakeScalar(event, std::move(node));
      case FYET_ALIAS:
        return TakeAlias(TokenText(event->alias.anchor), std::move(node));
      default:
        return absl::OkStatus();
    }
  }

  absl::Status TakeScalar(fy_event* event, YamlNode node) {
    fy_token* value = event->scalar.value;
    node.text = TokenText(value);
    const fy_scalar_style style = value == nullptr ? FYSS_PLAIN : fy_token_scalar_style(value);
    node.plain = style == FYSS_PLAIN;
    const bool quoted = style == FYSS_SINGLE_QUOTED || style == FYSS_DOUBLE_QUOTED;
    if (quoted && node.column > 1) --node.column;  // The mark is behind the quote.
    if (event->scalar.tag != nullptr) {
      const std::string_view tag = TokenText(event->scalar.tag);
      if (tag == "!!str" || tag == "tag:yaml.org,2002:str" || tag == "!") node.plain = false;
    }
    const bool is_key = !open_.empty() && open_.back().node.is_mapping() && !open_.back().key;
    const bool null = node.plain && IsNullText(node.text) && !is_key;
    node.kind = null ? YamlNode::Kind::kNull : YamlNode::Kind::kScalar;
    if (null) node.text.clear();
    RETURN_IF_ERROR(Remember(TokenText(event->scalar.anchor), node));
    return Place(std::move(node));
  }

  absl::Status TakeAlias(std::string_view name, YamlNode at) {
    const auto found = anchors_.find(name);
    if (found == anchors_.end()) {
      return Fail(at.line, at.column, "alias *{} names no anchor before it", name);
    }
    RETURN_IF_ERROR(Charge(found->second));
    if (open_.size() + DepthOf(found->second) > kMaxDepth) return TooDeep(at);
    YamlNode copy = found->second;
    copy.line = at.line;
    copy.column = at.column;
    return Place(std::move(copy));
  }

  absl::Status Charge(const YamlNode& node) {
    Weigh(node, &aliased_);
    if (aliased_.nodes <= kMaxAliasNodes && aliased_.bytes <= kMaxAliasBytes)
      return absl::OkStatus();
    return Fail(line_, column_, "anchors and aliases expand to too much");
  }

  static size_t DepthOf(const YamlNode& node) {
    size_t deepest = 0;
    for (const YamlNode& item : node.items) deepest = std::max(deepest, DepthOf(item));
    return deepest + 1;
  }

  absl::Status TooDeep(const YamlNode& at) const {
    return Fail(at.line, at.column, "nested deeper than {} levels", kMaxDepth);
  }

  absl::Status Remember(std::string_view anchor, const YamlNode& node) {
    if (anchor.empty()) return absl::OkStatus();
    RETURN_IF_ERROR(Charge(node));
    anchors_.insert_or_assign(std::string(anchor), node);
    return absl::OkStatus();
  }

  absl::Status Descend(YamlNode node, fy_token* anchor) {
    if (open_.size() >= kMaxDepth) return TooDeep(node);
    open_.push_back({.node = std::move(node), .anchor = std::string(TokenText(anchor))});
    return absl::OkStatus();
  }

  absl::Status Ascend() {
    if (open_.empty()) return Fail(line_, column_, "unexpected end of a collection");
    Open done = std::move(open_.back());
    open_.pop_back();
    for (YamlNode& merged : done.merges) {
      for (size_t i = 0; i < merged.keys.size(); ++i) {
        if (!done.names.insert(merged.keys[i].name).second) continue;
        done.node.keys.push_back(std::move(merged.keys[i]));
        done.node.items.push_back(std::move(merged.items[i]));
      }
    }
    RETURN_IF_ERROR(Remember(done.anchor, done.node));
    return Place(std::move(done.node));
  }

  absl::Status Place(YamlNode node) {
    if (++nodes_ > kMaxNodes) {
      return Fail(node.line, node.column, "more than {} values", kMaxNodes);
    }
    if (open_.empty()) {
      if (documents_ > 1 && !node.is_null()) {
        return Fail(node.line, node.column, "more than one YAML document");
      }
      if (documents_ <= 1) root_ = std::move(node);
      return absl::OkStatus();
    }
    Open& parent = open_.back();
    if (parent.node.is_sequence()) {
      parent.node.items.push_back(std::move(node));
      return absl::OkStatus();
    }
    return parent.key ? PlaceValue(&parent, std::move(node)) : PlaceKey(&parent, std::move(node));
  }

  absl::Status PlaceKey(Open* parent, YamlNode node) {
    if (!node.is_scalar()) return Fail(node.line, node.column, "a key must be a plain value");
    const bool merge = node.plain && node.text == "<<";
    if (!merge && !parent->names.insert(node.text).second) {
      return Fail(node.line, node.column, "key \"{}\" already set in map", node.text);
    }
    parent->key = YamlNode::Key{std::move(node.text), node.line, node.column};
    return absl::OkStatus();
  }

  absl::Status PlaceValue(Open* parent, YamlNode node) {
    YamlNode::Key key = *std::move(parent->key);
    parent->key.reset();
    if (key.name == "<<" && !parent->names.contains("<<")) {
      std::vector<YamlNode> merges;
      if (node.is_sequence())
        merges = std::move(node.items);
      else
        merges.push_back(std::move(node));
      for (YamlNode& merge : merges) {
        if (!merge.is_mapping())
          return Fail(key.line, key.column,
                      "map merge requires map or sequence of maps as the value");
        parent->merges.push_back(std::move(merge));
      }
      return absl::OkStatus();
    }
    parent->node.keys.push_back(std::move(key));
    parent->node.items.push_back(std::move(node));
    return absl::OkStatus();
  }

  const std::string file_;
  fy_parser* const parser_;
  fy_diag* const diag_;
  int line_ = 1, column_ = 1, documents_ = 0;
  size_t nodes_ = 0;
  Weight aliased_;
  std::vector<Open> open_;
  base::StringMap<YamlNode> anchors_;
  YamlNode root_;
};

// Whether a YAML reader would take this bare word for a number, a bool or nothing.
bool MeansSomethingElse(std::string_view s) {
  if (IsNullText(s)) return true;
  static constexpr std::string_view kWords[] = {
      "y",     "Y",     "yes",   "Yes",   "YES",   "n",     "N",     "no",   "No",
      "NO",    "true",  "True",  "TRUE",  "false", "False", "FALSE", "on",   "On",
      "ON",    "off",   "Off",   "OFF",   "<<",    "=",     ".inf",  ".Inf", ".INF",
      "+.inf", "+.Inf", "-.inf", "-.Inf", ".nan",  ".NaN",  ".NAN",  "---",  "..."};
  for (std::string_view word : kWords) {
    if (s == word) return true;
  }
  const bool number_like =
      s.find_first_not_of("0123456789+-._:eExXoabcdefABCDEF") == std::string_view::npos &&
      (std::isdigit(static_cast<unsigned char>(s.front())) ||
       std::string_view("+-.").find(s.front()) != std::string_view::npos);
  return number_like && s.find_first_of("0123456789") != std::string_view::npos;
}

// Whether the characters cannot stand without quotes.
bool CannotStandBare(std::string_view s) {
  if (s.empty() || s.front() == ' ' || s.back() == ' ') return true;
  static constexpr std::string_view kStarts = "-?:,[]{}#&*!|>'\"%@`";
  if (kStarts.find(s.front()) != std::string_view::npos &&
      !(std::string_view("-?:").find(s.front()) != std::string_view::npos && s.size() > 1 &&
        s[1] != ' ')) {
    return true;
  }
  if (s.find(": ") != std::string_view::npos || s.find(" #") != std::string_view::npos ||
      s.back() == ':') {
    return true;
  }
  for (const unsigned char c : s) {
    if (c < 0x20 || c == 0x7f) return true;
  }
  return !model::IsValidUtf8(s);
}

// Control characters and bytes that are no UTF-8 need double quotes; single ones do otherwise.
void PrintString(std::string_view s, std::string* out) {
  if (!MeansSomethingElse(s) && !CannotStandBare(s)) {
    *out += s;
    return;
  }
  bool odd = !model::IsValidUtf8(s);
  for (const unsigned char c : s) odd |= c < 0x20 || c == 0x7f;
  if (odd || IsNullText(s) || std::isdigit(static_cast<unsigned char>(s.front())) || s == "true" ||
      s == "false") {
    model::AppendQuoted(out, s);
    return;
  }
  *out += '\'';
  for (const char c : s) {
    if (c == '\'') *out += '\'';
    *out += c;
  }
  *out += '\'';
}

void Print(const YamlNode& node, int indent, std::string* out);

void PrintItems(const YamlNode& node, int indent, bool first_inline, std::string* out) {
  for (size_t i = 0; i < node.items.size(); ++i) {
    if (i > 0 || !first_inline) out->append(indent, ' ');
    const YamlNode& item = node.items[i];
    if (node.is_sequence()) {
      *out += "- ";
      if (item.items.empty() || item.flow)
        Print(item, indent, out);
      else
        PrintItems(item, indent + 2, true, out);
      continue;
    }
    PrintString(node.keys[i].name, out);
    *out += ':';
    if (item.items.empty() || item.flow) {
      *out += ' ';
      Print(item, indent, out);
    } else {
      *out += '\n';
      PrintItems(item, item.is_sequence() ? indent : indent + 2, false, out);
    }
  }
}

void PrintFlow(const YamlNode& node, std::string* out) {
  *out += '[';
  for (size_t i = 0; i < node.items.size(); ++i) {
    if (i > 0) *out += ", ";
    const std::string& text = node.items[i].text;
    if (text.find_first_of(",[]{}") != std::string::npos)
      model::AppendQuoted(out, text);
    else
      PrintString(text, out);
  }
  *out += "]\n";
}

void Print(const YamlNode& node, int indent, std::string* out) {
  switch (node.kind) {
    case YamlNode::Kind::kNull:
      *out += "null\n";
      return;
    case YamlNode::Kind::kScalar:
      if (node.plain && !CannotStandBare(node.text))
        *out += node.text;
      else
        PrintString(node.text, out);
      *out += '\n';
      return;
    default:
      if (node.flow && !node.items.empty())
        PrintFlow(node, out);
      else if (node.items.empty())
        *out += node.is_sequence() ? "[]\n" : "{}\n";
      else
        PrintItems(node, indent, false, out);
  }
}

// libfyaml goes round in circles on some bytes that are not UTF-8, so it never sees them.
absl::Status CheckBytes(std::string_view text, std::string_view file) {
  for (int line = 1; !text.empty(); ++line) {
    const size_t end = std::min(text.find('\n'), text.size());
    const std::string_view bytes = text.substr(0, end);
    const bool nul = bytes.find('\0') != std::string_view::npos;
    if (nul || !model::IsValidUtf8(bytes)) {
      return base::InvalidArgument("{}:{}:1: {}", file, line, nul ? "a NUL byte" : "not UTF-8");
    }
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return absl::OkStatus();
}

}  // namespace

const YamlNode* YamlNode::Find(std::string_view key) const {
  for (size_t i = 0; i < keys.size(); ++i) {
    if (keys[i].name == key) return &items[i];
  }
  return nullptr;
}

YamlNode YamlNode::Scalar(std::string text, bool plain) {
  return {.kind = Kind::kScalar, .plain = plain, .text = std::move(text)};
}

YamlNode* YamlNode::Add(std::string key, YamlNode value) {
  keys.push_back({.name = std::move(key)});
  items.push_back(std::move(value));
  return &items.back();
}

YamlNode* YamlNode::Add(YamlNode value) {
  items.push_back(std::move(value));
  return &items.back();
}

absl::StatusOr<YamlNode> ParseYaml(std::string_view text, std::string_view file,
                                   YamlSyntax syntax) {
  if (text.size() > kMaxBytes) {
    return base::InvalidArgument("{}:1:1: more than {} MiB", file, kMaxBytes >> 20);
  }
  RETURN_IF_ERROR(CheckBytes(text, file));
  if (text.find_first_not_of(" \t\r\n") == std::string_view::npos) return YamlNode();
  fy_diag_cfg diag_config;
  fy_diag_cfg_default(&diag_config);
  diag_config.fp = nullptr;
  diag_config.colorize = false;
  fy_diag* diag = fy_diag_create(&diag_config);
  if (diag == nullptr) return base::Internal("{}: out of memory", file);
  const std::unique_ptr<fy_diag, decltype(&fy_diag_destroy)> diag_owner(diag, &fy_diag_destroy);
  fy_diag_set_collect_errors(diag, true);
  fy_parse_cfg config{};
  // Go's reader does not look at columns inside quotes and brackets; people's files rely on that.
  config.flags = static_cast<fy_parse_cfg_flags>(
      FYPCF_QUIET | FYPCF_COLLECT_DIAG | FYPCF_DEFAULT_VERSION_1_2 | FYPCF_SLOPPY_FLOW_INDENTATION |
      (syntax == YamlSyntax::kJson ? FYPCF_JSON_FORCE : FYPCF_JSON_NONE));
  config.diag = diag;
  fy_parser* parser = fy_parser_create(&config);
  if (parser == nullptr) return base::Internal("{}: out of memory", file);
  const std::unique_ptr<fy_parser, decltype(&fy_parser_destroy)> owner(parser, &fy_parser_destroy);
  if (fy_parser_set_string(parser, text.data(), text.size()) != 0) {
    return base::Internal("{}: out of memory", file);
  }
  return Builder(file, parser, diag).Run();
}

std::string PrintYaml(const YamlNode& node) {
  std::string out;
  Print(node, 0, &out);
  return out;
}

}  // namespace server
