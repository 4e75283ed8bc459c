#include "api/remote_write_v2.h"

#include <protozero/pbf_reader.hpp>

#include <array>
#include <vector>

#include <absl/container/flat_hash_set.h>

#include "api/label_scratch.h"
#include "api/wire_histogram.h"
#include "api/wire_metadata.h"
#include "storage/base/status.h"

namespace api {
namespace {

using protozero::pbf_reader;
using protozero::pbf_wire_type;

constexpr uint64_t kMaxLines = 100;

using Refs = std::vector<uint32_t>;

// Repeated numbers come packed, or one by one.
void ReadRefs(pbf_reader* reader, Refs* refs) {
  if (reader->wire_type() == pbf_wire_type::varint) return refs->push_back(reader->get_uint32());
  if (reader->wire_type() != pbf_wire_type::length_delimited) return reader->skip();
  const auto range = reader->get_packed_uint32();
  refs->insert(refs->end(), range.begin(), range.end());
}

struct WireExemplar {
  Refs refs;
  model::Exemplar exemplar;
};

WireExemplar ReadExemplar(pbf_reader reader) {
  WireExemplar read;
  while (reader.next()) {
    switch (reader.tag_and_type()) {
      case protozero::tag_and_type(1, pbf_wire_type::length_delimited):
      case protozero::tag_and_type(1, pbf_wire_type::varint):
        ReadRefs(&reader, &read.refs);
        break;
      case protozero::tag_and_type(2, pbf_wire_type::fixed64):
        read.exemplar.value = reader.get_double();
        break;
      case protozero::tag_and_type(3, pbf_wire_type::varint):
        read.exemplar.t = reader.get_int64();
        break;
      default: reader.skip();
    }
  }
  read.exemplar.has_time = read.exemplar.t != 0;
  return read;
}

struct WireMetadata {
  model::MetricType type = model::MetricType::kUnknown;
  uint32_t help_ref = 0, unit_ref = 0;
};

WireMetadata ReadMetadata(pbf_reader reader) {
  WireMetadata read;
  while (reader.next()) {
    switch (reader.tag_and_type()) {
      case protozero::tag_and_type(1, pbf_wire_type::varint):
        read.type = WireMetricType(reader.get_enum());
        break;
      case protozero::tag_and_type(3, pbf_wire_type::varint): read.help_ref = reader.get_uint32(); break;
      case protozero::tag_and_type(4, pbf_wire_type::varint): read.unit_ref = reader.get_uint32(); break;
      default: reader.skip();
    }
  }
  return read;
}

struct StartedSample {
  model::Sample sample;
  model::TimeMs start = 0;
};

StartedSample ReadSample(pbf_reader reader) {
  StartedSample read;
  model::Sample& sample = read.sample;
  while (reader.next()) {
    switch (reader.tag_and_type()) {
      case protozero::tag_and_type(1, pbf_wire_type::fixed64): sample.v = reader.get_double(); break;
      case protozero::tag_and_type(2, pbf_wire_type::varint): sample.t = reader.get_int64(); break;
      case protozero::tag_and_type(3, pbf_wire_type::varint): read.start = reader.get_int64(); break;
      default: reader.skip();
    }
  }
  return read;
}

class V2Reader {
 public:
  V2Reader(const WriteV2Options& options, storage::Appender* appender, WriteV2Counts* counts)
      : options_(options), appender_(appender), counts_(counts) {}

  void AddSymbol(std::string_view symbol) { symbols_.push_back(symbol); }

  // After all symbols.
  void AddSeries(pbf_reader reader) {
    refs_.clear();
    samples_.clear();
    histograms_.clear();
    exemplars_.clear();
    metadata_ = {};
    while (reader.next()) {
      switch (reader.tag_and_type()) {
        case protozero::tag_and_type(1, pbf_wire_type::length_delimited):
        case protozero::tag_and_type(1, pbf_wire_type::varint):
          ReadRefs(&reader, &refs_);
          break;
        case protozero::tag_and_type(2, pbf_wire_type::length_delimited):
          samples_.push_back(ReadSample(reader.get_message()));
          break;
        case protozero::tag_and_type(3, pbf_wire_type::length_delimited):
          histograms_.push_back(ReadWireHistogram(reader.get_message()));
          break;
        case protozero::tag_and_type(4, pbf_wire_type::length_delimited):
          exemplars_.push_back(ReadExemplar(reader.get_message()));
          break;
        case protozero::tag_and_type(5, pbf_wire_type::length_delimited):
          metadata_ = ReadMetadata(reader.get_message());
          break;
        default: reader.skip();
      }
    }
    const uint64_t num_samples = samples_.size() + histograms_.size();
    if (const absl::Status status = Resolve(refs_, &labels_); !status.ok()) {
      counts_->invalid_labels += num_samples;
      return Refuse(fmt::format("parsing labels for series [{}]: {}", fmt::join(refs_, " "),
                                base::message(status)));
    }
    for (const auto& [what, ref] : {std::pair("unit", metadata_.unit_ref),
                                    std::pair("help", metadata_.help_ref)}) {
      if (ref < symbols_.size()) continue;
      return Refuse(fmt::format("parsing metadata for series [{}]: metadata {}_ref {} outside of "
                                "symbols table (size {})",
                                fmt::join(refs_, " "), what, ref, symbols_.size()));
    }
    if (options_.type_and_unit_labels) AddTypeAndUnit();
    if (!labels_.Finish() || !labels_.has_name()) {
      counts_->invalid_labels += num_samples;
      const std::string_view twice = labels_.Duplicated();
      if (twice.empty()) return Refuse("invalid metric name or labels, got " + labels_.ToText());
      return Refuse(fmt::format("invalid labels for series, labels {}, duplicated label {}",
                                labels_.ToText(), twice));
    }
    if (num_samples == 0) {
      return Refuse("TimeSeries must contain at least one sample or histogram for series " +
                    labels_.labels().ToString());
    }
    Append();
  }

 private:
  // Into labels_, in the place of such labels that were sent; when neither is known nothing changes.
  void AddTypeAndUnit() {
    constexpr std::string_view kType = "__type__", kUnit = "__unit__";
    const std::string_view unit = symbols_[metadata_.unit_ref];
    const bool has_type = metadata_.type != model::MetricType::kUnknown;
    if (!has_type && unit.empty()) return;
    labels_.Clear();
    for (size_t i = 0; i < refs_.size(); i += 2) {
      const std::string_view name = symbols_[refs_[i]];
      if (name != kType && name != kUnit) labels_.Add(name, symbols_[refs_[i + 1]]);
    }
    if (has_type) labels_.Add(kType, model::ToString(metadata_.type));
    if (!unit.empty()) labels_.Add(kUnit, unit);
  }

  // Pairs of name and value into *scratch, which is emptied first.
  absl::Status Resolve(const Refs& refs, LabelScratch* scratch) const {
    scratch->Clear();
    if (refs.size() % 2 != 0) {
      return base::InvalidArgument("invalid labelRefs length {}", refs.size());
    }
    for (size_t i = 0; i < refs.size(); i += 2) {
      if (refs[i] >= symbols_.size() || refs[i + 1] >= symbols_.size()) {
        return base::InvalidArgument(
            "labelRefs {} (name) = {} (value) outside of symbols table (size {})", refs[i],
            refs[i + 1], symbols_.size());
      }
      scratch->Add(symbols_[refs[i]], symbols_[refs[i + 1]]);
    }
    return absl::OkStatus();
  }

  void Append() {
    const model::LabelsView labels = labels_.labels();
    auto ref = storage::SeriesRef::kNone;
    for (const auto& [sample, start] : samples_) {
      if (sample.t > options_.max_time) {
        RefuseTooNew();
      } else {
        SetStart(start);
        Take(appender_->Append(ref, labels, sample), "", &counts_->samples, &ref);
      }
    }
    for (const WireHistogram& h : histograms_) {
      if (h.t > options_.max_time) {
        RefuseTooNew();
        continue;
      }
      SetStart(h.start);
      const storage::Appended appended = appender_->AppendHistogram(ref, labels, h.t, h.value);
      std::string why;
      if (appended.outcome == storage::Outcome::kInvalidHistogram) {
        why = std::string(base::message(model::Validate(h.value)));
      }
      Take(appended, why, &counts_->histograms, &ref);
    }
    // Its samples may all be refused, and the series is known nevertheless.
    if (ref == storage::SeriesRef::kNone) ref = appender_->Find(labels);
    if (ref == storage::SeriesRef::kNone) return;
    AppendExemplars(ref);
    UpdateMetadata();
  }

  void SetStart(model::TimeMs start) {
    if (start == start_) return;
    start_ = start;
    appender_->SetStart(start);
  }

  // Each series comes with that of its family: what this request said before is not looked at again.
  void UpdateMetadata() {
    const model::MetadataView metadata{metadata_.type, symbols_[metadata_.help_ref],
                                       symbols_[metadata_.unit_ref]};
    if (metadata.empty()) return;
    uint32_t name_ref = 0;
    for (size_t i = 0; i < refs_.size(); i += 2) {
      if (symbols_[refs_[i]] == model::kMetricName) name_ref = refs_[i + 1];
    }
    const Told told{name_ref, static_cast<uint32_t>(metadata_.type), metadata_.help_ref,
                    metadata_.unit_ref};
    if (told == last_told_ || !told_.insert(told).second) return;
    last_told_ = told;
    if (!model::IsValidUtf8(metadata.help) || !model::IsValidUtf8(metadata.unit)) return;
    appender_->UpdateMetadata(model::FamilyOf(symbols_[name_ref], metadata.type), metadata);
  }

  // One that is refused, most often because it came before, does not fail the request.
  void AppendExemplars(storage::SeriesRef ref) {
    for (WireExemplar& e : exemplars_) {
      const absl::Status status = Resolve(e.refs, &exemplar_labels_);
      if (!status.ok()) {
        Refuse(fmt::format("parsing exemplar for series {}: {}", labels_.labels().ToString(),
                           base::message(status)));
        continue;
      }
      if (!exemplar_labels_.Finish()) continue;
      e.exemplar.labels = model::Labels(exemplar_labels_.labels());
      if (appender_->AppendExemplar(ref, e.exemplar)) ++counts_->exemplars;
    }
  }

  // `why`: instead of the outcome's own words.
  void Take(const storage::Appended& appended, std::string_view why, uint64_t* accepted,
            storage::SeriesRef* ref) {
    if (appended.outcome == storage::Outcome::kAccepted) {
      *ref = appended.ref;
      ++*accepted;
      return;
    }
    if (appended.outcome == storage::Outcome::kInvalidLabels) ++counts_->invalid_labels;
    const std::string_view words = why.empty() ? storage::ToString(appended.outcome) : why;
    Refuse(fmt::format("{} for series {}", words, labels_.labels().ToString()));
  }
  void RefuseTooNew() {
    Refuse(fmt::format("out of bounds: timestamp is too far in the future for series {}",
                       labels_.labels().ToString()));
  }
  void Refuse(std::string_view line) {
    if (counts_->refusals++ >= kMaxLines) return;
    if (!counts_->text.empty()) counts_->text.push_back('\n');
    counts_->text.append(line);
  }

  const WriteV2Options options_;
  storage::Appender* const appender_;
  WriteV2Counts* const counts_;
  std::vector<std::string_view> symbols_;  // Into the message.
  Refs refs_;
  std::vector<StartedSample> samples_;
  std::vector<WireHistogram> histograms_;
  std::vector<WireExemplar> exemplars_;
  model::TimeMs start_ = 0;  // As the appender was told.
  WireMetadata metadata_;
  using Told = std::array<uint32_t, 4>;  // Symbols of name, help and unit, and the type.
  Told last_told_{};
  absl::flat_hash_set<Told> told_;
  LabelScratch labels_, exemplar_labels_;
};

}  // namespace

absl::Status AppendWriteV2Request(std::string_view message, const WriteV2Options& options,
                                  storage::Appender* appender, WriteV2Counts* counts) {
  V2Reader request(options, appender, counts);
  try {
    for (const bool symbols : {true, false}) {  // They need not come first.
      pbf_reader reader(message.data(), message.size());
      while (reader.next()) {
        if (symbols && reader.tag_and_type() ==
                           protozero::tag_and_type(4, pbf_wire_type::length_delimited)) {
          const protozero::data_view symbol = reader.get_view();
          request.AddSymbol({symbol.data(), symbol.size()});
        } else if (!symbols && reader.tag_and_type() ==
                                   protozero::tag_and_type(5, pbf_wire_type::length_delimited)) {
          request.AddSeries(reader.get_message());
        } else {
          reader.skip();
        }
      }
    }
  } catch (const protozero::exception& e) {
    return base::InvalidArgument("malformed protobuf message: {}", e.what());
  }
  return absl::OkStatus();
}

}  // namespace api
