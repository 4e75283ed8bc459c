// The functions of the language: names and types. Bodies: functions/. spec 1.13.
#pragma once

#include <span>
#include <string_view>

#include "promql/ast.h"

namespace promql {

struct Signature {
  std::string_view name;
  ValueType args[5] = {};       // Declared parameters, kNone-terminated.
  int num_args = 0;
  // Prometheus' Variadic. 0: exactly num_args. -1: the last may be absent or repeat any number of
  // times. n > 0: the last may be absent or stand up to n times: num_args - 1 to num_args - 1 + n.
  int variadic = 0;
  ValueType returns = ValueType::kVector;
  bool experimental = false;
};

const Signature* FindSignature(std::string_view name);  // Null when unknown.
std::span<const Signature> AllSignatures();             // By name.

}  // namespace promql
