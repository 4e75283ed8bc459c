#include "api/remote_write.h"

#include <protozero/pbf_reader.hpp>

#include <algorithm>
#include <bit>

#include "storage/base/coding.h"
#include "storage/base/status.h"

namespace api {
namespace {

using protozero::pbf_reader;

std::string_view View(const protozero::data_view& v) { return {v.data(), v.size()}; }

// Turns label messages into canonical bytes.
class LabelScratch {
 public:
  void Clear() {
    bytes_.clear();
    last_name_ = {};
    valid_ = sorted_ = true;
    pairs_.clear();
  }

  void Add(std::string_view name, std::string_view value) {
    pairs_.push_back({name, value});
    if (!sorted_) return;
    if (name <= last_name_) {  // Also the empty name, which is never valid.
      sorted_ = false;
      return;
    }
    last_name_ = name;
    valid_ = valid_ && model::IsValidUtf8(name) && model::IsValidUtf8(value);
    if (!value.empty()) model::AppendLabel(&bytes_, name, value);
  }

  // False when the labels cannot name a series. Call once, after the last Add.
  bool Finish() {
    if (!sorted_) Sort();
    return valid_;
  }
  model::LabelsView labels() const { return model::LabelsView(bytes_); }
  bool has_name() const { return labels().Has(model::kMetricName); }

  std::string ToText() const {
    std::vector<model::Labels::Pair> copy;
    for (const model::Label& pair : pairs_) copy.emplace_back(pair.name, pair.value);
    return model::Labels::FromPairs(std::move(copy)).ToString();
  }

 private:
  // The slow way, for senders that do not sort.
  void Sort() {
    std::sort(pairs_.begin(), pairs_.end(),
              [](const model::Label& a, const model::Label& b) { return a.name < b.name; });
    bytes_.clear();
    valid_ = true;
    std::string_view last;
    for (const model::Label& pair : pairs_) {
      if (pair.name <= last || !model::IsValidUtf8(pair.name) ||
          !model::IsValidUtf8(pair.value)) {
        valid_ = false;
        return;
      }
      last = pair.name;
      if (!pair.value.empty()) model::AppendLabel(&bytes_, pair.name, pair.value);
    }
  }

  std::string bytes_;
  std::vector<model::Label> pairs_;  // Into the message, as they came.
  std::string_view last_name_;
  bool sorted_ = true, valid_ = true;
};

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

class RequestReader {
 public:
  RequestReader(model::TimeMs max_time, storage::Appender* appender, WriteCounts* counts)
      : max_time_(max_time), appender_(appender), counts_(counts) {}

  absl::Status ReadSeries(pbf_reader reader) {
    labels_.Clear();
    samples_.clear();
    exemplars_.clear();
    uint64_t histograms = 0;
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
          ++histograms;
          [[fallthrough]];
        default: reader.skip();
      }
    }
    if (!labels_.Finish() || !labels_.has_name()) {
      if (counts_->first_invalid.empty()) counts_->first_invalid = labels_.ToText();
      counts_->invalid_labels += samples_.size() + histograms;
      return absl::OkStatus();
    }
    counts_->histograms += histograms;
    return AppendSeries();
  }

 private:
  absl::Status AppendSeries() {
    auto ref = storage::SeriesRef::kNone;
    for (const model::Sample& sample : samples_) {
      if (sample.t > max_time_) {
        return Refused(storage::Outcome::kOutOfBounds, sample,
                       ": timestamp is too far in the future");
      }
      const storage::Appended appended = appender_->Append(ref, labels_.labels(), sample);
      switch (appended.outcome) {
        case storage::Outcome::kAccepted:
          ref = appended.ref;
          ++counts_->samples;
          break;
        case storage::Outcome::kInvalidLabels:
          ++counts_->invalid_labels;
          break;
        case storage::Outcome::kLimited:
          if (counts_->limited++ == 0) counts_->first_limited = labels_.ToText();
          break;
        default: return Refused(appended.outcome, sample, "");
      }
    }
    if (ref != storage::SeriesRef::kNone) AppendExemplars(ref);
    return absl::OkStatus();
  }

  absl::Status Refused(storage::Outcome outcome, model::Sample sample, std::string_view detail) {
    return base::FailedPrecondition("{}{} for series {} at timestamp {}",
                                    storage::ToString(outcome), detail, labels_.ToText(), sample.t);
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
        accepted = appender_->AppendExemplar(ref, exemplar);
      }
      ++(accepted ? counts_->exemplars : counts_->exemplars_refused);
    }
  }

  const model::TimeMs max_time_;
  storage::Appender* const appender_;
  WriteCounts* const counts_;
  LabelScratch labels_, exemplar_labels_;
  std::vector<model::Sample> samples_;
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
        RETURN_IF_ERROR(request.ReadSeries(reader.get_message()));
      } else {
        reader.skip();
      }
    }
  } catch (const protozero::exception& e) {
    return base::InvalidArgument("malformed protobuf message: {}", e.what());
  }
  return absl::OkStatus();
}

}  // namespace api
