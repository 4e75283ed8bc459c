#include "server/rules/template/go_format.h"

#include <algorithm>
#include <cmath>
#include <optional>

#include <fmt/format.h>

#include "promql/text.h"
#include "server/rules/template/go_numbers.h"
#include "server/rules/template/time_text.h"
#include "storage/model/histogram_text.h"
#include "storage/model/labels.h"
#include "storage/model/number_text.h"

namespace server::text_template {
namespace {

constexpr int kMaxWidth = 1'000'000;

std::string FormatHexText(std::string_view s, bool upper, const Spec& spec) {
  if (spec.precision) s = s.substr(0, *spec.precision);
  std::string out;
  for (size_t i = 0; i < s.size(); ++i) {
    if (spec.sharp && (i == 0 || spec.space))
      out += (i > 0 ? std::string(" ") : "") + (upper ? "0X" : "0x");
    else if (spec.space && i > 0)
      out += ' ';
    out += upper ? fmt::format("{:02X}", static_cast<unsigned char>(s[i]))
                 : fmt::format("{:02x}", static_cast<unsigned char>(s[i]));
  }
  return Padded(std::move(out), spec);
}

std::string FirstRunes(std::string_view s, int n) {
  size_t end = 0;
  for (; n > 0 && end < s.size(); --n) {
    int size = 0;
    promql::DecodeRune(s.substr(end), &size);
    end += size;
  }
  return std::string(s.substr(0, end));
}

std::string Print(const Value& value, const Spec& spec, int depth);

// The value as %v has it, flags and width as they were.
std::string BadVerb(const Value& value, Spec spec) {
  std::string verb;
  promql::AppendRune(&verb, static_cast<int32_t>(spec.verb));
  if (!value.valid()) return fmt::format("%!{}(<nil>)", verb);
  spec.verb = 'v';
  return fmt::format("%!{}({}={})", verb, value.type(), Print(value, spec, 0));
}

std::string FormatText(std::string_view s, const Spec& spec, const Value& value) {
  switch (spec.verb) {
    case 'v':
      if (spec.go_syntax) return Padded(promql::Quote(s), spec);
      [[fallthrough]];
    case 's': return Padded(spec.precision ? FirstRunes(s, *spec.precision) : std::string(s), spec);
    case 'x': return FormatHexText(s, false, spec);
    case 'X': return FormatHexText(s, true, spec);
    case 'q': {
      const std::string text = spec.precision ? FirstRunes(s, *spec.precision) : std::string(s);
      return Padded(spec.sharp ? QuoteRaw(text) : promql::Quote(text), spec);
    }
    default: return BadVerb(value, spec);
  }
}

std::string FormatInt(int64_t n, const Spec& spec, const Value& value) {
  const uint64_t magnitude = n < 0 ? 0 - static_cast<uint64_t>(n) : n;
  const auto rune = [&] {
    return n >= 0 && n <= 0x10FFFF ? static_cast<int32_t>(n) : promql::kRuneError;
  };
  switch (spec.verb) {
    case 'v':
    case 'd': return FormatInteger(magnitude, n < 0, 10, false, spec);
    case 'b': return FormatInteger(magnitude, n < 0, 2, false, spec);
    case 'o':
    case 'O': return FormatInteger(magnitude, n < 0, 8, false, spec);
    case 'x': return FormatInteger(magnitude, n < 0, 16, false, spec);
    case 'X': return FormatInteger(magnitude, n < 0, 16, true, spec);
    case 'c': {
      std::string out;
      promql::AppendRune(&out, rune());
      return Padded(std::move(out), spec);
    }
    case 'q': return Padded(promql::QuoteRune(rune()), spec);
    case 'U': {
      std::string out = fmt::format("U+{:04X}", static_cast<uint64_t>(n));
      if (spec.sharp) out = promql::UnicodeName(rune());
      return Padded(std::move(out), spec);
    }
    default: return BadVerb(value, spec);
  }
}

// The text of a type that has a String method.
std::optional<std::string> OwnText(const Value& value) {
  if (const auto* t = value.If<Time>()) return ToString(*t);
  if (const auto* d = value.If<Duration>()) return ToString(*d);
  if (const auto* m = value.If<Month>()) return ToString(*m);
  if (const auto* w = value.If<Weekday>()) return ToString(*w);
  if (const auto* h = value.If<promql::HistogramPtr>(); h != nullptr && *h != nullptr) {
    return model::ToString(model::AnyHistogram(**h));
  }
  return std::nullopt;
}

std::string PrintMap(const Map& map, const Spec& spec, int depth) {
  std::string out = "map[";
  for (const auto& [key, value] : map.entries) {
    if (out.size() > 4) out += ' ';
    out += FormatText(key, spec, Value(key)) + ":" + Print(value, spec, depth + 1);
  }
  return out + "]";
}

std::string PrintStruct(const Struct& s, const Spec& spec, int depth) {
  std::string out = "{";
  for (const auto& [name, value] : s.fields) {
    if (out.size() > 1) out += ' ';
    if (spec.names) out += name + ":";
    out += Print(value, spec, depth + 1);
  }
  return out + "}";
}

// Go prints where a pointer below the top points; that says nothing, and differs from run to run.
constexpr std::string_view kAddress = "0xc000000000";

std::string Print(const Value& value, const Spec& spec, int depth) {
  if (spec.verb == 'T') return Padded(value.type(), spec);
  if (!value.valid()) {
    return spec.verb == 'v' ? Padded("<nil>", spec) : BadVerb(value, spec);
  }
  const bool textual = spec.verb == 'v' || spec.verb == 's' || spec.verb == 'x' ||
                       spec.verb == 'X' || spec.verb == 'q';
  if (textual && !spec.go_syntax) {
    if (auto text = OwnText(value)) return FormatText(*text, spec, value);
  }
  if (value.pointer()) {
    if (value.is_nil()) return spec.verb == 'v' ? Padded("<nil>", spec) : BadVerb(value, spec);
    if (depth > 0) {
      constexpr std::u32string_view kVerbs = U"vdoxXbp";
      return kVerbs.find(spec.verb) == std::u32string_view::npos ? BadVerb(value, spec)
                                                                 : std::string(kAddress);
    }
    return "&" + Print(value.Pointed(), spec, depth + 1);
  }
  if (const auto* b = value.If<bool>()) {
    if (spec.verb != 't' && spec.verb != 'v') return BadVerb(value, spec);
    return Padded(*b ? "true" : "false", spec);
  }
  if (const auto* n = value.If<int64_t>()) return FormatInt(*n, spec, value);
  if (const auto* n = value.If<Byte>()) return FormatInt(n->value, spec, value);
  if (const auto* d = value.If<Duration>()) return FormatInt(d->nanos, spec, value);
  if (const auto* m = value.If<Month>()) return FormatInt(m->number, spec, value);
  if (const auto* w = value.If<Weekday>()) return FormatInt(w->number, spec, value);
  if (const auto* v = value.If<double>()) {
    constexpr std::u32string_view kVerbs = U"vgGeEfFxXb";
    if (kVerbs.find(spec.verb) == std::u32string_view::npos) return BadVerb(value, spec);
    return FormatFloatVerb(*v, spec);
  }
  if (const auto* s = value.If<std::string>()) return FormatText(*s, spec, value);
  if (const auto* h = value.If<Html>()) return FormatText(h->text, spec, value);
  if (const auto* m = value.If<MapPtr>()) return PrintMap(**m, spec, depth);
  if (const auto* s = value.If<StructPtr>()) return PrintStruct(**s, spec, depth);
  if (const auto* v = value.If<Vector>()) {
    std::string out = "[";
    for (size_t i = 0; i < v->size(); ++i) {
      out += (i > 0 ? " " : "") + Print((*v->elements)[v->begin + i], spec, depth + 1);
    }
    return out + "]";
  }
  return BadVerb(value, spec);
}

bool IsText(const Value& value) {
  return !value.pointer() && (value.If<std::string>() != nullptr || value.If<Html>() != nullptr);
}

// Reads a format string; one object for one call.
class Printer {
 public:
  Printer(std::string_view format, std::span<const Value> args) : rest_(format), args_(args) {}

  std::string Run() {
    while (!rest_.empty()) {
      const size_t percent = std::min(rest_.find('%'), rest_.size());
      out_ += rest_.substr(0, percent);
      rest_.remove_prefix(percent);
      if (!rest_.empty()) Verb();
    }
    if (!reordered_ && next_ < args_.size()) Extra();
    return std::move(out_);
  }

 private:
  void Extra() {
    out_ += "%!(EXTRA ";
    for (size_t i = next_; i < args_.size(); ++i) {
      if (i > next_) out_ += ", ";
      out_ += !args_[i].valid() ? "<nil>" : args_[i].type() + "=" + Print(args_[i], Spec{}, 0);
    }
    out_ += ')';
  }

  std::optional<int> Digits() {
    size_t n = 0;
    int value = 0;
    while (n < rest_.size() && rest_[n] >= '0' && rest_[n] <= '9') {
      if (value <= kMaxWidth) value = value * 10 + (rest_[n] - '0');
      ++n;
    }
    rest_.remove_prefix(n);
    return n == 0 ? std::nullopt : std::optional(value);
  }

  // [3]: the argument that comes next.
  void Index() {
    after_index_ = false;
    if (!rest_.starts_with('[')) return;
    reordered_ = true;
    const size_t close = rest_.find(']');
    if (close == std::string_view::npos) {
      good_index_ = false;
      rest_.remove_prefix(1);
      return;
    }
    const std::string_view inside = rest_.substr(1, close - 1);
    int64_t n = 0;
    bool good = !inside.empty() && inside.size() < 9;
    for (const char c : inside) {
      good = good && c >= '0' && c <= '9';
      if (good) n = n * 10 + (c - '0');
    }
    rest_.remove_prefix(close + 1);
    good = good && n >= 1 && n <= static_cast<int64_t>(args_.size());
    if (good) {
      next_ = static_cast<size_t>(n - 1);
      after_index_ = true;
    } else {
      good_index_ = false;
    }
  }

  // The * of a width or precision.
  std::optional<int> FromArgument() {
    if (next_ >= args_.size()) return std::nullopt;
    const int64_t* n = args_[next_++].If<int64_t>();
    if (n == nullptr || *n > kMaxWidth || *n < -kMaxWidth) return std::nullopt;
    return static_cast<int>(*n);
  }

  void Flags(Spec* spec) {
    for (;; rest_.remove_prefix(1)) {
      switch (rest_.empty() ? '\0' : rest_[0]) {
        case '#': spec->sharp = true; continue;
        case '0': spec->zero = true; continue;
        case '+': spec->plus = true; continue;
        case '-': spec->minus = true; continue;
        case ' ': spec->space = true; continue;
        default: return;
      }
    }
  }

  void Verb() {
    rest_.remove_prefix(1);
    Spec spec;
    good_index_ = true;
    after_index_ = false;
    Flags(&spec);
    Index();
    if (rest_.starts_with('*')) {
      rest_.remove_prefix(1);
      spec.width = FromArgument();
      if (!spec.width) out_ += "%!(BADWIDTH)";
      if (spec.width && *spec.width < 0) {
        spec.width = -*spec.width;
        spec.minus = true;
        spec.zero = false;
      }
      after_index_ = false;
    } else if ((spec.width = Digits()); spec.width && after_index_) {
      good_index_ = false;
    }
    if (rest_.starts_with('.')) Precision(&spec);
    if (!after_index_) Index();
    Argument(&spec);
  }

  void Precision(Spec* spec) {
    rest_.remove_prefix(1);
    if (after_index_) good_index_ = false;
    Index();
    if (rest_.starts_with('*')) {
      rest_.remove_prefix(1);
      spec->precision = FromArgument();
      if (spec->precision && *spec->precision < 0) {
        spec->precision.reset();
        out_ += "%!(BADPREC)";
      } else if (!spec->precision) {
        out_ += "%!(BADPREC)";
      }
      after_index_ = false;
    } else {
      spec->precision = Digits().value_or(0);
    }
  }

  void Argument(Spec* spec) {
    if (rest_.empty()) {
      out_ += "%!(NOVERB)";
      return;
    }
    int size = 0;
    spec->verb = static_cast<char32_t>(promql::DecodeRune(rest_, &size));
    const std::string verb(rest_.substr(0, size));
    rest_.remove_prefix(size);
    if (spec->verb == 'v') {
      spec->names = std::exchange(spec->plus, false);
      spec->go_syntax = std::exchange(spec->sharp, false);
    }
    if (spec->width.value_or(0) > kMaxWidth) {
      out_ += "%!(BADWIDTH)";
      spec->width.reset();
    }
    if (spec->precision.value_or(0) > kMaxWidth) {
      out_ += "%!(BADPREC)";
      spec->precision.reset();
    }
    if (spec->verb == '%') {
      out_ += '%';
    } else if (!good_index_) {
      out_ += "%!" + verb + "(BADINDEX)";
    } else if (next_ >= args_.size()) {
      out_ += "%!" + verb + "(MISSING)";
    } else {
      out_ += Print(args_[next_++], *spec, 0);
    }
  }

  std::string_view rest_;
  const std::span<const Value> args_;
  size_t next_ = 0;
  bool reordered_ = false, good_index_ = true, after_index_ = false;
  std::string out_;
};

}  // namespace

std::string QuoteRaw(std::string_view s) {
  const bool raw = s.find('`') == std::string_view::npos && model::IsValidUtf8(s) &&
                   std::none_of(s.begin(), s.end(), [](unsigned char c) {
                     return (c < 0x20 && c != '\t') || c == 0x7f;
                   });
  return raw ? "`" + std::string(s) + "`" : promql::Quote(s);
}

std::string Sprint(std::span<const Value> args) {
  std::string out;
  for (size_t i = 0; i < args.size(); ++i) {
    if (i > 0 && !IsText(args[i]) && !IsText(args[i - 1])) out += ' ';
    out += Print(args[i], Spec{}, 0);
  }
  return out;
}

std::string Sprintln(std::span<const Value> args) {
  std::string out;
  for (size_t i = 0; i < args.size(); ++i) out += (i > 0 ? " " : "") + Print(args[i], Spec{}, 0);
  return out + "\n";
}

std::string Sprintf(std::string_view format, std::span<const Value> args) {
  return Printer(format, args).Run();
}

std::string FormatNumber(double v, char verb, int precision) {
  Spec spec;
  spec.verb = verb;
  spec.precision = precision;
  return FormatFloatVerb(v, spec);
}

}  // namespace server::text_template
