#include "storage/chunk/sealed/value_codec.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstring>
#include <numeric>

#include "storage/base/clones.h"
#include "storage/base/coding.h"
#include "storage/chunk/bit_stream.h"
#include "storage/chunk/sealed/int_codec.h"
#include "storage/model/sample.h"

namespace chunk::sealed {
namespace {

constexpr uint8_t kFormMask = 0x07, kOrderShift = 3, kOrderMask = 0x03;
constexpr uint8_t kExceptions = 0x20, kDivisor = 0x40;
constexpr int kMaxExponent = 15;
constexpr size_t kWorthXor = 4;  // Bytes a value from which on XOR may be smaller.
constexpr double kExact = 9007199254740992.0;  // 2^53: below it every integer is a double.
// Divisors up to here are exact doubles, so one division rounds as reading the decimal would.
constexpr std::array<double, kMaxExponent + 1> kPowers = {1e0, 1e1, 1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
                                                          1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15};

using Ints = std::array<int64_t, kMaxValues>;

uint64_t Bits(double v) { return std::bit_cast<uint64_t>(v); }
int64_t Minus(int64_t a, int64_t b) {
  return static_cast<int64_t>(static_cast<uint64_t>(a) - static_cast<uint64_t>(b));
}
int64_t Plus(int64_t a, int64_t b) {
  return static_cast<int64_t>(static_cast<uint64_t>(a) + static_cast<uint64_t>(b));
}
int64_t Times(int64_t a, uint64_t b) { return static_cast<int64_t>(static_cast<uint64_t>(a) * b); }

// Doubles as integers that ascend as they do.
int64_t Ordered(double v) {
  const auto bits = static_cast<int64_t>(Bits(v));
  return bits < 0 ? static_cast<int64_t>((uint64_t{1} << 63) - static_cast<uint64_t>(bits)) : bits;
}
double FromOrdered(int64_t x) {
  return std::bit_cast<double>(x < 0 ? (uint64_t{1} << 63) - static_cast<uint64_t>(x)
                                     : static_cast<uint64_t>(x));
}

// --- Integer streams: differences of order 0..2, the first numbers apart. ---

struct Stream {
  int order = 0;
  size_t size = 0;
};

// Differences in place; what `order` leaves in front stays.
void Difference(int64_t* x, size_t n, int order) {
  for (int o = 0; o < order; ++o) {
    for (size_t i = n; i-- > static_cast<size_t>(o) + 1;) x[i] = Minus(x[i], x[i - 1]);
  }
}
void Undo(int64_t* x, size_t n, int order) {
  for (int o = order; o-- > 0;) {
    for (size_t i = static_cast<size_t>(o) + 1; i < n; ++i) x[i] = Plus(x[i], x[i - 1]);
  }
}

size_t StreamSize(const int64_t* differences, size_t n, int order) {
  size_t size = 0;
  std::string front;
  for (size_t i = 0; i < std::min<size_t>(n, static_cast<size_t>(order)); ++i) {
    base::AppendZigZag(&front, differences[i]);
  }
  size = front.size();
  if (n > static_cast<size_t>(order)) {
    size += IntsSize({differences + order, n - static_cast<size_t>(order)});
  }
  return size;
}

Stream PlanStream(std::span<const int64_t> numbers) {
  Ints work;
  Stream best;
  for (int order = 0; order <= 2; ++order) {
    std::copy(numbers.begin(), numbers.end(), work.begin());
    Difference(work.data(), numbers.size(), order);
    const size_t size = StreamSize(work.data(), numbers.size(), order);
    if (order == 0 || size < best.size) best = {order, size};
  }
  return best;
}

void AppendStream(std::span<const int64_t> numbers, int order, std::string* out) {
  Ints work;
  std::copy(numbers.begin(), numbers.end(), work.begin());
  Difference(work.data(), numbers.size(), order);
  const size_t front = std::min<size_t>(numbers.size(), static_cast<size_t>(order));
  for (size_t i = 0; i < front; ++i) base::AppendZigZag(out, work[i]);
  AppendInts({work.data() + front, numbers.size() - front}, out);
}

bool TakeStream(std::string_view* in, size_t n, int order, int64_t* out) {
  if (order > 2) return false;
  const size_t front = std::min<size_t>(n, static_cast<size_t>(order));
  for (size_t i = 0; i < front; ++i) {
    if (!base::GetZigZag(in, &out[i])) return false;
  }
  if (!TakeInts(in, n - front, out + front)) return false;
  Undo(out, n, order);
  return true;
}

// --- Decimals: value = number / 10^exponent, and what is left in units of the last place. ---

struct Decimals {
  int exponent = 0;
  uint64_t divisor = 1;  // Of all distances to the first number.
  Ints numbers, rest;    // `rest` only when noisy.
  bool noisy = false;
  Stream stream, rest_stream;
  size_t size = 0;
};

// The integer next to v * 10^exponent; false when it is too large to be exact.
bool Nearest(double v, int exponent, int64_t* number) {
  const double scaled = v * kPowers[static_cast<size_t>(exponent)];
  if (!(std::fabs(scaled) < kExact)) return false;
  *number = static_cast<int64_t>(scaled + (scaled < 0 ? -0.5 : 0.5));
  return true;
}
int64_t RestOf(double v, int64_t number, int exponent) {
  const double decimal = static_cast<double>(number) / kPowers[static_cast<size_t>(exponent)];
  return Minus(static_cast<int64_t>(Bits(v)), static_cast<int64_t>(Bits(decimal)));
}
bool IsExact(double v, int exponent) {
  int64_t number;
  return Nearest(v, exponent, &number) && RestOf(v, number, exponent) == 0;
}

// The least exponent at which each value is a decimal, or -1.
int ExactExponent(std::span<const double> values) {
  int exponent = 0;
  for (const double v : values) {
    while (exponent <= kMaxExponent && !IsExact(v, exponent)) ++exponent;
    if (exponent > kMaxExponent) return -1;
  }
  return exponent;
}

// A guess for values that are decimals but for the last bits: where the rests become small.
int NoisyExponent(std::span<const double> values) {
  int best = -1;
  double best_bits = 1e300;
  for (int exponent = 0; exponent <= 9; ++exponent) {
    double bits = 0;
    const size_t stride = std::max<size_t>(1, values.size() / 24);
    int64_t before = 0;
    for (size_t i = 0; i < values.size(); i += stride) {
      int64_t number;
      if (!Nearest(values[i], exponent, &number)) return best;
      bits += std::bit_width(base::ZigZag(RestOf(values[i], number, exponent)));
      if (i > 0) bits += std::bit_width(base::ZigZag(Minus(number, before)));
      before = number;
    }
    if (bits < best_bits) {
      best_bits = bits;
      best = exponent;
    }
  }
  return best;
}

bool PlanDecimals(std::span<const double> values, Decimals* d) {
  d->exponent = ExactExponent(values);
  if (d->exponent < 0) d->exponent = NoisyExponent(values);
  if (d->exponent < 0) return false;
  const size_t n = values.size();
  uint64_t divisor = 0;
  for (size_t i = 0; i < n; ++i) {
    if (!Nearest(values[i], d->exponent, &d->numbers[i])) return false;
    d->rest[i] = RestOf(values[i], d->numbers[i], d->exponent);
    d->noisy = d->noisy || d->rest[i] != 0;
    const int64_t distance = Minus(d->numbers[i], d->numbers[0]);
    if (divisor != 1) divisor = std::gcd(divisor, static_cast<uint64_t>(std::llabs(distance)));
  }
  d->divisor = std::max<uint64_t>(divisor, 1);
  d->size = 2;  // Form, exponent.
  std::string head;
  base::AppendZigZag(&head, d->numbers[0]);
  if (d->divisor > 1) {
    const int64_t first = d->numbers[0];
    for (size_t i = 0; i < n; ++i) {
      d->numbers[i] = Minus(d->numbers[i], first) / static_cast<int64_t>(d->divisor);
    }
    base::AppendVarint(&head, d->divisor);
    d->numbers[0] = first;
    d->stream = PlanStream({d->numbers.data() + 1, n - 1});
    d->size += head.size() + d->stream.size;
  } else {
    d->stream = PlanStream({d->numbers.data(), n});
    d->size += d->stream.size;
  }
  if (d->noisy) {
    d->rest_stream = PlanStream({d->rest.data(), n});
    d->size += d->rest_stream.size;
  }
  return true;
}

void AppendDecimals(const Decimals& d, size_t n, uint8_t flags, std::string* head_tail,
                    std::string* out) {
  const Form form = d.noisy ? Form::kNoisyDecimal : Form::kDecimal;
  out->push_back(static_cast<char>(static_cast<uint8_t>(form) | d.stream.order << kOrderShift |
                                   (d.divisor > 1 ? kDivisor : 0) | flags));
  out->append(*head_tail);
  out->push_back(static_cast<char>(d.exponent | d.rest_stream.order << 5));
  if (d.divisor > 1) {
    base::AppendZigZag(out, d.numbers[0]);
    base::AppendVarint(out, d.divisor);
    AppendStream({d.numbers.data() + 1, n - 1}, d.stream.order, out);
  } else {
    AppendStream({d.numbers.data(), n}, d.stream.order, out);
  }
  if (d.noisy) AppendStream({d.rest.data(), n}, d.rest_stream.order, out);
}

TIDEMARK_CLONES void ToDoubles(const int64_t* numbers, size_t n, double* out) {
  for (size_t i = 0; i < n; ++i) out[i] = static_cast<double>(numbers[i]);
}
TIDEMARK_CLONES void ToDecimals(const int64_t* numbers, size_t n, double power, double* out) {
  for (size_t i = 0; i < n; ++i) out[i] = static_cast<double>(numbers[i]) / power;
}

bool TakeDecimals(std::string_view* in, uint8_t control, size_t n, double* out) {
  if (in->empty()) return false;
  const auto scale = static_cast<uint8_t>(in->front());
  const int exponent = scale & 0x1f, rest_order = scale >> 5;
  if (exponent > kMaxExponent) return false;
  in->remove_prefix(1);
  const int order = control >> kOrderShift & kOrderMask;
  Ints numbers;
  if (control & kDivisor) {
    int64_t first;
    uint64_t divisor;
    if (!base::GetZigZag(in, &first) || !base::GetVarint(in, &divisor) ||
        !TakeStream(in, n - 1, order, numbers.data() + 1)) {
      return false;
    }
    numbers[0] = first;
    for (size_t i = 1; i < n; ++i) numbers[i] = Plus(first, Times(numbers[i], divisor));
  } else if (!TakeStream(in, n, order, numbers.data())) {
    return false;
  }
  if (exponent == 0) {
    ToDoubles(numbers.data(), n, out);
  } else {
    ToDecimals(numbers.data(), n, kPowers[static_cast<size_t>(exponent)], out);
  }
  if ((control & kFormMask) == static_cast<uint8_t>(Form::kDecimal)) return true;
  if (!TakeStream(in, n, rest_order, numbers.data())) return false;
  for (size_t i = 0; i < n; ++i) {
    out[i] = std::bit_cast<double>(Bits(out[i]) + static_cast<uint64_t>(numbers[i]));
  }
  return true;
}

// --- Exceptions: what no decimal can say. ---

constexpr std::array<uint64_t, 5> kKnownExceptions = {
    model::kStaleNanBits, model::kNormalNanBits, 0x7ff0000000000000, 0xfff0000000000000,
    0x8000000000000000};

bool IsException(double v) {
  return !std::isfinite(v) || Bits(v) == kKnownExceptions[4];
}

struct Exception {
  size_t place;
  uint64_t bits;
};

// Distance to the place before and, in the same varint, which of the known ones it is.
void AppendExceptions(std::span<const Exception> exceptions, std::string* out) {
  base::AppendVarint(out, exceptions.size());
  size_t before = 0;
  for (const Exception& e : exceptions) {
    const auto known = std::find(kKnownExceptions.begin(), kKnownExceptions.end(), e.bits);
    const auto code = static_cast<uint64_t>(known - kKnownExceptions.begin());
    base::AppendVarint(out, (e.place - before) * 8 + code);
    if (known == kKnownExceptions.end()) base::AppendLittleEndian(out, e.bits);
    before = e.place;
  }
}

bool TakeExceptions(std::string_view* in, size_t n, std::array<Exception, kMaxValues>* exceptions,
                    size_t* count) {
  uint64_t number;
  if (!base::GetVarint(in, &number) || number > n) return false;
  size_t place = 0;
  for (size_t i = 0; i < number; ++i) {
    uint64_t v;
    if (!base::GetVarint(in, &v) || v / 8 >= n) return false;
    place += v / 8;
    if (place >= n) return false;
    (*exceptions)[i].place = place;
    const size_t code = v % 8;
    if (code < kKnownExceptions.size()) {
      (*exceptions)[i].bits = kKnownExceptions[code];
    } else if (!base::GetLittleEndian(in, &(*exceptions)[i].bits)) {
      return false;
    }
  }
  *count = number;
  return true;
}

// --- XOR with the value before, as Gorilla does, without times. ---

void AppendXor(std::span<const double> values, std::string* out) {
  uint8_t free_bits = 0;
  BitWriter bits(out, &free_bits);
  uint64_t before = 0;
  int window_leading = 65, window_trailing = 0;
  for (const double v : values) {
    const uint64_t diff = Bits(v) ^ before;
    before = Bits(v);
    if (diff == 0) {
      bits.Bit(false);
      continue;
    }
    const int leading = std::countl_zero(diff), trailing = std::countr_zero(diff);
    if (window_leading <= leading && window_trailing <= trailing) {
      bits.Bits(0b10, 2);
    } else {
      window_leading = leading;
      window_trailing = trailing;
      bits.Bits(0b11, 2);
      bits.Bits(static_cast<uint64_t>(leading), 6);
      bits.Bits(static_cast<uint64_t>(63 - leading - trailing), 6);
    }
    bits.Bits(diff >> window_trailing, 64 - window_leading - window_trailing);
  }
}

bool TakeXor(std::string_view* in, size_t n, double* out) {
  BitReader bits(*in);
  uint64_t value = 0;
  int leading = 0, significant = 0;
  for (size_t i = 0; i < n; ++i) {
    if (bits.Bits(1) != 0) {
      if (bits.Bits(1) != 0) {
        leading = static_cast<int>(bits.Bits(6));
        significant = static_cast<int>(bits.Bits(6)) + 1;
      }
      if (significant == 0 || leading + significant > 64) return false;
      value ^= bits.Bits(significant) << (64 - leading - significant);
    }
    if (bits.failed()) return false;
    out[i] = std::bit_cast<double>(value);
  }
  *in = {};
  return true;
}

// --- The menu. ---

void AppendForms(std::span<const double> values, bool may_be_sparse, std::string* out);

bool AllEqual(std::span<const double> values) {
  return std::all_of(values.begin(), values.end(),
                     [&](double v) { return Bits(v) == Bits(values[0]); });
}

void AppendConstant(double v, std::string* out) {
  Decimals d;
  const bool decimal = !IsException(v) && PlanDecimals({&v, 1}, &d) && !d.noisy && d.size < 9;
  out->push_back(static_cast<char>(Form::kConstant));
  if (decimal) {
    out->push_back(static_cast<char>(d.exponent));
    base::AppendZigZag(out, d.numbers[0]);
  } else {
    out->push_back(static_cast<char>(0xff));
    base::AppendLittleEndian(out, Bits(v));
  }
}

bool TakeConstant(std::string_view* in, size_t n, double* out) {
  if (in->empty()) return false;
  const auto exponent = static_cast<uint8_t>(in->front());
  in->remove_prefix(1);
  double v;
  if (exponent == 0xff) {
    uint64_t bits;
    if (!base::GetLittleEndian(in, &bits)) return false;
    v = std::bit_cast<double>(bits);
  } else {
    int64_t number;
    if (exponent > kMaxExponent || !base::GetZigZag(in, &number)) return false;
    v = static_cast<double>(number) / kPowers[exponent];
  }
  std::fill_n(out, n, v);
  return true;
}

// Where values change, and to what.
size_t Changes(std::span<const double> values, std::array<uint8_t, kMaxValues>* places,
               std::array<double, kMaxValues>* to) {
  size_t n = 0;
  for (size_t i = 0; i < values.size(); ++i) {
    if (i > 0 && Bits(values[i]) == Bits(values[i - 1])) continue;
    (*places)[n] = static_cast<uint8_t>(i);
    (*to)[n++] = values[i];
  }
  return n;
}

std::string SparseBytes(std::span<const uint8_t> places, std::span<const double> values) {
  std::string out(1, static_cast<char>(Form::kSparse));
  out.push_back(static_cast<char>(places.size() - 1));
  for (size_t i = 1; i < places.size(); ++i) {
    out.push_back(static_cast<char>(places[i] - places[i - 1]));
  }
  AppendForms(values, false, &out);
  return out;
}

bool TakeForms(std::string_view* in, bool may_be_sparse, size_t n, double* out);

bool TakeSparse(std::string_view* in, size_t n, double* out) {
  if (in->empty()) return false;
  const size_t changes = static_cast<uint8_t>(in->front()) + size_t{1};
  in->remove_prefix(1);
  if (changes > n || in->size() < changes - 1) return false;
  const std::string_view gaps = in->substr(0, changes - 1);
  in->remove_prefix(changes - 1);
  double values[kMaxValues];
  if (!TakeForms(in, false, changes, values)) return false;
  size_t at = 0;
  for (size_t i = 0; i < gaps.size(); ++i) {
    const size_t next = at + static_cast<uint8_t>(gaps[i]);
    if (next > n) return false;
    std::fill(out + at, out + next, values[i]);
    at = next;
  }
  std::fill(out + at, out + n, values[changes - 1]);
  return true;
}

void AppendForms(std::span<const double> values, bool may_be_sparse, std::string* out) {
  const size_t n = values.size();
  if (AllEqual(values)) return AppendConstant(values[0], out);

  std::array<uint8_t, kMaxValues> places;
  std::array<double, kMaxValues> plain;
  std::string best;
  if (may_be_sparse) {
    const size_t changes = Changes(values, &places, &plain);
    if (changes <= n / 8 + 1) best = SparseBytes({places.data(), changes}, {plain.data(), changes});
  }

  // Without the exceptions, in whose place the value before stands.
  std::array<Exception, kMaxValues> exceptions;
  size_t num_exceptions = 0;
  const double* fill = std::find_if_not(values.data(), values.data() + n, IsException);
  for (size_t i = 0; i < n; ++i) {
    if (IsException(values[i])) exceptions[num_exceptions++] = {i, Bits(values[i])};
    else fill = &values[i];
    plain[i] = fill == values.data() + n ? 0 : *fill;
  }
  std::string exception_bytes;
  if (num_exceptions > 0) AppendExceptions({exceptions.data(), num_exceptions}, &exception_bytes);
  const uint8_t flags = num_exceptions > 0 ? kExceptions : 0;
  const std::span<const double> clean(plain.data(), n);
  const auto fits = [&](size_t size) {
    return best.empty() || size + exception_bytes.size() < best.size();
  };

  Decimals decimals;
  const bool decimal = PlanDecimals(clean, &decimals);
  if (decimal && fits(decimals.size)) {
    best.clear();
    AppendDecimals(decimals, n, flags, &exception_bytes, &best);
  }
  if (!decimal || decimals.noisy) {
    Ints numbers;
    for (size_t i = 0; i < n; ++i) numbers[i] = Ordered(plain[i]);
    const Stream stream = PlanStream({numbers.data(), n});
    if (fits(1 + stream.size)) {
      best.assign(1, static_cast<char>(static_cast<uint8_t>(Form::kOrdered) |
                                       stream.order << kOrderShift | flags));
      best.append(exception_bytes);
      AppendStream({numbers.data(), n}, stream.order, &best);
    }
    if (best.size() > n * kWorthXor) {
      std::string bits;
      AppendXor(values, &bits);
      if (1 + bits.size() < best.size()) {
        best.assign(1, static_cast<char>(Form::kXor));
        best.append(bits);
      }
    }
  }
  if (best.size() > 1 + 8 * n) {
    best.assign(1, static_cast<char>(Form::kRaw));
    best.append(reinterpret_cast<const char*>(values.data()), 8 * n);
  }
  out->append(best);
}

bool TakeForms(std::string_view* in, bool may_be_sparse, size_t n, double* out) {
  if (in->empty()) return false;
  const auto control = static_cast<uint8_t>(in->front());
  in->remove_prefix(1);
  std::array<Exception, kMaxValues> exceptions;
  size_t num_exceptions = 0;
  if ((control & kExceptions) && !TakeExceptions(in, n, &exceptions, &num_exceptions)) return false;
  switch (static_cast<Form>(control & kFormMask)) {
    case Form::kConstant:
      if (!TakeConstant(in, n, out)) return false;
      break;
    case Form::kDecimal:
    case Form::kNoisyDecimal:
      if (!TakeDecimals(in, control, n, out)) return false;
      break;
    case Form::kOrdered: {
      Ints numbers;
      if (!TakeStream(in, n, control >> kOrderShift & kOrderMask, numbers.data())) return false;
      for (size_t i = 0; i < n; ++i) out[i] = FromOrdered(numbers[i]);
      break;
    }
    case Form::kSparse:
      if (!may_be_sparse || !TakeSparse(in, n, out)) return false;
      break;
    case Form::kXor:
      if (!TakeXor(in, n, out)) return false;
      break;
    case Form::kRaw:
      if (in->size() < 8 * n) return false;
      std::memcpy(out, in->data(), 8 * n);
      in->remove_prefix(8 * n);
      break;
    default:
      return false;
  }
  for (size_t i = 0; i < num_exceptions; ++i) {
    out[exceptions[i].place] = std::bit_cast<double>(exceptions[i].bits);
  }
  return true;
}

}  // namespace

void AppendValues(std::span<const double> values, std::string* out) {
  AppendForms(values, true, out);
}

bool ReadValues(std::string_view in, size_t n, double* out) {
  return n > 0 && n <= kMaxValues && TakeForms(&in, true, n, out) && in.empty();
}

bool OnlyNumbers(std::string_view in) {
  if (in.size() < 2 || (in.front() & kExceptions) != 0) return false;
  const auto second = static_cast<uint8_t>(in[1]);
  switch (FormOf(in)) {
    case Form::kConstant: return second != 0xff;
    case Form::kDecimal:
    case Form::kNoisyDecimal:
    case Form::kOrdered: return true;
    case Form::kSparse: {
      const std::string_view values = in.substr(std::min(in.size(), size_t{2} + second));
      return FormOf(values) != Form::kSparse && OnlyNumbers(values);
    }
    case Form::kXor:
    case Form::kRaw: return false;
  }
  return false;
}

Form FormOf(std::string_view in) {
  return in.empty() ? Form::kRaw : static_cast<Form>(in.front() & kFormMask);
}

}  // namespace chunk::sealed
