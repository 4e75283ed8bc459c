// The functions that every Go template has.
#include <cmath>
#include <optional>

#include "promql/text.h"
#include "server/rules/template/escape.h"
#include "server/rules/template/function.h"
#include "server/rules/template/go_format.h"
#include "server/rules/template/printable.h"
#include "storage/base/status.h"

namespace server::text_template {
namespace {

using Args = std::span<const Value>;
using Result = absl::StatusOr<Value>;

std::optional<int64_t> IntOf(const Value& v) {
  if (v.pointer()) return std::nullopt;
  if (const auto* n = v.If<int64_t>()) return *n;
  if (const auto* d = v.If<Duration>()) return d->nanos;
  if (const auto* m = v.If<Month>()) return m->number;
  if (const auto* w = v.If<Weekday>()) return w->number;
  return std::nullopt;
}
std::optional<int64_t> UintOf(const Value& v) {
  const auto* b = v.pointer() ? nullptr : v.If<Byte>();
  return b == nullptr ? std::nullopt : std::optional<int64_t>(b->value);
}
const std::string* TextOf(const Value& v) {
  if (v.pointer()) return nullptr;
  if (const auto* s = v.If<std::string>()) return s;
  const auto* h = v.If<Html>();
  return h == nullptr ? nullptr : &h->text;
}

// As Go's reflection sorts types for comparisons.
enum class Basic { kNone, kBool, kInt, kFloat, kString, kUint };
Basic BasicKind(const Value& v) {
  if (v.pointer()) return Basic::kNone;
  if (v.If<bool>() != nullptr) return Basic::kBool;
  if (IntOf(v)) return Basic::kInt;
  if (UintOf(v)) return Basic::kUint;
  if (v.If<double>() != nullptr) return Basic::kFloat;
  return TextOf(v) != nullptr ? Basic::kString : Basic::kNone;
}
bool IsInteger(Basic kind) { return kind == Basic::kInt || kind == Basic::kUint; }
int64_t Integer(const Value& v) { return IntOf(v).value_or(UintOf(v).value_or(0)); }

absl::Status Incompatible(const Value& a, const Value& b) {
  return base::InvalidArgument("incompatible types for comparison: {} and {}", a.type(), b.type());
}

// What Go's reflection calls a kind, of what is none of the above.
enum class Shape { kPointer, kMap, kSlice, kStruct };
Shape ShapeOf(const Value& v) {
  if (v.pointer()) return Shape::kPointer;
  if (v.If<MapPtr>() != nullptr) return Shape::kMap;
  return v.If<Vector>() != nullptr ? Shape::kSlice : Shape::kStruct;
}

absl::StatusOr<bool> EqualOthers(const Value& a, const Value& b) {
  const auto text = [](const Value& v) { return Sprintf("%s", {&v, 1}); };
  if (a.valid() && b.valid() && ShapeOf(a) != ShapeOf(b)) {
    return base::InvalidArgument("non-comparable types {}: {}, {}: {}", text(a), a.type(), b.type(),
                                 Sprint({&b, 1}));
  }
  if (a.is_nil() || b.is_nil()) return a.is_nil() == b.is_nil();
  if (b.pointer()) {
    const auto *s = a.If<StructPtr>(), *t = b.If<StructPtr>();
    return s != nullptr && t != nullptr && *s == *t;
  }
  if (const auto* t = b.If<Time>()) return a.If<Time>() != nullptr && *a.If<Time>() == *t;
  return base::InvalidArgument("non-comparable type {}: {}", text(b), b.type());
}

absl::StatusOr<bool> Equal(const Value& a, const Value& b) {
  const Basic kind = BasicKind(a), other = BasicKind(b);
  if (kind != other) {
    if (IsInteger(kind) && IsInteger(other)) return Integer(a) == Integer(b);
    if (a.valid() && b.valid()) return Incompatible(a, b);
    return false;
  }
  switch (kind) {
    case Basic::kBool: return *a.If<bool>() == *b.If<bool>();
    case Basic::kInt:
    case Basic::kUint: return Integer(a) == Integer(b);
    case Basic::kFloat: return *a.If<double>() == *b.If<double>();
    case Basic::kString: return *TextOf(a) == *TextOf(b);
    case Basic::kNone: break;
  }
  return EqualOthers(a, b);
}

absl::StatusOr<bool> Less(const Value& a, const Value& b) {
  const Basic kind = BasicKind(a), other = BasicKind(b);
  const absl::Status bad = base::InvalidArgument("invalid type for comparison");
  if (kind == Basic::kNone || other == Basic::kNone) return bad;
  if (IsInteger(kind) && IsInteger(other)) return Integer(a) < Integer(b);
  if (kind != other) return Incompatible(a, b);
  if (kind == Basic::kFloat) return *a.If<double>() < *b.If<double>();
  if (kind == Basic::kString) return *TextOf(a) < *TextOf(b);
  return bad;
}

Result Eq(const Surroundings&, Args args) {
  if (args.size() < 2) return base::InvalidArgument("missing argument for comparison");
  for (const Value& other : args.subspan(1)) {
    ASSIGN_OR_RETURN(const bool equal, Equal(args[0], other));
    if (equal) return Value(true);
  }
  return Value(false);
}
Result Ne(const Surroundings&, Args args) {
  ASSIGN_OR_RETURN(const bool equal, Equal(args[0], args[1]));
  return Value(!equal);
}
Result Lt(const Surroundings&, Args args) {
  ASSIGN_OR_RETURN(const bool less, Less(args[0], args[1]));
  return Value(bool{less});
}
absl::StatusOr<bool> LessOrEqual(Args args) {
  ASSIGN_OR_RETURN(const bool less, Less(args[0], args[1]));
  if (less) return true;
  return Equal(args[0], args[1]);
}
Result Le(const Surroundings&, Args args) {
  ASSIGN_OR_RETURN(const bool le, LessOrEqual(args));
  return Value(bool{le});
}
Result Gt(const Surroundings&, Args args) {
  ASSIGN_OR_RETURN(const bool le, LessOrEqual(args));
  return Value(!le);
}
Result Ge(const Surroundings&, Args args) {
  ASSIGN_OR_RETURN(const bool less, Less(args[0], args[1]));
  return Value(!less);
}
Result Not(const Surroundings&, Args args) { return Value(!args[0].truth()); }

Result Len(const Surroundings&, Args args) {
  const Value& item = args[0];
  if (!item.valid()) {
    return base::InvalidArgument("reflect: call of reflect.Value.Type on zero Value");
  }
  if (item.pointer() && item.is_nil()) return base::InvalidArgument("len of nil pointer");
  const auto size = [](size_t n) { return Value(static_cast<int64_t>(n)); };
  if (const std::string* s = TextOf(item)) return size(s->size());
  if (const auto* m = item.If<MapPtr>()) return size((*m)->entries.size());
  if (const auto* v = item.If<Vector>()) return size(v->size());
  return base::InvalidArgument("len of type {}", item.Pointed().type());
}

absl::StatusOr<size_t> IndexArg(const Value& index, size_t most) {
  if (!index.valid()) return base::InvalidArgument("cannot index slice/array with nil");
  const Basic kind = BasicKind(index);
  if (!IsInteger(kind)) {
    return base::InvalidArgument("cannot index slice/array with type {}", index.type());
  }
  const int64_t x = Integer(index);
  if (x < 0 || x > static_cast<int64_t>(most)) {
    return base::InvalidArgument("index out of range: {}", x);
  }
  return static_cast<size_t>(x);
}

Result IndexMap(const Map& map, const Value& key) {
  if (!key.valid()) return base::InvalidArgument("value is nil; should be of type string");
  const auto* name = key.pointer() ? nullptr : key.If<std::string>();
  if (name == nullptr) {
    return base::InvalidArgument("value has type {}; should be string", key.type());
  }
  const auto it = map.entries.find(*name);
  if (it != map.entries.end()) return it->second;
  return map.any ? Value() : Value("");
}

Result Index(const Surroundings&, Args args) {
  Value item = args[0];
  if (!item.valid()) return base::InvalidArgument("index of untyped nil");
  for (const Value& index : args.subspan(1)) {
    if (item.is_nil() && item.If<Vector>() == nullptr) {
      return base::InvalidArgument("index of nil pointer");
    }
    if (const auto* m = item.If<MapPtr>()) {
      ASSIGN_OR_RETURN(item, IndexMap(**m, index));
    } else if (const std::string* s = TextOf(item)) {
      ASSIGN_OR_RETURN(const size_t at, IndexArg(index, s->size()));
      if (at == s->size()) return base::InvalidArgument("reflect: string index out of range");
      item = Value(Byte{static_cast<uint8_t>((*s)[at])});
    } else if (const auto* v = item.If<Vector>()) {
      ASSIGN_OR_RETURN(const size_t at, IndexArg(index, v->size()));
      if (at == v->size()) return base::InvalidArgument("reflect: slice index out of range");
      item = Value((*v->elements)[v->begin + at]);
    } else {
      return base::InvalidArgument("can't index item of type {}", item.Pointed().type());
    }
  }
  return item;
}

Result Slice(const Surroundings&, Args args) {
  const Value& item = args[0];
  if (!item.valid()) return base::InvalidArgument("slice of untyped nil");
  const Args indexes = args.subspan(1);
  if (indexes.size() > 3) {
    return base::InvalidArgument("too many slice indexes: {}", indexes.size());
  }
  const std::string* text = TextOf(item);
  const auto* vector = item.If<Vector>();
  if (text == nullptr && vector == nullptr) {
    return base::InvalidArgument("can't slice item of type {}", item.Pointed().type());
  }
  if (text != nullptr && indexes.size() == 3) {
    return base::InvalidArgument("cannot 3-index slice a string");
  }
  const size_t capacity = text != nullptr               ? text->size()
                          : vector->elements == nullptr ? 0
                                                        : vector->elements->size() - vector->begin;
  size_t at[3] = {0, text != nullptr ? text->size() : vector->size(), capacity};
  for (size_t i = 0; i < indexes.size(); ++i) {
    ASSIGN_OR_RETURN(at[i], IndexArg(indexes[i], capacity));
  }
  if (at[0] > at[1]) return base::InvalidArgument("invalid slice index: {} > {}", at[0], at[1]);
  if (at[1] > at[2]) return base::InvalidArgument("invalid slice index: {} > {}", at[1], at[2]);
  if (text != nullptr) {
    std::string part = text->substr(at[0], at[1] - at[0]);
    return item.If<Html>() != nullptr ? Value(Html{std::move(part)}) : Value(std::move(part));
  }
  return Value(Vector{vector->elements, vector->begin + at[0], vector->begin + at[1]});
}

Result Print(const Surroundings&, Args args) { return Value(Sprint(args)); }
Result Println(const Surroundings&, Args args) { return Value(Sprintln(args)); }
Result Printf(const Surroundings&, Args args) {
  return Value(Sprintf(*args[0].If<std::string>(), args.subspan(1)));
}

// What html, js and urlquery escape: the arguments as actions print them.
std::string Joined(Args args) {
  std::vector<Value> printable;
  for (const Value& arg : args) printable.push_back(Printable(arg));
  return Sprint(printable);
}
Result HtmlFunction(const Surroundings&, Args args) { return Value(EscapeHtml(Joined(args))); }
Result Js(const Surroundings&, Args args) { return Value(EscapeJs(Joined(args))); }
Result UrlQuery(const Surroundings&, Args args) { return Value(EscapeUrlQuery(Joined(args))); }

Result CallFunction(const Surroundings&, Args args) {
  if (!args[0].valid()) return base::InvalidArgument("call of nil");
  return base::InvalidArgument("non-function {} of type {}", Sprint({&args[0], 1}), args[0].type());
}

}  // namespace

std::span<const Function> Builtins() {
  using enum ParamType;
  static const auto* const kTable = new std::vector<Function>{
      {"and", {kAny, kAny}, true, nullptr}, {"call", {kAny, kAny}, true, CallFunction},
      {"eq", {kAny, kAny}, true, Eq},       {"ge", {kAny, kAny}, false, Ge},
      {"gt", {kAny, kAny}, false, Gt},      {"html", {kAny}, true, HtmlFunction},
      {"index", {kAny, kAny}, true, Index}, {"js", {kAny}, true, Js},
      {"le", {kAny, kAny}, false, Le},      {"len", {kAny}, false, Len},
      {"lt", {kAny, kAny}, false, Lt},      {"ne", {kAny, kAny}, false, Ne},
      {"not", {kAny}, false, Not},          {"or", {kAny, kAny}, true, nullptr},
      {"print", {kAny}, true, Print},       {"printf", {kString, kAny}, true, Printf},
      {"println", {kAny}, true, Println},   {"slice", {kAny, kAny}, true, Slice},
      {"urlquery", {kAny}, true, UrlQuery},
  };
  return *kTable;
}

}  // namespace server::text_template
