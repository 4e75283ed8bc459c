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
  // 0: exactly num_args. -1: the last may repeat or be absent any number of times. n > 0: up to n of
  // the last may be left out (Prometheus' Variadic).
  int variadic = 0;
  ValueType returns = ValueType::kVector;
  bool experimental = false;
};

const Signature* FindSignature(std::string_view name);  // Null when unknown.
std::span<const Signature> AllSignatures();             // By name.

}  // namespace promql
