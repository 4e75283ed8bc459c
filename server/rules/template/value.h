// What a template computes with: the Go values that alerts can meet, with their Go types' names,
// which messages show.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "promql/value.h"

namespace server::text_template {

class Value;

struct Map {  // map[string]string or map[string]interface {}
  bool any = false;
  std::map<std::string, Value> entries;
};

struct Struct {
  std::string type;  // "template.sample"
  std::vector<std::pair<std::string, Value>> fields;
  const Value* Find(std::string_view name) const;
};

// A Go slice of query results: a view of elements that are shared, so sorting one sorts all.
struct Vector {
  std::shared_ptr<std::vector<Value>> elements;
  size_t begin = 0, end = 0;
  size_t size() const { return end - begin; }
};

struct Time {  // time.Time in UTC.
  int64_t seconds = 0;
  int32_t nanos = 0;
  friend auto operator<=>(const Time&, const Time&) = default;
};
struct Duration {
  int64_t nanos = 0;
};
struct Month {
  int number = 1;
};
struct Weekday {
  int number = 0;  // Sunday is 0.
};
struct Html {
  std::string text;
};
struct Byte {
  uint8_t value = 0;
};

using StructPtr = std::shared_ptr<const Struct>;
using MapPtr = std::shared_ptr<const Map>;

// Cheap to copy but for strings.
class Value {
 public:
  using Data =
      std::variant<std::monostate, bool, int64_t, Byte, double, std::string, Html, MapPtr,
                   StructPtr, Vector, Time, Duration, Month, Weekday, promql::HistogramPtr>;

  Value() = default;  // No value: Go's invalid one, and nil.
  template <class T>
    requires std::is_constructible_v<Data, T&&>
  Value(T&& data) : data_(std::forward<T>(data)) {}      // NOLINT: what it holds is what it is.
  Value(const char* text) : data_(std::string(text)) {}  // NOLINT
  Value(int n) : data_(int64_t{n}) {}                    // NOLINT
  static Value Pointer(Value to) {
    to.pointer_ = true;
    return to;
  }
  static Value Sample(const promql::VectorSample& sample);  // *template.sample
  static Value Labels(model::LabelsView labels);            // map[string]string
  static Value Results(const std::vector<promql::VectorSample>& samples);

  template <class T>
  const T* If() const {
    return std::get_if<T>(&data_);
  }
  bool valid() const { return data_.index() != 0; }
  bool pointer() const {
    return pointer_;
  }                       // It is a pointer to what it holds; StructPtr may be null.
  bool is_nil() const;    // Not there, or a null pointer.
  Value Pointed() const;  // What a pointer points to; itself when it is none.

  std::string type() const;  // As Go's %T.
  bool truth() const;        // As {{if}} takes it.

 private:
  Data data_;
  bool pointer_ = false;
};

}  // namespace server::text_template
