#include "server/rules/template/parser.h"

#include <algorithm>

#include "promql/text.h"
#include "server/rules/template/lexer.h"
#include "server/rules/template/number.h"
#include "storage/base/status.h"

namespace server::text_template {
namespace {

using Kind = ItemKind;

// Ends parsing; does not leave this file.
struct Failure {
  std::string message;
};

NodePtr Make(NodeKind kind, const Item& item) {
  NodePtr node = Make(kind, item.pos);
  node->text = item.text;
  return node;
}

// "$x.a.b" by its dots.
std::vector<std::string> Split(std::string_view text) {
  std::vector<std::string> out;
  for (;;) {
    const size_t dot = text.find('.');
    out.emplace_back(text.substr(0, dot));
    if (dot == std::string_view::npos) return out;
    text.remove_prefix(dot + 1);
  }
}

struct Shared {
  Lexer lexer;
  Template* out;
  const std::function<bool(std::string_view)>& has_function;
  int depth = 0;  // Of whatever is nested.
};

// One tree: the text, or the body of a {{define}} or {{block}}, which are read from the same lexer.
// Tokens are peeked at exactly where Go does, as messages carry the line of the last one read.
class TreeParser {
 public:
  TreeParser(Shared* shared, std::string name) : shared_(shared), name_(std::move(name)) {}

  void ParseAll() {
    root_ = Make(NodeKind::kList, Peek().pos);
    while (Peek().kind != Kind::kEof) {
      if (Peek().kind == Kind::kLeftDelim) {
        const Item delim = Next();
        if (NextNonSpace().kind == Kind::kDefine) {
          TreeParser(shared_, "definition").ParseDefinition();
          continue;
        }
        Backup2(delim);
      }
      NodePtr n = TextOrAction();
      if (IsEndOrElse(*n)) Fail("unexpected {}", ToString(*n));
      root_->nodes.push_back(std::move(n));
    }
    AddTree();
  }

 private:
  class Deeper {
   public:
    explicit Deeper(TreeParser* parser) : parser_(parser) {
      if (++parser->shared_->depth > kMaxNesting) {
        parser->Fail("max expression depth exceeded");
      }
    }
    ~Deeper() { --parser_->shared_->depth; }

   private:
    TreeParser* const parser_;
  };

  static bool IsEndOrElse(const Node& n) {
    return n.kind == NodeKind::kEnd || n.kind == NodeKind::kElse;
  }

  template <class... A>
  [[noreturn]] void Fail(fmt::format_string<A...> format, A&&... args) {
    throw Failure{fmt::format("template: {}:{}: {}", shared_->out->name, token_[0].line,
                              fmt::format(format, std::forward<A>(args)...))};
  }

  [[noreturn]] void Unexpected(const Item& token, std::string_view context) {
    if (token.kind != Kind::kError) Fail("unexpected {} in {}", token.Describe(), context);
    std::string extra;
    if (action_line_ != 0 && action_line_ != token.line) {
      extra =
          fmt::format("{} started at {}:{}", token.text.ends_with(" action") ? "" : " in action",
                      shared_->out->name, action_line_);
    }
    Fail("{}{}", token.text, extra);
  }

  const Item& Next() {
    if (peeked_ > 0) {
      --peeked_;
    } else {
      token_[0] = shared_->lexer.Next();
    }
    return token_[peeked_];
  }
  const Item& Peek() {
    if (peeked_ == 0) {
      token_[0] = shared_->lexer.Next();
      peeked_ = 1;
    }
    return token_[peeked_ - 1];
  }
  void Backup() { ++peeked_; }
  void Backup2(const Item& before) { token_[1] = before, peeked_ = 2; }
  void Backup3(const Item& first, const Item& second) {
    token_[1] = second, token_[2] = first, peeked_ = 3;
  }
  Item NextNonSpace() {
    while (Next().kind == Kind::kSpace) {
    }
    return token_[peeked_];
  }
  Item PeekNonSpace() {
    Item token = NextNonSpace();
    Backup();
    return token;
  }
  Item Expect(Kind kind, std::string_view context) {
    Item token = NextNonSpace();
    if (token.kind != kind) Unexpected(token, context);
    return token;
  }

  std::string UnquoteOrFail(const Item& token) {
    auto value = promql::Unquote(token.text);
    if (!value) Fail("invalid syntax");
    return *std::move(value);
  }

  void AddTree() {
    NodePtr& there = shared_->out->roots[name_];
    if (there == nullptr || IsEmpty(*there)) {
      there = std::move(root_);
    } else if (!IsEmpty(*root_)) {
      Fail("template: multiple definition of template {}", promql::Quote(name_));
    }
  }

  // {{define has been taken.
  void ParseDefinition() {
    constexpr std::string_view kContext = "define clause";
    const Item name = NextNonSpace();
    if (name.kind != Kind::kString && name.kind != Kind::kRawString) Unexpected(name, kContext);
    name_ = UnquoteOrFail(name);
    Expect(Kind::kRightDelim, kContext);
    ParseBody(kContext);
  }

  void ParseBody(std::string_view context) {
    const Deeper deeper(this);
    NodePtr end;
    root_ = ItemList(&end);
    if (end->kind != NodeKind::kEnd) Fail("unexpected {} in {}", ToString(*end), context);
    AddTree();
  }

  // Up to {{end}} or {{else}}, which is *end.
  NodePtr ItemList(NodePtr* end) {
    NodePtr list = Make(NodeKind::kList, PeekNonSpace().pos);
    while (PeekNonSpace().kind != Kind::kEof) {
      NodePtr n = TextOrAction();
      if (IsEndOrElse(*n)) {
        *end = std::move(n);
        return list;
      }
      list->nodes.push_back(std::move(n));
    }
    Fail("unexpected EOF");
  }

  NodePtr TextOrAction() {
    const Item token = NextNonSpace();
    if (token.kind == Kind::kText) return Make(NodeKind::kText, token);
    if (token.kind != Kind::kLeftDelim) Unexpected(token, "input");
    action_line_ = token.line;
    NodePtr n = Action();
    action_line_ = 0;
    return n;
  }

  NodePtr Action() {
    const Item token = NextNonSpace();
    switch (token.kind) {
      case Kind::kBlock: return BlockControl();
      case Kind::kBreak: return LoopControl(token, NodeKind::kBreak);
      case Kind::kContinue: return LoopControl(token, NodeKind::kContinue);
      case Kind::kElse: return ElseControl();
      case Kind::kEnd: return Make(NodeKind::kEnd, Expect(Kind::kRightDelim, "end").pos);
      case Kind::kIf: return Control(NodeKind::kIf, "if");
      case Kind::kRange: return Control(NodeKind::kRange, "range");
      case Kind::kTemplate: return TemplateControl();
      case Kind::kWith: return Control(NodeKind::kWith, "with");
      default: break;
    }
    Backup();
    NodePtr n = Make(NodeKind::kAction, Peek().pos);
    n->pipe = Pipeline("command", Kind::kRightDelim);
    return n;
  }

  NodePtr LoopControl(const Item& word, NodeKind kind) {
    const std::string context = "{{" + word.text + "}}";
    if (const Item token = NextNonSpace(); token.kind != Kind::kRightDelim) {
      Unexpected(token, context);
    }
    if (range_depth_ == 0) Fail("{} outside {{{{range}}}}", context);
    return Make(kind, word.pos);
  }

  // {{else if}} is read as {{else}}{{if}}, {{else with}} likewise: the word is left to be taken.
  NodePtr ElseControl() {
    const Item next = PeekNonSpace();
    if (next.kind == Kind::kIf || next.kind == Kind::kWith) return Make(NodeKind::kElse, next.pos);
    return Make(NodeKind::kElse, Expect(Kind::kRightDelim, "else").pos);
  }

  NodePtr Control(NodeKind kind, std::string_view context) {
    const Deeper deeper(this);
    const size_t variables = variables_.size();
    NodePtr n = Make(kind, 0);
    n->pipe = Pipeline(context, Kind::kRightDelim);
    n->pos = n->pipe->pos;
    range_depth_ += kind == NodeKind::kRange;
    NodePtr end;
    n->list = ItemList(&end);
    range_depth_ -= kind == NodeKind::kRange;
    if (end->kind == NodeKind::kElse) n->else_list = ElseList(kind, context, *end);
    variables_.resize(variables);
    return n;
  }

  NodePtr ElseList(NodeKind kind, std::string_view context, const Node& els) {
    const bool chained = (kind == NodeKind::kIf && Peek().kind == Kind::kIf) ||
                         (kind == NodeKind::kWith && Peek().kind == Kind::kWith);
    if (chained) {
      Next();
      NodePtr list = Make(NodeKind::kList, els.pos);
      list->nodes.push_back(Control(kind, context));
      return list;
    }
    NodePtr end;
    NodePtr list = ItemList(&end);
    if (end->kind != NodeKind::kEnd) Fail("expected end; found {}", ToString(*end));
    return list;
  }

  NodePtr BlockControl() {
    constexpr std::string_view kContext = "block clause";
    const Item token = NextNonSpace();
    const std::string name = TemplateName(token, kContext);
    NodePtr pipe = Pipeline(kContext, Kind::kRightDelim);
    TreeParser(shared_, name).ParseBody(kContext);
    NodePtr n = Make(NodeKind::kTemplate, token.pos);
    n->text = name;
    n->pipe = std::move(pipe);
    return n;
  }

  NodePtr TemplateControl() {
    constexpr std::string_view kContext = "template clause";
    const Item token = NextNonSpace();
    NodePtr n = Make(NodeKind::kTemplate, token.pos);
    n->text = TemplateName(token, kContext);
    if (NextNonSpace().kind != Kind::kRightDelim) {
      Backup();
      n->pipe = Pipeline(kContext, Kind::kRightDelim);
    }
    return n;
  }

  std::string TemplateName(const Item& token, std::string_view context) {
    if (token.kind != Kind::kString && token.kind != Kind::kRawString) Unexpected(token, context);
    return UnquoteOrFail(token);
  }

  NodePtr Pipeline(std::string_view context, Kind end) {
    NodePtr pipe = Make(NodeKind::kPipe, PeekNonSpace().pos);
    Declarations(context, pipe.get());
    for (;;) {
      const Item token = NextNonSpace();
      if (token.kind == end) break;
      switch (token.kind) {
        case Kind::kBool:
        case Kind::kCharConstant:
        case Kind::kComplex:
        case Kind::kDot:
        case Kind::kField:
        case Kind::kIdentifier:
        case Kind::kNumber:
        case Kind::kNil:
        case Kind::kRawString:
        case Kind::kString:
        case Kind::kVariable:
        case Kind::kLeftParen:
          Backup();
          pipe->nodes.push_back(Command());
          break;
        default: Unexpected(token, context);
      }
    }
    CheckPipeline(*pipe, context);
    return pipe;
  }

  // $x :=, $x =, and of a range $i, $x := as well.
  void Declarations(std::string_view context, Node* pipe) {
    for (;;) {
      const Item v = PeekNonSpace();
      if (v.kind != Kind::kVariable) return;
      Next();
      const Item behind = Peek();  // In "$x foo" the space must be put back too.
      const Item next = PeekNonSpace();
      const bool comma = next.kind == Kind::kChar && next.text == ",";
      if (next.kind != Kind::kAssign && next.kind != Kind::kDeclare && !comma) {
        if (behind.kind == Kind::kSpace) {
          Backup3(v, behind);
        } else {
          Backup2(v);
        }
        return;
      }
      NextNonSpace();
      pipe->assigns = next.kind == Kind::kAssign;
      pipe->declared.push_back(Variable(v.pos, v.text));
      variables_.push_back(v.text);
      if (!comma) return;
      if (context != "range" || pipe->declared.size() >= 2) {
        Fail("too many declarations in {}", context);
      }
      const Kind second = PeekNonSpace().kind;
      if (second != Kind::kVariable && second != Kind::kRightDelim && second != Kind::kRightParen) {
        Fail("range can only initialize variables");
      }
    }
  }

  void CheckPipeline(const Node& pipe, std::string_view context) {
    if (pipe.nodes.empty()) Fail("missing value for {}", context);
    for (size_t i = 1; i < pipe.nodes.size(); ++i) {
      switch (pipe.nodes[i]->nodes[0]->kind) {
        case NodeKind::kBool:
        case NodeKind::kDot:
        case NodeKind::kNil:
        case NodeKind::kNumber:
        case NodeKind::kString: Fail("non executable command in pipeline stage {}", i + 1);
        default: break;
      }
    }
  }

  NodePtr Command() {
    NodePtr command = Make(NodeKind::kCommand, PeekNonSpace().pos);
    for (;;) {
      PeekNonSpace();
      if (NodePtr operand = Operand()) command->nodes.push_back(std::move(operand));
      const Item token = Next();
      if (token.kind == Kind::kSpace) continue;
      if (token.kind == Kind::kRightDelim || token.kind == Kind::kRightParen) {
        Backup();
      } else if (token.kind != Kind::kPipe) {
        Unexpected(token, "operand");
      }
      break;
    }
    if (command->nodes.empty()) Fail("empty command");
    return command;
  }

  // A term and the fields behind it; null when there is none.
  NodePtr Operand() {
    NodePtr node = Term();
    if (node == nullptr || Peek().kind != Kind::kField) return node;
    const int pos = Peek().pos;
    std::vector<std::string> fields;
    while (Peek().kind == Kind::kField) {
      fields.push_back(Next().text.substr(1));
    }
    switch (node->kind) {
      case NodeKind::kField:
      case NodeKind::kVariable:
        node->pos = pos;
        node->names.insert(node->names.end(), fields.begin(), fields.end());
        return node;
      case NodeKind::kBool:
      case NodeKind::kString:
      case NodeKind::kNumber:
      case NodeKind::kNil:
      case NodeKind::kDot: Fail("unexpected . after term {}", promql::Quote(ToString(*node)));
      default: break;
    }
    NodePtr chain = Make(NodeKind::kChain, pos);
    chain->names = std::move(fields);
    chain->nodes.push_back(std::move(node));
    return chain;
  }

  NodePtr Term() {
    const Item token = NextNonSpace();
    switch (token.kind) {
      case Kind::kIdentifier:
        if (!shared_->has_function(token.text)) {
          Fail("function {} not defined", promql::Quote(token.text));
        }
        return Make(NodeKind::kIdentifier, token);
      case Kind::kDot: return Make(NodeKind::kDot, token);
      case Kind::kNil: return Make(NodeKind::kNil, token);
      case Kind::kVariable: return UseVariable(token);
      case Kind::kField: {
        NodePtr field = Make(NodeKind::kField, token.pos);
        field->names = Split(std::string_view(token.text).substr(1));
        return field;
      }
      case Kind::kBool: {
        NodePtr node = Make(NodeKind::kBool, token.pos);
        node->truth = token.text == "true";
        return node;
      }
      case Kind::kCharConstant:
      case Kind::kComplex:
      case Kind::kNumber: {
        NodePtr node = Make(NodeKind::kNumber, token);
        if (const absl::Status s = ReadNumber(token.kind, node.get()); !s.ok()) {
          Fail("{}", base::message(s));
        }
        return node;
      }
      case Kind::kLeftParen: {
        const Deeper deeper(this);
        return Pipeline("parenthesized pipeline", Kind::kRightParen);
      }
      case Kind::kString:
      case Kind::kRawString: {
        NodePtr node = Make(NodeKind::kString, token);
        node->value = UnquoteOrFail(token);
        return node;
      }
      default: break;
    }
    Backup();
    return nullptr;
  }

  NodePtr Variable(int pos, std::string_view text) {
    NodePtr node = Make(NodeKind::kVariable, pos);
    node->names = Split(text);
    return node;
  }

  NodePtr UseVariable(const Item& token) {
    NodePtr node = Variable(token.pos, token.text);
    if (std::find(variables_.begin(), variables_.end(), node->names[0]) == variables_.end()) {
      Fail("undefined variable {}", promql::Quote(node->names[0]));
    }
    return node;
  }

  Shared* const shared_;
  std::string name_;
  NodePtr root_;
  Item token_[3];
  int peeked_ = 0;
  int action_line_ = 0, range_depth_ = 0;
  std::vector<std::string> variables_ = {"$"};
};

}  // namespace

absl::StatusOr<Template> ParseTemplate(std::string name, std::string text,
                                       const std::function<bool(std::string_view)>& has_function) {
  Template out;
  out.name = std::move(name);
  out.text = std::move(text);
  Shared shared{Lexer(out.text), &out, has_function};
  try {
    TreeParser(&shared, out.name).ParseAll();
  } catch (const Failure& failure) {
    return base::InvalidArgument("{}", failure.message);
  }
  return out;
}

}  // namespace server::text_template
