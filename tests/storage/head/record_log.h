// Writes down what a record holds, one line each.
#pragma once

#include <bit>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "storage/head/histogram_bytes.h"
#include "storage/head/record.h"

namespace storage {

class RecordLog : public RecordReader {
 public:
  void OnSeries(SeriesRef ref, model::LabelsView labels) override {
    lines.push_back(fmt::format("{} {}", static_cast<uint64_t>(ref), labels.ToString()));
  }
  void OnSample(SeriesRef ref, model::Sample s, model::TimeMs start) override {
    lines.push_back(fmt::format("{} @{} {:016x}{}", static_cast<uint64_t>(ref), s.t,
                                std::bit_cast<uint64_t>(s.v), Since(start)));
  }
  void OnMaybeLate(SeriesRef ref, model::Sample s, model::TimeMs start) override {
    lines.push_back(fmt::format("{} maybe late @{} {:016x}{}", static_cast<uint64_t>(ref), s.t,
                                std::bit_cast<uint64_t>(s.v), Since(start)));
  }
  void OnCut() override { lines.push_back("cut"); }
  void OnFlushed(SeriesRef ref, model::Sample s) override {
    lines.push_back(fmt::format("{} flushed @{} {:016x}", static_cast<uint64_t>(ref), s.t,
                                std::bit_cast<uint64_t>(s.v)));
  }
  void OnHistogram(SeriesRef ref, model::TimeMs t, model::AnyHistogram h,
                   model::TimeMs start) override {
    lines.push_back(
        fmt::format("{} @{} {}{}", static_cast<uint64_t>(ref), t, Hex(h), Since(start)));
  }
  void OnMaybeLateHistogram(SeriesRef ref, model::TimeMs t, model::AnyHistogram h,
                            model::TimeMs start) override {
    lines.push_back(
        fmt::format("{} maybe late @{} {}{}", static_cast<uint64_t>(ref), t, Hex(h), Since(start)));
  }
  void OnExemplar(SeriesRef ref, model::Exemplar e) override {
    lines.push_back(fmt::format("{} {}", static_cast<uint64_t>(ref), Text(e)));
  }
  void OnFlushedExemplar(SeriesRef ref, model::Exemplar e) override {
    lines.push_back(fmt::format("{} flushed {}", static_cast<uint64_t>(ref), Text(e)));
  }
  void OnMetadata(model::FamilyMetadata e) override {
    lines.push_back(fmt::format("{}: {} \"{}\" \"{}\" @{}", e.family, ToString(e.metadata.type),
                                e.metadata.help, e.metadata.unit, e.seen));
  }
  std::vector<std::string> lines;

 private:
  static std::string Since(model::TimeMs start) {
    return start == 0 ? "" : fmt::format(" since {}", start);
  }
  static std::string Text(const model::Exemplar& e) {
    return fmt::format("{} @{} {} {:016x}", e.labels.ToString(), e.t, e.has_time,
                       std::bit_cast<uint64_t>(e.value));
  }
  static std::string Hex(const model::AnyHistogram& h) {
    std::string bytes, text = "histogram ";
    AppendHistogram(h, &bytes);
    for (const char c : bytes) text += fmt::format("{:02x}", static_cast<unsigned char>(c));
    return text;
  }
};

}  // namespace storage
