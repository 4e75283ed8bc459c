// Integers as bytes: varints (LEB128), zigzag, fixed big- and little-endian. Append* appends to a
// string; Get* takes from the front of a view and says false, leaving the view unspecified, when it
// is too short or malformed. Big-endian numbers sort as bytes the way they sort as numbers.
#pragma once

#include <bit>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

namespace base {

inline void AppendVarint(std::string* out, uint64_t v) {
  char buf[10];
  int n = 0;
  while (v >= 0x80) {
    buf[n++] = static_cast<char>(v | 0x80);
    v >>= 7;
  }
  buf[n++] = static_cast<char>(v);
  out->append(buf, n);
}

inline bool GetVarint(std::string_view* in, uint64_t* v) {
  if (!in->empty() && static_cast<unsigned char>((*in)[0]) < 0x80) {  // One byte: the usual case.
    *v = static_cast<unsigned char>((*in)[0]);
    in->remove_prefix(1);
    return true;
  }
  uint64_t value = 0;
  for (size_t i = 0; i < in->size() && i < 10; ++i) {
    const uint64_t byte = static_cast<unsigned char>((*in)[i]);
    if (i == 9 && byte > 1) return false;
    value |= (byte & 0x7f) << (7 * i);
    if (byte < 0x80) {
      *v = value;
      in->remove_prefix(i + 1);
      return true;
    }
  }
  return false;
}

inline uint64_t ZigZag(int64_t v) { return (static_cast<uint64_t>(v) << 1) ^ (v >> 63); }
inline int64_t UnZigZag(uint64_t v) { return static_cast<int64_t>(v >> 1) ^ -static_cast<int64_t>(v & 1); }

inline void AppendZigZag(std::string* out, int64_t v) { AppendVarint(out, ZigZag(v)); }
inline bool GetZigZag(std::string_view* in, int64_t* v) {
  uint64_t u;
  if (!GetVarint(in, &u)) return false;
  *v = UnZigZag(u);
  return true;
}

template <class T>
T ByteSwapToBig(T v) {
  if constexpr (sizeof(T) == 1) return v;
  if constexpr (sizeof(T) == 2) return __builtin_bswap16(v);
  if constexpr (sizeof(T) == 4) return __builtin_bswap32(v);
  if constexpr (sizeof(T) == 8) return __builtin_bswap64(v);
}

template <class T>  // An unsigned type; the byte count is its size.
void AppendBigEndian(std::string* out, T v) {
  v = ByteSwapToBig(v);
  out->append(reinterpret_cast<const char*>(&v), sizeof v);
}
template <class T>
bool GetBigEndian(std::string_view* in, T* v) {
  if (in->size() < sizeof(T)) return false;
  std::memcpy(v, in->data(), sizeof(T));
  *v = ByteSwapToBig(*v);
  in->remove_prefix(sizeof(T));
  return true;
}

template <class T>
void AppendLittleEndian(std::string* out, T v) {
  out->append(reinterpret_cast<const char*>(&v), sizeof v);
}
template <class T>
bool GetLittleEndian(std::string_view* in, T* v) {
  if (in->size() < sizeof(T)) return false;
  std::memcpy(v, in->data(), sizeof(T));
  in->remove_prefix(sizeof(T));
  return true;
}
static_assert(std::endian::native == std::endian::little);

inline void AppendString(std::string* out, std::string_view s) {  // Varint length, then bytes.
  AppendVarint(out, s.size());
  out->append(s);
}
inline bool GetString(std::string_view* in, std::string_view* s) {
  uint64_t n;
  if (!GetVarint(in, &n) || n > in->size()) return false;
  *s = in->substr(0, n);
  in->remove_prefix(n);
  return true;
}

}  // namespace base
