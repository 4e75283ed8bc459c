#include "server/rules/template/executor.h"

#include <algorithm>

#include "promql/text.h"
#include "server/rules/template/go_format.h"
#include "server/rules/template/printable.h"
#include "storage/base/status.h"

namespace server::text_template {
namespace {

// Ends the run; does not leave this file.
struct Failure {
  std::string message;
};

enum class Flow { kGoesOn, kBreak, kContinue };

// The words of a command behind the first, and what the pipeline brings as last argument.
struct Arguments {
  std::span<const NodePtr> words;
  const Value* final = nullptr;
  bool any() const { return !words.empty() || final != nullptr; }
};

class Executor {
 public:
  Executor(const Template& parsed, const Surroundings& surroundings)
      : parsed_(parsed), surroundings_(surroundings) {}

  std::string Run(const Value& data) {
    name_ = parsed_.name;
    vars_ = {{"$", data}};
    Walk(data, *parsed_.roots.at(parsed_.name));
    return std::move(out_);
  }

 private:
  struct Variable {
    std::string_view name;
    Value value;
  };

  class Deeper {
   public:
    explicit Deeper(Executor* executor) : executor_(executor) {
      if (++executor->depth_ > kMaxDepth) {
        executor->Fail("exceeded maximum template depth ({})", kMaxDepth);
      }
      executor->Spend(1);
    }
    ~Deeper() { --executor_->depth_; }

   private:
    Executor* const executor_;
  };

  template <class... A>
  [[noreturn]] void Fail(fmt::format_string<A...> format, A&&... args) {
    const std::string what = fmt::format(format, std::forward<A>(args)...);
    if (node_ == nullptr) throw Failure{fmt::format("template: {}: {}", name_, what)};
    const std::string_view before = std::string_view(parsed_.text).substr(0, node_->pos);
    const size_t newline = before.rfind('\n');
    throw Failure{
        fmt::format("template: {}:{}:{}: executing {} at <{}>: {}", parsed_.name,
                    1 + std::count(before.begin(), before.end(), '\n'),
                    newline == std::string_view::npos ? before.size() : before.size() - newline - 1,
                    promql::Quote(name_), ToString(*node_), what)};
  }

  void Spend(int64_t steps) {
    steps_ += steps;
    if (steps_ > kMaxSteps) Fail("the template takes more than {} steps", kMaxSteps);
  }

  void Write(std::string_view text) {
    if (text.size() > kMaxOutputBytes - out_.size()) {
      Fail("the template makes more than {} bytes of text", kMaxOutputBytes);
    }
    out_ += text;
  }

  void At(const Node& node) { node_ = &node; }

  // -- Walking.

  Flow Walk(const Value& dot, const Node& node) {
    const Deeper deeper(this);
    At(node);
    switch (node.kind) {
      case NodeKind::kText: Write(node.text); return Flow::kGoesOn;
      case NodeKind::kAction: {
        const Value value = EvalPipeline(dot, *node.pipe);
        if (node.pipe->declared.empty()) PrintValue(node, value);
        return Flow::kGoesOn;
      }
      case NodeKind::kBreak: return Flow::kBreak;
      case NodeKind::kContinue: return Flow::kContinue;
      case NodeKind::kIf:
      case NodeKind::kWith: return WalkIfOrWith(dot, node);
      case NodeKind::kList:
        for (const NodePtr& child : node.nodes) {
          if (const Flow flow = Walk(dot, *child); flow != Flow::kGoesOn) return flow;
        }
        return Flow::kGoesOn;
      case NodeKind::kRange: return WalkRange(dot, node);
      case NodeKind::kTemplate: WalkTemplate(dot, node); return Flow::kGoesOn;
      default: Fail("unknown node: {}", ToString(node));
    }
  }

  Flow WalkIfOrWith(const Value& dot, const Node& node) {
    const size_t mark = vars_.size();
    const Value value = EvalPipeline(dot, *node.pipe);
    Flow flow = Flow::kGoesOn;
    if (value.truth()) {
      flow = Walk(node.kind == NodeKind::kWith ? value : dot, *node.list);
    } else if (node.else_list != nullptr) {
      flow = Walk(dot, *node.else_list);
    }
    vars_.resize(mark);
    return flow;
  }

  Flow WalkRange(const Value& dot, const Node& node) {
    const size_t outer = vars_.size();
    const Value value = EvalPipeline(dot, *node.pipe);
    const bool any = Iterate(node, value);
    vars_.resize(outer);
    if (any || node.else_list == nullptr) return Flow::kGoesOn;
    const Flow flow = Walk(dot, *node.else_list);
    vars_.resize(outer);
    // Go's loop, of which {{else}} is a part too, takes a break to be its own.
    return flow == Flow::kBreak ? Flow::kGoesOn : flow;
  }

  // False when there was nothing to iterate over.
  bool Iterate(const Node& node, const Value& value) {
    if (!value.valid()) return false;
    const Value item = value.Pointed();
    bool any = false;
    if (const auto* n = item.If<int64_t>()) {
      if (node.pipe->declared.size() > 1) {
        Fail("can't use {} to iterate over more than one variable", *n);
      }
      for (int64_t i = 0; i < *n; ++i) {
        any = true;
        if (!OneIteration(node, Value(), Value(int64_t{i}))) break;
      }
    } else if (const auto* v = item.If<Vector>()) {
      const Vector elements = *v;  // Sorting them meanwhile changes what comes.
      for (size_t i = 0; i < elements.size(); ++i) {
        any = true;
        const Value element = (*elements.elements)[elements.begin + i];
        if (!OneIteration(node, Value(static_cast<int64_t>(i)), element)) break;
      }
    } else if (const auto* m = item.If<MapPtr>()) {
      for (const auto& [key, element] : (*m)->entries) {
        any = true;
        if (!OneIteration(node, Value(std::string(key)), element)) break;
      }
    } else {
      Fail("range can't iterate over {}", Sprint({&item, 1}));
    }
    return any;
  }

  // False after {{break}}.
  bool OneIteration(const Node& node, const Value& index, const Value& element) {
    const auto& declared = node.pipe->declared;
    const size_t mark = vars_.size();
    if (!declared.empty()) {
      if (node.pipe->assigns) {
        SetVariable(declared[0]->names[0], declared.size() > 1 ? index : element);
        if (declared.size() > 1) SetVariable(declared[1]->names[0], element);
      } else {
        vars_[mark - 1].value = element;
        if (declared.size() > 1) vars_[mark - 2].value = index;
      }
    }
    const Flow flow = Walk(element, *node.list);
    vars_.resize(mark);
    return flow != Flow::kBreak;
  }

  void WalkTemplate(const Value& dot, const Node& node) {
    const auto root = parsed_.roots.find(node.text);
    if (root == parsed_.roots.end()) Fail("template {} not defined", promql::Quote(node.text));
    const Value data = node.pipe == nullptr ? Value() : EvalPipeline(dot, *node.pipe);
    // It sees no variables of ours.
    std::vector<Variable> vars = {{"$", data}};
    std::swap(vars, vars_);
    const std::string_view name = std::exchange(name_, root->first);
    Walk(data, *root->second);
    name_ = name;
    std::swap(vars, vars_);
  }

  void PrintValue(const Node& node, const Value& value) {
    At(node);
    const Value printable = Printable(value);
    Write(Sprint({&printable, 1}));
  }

  // -- Evaluating. The value of a variable may be replaced while it is used, so values are copied.

  void SetVariable(std::string_view name, const Value& value) {
    for (auto it = vars_.rbegin(); it != vars_.rend(); ++it) {
      if (it->name == name) {
        it->value = value;
        return;
      }
    }
    Fail("undefined variable: {}", name);
  }

  Value VariableValue(std::string_view name) {
    for (auto it = vars_.rbegin(); it != vars_.rend(); ++it) {
      if (it->name == name) return it->value;
    }
    Fail("undefined variable: {}", name);
  }

  Value EvalPipeline(const Value& dot, const Node& pipe) {
    const Deeper deeper(this);
    At(pipe);
    Value value;
    bool first = true;
    for (const NodePtr& command : pipe.nodes) {
      const Value before = std::move(value);
      value = EvalCommand(dot, *command, first ? nullptr : &before);
      first = false;
    }
    for (const NodePtr& variable : pipe.declared) {
      if (pipe.assigns) {
        SetVariable(variable->names[0], value);
      } else {
        vars_.push_back({variable->names[0], value});
      }
    }
    return value;
  }

  void NotAFunction(const Node& first, const Arguments& args) {
    if (args.any()) Fail("can't give argument to non-function {}", ToString(first));
  }

  Value EvalCommand(const Value& dot, const Node& command, const Value* final) {
    const Node& first = *command.nodes[0];
    const Arguments args{std::span(command.nodes).subspan(1), final};
    switch (first.kind) {
      case NodeKind::kField: At(first); return EvalFieldChain(dot, dot, first, first.names, args);
      case NodeKind::kChain: return EvalChain(dot, first, args);
      case NodeKind::kIdentifier: return EvalFunction(dot, first, command, args);
      case NodeKind::kPipe: NotAFunction(first, args); return EvalPipeline(dot, first);
      case NodeKind::kVariable: return EvalVariable(dot, first, args);
      default: break;
    }
    At(first);
    NotAFunction(first, args);
    switch (first.kind) {
      case NodeKind::kBool: return Value(bool{first.truth});
      case NodeKind::kDot: return dot;
      case NodeKind::kNil: Fail("nil is not a command");
      case NodeKind::kNumber: return IdealConstant(first);
      case NodeKind::kString: return Value(std::string(first.value));
      default: Fail("can't evaluate command {}", promql::Quote(ToString(first)));
    }
  }

  // The type of a number where none is asked for is told by how it is written.
  Value IdealConstant(const Node& constant) {
    At(constant);
    const std::string& text = constant.text;
    const bool hex = text.size() > 2 && text[0] == '0' && (text[1] | 0x20) == 'x' &&
                     text.find_first_of("pP") == std::string::npos;
    if (constant.is_float && !hex && text[0] != '\'' &&
        text.find_first_of(".eEpP") != std::string::npos) {
      return Value(double{constant.number});
    }
    if (constant.is_int) return Value(int64_t{constant.integer});
    Fail("{} overflows int", text);
  }

  Value EvalChain(const Value& dot, const Node& chain, const Arguments& args) {
    At(chain);
    if (chain.nodes[0]->kind == NodeKind::kNil) {
      Fail("indirection through explicit nil in {}", ToString(chain));
    }
    const Value pipe = EvalArg(dot, ParamType::kAny, *chain.nodes[0]);
    return EvalFieldChain(dot, pipe, chain, chain.names, args);
  }

  Value EvalVariable(const Value& dot, const Node& variable, const Arguments& args) {
    At(variable);
    const Value value = VariableValue(variable.names[0]);
    if (variable.names.size() == 1) {
      NotAFunction(variable, args);
      return value;
    }
    return EvalFieldChain(dot, value, variable, std::span(variable.names).subspan(1), args);
  }

  // .X.Y.Z: if the last is a method, it gets the arguments.
  Value EvalFieldChain(const Value& dot, Value receiver, const Node& node,
                       std::span<const std::string> names, const Arguments& args) {
    bool any = false;  // Go knows it as an interface {}.
    for (size_t i = 0; i + 1 < names.size(); ++i) {
      const bool holds_any = HoldsAny(receiver, names[i]);
      receiver = EvalField(dot, names[i], node, {}, receiver, any);
      any = holds_any;
    }
    return EvalField(dot, names.back(), node, args, receiver, any);
  }

  static bool HoldsAny(const Value& holder, std::string_view field) {
    const auto* map = holder.If<MapPtr>();
    return (map != nullptr && (*map)->any) ||
           (holder.If<StructPtr>() != nullptr && field == "Value");
  }

  Value EvalField(const Value& dot, const std::string& name, const Node& node,
                  const Arguments& args, const Value& receiver, bool any) {
    if (!receiver.valid()) {
      if (any) Fail("nil pointer evaluating interface {{}}.{}", name);
      return Value();
    }
    if (const Function* method = FindMethod(receiver, name)) {
      return EvalCall(dot, *method, node, args, &receiver);
    }
    if (const auto* s = receiver.If<StructPtr>()) {
      const std::shared_ptr<const Struct> holder = *s;
      if (holder == nullptr) Fail("nil pointer evaluating {}.{}", receiver.type(), name);
      if (const Value* field = holder->Find(name)) {
        if (args.any()) Fail("{} has arguments but cannot be invoked as function", name);
        return *field;
      }
    }
    if (const auto* m = receiver.If<MapPtr>()) {
      if (args.any()) Fail("{} is not a method but has arguments", name);
      const auto it = (*m)->entries.find(name);
      if (it != (*m)->entries.end()) return it->second;
      return (*m)->any ? Value() : Value("");
    }
    if (const auto* h = receiver.If<promql::HistogramPtr>(); h != nullptr && *h != nullptr) {
      if (const auto number = HistogramField(**h, name); number.valid()) {
        if (args.any()) Fail("{} has arguments but cannot be invoked as function", name);
        return number;
      }
    }
    Fail("can't evaluate field {} in type {}", name, any ? "interface {}" : receiver.type());
  }

  static Value HistogramField(const model::FloatHistogram& h, std::string_view name) {
    if (name == "Count") return Value(double{h.count});
    if (name == "Sum") return Value(double{h.sum});
    if (name == "ZeroCount") return Value(double{h.zero_count});
    if (name == "ZeroThreshold") return Value(double{h.zero_threshold});
    if (name == "Schema") return Value(int64_t{h.schema});
    return Value();
  }

  Value EvalFunction(const Value& dot, const Node& node, const Node& command,
                     const Arguments& args) {
    At(node);
    const Function* function = FindFunction(node.text);
    if (function == nullptr) Fail("{} is not a defined function", promql::Quote(node.text));
    return EvalCall(dot, *function, command, args, nullptr);
  }

  void CheckCount(const Function& function, const Arguments& args) {
    const size_t given = args.words.size() + (args.final != nullptr),
                 wanted = function.params.size();
    if (function.variadic) {
      if (given + 1 < wanted) {
        Fail("wrong number of args for {}: want at least {} got {}", function.name, wanted - 1,
             args.words.size());
      }
    } else if (given != wanted) {
      Fail("wrong number of args for {}: want {} got {}", function.name, wanted, given);
    }
  }

  Value EvalCall(const Value& dot, const Function& function, const Node& node,
                 const Arguments& args, const Value* receiver) {
    const Deeper deeper(this);
    CheckCount(function, args);
    if (function.call == nullptr) return EvalAndOr(dot, function.name == "or", args);
    const auto type_of = [&](size_t i) {
      return i < function.params.size() ? function.params[i] : function.params.back();
    };
    std::vector<Value> values;
    if (receiver != nullptr) values.push_back(receiver->Pointed());
    for (size_t i = 0; i < args.words.size(); ++i) {
      values.push_back(EvalArg(dot, type_of(i), *args.words[i]));
    }
    if (args.final != nullptr) {
      values.push_back(ValidateType(*args.final, type_of(args.words.size())));
    }
    absl::StatusOr<Value> result = function.call(surroundings_, values);
    if (result.ok()) result = Weighed(*std::move(result));
    if (!result.ok()) {
      At(node);
      Fail("error calling {}: {}", function.name, base::message(result.status()));
    }
    return *std::move(result);
  }

  absl::StatusOr<Value> Weighed(Value value) {
    const auto* text = value.If<std::string>();
    const size_t size = text == nullptr ? 0 : text->size();
    if (size > kMaxStringBytes) {
      return base::ResourceExhausted("the text is longer than {} bytes", kMaxStringBytes);
    }
    Spend(static_cast<int64_t>(size / 64));
    return value;
  }

  // The first argument that decides, or the last; those behind it are not evaluated.
  Value EvalAndOr(const Value& dot, bool wanted, const Arguments& args) {
    Value value;
    for (const NodePtr& arg : args.words) {
      value = EvalArg(dot, ParamType::kAny, *arg);
      if (value.truth() == wanted) return value;
    }
    return args.final != nullptr ? *args.final : value;
  }

  Value ValidateType(const Value& value, ParamType type) {
    if (!value.valid()) {
      if (CanBeNil(type)) return NilOf(type);
      Fail("invalid value; expected {}", TypeName(type));
    }
    if (Fits(value, type)) return value;
    if (value.pointer() && Fits(value.Pointed(), type)) return value.Pointed();
    Fail("wrong type for value; expected {}; got {}", TypeName(type), value.type());
  }

  Value EvalArg(const Value& dot, ParamType type, const Node& node) {
    At(node);
    switch (node.kind) {
      case NodeKind::kDot: return ValidateType(dot, type);
      case NodeKind::kNil:
        if (CanBeNil(type)) return NilOf(type);
        Fail("cannot assign nil to {}", TypeName(type));
      case NodeKind::kField:
        return ValidateType(EvalFieldChain(dot, dot, node, node.names, {}), type);
      case NodeKind::kVariable: return ValidateType(EvalVariable(dot, node, {}), type);
      case NodeKind::kPipe: return ValidateType(EvalPipeline(dot, node), type);
      case NodeKind::kIdentifier: return ValidateType(EvalFunction(dot, node, node, {}), type);
      case NodeKind::kChain: return ValidateType(EvalChain(dot, node, {}), type);
      default: return EvalConstant(type, node);
    }
  }

  Value EvalConstant(ParamType type, const Node& node) {
    switch (type) {
      case ParamType::kString:
        if (node.kind == NodeKind::kString) return Value(std::string(node.value));
        Fail("expected string; found {}", ToString(node));
      case ParamType::kInt:
      case ParamType::kDuration:
        if (node.kind != NodeKind::kNumber || !node.is_int) {
          Fail("expected integer; found {}", ToString(node));
        }
        return type == ParamType::kInt ? Value(int64_t{node.integer})
                                       : Value(Duration{node.integer});
      case ParamType::kAny:
        if (node.kind == NodeKind::kBool) return Value(bool{node.truth});
        if (node.kind == NodeKind::kNumber) return IdealConstant(node);
        return Value(std::string(node.value));
      default: Fail("can't handle {} for arg of type {}", ToString(node), TypeName(type));
    }
  }

  const Template& parsed_;
  const Surroundings& surroundings_;
  std::string_view name_;  // Of the template that runs.
  const Node* node_ = nullptr;
  std::vector<Variable> vars_;
  std::string out_;
  int depth_ = 0;
  int64_t steps_ = 0;
};

}  // namespace

absl::StatusOr<std::string> Execute(const Template& parsed, const Value& data,
                                    const Surroundings& surroundings) {
  try {
    return Executor(parsed, surroundings).Run(data);
  } catch (const Failure& failure) {
    return base::Aborted("{}", failure.message);
  }
}

}  // namespace server::text_template
