#include "server/commands/tsdb_dump.h"

#include "api/json_writer.h"
#include "storage/base/status.h"
#include "storage/merge.h"
#include "storage/model/histogram_text.h"
#include "storage/model/number_text.h"

namespace server {
namespace {

constexpr size_t kBufferBytes = 64 << 10;

class Dumper {
 public:
  Dumper(DumpFormat format, const std::function<bool(std::string_view)>& write)
      : format_(format), write_(write) {}

  absl::Status Series(const storage::Selection& selection, int i, model::TimeRange range) {
    RETURN_IF_ERROR(selection.ReadMixed(i, range, &samples_));
    if (samples_.size() == 0) return absl::OkStatus();
    if (format_ == DumpFormat::kSeriesJson) {
      Json(selection.labels(i));
    } else {
      Samples(selection.labels(i).ToString());
    }
    return absl::OkStatus();
  }
  void Flush() {
    more_ = more_ && write_(buffer_);
    buffer_.clear();
  }
  bool more() const { return more_; }

 private:
  void Samples(const std::string& labels) {
    const auto& [floats, histograms] = samples_;
    for (size_t f = 0, h = 0; f < floats.size() || h < histograms.size();) {
      buffer_ += labels;
      buffer_ += ' ';
      const bool is_float = h == histograms.size() ||
                            (f < floats.size() && floats.times[f] < histograms.times[h]);
      if (is_float) {
        model::AppendFloat(&buffer_, floats.values[f], 'g');
      } else {
        buffer_ += model::ToString(histograms.values[h]);
      }
      buffer_ += fmt::format(" {}\n", is_float ? floats.times[f++] : histograms.times[h++]);
      if (buffer_.size() > kBufferBytes) Flush();
    }
  }

  void Json(model::LabelsView labels) {
    api::JsonWriter json(&buffer_);
    json.BeginObject();
    for (const model::Label& label : labels) {
      json.Key(label.name);
      json.String(label.value);
    }
    json.EndObject();
    buffer_ += '\n';
    if (buffer_.size() > kBufferBytes) Flush();
  }

  const DumpFormat format_;
  const std::function<bool(std::string_view)>& write_;
  chunk::MixedColumns samples_;
  std::string buffer_;
  bool more_ = true;
};

}  // namespace

absl::Status Dump(storage::Querier* querier, std::span<const std::vector<model::Matcher>> sets,
                  model::TimeRange range, DumpFormat format,
                  const std::function<bool(std::string_view)>& write) {
  std::vector<std::unique_ptr<storage::Selection>> parts;
  for (const std::vector<model::Matcher>& set : sets) {
    ASSIGN_OR_RETURN(parts.emplace_back(), querier->Select({set, range}));
  }
  const auto selection = storage::MergeSelections(std::move(parts));
  Dumper dumper(format, write);
  for (int i = 0; i < selection->size() && dumper.more(); ++i) {
    RETURN_IF_ERROR(dumper.Series(*selection, i, range));
  }
  dumper.Flush();
  return absl::OkStatus();
}

}  // namespace server
