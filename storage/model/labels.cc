#include "storage/model/labels.h"

#include <algorithm>
#include <bit>
#include <cstdint>

#include "storage/base/coding.h"

namespace model {
namespace {

// Takes one string; on malformed bytes takes the rest, so that iteration always ends.
std::string_view TakeString(std::string_view* rest) {
  std::string_view s;
  if (!base::GetString(rest, &s)) *rest = {};
  return s;
}

bool IsAlpha(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; }
bool IsDigit(char c) { return c >= '0' && c <= '9'; }

}  // namespace

void LabelsView::Iterator::Load() {
  if (rest_.empty()) {
    done_ = true;
    return;
  }
  done_ = false;
  label_.name = TakeString(&rest_);
  label_.value = TakeString(&rest_);
}

size_t LabelsView::size() const { return std::distance(begin(), end()); }

std::string_view LabelsView::Get(std::string_view name) const {
  std::string_view rest = bytes_;
  while (!rest.empty()) {
    const std::string_view n = TakeString(&rest);
    const std::string_view v = TakeString(&rest);
    if (n == name) return v;
    if (n > name) break;
  }
  return {};
}

std::string LabelsView::ToString() const {
  std::string out = "{";
  for (const Label& label : *this) {
    if (out.size() > 1) out += ", ";
    if (IsLegacyLabelName(label.name)) {
      out += label.name;
    } else {
      AppendQuoted(&out, label.name);
    }
    out += '=';
    AppendQuoted(&out, label.value);
  }
  out += '}';
  return out;
}

std::strong_ordering operator<=>(LabelsView a, LabelsView b) {
  // Equal bytes in front are equal pairs up to the pair in which they differ.
  if (a.bytes_ == b.bytes_) return std::strong_ordering::equal;
  auto i = a.begin(), j = b.begin();
  for (; i != a.end() && j != b.end(); ++i, ++j) {
    if (const int c = i->name.compare(j->name); c != 0) return c <=> 0;
    if (const int c = i->value.compare(j->value); c != 0) return c <=> 0;
  }
  if (i == a.end()) return j == b.end() ? std::strong_ordering::equal : std::strong_ordering::less;
  return std::strong_ordering::greater;
}

Labels::Labels(std::initializer_list<Label> pairs) {
  std::vector<Pair> copy;
  for (const Label& label : pairs) copy.emplace_back(label.name, label.value);
  *this = FromPairs(std::move(copy));
}

Labels Labels::FromPairs(std::vector<Pair> pairs) {
  std::stable_sort(pairs.begin(), pairs.end(),
                   [](const Pair& a, const Pair& b) { return a.first < b.first; });
  Labels labels;
  for (size_t i = 0; i < pairs.size(); ++i) {
    if (i + 1 < pairs.size() && pairs[i + 1].first == pairs[i].first) continue;
    if (!pairs[i].second.empty()) AppendLabel(&labels.data_, pairs[i].first, pairs[i].second);
  }
  return labels;
}

Labels Labels::FromCanonical(std::string bytes) {
  Labels labels;
  labels.data_ = std::move(bytes);
  return labels;
}

bool Labels::Valid(std::string_view bytes) {
  std::string_view last;
  bool first = true;
  while (!bytes.empty()) {
    std::string_view name, value;
    if (!base::GetString(&bytes, &name) || !base::GetString(&bytes, &value)) return false;
    if (name.empty() || value.empty() || (!first && name <= last)) return false;
    last = name;
    first = false;
  }
  return true;
}

void LabelsBuilder::Reset(LabelsView base) {
  size_t n = 0;
  for (const Label& label : base) {
    if (n < pairs_.size()) {
      pairs_[n].first.assign(label.name);
      pairs_[n].second.assign(label.value);
    } else {
      pairs_.emplace_back(label.name, label.value);
    }
    ++n;
  }
  pairs_.resize(n);
}

namespace {
auto FindPair(std::vector<Labels::Pair>& pairs, std::string_view name) {
  return std::lower_bound(pairs.begin(), pairs.end(), name,
                          [](const Labels::Pair& p, std::string_view n) { return p.first < n; });
}
}  // namespace

LabelsBuilder& LabelsBuilder::Set(std::string_view name, std::string_view value) {
  if (value.empty()) return Remove(name);
  auto it = FindPair(pairs_, name);
  if (it != pairs_.end() && it->first == name) {
    it->second.assign(value);
  } else {
    pairs_.emplace(it, std::string(name), std::string(value));
  }
  return *this;
}

LabelsBuilder& LabelsBuilder::Remove(std::string_view name) {
  auto it = FindPair(pairs_, name);
  if (it != pairs_.end() && it->first == name) pairs_.erase(it);
  return *this;
}

std::string_view LabelsBuilder::Get(std::string_view name) const {
  auto it = FindPair(const_cast<std::vector<Labels::Pair>&>(pairs_), name);
  if (it == pairs_.end() || it->first != name) return {};
  return it->second;
}

Labels LabelsBuilder::Build() const {
  std::string bytes;
  size_t size = 0;
  for (const auto& [name, value] : pairs_) size += name.size() + value.size() + 4;
  bytes.reserve(size);
  for (const auto& [name, value] : pairs_) AppendLabel(&bytes, name, value);
  return Labels::FromCanonical(std::move(bytes));
}

void AppendLabel(std::string* canonical, std::string_view name, std::string_view value) {
  base::AppendString(canonical, name);
  base::AppendString(canonical, value);
}

void AppendWireLabels(LabelsView labels, std::string* out) {
  const auto varint_size = [](size_t n) { return (std::bit_width(n | 1) + 6) / 7; };
  for (const Label& label : labels) {
    const size_t size = 2 + static_cast<size_t>(varint_size(label.name.size())) +
                        static_cast<size_t>(varint_size(label.value.size())) + label.name.size() +
                        label.value.size();
    out->push_back('\x0a');
    base::AppendVarint(out, size);
    out->push_back('\x0a');
    base::AppendString(out, label.name);
    out->push_back('\x12');
    base::AppendString(out, label.value);
  }
}

bool IsValidUtf8(std::string_view s) {
  const auto* p = reinterpret_cast<const unsigned char*>(s.data());
  const auto* end = p + s.size();
  while (p < end) {
    if (end - p >= 8) {  // Eight ASCII bytes at once.
      uint64_t word;
      std::memcpy(&word, p, 8);
      if ((word & 0x8080808080808080ull) == 0) {
        p += 8;
        continue;
      }
    }
    if (*p < 0x80) {
      ++p;
      continue;
    }
    int n;
    uint32_t rune, least;
    if ((*p & 0xe0) == 0xc0) {
      n = 1, rune = *p & 0x1f, least = 0x80;
    } else if ((*p & 0xf0) == 0xe0) {
      n = 2, rune = *p & 0x0f, least = 0x800;
    } else if ((*p & 0xf8) == 0xf0) {
      n = 3, rune = *p & 0x07, least = 0x10000;
    } else {
      return false;
    }
    if (end - p <= n) return false;
    for (int i = 1; i <= n; ++i) {
      if ((p[i] & 0xc0) != 0x80) return false;
      rune = rune << 6 | (p[i] & 0x3f);
    }
    if (rune < least || rune > 0x10ffff || (rune >= 0xd800 && rune < 0xe000)) return false;
    p += n + 1;
  }
  return true;
}

bool IsLegacyLabelName(std::string_view name) {
  if (name.empty() || !IsAlpha(name[0])) return false;
  return std::all_of(name.begin(), name.end(), [](char c) { return IsAlpha(c) || IsDigit(c); });
}

bool IsLegacyMetricName(std::string_view name) {
  if (name.empty() || IsDigit(name[0])) return false;
  return std::all_of(name.begin(), name.end(),
                     [](char c) { return IsAlpha(c) || IsDigit(c) || c == ':'; });
}

namespace {

// Decodes the rune at the front of `s`; 0 bytes when it is not valid UTF-8.
int DecodeRune(std::string_view s, uint32_t* rune) {
  for (int n = 1; n <= 4 && n <= static_cast<int>(s.size()); ++n) {
    if (!IsValidUtf8(s.substr(0, n))) continue;
    const auto b = [&](int i) { return static_cast<unsigned char>(s[i]); };
    *rune = n == 1   ? b(0)
            : n == 2 ? (b(0) & 0x1fu) << 6 | (b(1) & 0x3fu)
            : n == 3 ? (b(0) & 0x0fu) << 12 | (b(1) & 0x3fu) << 6 | (b(2) & 0x3fu)
                     : (b(0) & 0x07u) << 18 | (b(1) & 0x3fu) << 12 | (b(2) & 0x3fu) << 6 |
                           (b(3) & 0x3fu);
    return n;
  }
  return 0;
}

void AppendHex(std::string* out, uint32_t v, int digits) {
  constexpr char kDigits[] = "0123456789abcdef";
  for (int i = digits - 1; i >= 0; --i) *out += kDigits[(v >> (4 * i)) & 15];
}

// Runes that Go's strconv.Quote escapes: controls and the invisible ones met in practice.
bool NeedsEscape(uint32_t rune) {
  return rune < 0x20 || (rune >= 0x7f && rune <= 0xa0) || rune == 0xad ||
         (rune >= 0x2000 && rune <= 0x200f) || (rune >= 0x2028 && rune <= 0x202f) ||
         (rune >= 0x205f && rune <= 0x206f) || rune == 0x3000 || rune == 0xfeff ||
         (rune >= 0xe000 && rune <= 0xf8ff) || (rune >= 0xfff0 && rune <= 0xfffb) ||
         (rune & 0xfffe) == 0xfffe;
}

}  // namespace

void AppendQuoted(std::string* out, std::string_view s) {
  *out += '"';
  while (!s.empty()) {
    const char c = s[0];
    if (static_cast<unsigned char>(c) >= 0x20 && static_cast<unsigned char>(c) < 0x7f) {
      if (c == '"' || c == '\\') *out += '\\';
      *out += c;
      s.remove_prefix(1);
      continue;
    }
    uint32_t rune = 0;
    const int n = DecodeRune(s, &rune);
    if (n == 0) {
      *out += "\\x";
      AppendHex(out, static_cast<unsigned char>(c), 2);
      s.remove_prefix(1);
      continue;
    }
    constexpr std::string_view kShort = "abtnvfr";  // 7, 8, 9, 10, 11, 12, 13
    if (rune >= 7 && rune <= 13) {
      *out += '\\';
      *out += kShort[rune - 7];
    } else if (!NeedsEscape(rune)) {
      out->append(s.substr(0, n));
    } else if (rune < 0x80) {
      *out += "\\x";
      AppendHex(out, rune, 2);
    } else if (rune < 0x10000) {
      *out += "\\u";
      AppendHex(out, rune, 4);
    } else {
      *out += "\\U";
      AppendHex(out, rune, 8);
    }
    s.remove_prefix(n);
  }
  *out += '"';
}

}  // namespace model
