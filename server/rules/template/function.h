// What templates can call.
#pragma once

#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <absl/status/statusor.h>

#include "server/rules/template/value.h"
#include "storage/model/sample.h"

namespace server::text_template {

// The type of a parameter decides which constants may stand there and what is told when something
// else does.
enum class ParamType : uint8_t { kAny, kString, kInt, kSample, kResults, kTime, kDuration };
std::string_view TypeName(ParamType type);  // As Go prints it: interface {}, string, ...
bool Fits(const Value& value, ParamType type);
bool CanBeNil(ParamType type);
Value NilOf(ParamType type);  // Of one that can be.

// What the functions know of the world.
struct Surroundings {
  // The answer to a PromQL query now.
  std::function<absl::StatusOr<std::vector<promql::VectorSample>>(std::string_view)> query;
  model::TimeMs now = 0;
  std::string external_url;  // Without a slash at the end.
};

using Call = absl::StatusOr<Value> (*)(const Surroundings& surroundings,
                                       std::span<const Value> args);

struct Function {
  std::string_view name;
  std::vector<ParamType> params;
  bool variadic = false;  // The last one as often as one likes.
  Call call = nullptr;
};

// Strings that functions make are at most this long; what would be longer is an error.
inline constexpr size_t kMaxStringBytes = 1 << 20;

// Null when there is none. `and` and `or`, which do not evaluate all they are given, have no call.
const Function* FindFunction(std::string_view name);

// A method of what `receiver` holds (or points to), which is its first argument beside `params`.
// Null when there is none.
const Function* FindMethod(const Value& receiver, std::string_view name);

// The tables. Go's own: index, len, printf, eq ... and Prometheus': humanize, query ...
std::span<const Function> Builtins();
std::span<const Function> AlertFunctions();

}  // namespace server::text_template
