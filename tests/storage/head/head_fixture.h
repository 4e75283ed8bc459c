// A head with its log in a directory of its own, and a "block store" that is a map.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "storage/base/status.h"
#include "storage/head/head.h"
#include "tests/testing/faulty_files.h"
#include "tests/testing/sample_model.h"
#include "tests/testing/temp_dir.h"
#include "wal/checkpoint.h"
#include "wal/writer.h"

namespace storage {

using model::Labels;
using model::Matcher;
using testing_support::SampleModel;
using testing_support::SeriesSamples;

inline constexpr model::TimeMs kNever = std::numeric_limits<int64_t>::min();

class HeadFixture : public ::testing::Test {
 protected:
  void SetUp() override { Start(); }

  // As after a crash or a stop: a new head from what is on the disk.
  void Start() {
    head_.reset();
    log_.reset();
    head_ = std::make_unique<Head>(options_);
    auto replayed = head_->Replay(dir_.path(), watermark_, UINT32_MAX, nullptr);
    ASSERT_TRUE(replayed.ok()) << replayed.status();
    replayed_ = *std::move(replayed);
    wal::WriterOptions options;
    options.sync = wal::Sync::kOs;
    options.files = &files_;
    options.segment_bytes = segment_bytes_;
    auto log = wal::Writer::Open(dir_.path(), options, watermark_);
    ASSERT_TRUE(log.ok()) << log.status();
    log_ = *std::move(log);
    head_->AttachLog(log_.get());
  }

  // One batch.
  absl::Status Append(const std::vector<std::pair<Labels, model::Sample>>& samples) {
    auto appender = head_->NewAppender();
    for (const auto& [labels, sample] : samples) {
      const Appended appended = appender->Append(SeriesRef::kNone, labels, sample);
      EXPECT_EQ(appended.outcome, Outcome::kAccepted) << labels.ToString() << " @" << sample.t;
    }
    return appender->Commit();
  }
  Outcome AppendOne(const Labels& labels, model::TimeMs t, double v) {
    auto appender = head_->NewAppender();
    const Outcome outcome = appender->Append(SeriesRef::kNone, labels, {t, v}).outcome;
    EXPECT_TRUE(appender->Commit().ok());
    return outcome;
  }

  static SampleModel ReadAll(Querier* querier, const std::vector<Matcher>& matchers = {},
                             model::TimeRange range = {}) {
    auto selection = querier->Select({matchers, range});
    EXPECT_TRUE(selection.ok()) << selection.status();
    return ReadSelection(**selection, range);
  }
  static SampleModel ReadSelection(const Selection& selection, model::TimeRange range = {}) {
    SampleModel out;
    chunk::SampleColumns columns;
    for (int i = 0; i < selection.size(); ++i) {
      if (i > 0) {
        EXPECT_LT(selection.labels(i - 1), selection.labels(i));
      }
      EXPECT_TRUE(selection.Read(i, range, &columns).ok());
      SeriesSamples& series = out[Labels(selection.labels(i))];
      for (size_t j = 0; j < columns.size(); ++j) {
        if (j > 0) {
          EXPECT_LT(columns.times[j - 1], columns.times[j]);
        }
        series[columns.times[j]] = testing_support::Bits(columns.values[j]);
      }
    }
    std::erase_if(out, [](const auto& entry) { return entry.second.empty(); });
    return out;
  }
  SampleModel InHead() { return ReadAll(head_->NewQuerier({}).get()); }
  // Head and block.
  SampleModel Everything() {
    SampleModel all = block_;
    for (const auto& [labels, samples] : InHead()) all[labels].insert(samples.begin(), samples.end());
    return all;
  }

  // The steps of storage/head/head.h, up to `steps` of them: 1 cut, 2 cursor, 3 checkpoint,
  // 4 publish, 5 drop, 6 log removed.
  void Flush(model::TimeMs idle_before = kNever, int steps = 6) {
    const auto segment = head_->CutForFlush();
    ASSERT_TRUE(segment.ok()) << segment.status();
    if (steps < 2) return;
    SampleModel unpublished = block_;
    auto cursor = head_->FlushCursor();
    Labels last;
    while (*cursor->Next()) {
      ASSERT_LT(last, Labels(cursor->labels()));
      last = Labels(cursor->labels());
      chunk::SampleColumns columns;
      for (const chunk::ChunkView& view : cursor->chunks()) {
        ASSERT_TRUE(chunk::Decode(view, {}, &columns).ok());
      }
      for (size_t i = 0; i < columns.size(); ++i) {
        unpublished[last][columns.times[i]] = testing_support::Bits(columns.values[i]);
      }
      if (between_series_) between_series_();
    }
    if (steps < 3) return;
    auto checkpoint = wal::CheckpointWriter::Create(dir_.path(), *segment);
    ASSERT_TRUE(checkpoint.ok()) << checkpoint.status();
    ASSERT_TRUE(head_->WriteCheckpoint(checkpoint->get()).ok());
    ASSERT_TRUE((*checkpoint)->Finish().ok());
    if (steps < 4) return;
    block_ = std::move(unpublished);
    watermark_ = *segment;
    if (steps < 5) return;
    head_->DropFlushed(idle_before);
    if (steps < 6) return;
    ASSERT_TRUE(log_->RemoveBefore(*segment).ok());
    ASSERT_TRUE(wal::RemoveCheckpointsExcept(dir_.path(), *segment).ok());
  }

  testing_support::TempDir dir_;
  testing_support::FaultyFiles files_;
  HeadOptions options_;
  uint32_t segment_bytes_ = 128u << 20;
  uint32_t watermark_ = 0;
  ReplayStats replayed_;
  SampleModel block_;
  std::function<void()> between_series_;
  std::unique_ptr<wal::Writer> log_;
  std::unique_ptr<Head> head_;
};

inline SeriesSamples Samples(std::initializer_list<std::pair<model::TimeMs, double>> samples) {
  SeriesSamples out;
  for (const auto& [t, v] : samples) out[t] = testing_support::Bits(v);
  return out;
}

}  // namespace storage
