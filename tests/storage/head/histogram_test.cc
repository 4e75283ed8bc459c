// Histograms in the head: rules, log, replay, flush, views.
#include <random>

#include "storage/head/histogram_bytes.h"
#include "storage/head/head_parts.h"
#include "storage/head/head_selection.h"
#include "storage/head/series.h"
#include "tests/storage/head/head_fixture.h"
#include "tests/testing/mixed_model.h"
#include "tests/testing/seed.h"

namespace storage {
namespace {

using testing_support::MixedModel;
using testing_support::Plain;
using testing_support::RandomHistogram;

class HeadHistograms : public HeadFixture {
 protected:
  MixedModel Mixed(Querier* querier = nullptr) {
    if (querier != nullptr) return testing_support::ReadAllMixed(*querier);
    return testing_support::ReadAllMixed(*head_->NewQuerier({}));
  }
  Outcome AppendHistogram(const Labels& labels, model::TimeMs t, const model::AnyHistogram& h) {
    auto appender = head_->NewAppender();
    const Outcome outcome = appender->AppendHistogram(SeriesRef::kNone, labels, t, h).outcome;
    EXPECT_TRUE(appender->Commit().ok());
    return outcome;
  }
  static model::Histogram Some(uint64_t count) {
    model::Histogram h;
    h.positive_spans = {{2, 1}};
    h.positive_buckets = {static_cast<int64_t>(count)};
    h.count = count;
    h.sum = static_cast<double>(count) * 3;
    return h;
  }
  const Labels a_{{"__name__", "a"}}, b_{{"__name__", "b"}};
};

TEST_F(HeadHistograms, RulesAreThoseOfFloats) {
  EXPECT_EQ(AppendHistogram(a_, 1000, Some(5)), Outcome::kAccepted);
  EXPECT_EQ(AppendHistogram(a_, 1000, Some(5)), Outcome::kAccepted);  // The same again.
  EXPECT_EQ(AppendHistogram(a_, 1000, Some(6)), Outcome::kDuplicate);
  EXPECT_EQ(AppendHistogram(a_, 1000, model::ToFloat(Some(5))), Outcome::kDuplicate);
  EXPECT_EQ(AppendOne(a_, 1000, 5), Outcome::kDuplicate);
  EXPECT_EQ(AppendHistogram(a_, 900, Some(4)), Outcome::kOutOfOrder);
  EXPECT_EQ(AppendOne(a_, 900, 5), Outcome::kOutOfOrder);
  EXPECT_EQ(AppendHistogram(b_, 10'000'000, Some(1)), Outcome::kAccepted);
  EXPECT_EQ(AppendHistogram(b_, 900, Some(1)), Outcome::kOutOfBounds);
  model::Histogram invalid = Some(5);
  invalid.count = 1;
  EXPECT_EQ(AppendHistogram(a_, 2000, invalid), Outcome::kInvalidHistogram);
  EXPECT_EQ(AppendHistogram(Labels(), 10'000'000, Some(1)), Outcome::kInvalidLabels);
  const MixedModel got = Mixed();
  EXPECT_EQ(got.at(a_).size(), 1u);
  EXPECT_EQ(got.at(a_).at(1000), testing_support::PlainSample(Plain(Some(5))));
  EXPECT_EQ(head_->stats().duplicates, 3u);
}

TEST_F(HeadHistograms, AStaleMarkerEndsAHistogram) {
  EXPECT_EQ(AppendHistogram(a_, 1000, Some(5)), Outcome::kAccepted);
  EXPECT_EQ(AppendOne(a_, 2000, model::StaleNan()), Outcome::kAccepted);
  EXPECT_EQ(AppendOne(a_, 2000, model::StaleNan()), Outcome::kAccepted);
  for (int start = 0; start < 2; ++start) {
    const MixedModel got = Mixed();
    ASSERT_EQ(got.at(a_).size(), 2u);
    EXPECT_TRUE(std::get<testing_support::PlainHistogram>(got.at(a_).at(2000)).stale);
    Start();
  }
  EXPECT_EQ(AppendHistogram(a_, 3000, Some(6)), Outcome::kAccepted);
  EXPECT_EQ(AppendOne(a_, 4000, 7), Outcome::kAccepted);
  EXPECT_EQ(AppendOne(a_, 5000, model::StaleNan()), Outcome::kAccepted);
  EXPECT_EQ(Mixed().at(a_).at(5000), testing_support::PlainSample(model::kStaleNanBits));
}

TEST_F(HeadHistograms, OneBatchMayBringBothKindsInAnyOrder) {
  auto appender = head_->NewAppender();
  EXPECT_EQ(appender->AppendHistogram(SeriesRef::kNone, a_, 1000, Some(1)).outcome,
            Outcome::kAccepted);
  EXPECT_EQ(appender->Append(SeriesRef::kNone, b_, {1000, 1}).outcome, Outcome::kAccepted);
  EXPECT_EQ(appender->Append(SeriesRef::kNone, a_, {2000, 2}).outcome, Outcome::kAccepted);
  EXPECT_EQ(appender->AppendHistogram(SeriesRef::kNone, a_, 3000, model::ToFloat(Some(3))).outcome,
            Outcome::kAccepted);
  EXPECT_EQ(appender->AppendHistogram(SeriesRef::kNone, b_, 4000, Some(4)).outcome,
            Outcome::kAccepted);
  EXPECT_EQ(appender->Append(SeriesRef::kNone, b_, {5000, 5}).outcome, Outcome::kAccepted);
  ASSERT_TRUE(appender->Commit().ok());
  appender.reset();
  MixedModel want;
  want[a_] = {{1000, Plain(Some(1))}, {2000, testing_support::Bits(2)},
              {3000, Plain(model::ToFloat(Some(3)))}};
  want[b_] = {{1000, testing_support::Bits(1)}, {4000, Plain(Some(4))},
              {5000, testing_support::Bits(5)}};
  EXPECT_EQ(Difference(Mixed(), want), "");
  Start();
  EXPECT_EQ(Difference(Mixed(), want), "");
}

TEST_F(HeadHistograms, AQuerierSeesNothingLaterThoughTheChunkIsWrittenAnew) {
  ASSERT_EQ(AppendHistogram(a_, 1000, Some(1)), Outcome::kAccepted);
  const auto querier = head_->NewQuerier({});
  const MixedModel before = Mixed(querier.get());
  model::Histogram more = Some(2);
  more.positive_spans = {{0, 5}};
  more.positive_buckets = {1, -1, 2, -2, 3};  // 1 0 2 0 3
  more.count = 6;
  ASSERT_EQ(AppendHistogram(a_, 2000, more), Outcome::kAccepted);
  EXPECT_EQ(Difference(Mixed(querier.get()), before), "");
  EXPECT_EQ(Mixed().at(a_).size(), 2u);
  EXPECT_EQ(head_->info().num_chunks, 1u);
}

TEST_F(HeadHistograms, LateOnesAreTakenInTheWindow) {
  head_->SetOutOfOrderWindow(100'000);
  ASSERT_EQ(AppendHistogram(a_, 50'000, Some(5)), Outcome::kAccepted);
  ASSERT_EQ(AppendHistogram(a_, 60'000, Some(6)), Outcome::kAccepted);
  ASSERT_EQ(AppendHistogram(a_, 40'000, Some(4)), Outcome::kAccepted);
  ASSERT_EQ(AppendHistogram(a_, 50'000, Some(4)), Outcome::kAccepted);  // The one in order stays.
  ASSERT_EQ(AppendOne(a_, 45'000, 7), Outcome::kAccepted);
  ASSERT_EQ(AppendOne(a_, 60'000, 7), Outcome::kDuplicate);
  ASSERT_EQ(AppendHistogram(a_, -50'000, Some(4)), Outcome::kTooOld);
  MixedModel want;
  want[a_] = {{40'000, Plain(Some(4))}, {45'000, testing_support::Bits(7)},
              {50'000, Plain(Some(5))}, {60'000, Plain(Some(6))}};
  EXPECT_EQ(Difference(Mixed(), want), "");
  Start();
  EXPECT_EQ(Difference(Mixed(), want), "");

  ASSERT_TRUE(head_->CutForFlush().ok());
  const auto cursor = head_->FlushCursor();
  MixedModel flushed;
  const auto take = [&](SeriesCursor* from) {
    while (*from->Next()) {
      chunk::MixedColumns read;
      for (const chunk::ChunkView& view : from->chunks()) {
        ASSERT_TRUE(chunk::Decode(view, {}, &read).ok());
      }
      auto& series = flushed[Labels(from->labels())];
      for (size_t i = 0; i < read.floats.size(); ++i) {
        series[read.floats.times[i]] = testing_support::Bits(read.floats.values[i]);
      }
      for (size_t i = 0; i < read.histograms.size(); ++i) {
        series[read.histograms.times[i]] = Plain(read.histograms.values[i]);
      }
    }
  };
  take(cursor.get());
  EXPECT_EQ(flushed[a_].size(), 2u);
  for (const model::TimeRange range : head_->LateRanges()) take(head_->LateCursor(range).get());
  EXPECT_EQ(Difference(flushed, want), "");
  const auto querier = head_->NewQuerier({});
  head_->DropFlushed(kNever);
  EXPECT_EQ(Difference(Mixed(querier.get()), want), "");
  EXPECT_TRUE(Mixed().empty());
  EXPECT_EQ(head_->info().num_samples, 0u);
  EXPECT_EQ(head_->info().num_chunks, 0u);
}

// Random series of every kind, in batches, with restarts in between.
TEST_F(HeadHistograms, ALateOneLeavesNoHintThatIsNotTrueOfItsNeighbours) {
  head_->SetOutOfOrderWindow(100'000);
  for (int k = 1; k <= 4; ++k) {
    ASSERT_EQ(AppendHistogram(a_, k * 10'000, Some(static_cast<uint64_t>(k))), Outcome::kAccepted);
  }
  model::Histogram late = Some(9);
  late.hint = model::ResetHint::kNotReset;
  ASSERT_EQ(AppendHistogram(a_, 25'000, late), Outcome::kAccepted);
  late = Some(1);
  late.hint = model::ResetHint::kReset;
  ASSERT_EQ(AppendHistogram(a_, 5'000, late), Outcome::kAccepted);
  for (const bool again : {false, true}) {
    if (again) Start();
    const auto querier = head_->NewQuerier({});
    const auto selection = querier->Select({});
    chunk::MixedColumns read;
    ASSERT_TRUE((*selection)->ReadMixed(0, {}, &read).ok());
    std::vector<model::ResetHint> hints;
    for (const auto& h : read.histograms.values) hints.push_back(model::HintOf(h));
    using enum model::ResetHint;
    EXPECT_EQ(hints, (std::vector{kUnknown, kUnknown, kNotReset, kUnknown, kUnknown, kNotReset}));
  }
}

TEST_F(HeadHistograms, WhatWasCommittedIsThereAfterEveryRestart) {
  const uint32_t seed = testing_support::Seed();
  SCOPED_TRACE(fmt::format("seed {}", seed));
  std::mt19937 random(seed);
  std::vector<RandomHistogram> sources;
  for (uint32_t i = 0; i < 16; ++i) {
    sources.emplace_back(seed + i, i % 2 == 1, i % 4 == 0, i % 3 == 0);
  }
  MixedModel want;
  model::TimeMs t = 1'000'000;
  for (int batch = 0; batch < 250; ++batch) {
    t += 1 + random() % 10'000;
    auto appender = head_->NewAppender();
    for (int i = 0; i < 12; ++i) {
      const Labels labels{{"__name__", "h"}, {"i", std::to_string(i)}};
      // Series 10 and 11 change from kind to kind.
      const auto source = static_cast<size_t>(i < 10 ? i : 10 + random() % 6);
      if (i >= 10 && random() % 3 == 0) {
        const double v = static_cast<double>(random() % 100);
        ASSERT_EQ(appender->Append(SeriesRef::kNone, labels, {t, v}).outcome, Outcome::kAccepted);
        want[labels][t] = testing_support::Bits(v);
        continue;
      }
      const model::AnyHistogram h = sources[source].Next();
      ASSERT_EQ(appender->AppendHistogram(SeriesRef::kNone, labels, t, h).outcome,
                Outcome::kAccepted);
      want[labels][t] = Plain(h);
    }
    ASSERT_TRUE(appender->Commit().ok());
    if (batch % 50 == 49) {
      EXPECT_EQ(Difference(Mixed(), want), "");
      appender.reset();
      Start();
      ASSERT_EQ(Difference(Mixed(), want), "");
    }
  }
}

// Commits 1, 3 and 4 are seen, 2 and 5 not, and the series changes its kind on the way.
TEST(HeadSelectionTest, HiddenSamplesBetweenVisibleOnesAreLeftOutWhateverTheirKind) {
  HeadOptions options;
  options.hash_seed = 1;
  Head::Parts parts(options);
  const Labels labels{{"__name__", "a"}};
  const base::Hash128 hash = parts.Hash(labels);
  MemSeries* series = parts.map.FindOrCreate(
      hash, [&] { return parts.NewSeries(SeriesRef{1}, hash, labels); }, [](MemSeries*) {});
  parts.List({&series, 1});
  RandomHistogram source(5, false, false, false);
  HeadDelta delta;
  std::map<model::TimeMs, testing_support::PlainSample> want;
  for (int i = 0; i < 20; ++i) {
    const CommitSeq seq = static_cast<CommitSeq>(1 + i / 4);
    const model::TimeMs t = i * 10;
    const bool seen = seq != 2 && seq != 5;
    if (i % 3 == 0) {
      ASSERT_TRUE(series->Append({t, i * 0.5}, seq, {}, &delta));
      if (seen) want[t] = testing_support::Bits(i * 0.5);
    } else {
      const model::AnyHistogram h = source.Next();
      ASSERT_TRUE(series->AppendHistogram({t, Fingerprint(h)}, h, seq, {}, &delta));
      if (seen) want[t] = Plain(h);
    }
  }
  EXPECT_EQ(delta.samples, 20);
  HeadSelection selection(1, {});
  RetiredChunks view;
  {
    absl::MutexLock lock(parts.StripeOf(series->ref));
    selection.Add(series, {4, {2}}, &view);
  }
  ASSERT_TRUE(selection.Finish(&parts.order, parts.index, nullptr).ok());
  ASSERT_EQ(selection.size(), 1);
  chunk::MixedColumns read;
  ASSERT_TRUE(selection.ReadMixed(0, {}, &read).ok());
  std::map<model::TimeMs, testing_support::PlainSample> got;
  for (size_t i = 0; i < read.floats.size(); ++i) {
    got[read.floats.times[i]] = testing_support::Bits(read.floats.values[i]);
  }
  for (size_t i = 0; i < read.histograms.size(); ++i) {
    got[read.histograms.times[i]] = Plain(read.histograms.values[i]);
  }
  EXPECT_EQ(got.size(), 12u);
  EXPECT_TRUE(got == want);
}

TEST(HistogramBytes, ComeBackToTheBit) {
  const uint32_t seed = testing_support::Seed();
  SCOPED_TRACE(fmt::format("seed {}", seed));
  for (uint32_t kind = 0; kind < 8; ++kind) {
    RandomHistogram source(seed + kind, kind & 1, kind & 2, kind & 4);
    for (int i = 0; i < 100; ++i) {
      const model::AnyHistogram h = source.Next();
      std::string bytes;
      AppendHistogram(h, &bytes);
      std::string_view in = bytes;
      model::AnyHistogram back;
      ASSERT_TRUE(TakeHistogram(&in, &back));
      EXPECT_TRUE(in.empty());
      EXPECT_TRUE(model::SameBits(h, back));
      EXPECT_EQ(model::HintOf(h), model::HintOf(back));
      EXPECT_EQ(testing_support::Bits(Fingerprint(h)), testing_support::Bits(Fingerprint(back)));
      for (size_t n = 0; n < bytes.size(); ++n) {
        std::string_view shorter = std::string_view(bytes).substr(0, n);
        EXPECT_FALSE(TakeHistogram(&shorter, &back));
      }
    }
  }
}

TEST(MemSeriesSize, IsWhatTheReadmeSays) { EXPECT_EQ(sizeof(MemSeries), 128u); }

}  // namespace
}  // namespace storage
