#include "server/letters.h"

#include <locale.h>
#include <wctype.h>

#include "promql/text.h"
#include "storage/model/labels.h"

namespace server {
namespace {

// Null where the locale does not exist: then only ASCII has letters.
locale_t Unicode() {
  static const locale_t unicode = newlocale(LC_CTYPE_MASK, "C.UTF-8", nullptr);
  return unicode;
}

bool IsAscii(int32_t rune) { return rune >= 0 && rune < 0x80; }
bool IsLower(char c) { return c >= 'a' && c <= 'z'; }
bool IsUpper(char c) { return c >= 'A' && c <= 'Z'; }

}  // namespace

bool IsDigit(int32_t rune) {
  if (IsAscii(rune)) return rune >= '0' && rune <= '9';
  // The C library counts the digits of other scripts as letters that have no case.
  return rune > 0 && Unicode() != nullptr && iswdigit_l(rune, Unicode());
}

bool IsLetter(int32_t rune) {
  if (IsAscii(rune)) return IsLower(static_cast<char>(rune)) || IsUpper(static_cast<char>(rune));
  return rune > 0 && rune != promql::kRuneError && Unicode() != nullptr &&
         iswalpha_l(rune, Unicode());
}

bool IsCased(int32_t rune) {
  if (IsAscii(rune)) return IsLetter(rune);
  return rune > 0 && Unicode() != nullptr &&
         (iswupper_l(rune, Unicode()) || iswlower_l(rune, Unicode()));
}

int32_t ToUpper(int32_t rune) {
  if (IsAscii(rune)) return IsLower(static_cast<char>(rune)) ? rune ^ 0x20 : rune;
  return Unicode() == nullptr ? rune : static_cast<int32_t>(towupper_l(rune, Unicode()));
}

std::string ChangeCase(std::string_view s, bool upper) {
  const bool unicode = Unicode() != nullptr && model::IsValidUtf8(s);
  std::string out;
  out.reserve(s.size());
  while (!s.empty()) {
    int size = 1;
    const char c = s[0];
    if (IsAscii(static_cast<unsigned char>(c)) || !unicode) {
      out += static_cast<char>((upper ? IsLower(c) : IsUpper(c)) ? c ^ 0x20 : c);
    } else {
      const int32_t rune = promql::DecodeRune(s, &size);
      promql::AppendRune(&out, upper ? static_cast<int32_t>(towupper_l(rune, Unicode()))
                                     : static_cast<int32_t>(towlower_l(rune, Unicode())));
    }
    s.remove_prefix(size);
  }
  return out;
}

}  // namespace server
