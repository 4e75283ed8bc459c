// A value as an action prints it: what a pointer points to, and "<no value>" for none.
#pragma once

#include "server/rules/template/value.h"

namespace server::text_template {

inline Value Printable(const Value& value) {
  if (!value.valid()) return Value("<no value>");
  // A histogram prints itself through its pointer.
  const bool own = value.If<promql::HistogramPtr>() != nullptr;
  return value.pointer() && !value.is_nil() && !own ? value.Pointed() : value;
}

}  // namespace server::text_template
