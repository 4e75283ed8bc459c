#include "storage/head/record.h"

#include <bit>
#include <cmath>
#include <cstring>
#include <utility>

#include "storage/base/coding.h"
#include "storage/base/status.h"
#include "storage/head/histogram_bytes.h"

namespace storage {
namespace {

// The control byte of a sample: distance of its ref, whether its time differs from the one before,
// and the form of its value.
constexpr int kRefShift = 5;
constexpr uint8_t kRefExplicit = 7;  // 0..6 are distances.
constexpr uint8_t kTimeDiffers = 0x10;
constexpr uint8_t kValueMask = 0x0f;
enum ValueForm : uint8_t {
  kZero = 0,
  kSame = 1,       // The bits of the value before.
  kStale = 2,
  kInteger1 = 4,   // kInteger1 + n - 1: n bytes, little-endian, n <= 6.
  kInteger6 = 9,
  kNegative = 10,  // Varint of minus the value.
  kDecimal = 11,   // A byte: power of ten, 0x80 when negative; then the varint of the digits.
  kRaw = 12,       // 8 bytes, little-endian.
  kTop4 = 13,      // The upper 4 bytes; the others are zero.
  kTop2 = 14,
};
constexpr double kPowersOfTen[] = {1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9};
constexpr int kMaxPower = 9;
constexpr double kMaxInteger = 281474976710656.0;       // 2^48
constexpr double kMaxExactInteger = 9007199254740992.0;  // 2^53
constexpr uint64_t kMaxDigits = uint64_t{1} << 42;       // 6 bytes as a varint; else raw is as short.
constexpr size_t kMaxSampleBytes = 1 + 10 + 10 + 10;

char* PutVarint(char* p, uint64_t v) {
  while (v >= 0x80) {
    *p++ = static_cast<char>(v | 0x80);
    v >>= 7;
  }
  *p++ = static_cast<char>(v);
  return p;
}

char* PutBytes(char* p, uint64_t v, int n) {
  std::memcpy(p, &v, 8);
  return p + n;
}

// Finds v = digits / 10^power with few digits.
bool ToDecimal(double v, uint64_t* digits, int* power) {
  for (int k = 3; k <= kMaxPower; k += 3) {
    const double scaled = v * kPowersOfTen[k];
    if (!(scaled < kMaxExactInteger)) return false;
    uint64_t m = static_cast<uint64_t>(scaled + 0.5);
    if (static_cast<double>(m) / kPowersOfTen[k] != v) continue;
    while (k > 0 && m % 10 == 0) {  // The same number, so the same division when read.
      m /= 10;
      --k;
    }
    *digits = m;
    *power = k;
    return m < kMaxDigits;
  }
  return false;
}

// Writes the value at `p`, returns its end.
char* PutValue(char* p, uint64_t bits, uint64_t last_bits, uint8_t* form) {
  const double v = std::bit_cast<double>(bits);
  if (bits == 0) {
    *form = kZero;
  } else if (bits == last_bits) {
    *form = kSame;
  } else if (bits == model::kStaleNanBits) {
    *form = kStale;
  } else if (v > 0 && v < kMaxInteger && static_cast<double>(static_cast<uint64_t>(v)) == v) {
    const uint64_t n = static_cast<uint64_t>(v);
    const int bytes = (std::bit_width(n) + 7) / 8;
    *form = static_cast<uint8_t>(kInteger1 + bytes - 1);
    return PutBytes(p, n, bytes);
  } else if ((bits & 0xffffffffffff) == 0) {
    *form = kTop2;
    return PutBytes(p, bits >> 48, 2);
  } else if (v < 0 && v > -kMaxInteger && static_cast<double>(static_cast<int64_t>(v)) == v) {
    *form = kNegative;
    return PutVarint(p, static_cast<uint64_t>(-v));
  } else if ((bits & 0xffffffff) == 0) {
    *form = kTop4;
    return PutBytes(p, bits >> 32, 4);
  } else {
    uint64_t digits;
    int power;
    if (ToDecimal(std::fabs(v), &digits, &power)) {
      *form = kDecimal;
      *p++ = static_cast<char>(power | (v < 0 ? 0x80 : 0));
      return PutVarint(p, digits);
    }
    *form = kRaw;
    return PutBytes(p, bits, 8);
  }
  return p;
}

bool TakeBytes(std::string_view* in, int n, uint64_t* v) {
  if (in->size() < static_cast<size_t>(n)) return false;
  *v = 0;
  std::memcpy(v, in->data(), static_cast<size_t>(n));
  in->remove_prefix(static_cast<size_t>(n));
  return true;
}

bool TakeDecimal(std::string_view* in, uint64_t* bits) {
  uint64_t head, digits;
  if (!TakeBytes(in, 1, &head) || !base::GetVarint(in, &digits)) return false;
  const int power = static_cast<int>(head & 0x7f);
  if (power > kMaxPower) return false;
  const double v = static_cast<double>(digits) / kPowersOfTen[power];
  *bits = std::bit_cast<uint64_t>(head & 0x80 ? -v : v);
  return true;
}

// *bits holds the value before, and then this one.
bool TakeValue(std::string_view* in, uint8_t form, uint64_t* bits) {
  uint64_t n;
  switch (form) {
    case kZero:
      *bits = 0;
      return true;
    case kSame:
      return true;
    case kStale:
      *bits = model::kStaleNanBits;
      return true;
    case kNegative:
      if (!base::GetVarint(in, &n)) return false;
      *bits = std::bit_cast<uint64_t>(-static_cast<double>(n));
      return true;
    case kDecimal:
      return TakeDecimal(in, bits);
    case kRaw:
      return TakeBytes(in, 8, bits);
    case kTop4:
      if (!TakeBytes(in, 4, &n)) return false;
      *bits = n << 32;
      return true;
    case kTop2:
      if (!TakeBytes(in, 2, &n)) return false;
      *bits = n << 48;
      return true;
    default:
      if (form < kInteger1 || form > kInteger6) return false;
      if (!TakeBytes(in, form - kInteger1 + 1, &n)) return false;
      *bits = std::bit_cast<uint64_t>(static_cast<double>(n));
      return true;
  }
}

int64_t Plus(int64_t a, int64_t b) {
  return static_cast<int64_t>(static_cast<uint64_t>(a) + static_cast<uint64_t>(b));
}
int64_t Minus(int64_t a, int64_t b) {
  return static_cast<int64_t>(static_cast<uint64_t>(a) - static_cast<uint64_t>(b));
}

bool ReadSeries(std::string_view* in, RecordReader* reader) {
  uint64_t count, ref = 0;
  if (!base::GetVarint(in, &count)) return false;
  std::vector<std::string_view> pairs, last_pairs;
  std::string labels;
  for (; count > 0; --count) {
    int64_t delta;
    uint64_t num_pairs;
    if (!base::GetZigZag(in, &delta) || !base::GetVarint(in, &num_pairs)) return false;
    ref += static_cast<uint64_t>(delta);
    const std::string_view mask = in->substr(0, num_pairs / 8 + (num_pairs % 8 != 0));
    if (num_pairs / 8 > in->size() || mask.size() * 8 < num_pairs) return false;
    in->remove_prefix(mask.size());
    pairs.clear();
    for (size_t i = 0; i < num_pairs; ++i) {
      if (mask[i / 8] >> (i % 8) & 1) {
        if (i >= last_pairs.size()) return false;
        pairs.push_back(last_pairs[i]);
        continue;
      }
      const std::string_view rest = *in;
      std::string_view text;
      if (!base::GetString(in, &text) || !base::GetString(in, &text)) return false;
      pairs.push_back(rest.substr(0, rest.size() - in->size()));
    }
    labels.clear();
    for (const std::string_view pair : pairs) labels += pair;
    if (labels.empty() || !model::Labels::Valid(labels)) return false;
    reader->OnSeries(SeriesRef{ref}, model::LabelsView(labels));
    std::swap(pairs, last_pairs);
  }
  return true;
}

// Start times of the section that follows, read as its samples are.
class Starts {
 public:
  bool Read(std::string_view* in) {
    if (left_ > 0 || !base::GetVarint(in, &num_runs_) || num_runs_ == 0) return false;
    const std::string_view begin = *in;
    for (uint64_t i = 0; i < num_runs_; ++i) {
      uint64_t without, with;
      int64_t delta;
      if (!base::GetVarint(in, &without) || !base::GetVarint(in, &with) ||
          !base::GetZigZag(in, &delta) || with == 0) {
        return false;
      }
    }
    runs_ = begin.substr(0, begin.size() - in->size());
    left_ = num_runs_;
    without_ = with_ = 0;
    start_ = 0;
    return true;
  }
  bool empty() const { return left_ == 0 && with_ == 0; }
  // Of the next sample.
  model::TimeMs Next() {
    if (empty()) return 0;
    if (with_ == 0) {
      int64_t delta = 0;
      base::GetVarint(&runs_, &without_);  // Known to be there.
      base::GetVarint(&runs_, &with_);
      base::GetZigZag(&runs_, &delta);
      start_ = Plus(start_, delta);
      --left_;
    }
    if (without_ > 0) {
      --without_;
      return 0;
    }
    --with_;
    return start_;
  }

 private:
  std::string_view runs_;
  uint64_t num_runs_ = 0, left_ = 0, without_ = 0, with_ = 0;
  model::TimeMs start_ = 0;
};

// `tell` gets a ref, a sample and its start.
template <class Tell>
bool ReadNumbers(std::string_view* in, Starts* starts, const Tell& tell) {
  uint64_t count, ref = 0, bits = 0;
  int64_t t = 0;
  if (!base::GetVarint(in, &count)) return false;
  for (; count > 0; --count) {
    uint64_t control;
    if (!TakeBytes(in, 1, &control)) return false;
    int64_t delta = static_cast<int64_t>(control >> kRefShift);
    if (delta == kRefExplicit && !base::GetZigZag(in, &delta)) return false;
    ref += static_cast<uint64_t>(delta);
    if (control & kTimeDiffers) {
      if (!base::GetZigZag(in, &delta)) return false;
      t = Plus(t, delta);
    }
    if (!TakeValue(in, static_cast<uint8_t>(control & kValueMask), &bits)) return false;
    tell(SeriesRef{ref}, model::Sample{t, std::bit_cast<double>(bits)}, starts->Next());
  }
  return starts->empty();
}

using OnHistogram = void (RecordReader::*)(SeriesRef, model::TimeMs, model::AnyHistogram,
                                           model::TimeMs);

bool ReadHistograms(std::string_view* in, Starts* starts, OnHistogram tell, RecordReader* reader) {
  uint64_t count, ref = 0;
  int64_t t = 0;
  if (!base::GetVarint(in, &count)) return false;
  for (; count > 0; --count) {
    int64_t ref_delta, t_delta;
    model::AnyHistogram h;
    if (!base::GetZigZag(in, &ref_delta) || !base::GetZigZag(in, &t_delta) ||
        !TakeHistogram(in, &h)) {
      return false;
    }
    ref += static_cast<uint64_t>(ref_delta);
    t = Plus(t, t_delta);
    (reader->*tell)(SeriesRef{ref}, t, std::move(h), starts->Next());
  }
  return starts->empty();
}

using OnExemplar = void (RecordReader::*)(SeriesRef, model::Exemplar);

bool ReadExemplars(std::string_view* in, OnExemplar tell, RecordReader* reader) {
  uint64_t count;
  if (!base::GetVarint(in, &count)) return false;
  for (; count > 0; --count) {
    uint64_t ref, has_time, bits;
    model::Exemplar exemplar;
    std::string_view labels;
    if (!base::GetVarint(in, &ref) || !base::GetZigZag(in, &exemplar.t) ||
        !TakeBytes(in, 1, &has_time) || !TakeBytes(in, 8, &bits) ||
        !base::GetString(in, &labels) || !model::Labels::Valid(labels) || has_time > 1) {
      return false;
    }
    exemplar.value = std::bit_cast<double>(bits);
    exemplar.has_time = has_time == 1;
    exemplar.labels = model::Labels(model::LabelsView(labels));
    (reader->*tell)(SeriesRef{ref}, std::move(exemplar));
  }
  return true;
}

bool ReadMetadata(std::string_view* in, RecordReader* reader) {
  uint64_t count;
  int64_t seen = 0;
  if (!base::GetVarint(in, &count)) return false;
  for (; count > 0; --count) {
    std::string_view family, help, unit;
    uint64_t type;
    int64_t delta;
    if (!base::GetString(in, &family) || !TakeBytes(in, 1, &type) ||
        !base::GetString(in, &help) || !base::GetString(in, &unit) ||
        !base::GetZigZag(in, &delta) || type >= model::kMetricTypes) {
      return false;
    }
    seen = Plus(seen, delta);
    reader->OnMetadata({std::string(family),
                        {model::MetricType{static_cast<uint8_t>(type)}, std::string(help),
                         std::string(unit)},
                        seen});
  }
  return true;
}

}  // namespace

void RecordWriter::Clear() { record_.assign(1, static_cast<char>(kRecordVersion)); }

void RecordWriter::BeginSeries(size_t count) {
  record_.push_back(static_cast<char>(kSeries));
  base::AppendVarint(&record_, count);
  last_ref_ = 0;
  last_pairs_.clear();
}

void RecordWriter::AddSeries(SeriesRef ref, const std::vector<std::string_view>& pairs) {
  const uint64_t n = static_cast<uint64_t>(ref);
  base::AppendZigZag(&record_, static_cast<int64_t>(n - last_ref_));
  last_ref_ = n;
  base::AppendVarint(&record_, pairs.size());
  const size_t mask = record_.size();
  record_.append((pairs.size() + 7) / 8, '\0');
  for (size_t i = 0; i < pairs.size(); ++i) {
    if (i < last_pairs_.size() && last_pairs_[i] == pairs[i]) {
      record_[mask + i / 8] |= static_cast<char>(1 << (i % 8));
      continue;
    }
    record_.append(pairs[i]);
    if (i < last_pairs_.size()) last_pairs_[i].assign(pairs[i]);
  }
  for (size_t i = last_pairs_.size(); i < pairs.size(); ++i) last_pairs_.emplace_back(pairs[i]);
  last_pairs_.resize(pairs.size());
}

void RecordWriter::BeginNumbers(Section section, size_t count) {
  record_.push_back(static_cast<char>(section));
  base::AppendVarint(&record_, count);
  last_ref_ = 0;
  last_bits_ = 0;
  last_t_ = 0;
}

void RecordWriter::AddStarts(std::span<const PlacedStart> starts) {
  record_.push_back(static_cast<char>(kStarts));
  const auto run_end = [&](size_t i) {
    size_t end = i + 1;
    while (end < starts.size() && starts[end].start == starts[i].start &&
           starts[end].place == starts[end - 1].place + 1) {
      ++end;
    }
    return end;
  };
  size_t num_runs = 0;
  for (size_t i = 0; i < starts.size(); i = run_end(i)) ++num_runs;
  base::AppendVarint(&record_, num_runs);
  model::TimeMs last = 0;
  uint32_t place = 0;
  for (size_t i = 0, end; i < starts.size(); i = end) {
    end = run_end(i);
    base::AppendVarint(&record_, starts[i].place - place);
    base::AppendVarint(&record_, end - i);
    base::AppendZigZag(&record_, Minus(starts[i].start, last));
    last = starts[i].start;
    place = starts[end - 1].place + 1;
  }
}

void RecordWriter::AddSample(SeriesRef ref, model::Sample sample) {
  char bytes[kMaxSampleBytes];
  char* p = bytes + 1;
  const uint64_t n = static_cast<uint64_t>(ref), bits = std::bit_cast<uint64_t>(sample.v);
  uint8_t control;
  if (const uint64_t distance = n - last_ref_; distance < kRefExplicit) {
    control = static_cast<uint8_t>(distance << kRefShift);
  } else {
    control = kRefExplicit << kRefShift;
    p = PutVarint(p, base::ZigZag(static_cast<int64_t>(distance)));
  }
  if (sample.t != last_t_) {
    control |= kTimeDiffers;
    p = PutVarint(p, base::ZigZag(Minus(sample.t, last_t_)));
  }
  uint8_t form;
  p = PutValue(p, bits, last_bits_, &form);
  bytes[0] = static_cast<char>(control | form);
  record_.append(bytes, static_cast<size_t>(p - bytes));
  last_ref_ = n;
  last_t_ = sample.t;
  last_bits_ = bits;
}

void RecordWriter::AddHistogram(SeriesRef ref, model::TimeMs t, const model::AnyHistogram& h) {
  const uint64_t n = static_cast<uint64_t>(ref);
  base::AppendZigZag(&record_, static_cast<int64_t>(n - last_ref_));
  base::AppendZigZag(&record_, Minus(t, last_t_));
  AppendHistogram(h, &record_);
  last_ref_ = n;
  last_t_ = t;
}

void RecordWriter::BeginExemplars(Section section, size_t count) {
  record_.push_back(static_cast<char>(section));
  base::AppendVarint(&record_, count);
}

void RecordWriter::AddExemplar(SeriesRef ref, const model::Exemplar& exemplar) {
  base::AppendVarint(&record_, static_cast<uint64_t>(ref));
  base::AppendZigZag(&record_, exemplar.t);
  record_.push_back(exemplar.has_time ? 1 : 0);
  base::AppendLittleEndian(&record_, std::bit_cast<uint64_t>(exemplar.value));
  base::AppendString(&record_, exemplar.labels.bytes());
}

void RecordWriter::BeginMetadata(size_t count) {
  record_.push_back(static_cast<char>(kMetadata));
  base::AppendVarint(&record_, count);
  last_t_ = 0;
}

void RecordWriter::AddMetadata(const model::FamilyMetadata& entry) {
  base::AppendString(&record_, entry.family);
  record_.push_back(static_cast<char>(entry.metadata.type));
  base::AppendString(&record_, entry.metadata.help);
  base::AppendString(&record_, entry.metadata.unit);
  base::AppendZigZag(&record_, Minus(entry.seen, last_t_));
  last_t_ = entry.seen;
}

absl::Status ReadRecord(std::string_view record, RecordReader* reader) {
  if (record.empty()) return base::DataLoss("log record: empty");
  const uint8_t version = static_cast<uint8_t>(record[0]);
  if (version != kRecordVersion) {
    return base::FailedPrecondition("log record: format {}, this program knows {}", version,
                                    kRecordVersion);
  }
  std::string_view in = record.substr(1);
  Starts starts;
  while (!in.empty()) {
    const size_t at = record.size() - in.size();
    const uint8_t section = static_cast<uint8_t>(in[0]);
    in.remove_prefix(1);
    bool good = false;
    switch (section) {
      case RecordWriter::kSeries:
        good = ReadSeries(&in, reader);
        break;
      case RecordWriter::kSamples:
        good = ReadNumbers(&in, &starts, [&](SeriesRef ref, model::Sample s, model::TimeMs start) {
          reader->OnSample(ref, s, start);
        });
        break;
      case RecordWriter::kMaybeLate:
        good = ReadNumbers(&in, &starts, [&](SeriesRef ref, model::Sample s, model::TimeMs start) {
          reader->OnMaybeLate(ref, s, start);
        });
        break;
      case RecordWriter::kHistograms:
        good = ReadHistograms(&in, &starts, &RecordReader::OnHistogram, reader);
        break;
      case RecordWriter::kMaybeLateHistograms:
        good = ReadHistograms(&in, &starts, &RecordReader::OnMaybeLateHistogram, reader);
        break;
      case RecordWriter::kFlushed:
        good = ReadNumbers(&in, &starts, [&](SeriesRef ref, model::Sample s, model::TimeMs) {
          reader->OnFlushed(ref, s);
        });
        break;
      case RecordWriter::kCut:
        reader->OnCut();
        good = true;
        break;
      case RecordWriter::kExemplars:
        good = ReadExemplars(&in, &RecordReader::OnExemplar, reader);
        break;
      case RecordWriter::kFlushedExemplars:
        good = ReadExemplars(&in, &RecordReader::OnFlushedExemplar, reader);
        break;
      case RecordWriter::kMetadata:
        good = ReadMetadata(&in, reader);
        break;
      case RecordWriter::kStarts:
        good = starts.Read(&in) && !in.empty();
        break;
      default:
        return base::DataLoss("log record: unknown section {} at byte {}", section, at);
    }
    if (!good) return base::DataLoss("log record: section {} at byte {} is malformed", section, at);
  }
  if (!starts.empty()) return base::DataLoss("log record: start times of no samples");
  return absl::OkStatus();
}

}  // namespace storage
