// Appends JSON to a string, in one pass: it puts the commas, the caller puts values where values
// belong. Strings are escaped as Go's encoding/json does: <, >, & and U+2028/9 as \u003c ..., what
// is not UTF-8 as \ufffd.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace api {

// Not thread-safe.
class JsonWriter {
 public:
  explicit JsonWriter(std::string* out) : out_(out) {}  // Appends to *out, which outlives this.

  void BeginObject() { Open('{'); }
  void EndObject() { Close('}'); }
  void BeginArray() { Open('['); }
  void EndArray() { Close(']'); }

  void Key(std::string_view name);       // Escaped like any string.
  void String(std::string_view value);
  void Int(int64_t value);
  void Uint(uint64_t value);
  void Double(double value);             // null for NaN and infinities.
  void Bool(bool value) { Raw(value ? "true" : "false"); }
  void Null() { Raw("null"); }
  void Raw(std::string_view json);       // A value that is JSON already.
  // The place of a value the caller appends to out() itself.
  std::string* Value() {
    Comma();
    return out_;
  }
  std::string* out() { return out_; }

  // Without < > & escaped, as Go does with SetEscapeHTML(false).
  void set_escape_html(bool on) { escape_html_ = on; }

 private:
  void Comma() {
    if (need_comma_) out_->push_back(',');
    need_comma_ = true;
  }
  void Open(char c) {
    Comma();
    out_->push_back(c);
    need_comma_ = false;
  }
  void Close(char c) {
    out_->push_back(c);
    need_comma_ = true;
  }

  std::string* out_;
  bool need_comma_ = false;
  bool escape_html_ = true;
};

// With the quotes.
void AppendJsonString(std::string* out, std::string_view s, bool escape_html = true);

}  // namespace api
