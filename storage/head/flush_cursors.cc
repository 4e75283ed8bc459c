#include "storage/head/flush_cursors.h"

#include <algorithm>
#include <utility>

#include "storage/base/status.h"
#include "storage/chunk/cut.h"
#include "storage/chunk/histogram_columns.h"
#include "storage/model/time_windows.h"

namespace storage {
namespace {

class FlushCursorImpl final : public FlushCursor {
 public:
  explicit FlushCursorImpl(Head::Parts* parts)
      : parts_(parts), all_exemplars_(parts->exemplars.GiveOut()), ranges_(FindRanges()) {}
  ~FlushCursorImpl() override { parts_->cut.reset(); }

  const std::vector<model::TimeRange>& ranges() const override { return ranges_; }
  void Restart(model::TimeRange range) override {
    range_ = range;
    next_ = 0;
  }

  absl::StatusOr<bool> Next() override {
    while (next_ < parts_->flush_order.size()) {
      const size_t place = next_++;
      ASSIGN_OR_RETURN(const bool has_samples, Take(place));
      const MemSeries* series = parts_->flush_order[place];
      if (!TakeExemplars(series->ref) && !has_samples) continue;
      labels_.clear();
      parts_->index.AppendLabels(series->pairs, &labels_);
      return true;
    }
    exemplars_.clear();
    all_taken_ = true;
    return false;
  }
  model::LabelsView labels() const override { return model::LabelsView(labels_); }
  std::span<const chunk::ChunkView> chunks() const override { return older_.chunks; }
  std::span<const model::Exemplar> exemplars() const override { return exemplars_; }
  std::span<const model::StartRun> starts() const override { return starts_; }

 private:
  // Also of what comes after the cut: some span may have nothing then.
  std::vector<model::TimeRange> FindRanges() const {
    const model::TimeRange widest{parts_->min_time.load(), parts_->max_time.load()};
    std::vector<model::TimeRange> ranges = model::CutByDay(widest);
    if (ranges.size() == 1) return ranges;
    model::TimeRange in_order = model::TimeRange::None();  // Late samples have blocks of their own.
    for (const MemSeries* series : parts_->flush_order) {
      absl::MutexLock lock(parts_->StripeOf(series->ref));
      in_order.Extend(series->times_in_order());
    }
    return model::CutByDay(in_order);
  }

  bool TakeExemplars(SeriesRef ref) {
    exemplars_.clear();
    const auto it = all_exemplars_.find(ref);
    if (it == all_exemplars_.end()) return false;
    std::copy_if(it->second.begin(), it->second.end(), std::back_inserter(exemplars_),
                 [&](const model::Exemplar& e) { return range_.Contains(e.t); });
    return !exemplars_.empty();
  }

  // Whether it has samples in the range. The series stays as it is until the block is there: a flush
  // that sealed all would take half as much memory again as the head has.
  absl::StatusOr<bool> Take(size_t place) {
    MemSeries* const series = parts_->flush_order[place];
    all_starts_.clear();
    starts_.clear();
    {
      absl::MutexLock lock(parts_->StripeOf(series->ref));
      if (LateSamples* late = series->late(); late != nullptr && !all_taken_) {
        // What comes after the cut is in the log that stays. Were it in the block as well, replay
        // could not tell it from what is new, and would bring it back although it was deleted meanwhile.
        if (late->Give(**parts_->cut)) parts_->flush_late.push_back(place);
      }
      series->CopyBefore(NumAfterCut(*series), &older_);
      if (series->has_starts) all_starts_.assign(series->starts().begin(), series->starts().end());
    }
    if (older_.num == 0) return false;
    parts_->flush_given[place].samples = static_cast<uint32_t>(older_.num);
    parts_->flush_given[place].last = older_.last;
    RETURN_IF_ERROR(CutChunks());
    if (older_.chunks.empty()) return false;
    model::AppendStarts(all_starts_,
                        {older_.chunks.front().range.min, older_.chunks.back().range.max}, &starts_);
    return true;
  }

  // To what lies in the range.
  absl::Status CutChunks() {
    std::vector<chunk::ChunkView>& chunks = older_.chunks;
    std::erase_if(chunks, [&](const auto& chunk) { return !chunk.range.Overlaps(range_); });
    if (chunks.empty() || (range_.Contains(chunks.front().range.min) &&
                           range_.Contains(chunks.back().range.max))) {
      return absl::OkStatus();
    }
    cut_.clear();
    std::vector<chunk::ChunkView> all;
    for (const chunk::ChunkView& chunk : chunks) {
      if (range_.Contains(chunk.range.min) && range_.Contains(chunk.range.max)) {
        all.push_back(chunk);
        continue;
      }
      RETURN_IF_ERROR(chunk::Cut(chunk, range_, &cut_.emplace_back()));
      for (const chunk::OwnedChunk& part : cut_.back()) all.push_back(part.view());
    }
    chunks = std::move(all);
    return absl::OkStatus();
  }

  size_t NumAfterCut(const MemSeries& series) const {
    const Hidden hidden = FindHidden(series, **parts_->cut);
    const std::vector<bool>& seen = hidden.scattered;  // What replay brings behind a commit.
    return hidden.tail + static_cast<size_t>(seen.end() - std::find(seen.begin(), seen.end(), false));
  }

  Head::Parts* const parts_;
  const ExemplarRing::BySeries all_exemplars_;
  const std::vector<model::TimeRange> ranges_;
  model::TimeRange range_;
  size_t next_ = 0;
  bool all_taken_ = false;  // It was at its end once.
  std::string labels_;
  std::vector<model::Exemplar> exemplars_;
  model::StartRuns all_starts_, starts_;  // Of the series; of what is given.
  OlderSamples older_;
  std::vector<std::vector<chunk::OwnedChunk>> cut_;  // What some of its views point into.
};

// Late samples in `range` that were given to the flush, as chunks.
class LateCursorImpl final : public SeriesCursor {
 public:
  LateCursorImpl(Head::Parts* parts, model::TimeRange range) : parts_(parts), range_(range) {}

  absl::StatusOr<bool> Next() override {
    while (next_ < parts_->flush_late.size()) {
      const size_t place = parts_->flush_late[next_++];
      const MemSeries* series = parts_->flush_order[place];
      {
        absl::MutexLock lock(parts_->StripeOf(series->ref));
        series->late()->given().Expand(range_, &samples_);
        SortLate(samples_.begin(), &samples_);
        if (parts_->flush_given[place].samples > 0) {
          LeaveOutInOrder(*series, parts_->flush_given[place].last.t);
        }
      }
      if (samples_.empty()) continue;
      Encode();
      labels_.clear();
      parts_->index.AppendLabels(series->pairs, &labels_);
      return true;
    }
    return false;
  }
  model::LabelsView labels() const override { return model::LabelsView(labels_); }
  std::span<const chunk::ChunkView> chunks() const override { return views_; }
  std::span<const model::StartRun> starts() const override { return starts_; }

 private:
  // As a reader of the head does: at equal times what came in order stays. In another block the
  // late one might win. `last`: of the flush.
  void LeaveOutInOrder(const MemSeries& series, model::TimeMs last) {
    if (samples_.empty()) return;
    const model::TimeRange wanted{samples_.front().sample.t,
                                  std::min(samples_.back().sample.t, last)};
    columns_.clear();
    const auto decode = [&](const chunk::ChunkView& view) {
      if (!view.range.Overlaps(wanted)) return;
      chunk::Decode(view, wanted, &columns_).IgnoreError();  // The head's own bytes.
    };
    for (size_t i = 0; i < series.num_sealed(); ++i) decode((*series.sealed)[i]->view());
    if (series.HasOpen()) decode(series.OpenView());
    const auto has = [](const std::vector<model::TimeMs>& times, model::TimeMs t) {
      return std::binary_search(times.begin(), times.end(), t);
    };
    std::erase_if(samples_, [&](const LateSample& s) {
      return has(columns_.floats.times, s.sample.t) || has(columns_.histograms.times, s.sample.t);
    });
  }
  void Encode() {
    MemSeries packed;
    HeadDelta delta;
    starts_.clear();
    for (const LateSample& late : samples_) {
      model::NoteStart(late.sample.t, late.start, &starts_);
      if (late.histogram == nullptr) {
        packed.Append(late.sample, 0, {}, &delta);
      } else {
        packed.AppendHistogram(late.sample, *late.histogram, 0, {}, &delta);
      }
    }
    packed.Seal(&delta);
    chunks_ = std::move(*packed.sealed);
    views_.clear();
    for (const ChunkPtr& chunk : chunks_) views_.push_back(chunk->view());
  }

  Head::Parts* const parts_;
  const model::TimeRange range_;
  size_t next_ = 0;
  std::string labels_;
  std::vector<LateSample> samples_;
  model::StartRuns starts_;
  chunk::MixedColumns columns_;  // In order.
  std::vector<ChunkPtr> chunks_;
  std::vector<chunk::ChunkView> views_;
};

}  // namespace

std::unique_ptr<FlushCursor> NewFlushCursor(Head::Parts* parts) {
  return std::make_unique<FlushCursorImpl>(parts);
}

std::unique_ptr<SeriesCursor> NewLateCursor(Head::Parts* parts, model::TimeRange range) {
  return std::make_unique<LateCursorImpl>(parts, range);
}

}  // namespace storage
