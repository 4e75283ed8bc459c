#include "api/json_writer.h"

#include <array>
#include <charconv>
#include <cmath>

#include "storage/model/number_text.h"

namespace api {
namespace {

enum : uint8_t { kPlain, kHtml, kEscape, kHigh };

constexpr std::array<uint8_t, 256> MakeTable() {
  std::array<uint8_t, 256> t = {};
  for (int i = 0; i < 0x20; ++i) t[i] = kEscape;
  t['"'] = t['\\'] = kEscape;
  t['<'] = t['>'] = t['&'] = kHtml;
  for (int i = 0x80; i < 0x100; ++i) t[i] = kHigh;
  return t;
}
constexpr std::array<uint8_t, 256> kClass = MakeTable();
constexpr char kHex[] = "0123456789abcdef";

void AppendEscaped(std::string* out, unsigned char c) {
  switch (c) {
    case '"': *out += "\\\""; return;
    case '\\': *out += "\\\\"; return;
    case '\n': *out += "\\n"; return;
    case '\r': *out += "\\r"; return;
    case '\t': *out += "\\t"; return;
    default:
      *out += "\\u00";
      *out += kHex[c >> 4];
      *out += kHex[c & 15];
  }
}

// Bytes of the UTF-8 sequence at `p`, 0 when it is none.
int SequenceLength(const unsigned char* p, const unsigned char* end) {
  const auto tail = [&](int i) { return p + i < end && (p[i] & 0xc0) == 0x80; };
  if (*p >= 0xc2 && *p <= 0xdf) return tail(1) ? 2 : 0;
  if ((*p & 0xf0) == 0xe0) {
    if (!tail(1) || !tail(2)) return 0;
    if (*p == 0xe0 && p[1] < 0xa0) return 0;  // Overlong.
    if (*p == 0xed && p[1] >= 0xa0) return 0;  // Surrogates.
    return 3;
  }
  if (*p >= 0xf0 && *p <= 0xf4) {
    if (!tail(1) || !tail(2) || !tail(3)) return 0;
    if (*p == 0xf0 && p[1] < 0x90) return 0;
    if (*p == 0xf4 && p[1] >= 0x90) return 0;
    return 4;
  }
  return 0;
}

}  // namespace

void AppendJsonString(std::string* out, std::string_view s, bool escape_html) {
  out->push_back('"');
  const auto* p = reinterpret_cast<const unsigned char*>(s.data());
  const auto* end = p + s.size();
  const auto* plain = p;  // What has not been copied yet and needs no escape.
  const auto flush = [&](const unsigned char* to) {
    out->append(reinterpret_cast<const char*>(plain), to - plain);
  };
  while (p < end) {
    const uint8_t kind = kClass[*p];
    if (kind == kPlain || (kind == kHtml && !escape_html)) {
      ++p;
      continue;
    }
    if (kind == kHigh) {
      const int n = SequenceLength(p, end);
      const bool separator = n == 3 && p[0] == 0xe2 && p[1] == 0x80 && (p[2] & 0xfe) == 0xa8;
      if (n > 0 && !separator) {
        p += n;
        continue;
      }
      flush(p);
      if (n == 0) {
        *out += "\\ufffd";
        ++p;
      } else {
        *out += p[2] == 0xa8 ? "\\u2028" : "\\u2029";
        p += n;
      }
    } else {
      flush(p);
      AppendEscaped(out, *p++);
    }
    plain = p;
  }
  flush(end);
  out->push_back('"');
}

void JsonWriter::Key(std::string_view name) {
  Comma();
  AppendJsonString(out_, name, escape_html_);
  out_->push_back(':');
  need_comma_ = false;
}

void JsonWriter::String(std::string_view value) {
  Comma();
  AppendJsonString(out_, value, escape_html_);
}

void JsonWriter::Int(int64_t value) {
  Comma();
  char buf[24];
  out_->append(buf, std::to_chars(buf, buf + sizeof buf, value).ptr);
}

void JsonWriter::Uint(uint64_t value) {
  Comma();
  char buf[24];
  out_->append(buf, std::to_chars(buf, buf + sizeof buf, value).ptr);
}

void JsonWriter::Double(double value) {
  if (!std::isfinite(value)) return Null();
  Comma();
  model::AppendJsonFloat(out_, value);
}

void JsonWriter::Raw(std::string_view json) {
  Comma();
  *out_ += json;
}

}  // namespace api
