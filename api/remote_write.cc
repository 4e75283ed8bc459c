#include "api/remote_write.h"

#include <protozero/pbf_reader.hpp>

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <memory>

#include "api/label_scratch.h"
#include "api/wire_histogram.h"
#include "api/wire_metadata.h"
#include "storage/base/coding.h"
#include "storage/base/status.h"

namespace api {
namespace {

using protozero::pbf_reader;

std::string_view View(const protozero::data_view& v) { return {v.data(), v.size()}; }

void ReadLabel(pbf_reader reader, LabelScratch* scratch) {
  std::string_view name, value;
  while (reader.next()) {
    switch (reader.tag_and_type()) {
      case protozero::tag_and_type(1, protozero::pbf_wire_type::length_delimited):
        name = View(reader.get_view());
        break;
      case protozero::tag_and_type(2, protozero::pbf_wire_type::length_delimited):
        value = View(reader.get_view());
        break;
      default: reader.skip();
    }
  }
  scratch->Add(name, value);
}

// Senders tell of all they know once a minute, in requests of their own.
void ReadMetadata(pbf_reader reader, storage::Appender* appender) {
  std::string_view family;
  model::MetadataView metadata;
  while (reader.next()) {
    switch (reader.tag_and_type()) {
      case protozero::tag_and_type(1, protozero::pbf_wire_type::varint):
        metadata.type = WireMetricType(reader.get_enum());
        break;
      case protozero::tag_and_type(2, protozero::pbf_wire_type::length_delimited):
        family = View(reader.get_view());
        break;
      case protozero::tag_and_type(4, protozero::pbf_wire_type::length_delimited):
        metadata.help = View(reader.get_view());
        break;
      case protozero::tag_and_type(5, protozero::pbf_wire_type::length_delimited):
        metadata.unit = View(reader.get_view());
        break;
      default: reader.skip();
    }
  }
  if (!model::IsValidUtf8(family) || !model::IsValidUtf8(metadata.help) ||
      !model::IsValidUtf8(metadata.unit)) {
    return;
  }
  appender->UpdateMetadata(family, metadata);
}

model::Sample ReadSample(pbf_reader reader) {
  model::Sample sample;
  while (reader.next()) {
    switch (reader.tag_and_type()) {
      case protozero::tag_and_type(1, protozero::pbf_wire_type::fixed64):
        sample.v = reader.get_double();
        break;
      case protozero::tag_and_type(2, protozero::pbf_wire_type::varint):
        sample.t = reader.get_int64();
        break;
      default: reader.skip();
    }
  }
  return sample;
}

// One or two bytes, the fewest possible, and not beyond the end.
bool TakeLength(const char** p, const char* end, size_t* length) {
  if (*p == end) return false;
  *length = static_cast<unsigned char>(*(*p)++);
  if (*length >= 0x80) {
    if (*p == end) return false;
    const auto high = static_cast<unsigned char>(*(*p)++);
    if (high == 0 || high >= 0x80) return false;
    *length = (*length & 0x7f) | size_t{high} << 7;
  }
  return *length <= static_cast<size_t>(end - *p);
}

// The usual form of a sample.
bool TakeSample(const char* p, const char* end, std::vector<model::Sample>* samples) {
  model::Sample sample;
  if (p != end && *p == '\x09') {
    if (end - p < 9) return false;
    std::memcpy(&sample.v, p + 1, 8);
    p += 9;
  }
  if (p != end) {
    if (*p++ != '\x10') return false;
    uint64_t t = 0;
    int shift = 0;
    while (true) {
      if (p == end || shift > 56) return false;  // Ten bytes, as of negative times: not here.
      const auto byte = static_cast<unsigned char>(*p++);
      t |= uint64_t{byte & 0x7fu} << shift;
      shift += 7;
      if (byte < 0x80) break;
    }
    if (p != end) return false;
    sample.t = static_cast<int64_t>(t);
  }
  samples->push_back(sample);
  return true;
}

// The form nearly every series comes in: labels sorted, each with a name and a value, then samples,
// nothing else, lengths in the fewest bytes. Canonical labels are then the message without its tags.
// Reads nothing but that, and says so when it meets something else: the general reader, which knows
// the rest, then begins anew.
class PlainSeries {
 public:
  // False when `series` is not of this form; what was read before is then to be forgotten.
  bool Read(std::string_view series, std::vector<model::Sample>* samples) {
    if (capacity_ < series.size() + kSlack) {
      capacity_ = series.size() * 2 + kSlack;
      buffer_.reset(new char[capacity_]);
    }
    size_ = 0;
    last_name_ = {};
    last_front_ = 0;
    const char* p = series.data();
    const char* const end = p + series.size();
    while (p != end) {
      const char tag = *p++;
      size_t length;
      if (!TakeLength(&p, end, &length)) return false;
      if (tag == '\x0a' ? !TakeLabel(p, p + length, end)
                        : tag != '\x12' || !TakeSample(p, p + length, samples)) {
        return false;
      }
      p += length;
    }
    return labels().Has(model::kMetricName) && (IsAscii() || IsUtf8());
  }
  model::LabelsView labels() const { return model::LabelsView({buffer_.get(), size_}); }

 private:
  static constexpr size_t kSlack = 64;

  // `readable`: up to where memory may be read.
  bool TakeLabel(const char* p, const char* end, const char* readable) {
    if (p == end || *p++ != '\x0a') return false;
    const char* const name_field = p;
    size_t length;
    if (!TakeLength(&p, end, &length) || length == 0) return false;
    const std::string_view name(p, length);
    const uint64_t front = Front(name, readable);
    if (front < last_front_ || (front == last_front_ && name <= last_name_)) return false;
    last_front_ = front;
    last_name_ = name;
    p += length;
    const char* const name_end = p;
    if (p == end || *p++ != '\x12') return false;
    const char* const value_field = p;
    if (!TakeLength(&p, end, &length) || length == 0 || p + length != end) return false;
    Copy(name_field, name_end, readable);
    Copy(value_field, end, readable);
    return true;
  }

  // The first eight bytes as a number that orders as the text does.
  static uint64_t Front(std::string_view s, const char* readable) {
    uint64_t word = 0;
    if (s.size() >= 8) {
      std::memcpy(&word, s.data(), 8);
      return __builtin_bswap64(word);
    }
    if (readable - s.data() < 8) {
      std::memcpy(&word, s.data(), s.size());
      return __builtin_bswap64(word);
    }
    std::memcpy(&word, s.data(), 8);
    return __builtin_bswap64(word) & ~(~uint64_t{0} >> (8 * s.size()));
  }

  void Copy(const char* from, const char* to, const char* readable) {
    const size_t n = static_cast<size_t>(to - from);
    char* out = buffer_.get() + size_;
    if (n <= 32 && readable - from >= 32) {
      std::memcpy(out, from, 32);  // Of fixed size, hence without a call; kSlack allows for it.
    } else {
      std::memcpy(out, from, n);
    }
    size_ += n;
  }

  bool IsAscii() const {
    std::memset(buffer_.get() + size_, 0, 8);
    uint64_t all = 0;
    for (size_t i = 0; i < size_; i += 8) {
      uint64_t word;
      std::memcpy(&word, buffer_.get() + i, 8);
      all |= word;
    }
    return (all & 0x8080808080808080ull) == 0;
  }
  bool IsUtf8() const {
    for (const model::Label& label : labels()) {
      if (!model::IsValidUtf8(label.name) || !model::IsValidUtf8(label.value)) return false;
    }
    return true;
  }

  std::unique_ptr<char[]> buffer_;
  size_t capacity_ = 0, size_ = 0;
  std::string_view last_name_;
  uint64_t last_front_ = 0;
};

class RequestReader {
 public:
  RequestReader(model::TimeMs max_time, storage::Appender* appender, WriteCounts* counts)
      : max_time_(max_time), appender_(appender), counts_(counts) {}

  // In turn, but some series late, so that the store can fetch what it knows of them meanwhile.
  absl::Status Add(std::string_view series) {
    Waiting& place = waiting_[num_series_ % kWaiting];
    if (num_series_ >= kWaiting) RETURN_IF_ERROR(AppendAnyway(place));
    place.series = series;
    place.labels_size = LabelFieldsSize(series);
    place.key = appender_->Key(series.substr(0, place.labels_size));
    ++num_series_;
    return absl::OkStatus();
  }
  absl::Status Finish() {
    for (size_t i = num_series_ - std::min(num_series_, kWaiting); i < num_series_; ++i) {
      RETURN_IF_ERROR(AppendAnyway(waiting_[i % kWaiting]));
    }
    return absl::OkStatus();
  }

 private:
  static constexpr size_t kWaiting = 16;
  struct Waiting {
    std::string_view series;
    size_t labels_size = 0;
    storage::SeriesKey key;
  };

  // Of the label fields that a series begins with.
  static size_t LabelFieldsSize(std::string_view series) {
    const char* p = series.data();
    const char* const end = p + series.size();
    while (p != end && *p == '\x0a') {
      const char* field = p + 1;
      size_t length;
      if (!TakeLength(&field, end, &length)) break;
      p = field + length;
    }
    return static_cast<size_t>(p - series.data());
  }

  absl::Status AppendAnyway(const Waiting& w) {
    return AppendKnown(w) ? absl::OkStatus() : ReadSeries(w.series);
  }

  // A series that the store knows by these very bytes, with plain samples. False for all else, and
  // also when a sample is refused: nothing is to be kept then, and the long way knows the words.
  bool AppendKnown(const Waiting& w) {
    samples_.clear();
    const char* p = w.series.data() + w.labels_size;
    const char* const end = w.series.data() + w.series.size();
    while (p != end) {
      const char tag = *p++;
      size_t length;
      if (!TakeLength(&p, end, &length) || tag != '\x12' || !TakeSample(p, p + length, &samples_)) {
        return false;
      }
      p += length;
    }
    for (size_t i = 0; i < samples_.size(); ++i) {
      if (samples_[i].t > max_time_) return false;
      const storage::Appended appended = appender_->AppendKnown(w.key, samples_[i]);
      if (appended.outcome != storage::Outcome::kAccepted) return false;
    }
    counts_->samples += samples_.size();
    return true;
  }

  absl::Status ReadSeries(std::string_view series) {
    samples_.clear();
    exemplars_.clear();
    histograms_.clear();
    if (plain_.Read(series, &samples_)) return AppendSeries(plain_.labels());
    samples_.clear();
    labels_.Clear();
    pbf_reader reader(series.data(), series.size());
    while (reader.next()) {
      switch (reader.tag_and_type()) {
        case protozero::tag_and_type(1, protozero::pbf_wire_type::length_delimited):
          ReadLabel(reader.get_message(), &labels_);
          break;
        case protozero::tag_and_type(2, protozero::pbf_wire_type::length_delimited):
          samples_.push_back(ReadSample(reader.get_message()));
          break;
        case protozero::tag_and_type(3, protozero::pbf_wire_type::length_delimited):
          exemplars_.push_back(View(reader.get_view()));
          break;
        case protozero::tag_and_type(4, protozero::pbf_wire_type::length_delimited):
          histograms_.push_back(ReadWireHistogram(reader.get_message()));
          break;
        default: reader.skip();
      }
    }
    if (!labels_.Finish() || !labels_.has_name()) {
      if (counts_->first_invalid.empty()) counts_->first_invalid = labels_.ToText();
      counts_->invalid_labels += samples_.size() + histograms_.size();
      return absl::OkStatus();
    }
    return AppendSeries(labels_.labels());
  }

  absl::Status AppendSeries(model::LabelsView labels) {
    auto ref = storage::SeriesRef::kNone;
    for (const model::Sample& sample : samples_) {
      if (sample.t > max_time_) return TooNew(labels, sample.t);
      RETURN_IF_ERROR(Take(appender_->Append(ref, labels, sample), labels, sample.t,
                           &counts_->samples, &ref));
    }
    for (WireHistogram& histogram : histograms_) {
      if (histogram.t > max_time_) return TooNew(labels, histogram.t);
      const storage::Appended appended =
          appender_->AppendHistogram(ref, labels, histogram.t, histogram.value);
      if (appended.outcome == storage::Outcome::kInvalidHistogram) {
        const absl::Status why = model::Validate(histogram.value);
        return base::InvalidArgument("{}", why.ok() ? storage::ToString(appended.outcome)
                                                    : base::message(why));
      }
      RETURN_IF_ERROR(Take(appended, labels, histogram.t, &counts_->histograms, &ref));
    }
    if (exemplars_.empty()) return absl::OkStatus();
    if (ref == storage::SeriesRef::kNone) ref = appender_->Find(labels);  // Prometheus sends them alone.
    AppendExemplars(ref);
    return absl::OkStatus();
  }

  // Counts what became of a sample.
  absl::Status Take(const storage::Appended& appended, model::LabelsView labels, model::TimeMs t,
                    uint64_t* accepted, storage::SeriesRef* ref) {
    switch (appended.outcome) {
      case storage::Outcome::kAccepted:
        *ref = appended.ref;
        ++*accepted;
        break;
      case storage::Outcome::kInvalidLabels:
        ++counts_->invalid_labels;
        break;
      case storage::Outcome::kLimited:
        if (counts_->limited++ == 0) counts_->first_limited = labels.ToString();
        break;
      default: return Refused(appended.outcome, labels, t, "");
    }
    return absl::OkStatus();
  }

  static absl::Status TooNew(model::LabelsView labels, model::TimeMs t) {
    return Refused(storage::Outcome::kOutOfBounds, labels, t,
                   ": timestamp is too far in the future");
  }
  static absl::Status Refused(storage::Outcome outcome, model::LabelsView labels, model::TimeMs t,
                              std::string_view detail) {
    return base::FailedPrecondition("{}{} for series {} at timestamp {}",
                                    storage::ToString(outcome), detail, labels.ToString(), t);
  }

  // A refused exemplar does not fail the request.
  void AppendExemplars(storage::SeriesRef ref) {
    for (const std::string_view bytes : exemplars_) {
      model::Exemplar exemplar;
      exemplar_labels_.Clear();
      pbf_reader reader(bytes.data(), bytes.size());
      while (reader.next()) {
        switch (reader.tag_and_type()) {
          case protozero::tag_and_type(1, protozero::pbf_wire_type::length_delimited):
            ReadLabel(reader.get_message(), &exemplar_labels_);
            break;
          case protozero::tag_and_type(2, protozero::pbf_wire_type::fixed64):
            exemplar.value = reader.get_double();
            break;
          case protozero::tag_and_type(3, protozero::pbf_wire_type::varint):
            exemplar.t = reader.get_int64();
            exemplar.has_time = true;
            break;
          default: reader.skip();
        }
      }
      bool accepted = exemplar_labels_.Finish();
      if (accepted) {
        exemplar.labels = model::Labels(exemplar_labels_.labels());
        accepted = ref != storage::SeriesRef::kNone && appender_->AppendExemplar(ref, exemplar);
      }
      ++(accepted ? counts_->exemplars : counts_->exemplars_refused);
    }
  }

  const model::TimeMs max_time_;
  storage::Appender* const appender_;
  WriteCounts* const counts_;
  std::array<Waiting, kWaiting> waiting_;
  size_t num_series_ = 0;
  PlainSeries plain_;
  LabelScratch labels_, exemplar_labels_;
  std::vector<model::Sample> samples_;
  std::vector<WireHistogram> histograms_;
  std::vector<std::string_view> exemplars_;
};

}  // namespace

absl::Status AppendWriteRequest(std::string_view message, model::TimeMs max_time,
                                storage::Appender* appender, WriteCounts* counts) {
  RequestReader request(max_time, appender, counts);
  try {
    pbf_reader reader(message.data(), message.size());
    while (reader.next()) {
      if (reader.tag_and_type() ==
          protozero::tag_and_type(1, protozero::pbf_wire_type::length_delimited)) {
        RETURN_IF_ERROR(request.Add(View(reader.get_view())));
      } else if (reader.tag_and_type() ==
                 protozero::tag_and_type(3, protozero::pbf_wire_type::length_delimited)) {
        ReadMetadata(reader.get_message(), appender);
      } else {
        reader.skip();
      }
    }
    return request.Finish();
  } catch (const protozero::exception& e) {
    return base::InvalidArgument("malformed protobuf message: {}", e.what());
  }
}

}  // namespace api
