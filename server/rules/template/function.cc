#include "server/rules/template/function.h"

#include <algorithm>

namespace server::text_template {

std::string_view TypeName(ParamType type) {
  switch (type) {
    case ParamType::kAny: return "interface {}";
    case ParamType::kString: return "string";
    case ParamType::kInt: return "int";
    case ParamType::kSample: return "*template.sample";
    case ParamType::kResults: return "template.queryResult";
    case ParamType::kTime: return "time.Time";
    case ParamType::kDuration: return "time.Duration";
  }
  return "";
}

bool Fits(const Value& value, ParamType type) {
  const bool pointer = value.pointer();
  switch (type) {
    case ParamType::kAny: return true;
    case ParamType::kString: return !pointer && value.If<std::string>() != nullptr;
    case ParamType::kInt: return !pointer && value.If<int64_t>() != nullptr;
    case ParamType::kSample: return pointer && value.If<StructPtr>() != nullptr;
    case ParamType::kResults: return value.If<Vector>() != nullptr;
    case ParamType::kTime: return !pointer && value.If<Time>() != nullptr;
    case ParamType::kDuration: return !pointer && value.If<Duration>() != nullptr;
  }
  return false;
}

bool CanBeNil(ParamType type) {
  return type == ParamType::kAny || type == ParamType::kSample || type == ParamType::kResults;
}

Value NilOf(ParamType type) {
  if (type == ParamType::kSample) return Value::Pointer(Value(StructPtr()));
  if (type == ParamType::kResults) return Value(Vector());
  return Value();
}

const Function* FindFunction(std::string_view name) {
  for (const std::span<const Function> table : {AlertFunctions(), Builtins()}) {
    const auto found = std::ranges::find(table, name, &Function::name);
    if (found != table.end()) return &*found;
  }
  return nullptr;
}

}  // namespace server::text_template
