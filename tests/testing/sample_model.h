// What a store should hold, the slow and obvious way: every sample of every series in maps.
#pragma once

#include <bit>
#include <cmath>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "storage/block/block_store.h"
#include "storage/chunk/xor_chunk.h"
#include "storage/model/labels.h"
#include "storage/querier.h"

namespace testing_support {

// Values as bits, so that NaNs compare.
using SeriesSamples = std::map<model::TimeMs, uint64_t>;
using SampleModel = std::map<model::Labels, SeriesSamples>;

inline uint64_t Bits(double v) { return std::bit_cast<uint64_t>(v); }

// Owns the bytes of its chunks.
class Chunks {
 public:
  explicit Chunks(const SeriesSamples& samples, size_t per_chunk = 120) {
    chunk::XorEncoder encoder;
    size_t in_chunk = 0;
    for (const auto& [t, bits] : samples) {
      const model::Sample sample{t, std::bit_cast<double>(bits)};
      if (in_chunk == per_chunk || !encoder.Append(sample)) {
        Seal(&encoder);
        in_chunk = 0;
        EXPECT_TRUE(encoder.Append(sample));
      }
      ++in_chunk;
    }
    if (!encoder.empty()) Seal(&encoder);
    for (size_t i = 0; i < views_.size(); ++i) views_[i].bytes = bytes_[i];
  }
  const std::vector<chunk::ChunkView>& views() const { return views_; }

 private:
  void Seal(chunk::XorEncoder* encoder) {
    views_.push_back(encoder->view());
    bytes_.push_back(std::move(*encoder).Seal());
    *encoder = chunk::XorEncoder();
  }
  std::vector<std::string> bytes_;
  std::vector<chunk::ChunkView> views_;
};

inline model::Labels TestLabels(int i) {
  return model::Labels{{"__name__", fmt::format("metric_{}", i % 7)},
                       {"instance", fmt::format("host-{:03}", i / 7)},
                       {"job", i % 2 ? "odd" : "even"}};
}

// Counters, gauges and noise for `num_series` series, every `step_ms` from `start` on.
inline SampleModel RandomModel(std::mt19937& random, int num_series, model::TimeMs start,
                               int64_t step_ms, int samples) {
  SampleModel model;
  for (int i = 0; i < num_series; ++i) {
    SeriesSamples& series = model[TestLabels(i)];
    double value = static_cast<double>(random() % 1000);
    for (int k = 0; k < samples; ++k) {
      if (random() % 50 == 0) continue;  // A missed scrape.
      switch (i % 4) {
        case 0: value += static_cast<double>(random() % 100); break;
        case 1: value = static_cast<double>(random()) / 1e5; break;
        case 2: value = k % 100 == 99 ? model::StaleNan() : 1; break;
        default: break;
      }
      series[start + k * step_ms + (i % 3 == 0 ? static_cast<int64_t>(random() % 5) : 0)] =
          Bits(value);
      if (std::isnan(value)) value = 0;
    }
    if (series.empty()) model.erase(TestLabels(i));
  }
  return model;
}

// Later samples win.
inline void AddTo(SampleModel* model, const SampleModel& more) {
  for (const auto& [labels, samples] : more) {
    for (const auto& [t, bits] : samples) (*model)[labels][t] = bits;
  }
}

inline SampleModel Within(const SampleModel& model, model::TimeRange range) {
  SampleModel out;
  for (const auto& [labels, samples] : model) {
    for (const auto& [t, bits] : samples) {
      if (range.Contains(t)) out[labels][t] = bits;
    }
  }
  return out;
}

// Of the series that satisfy all of `matchers`.
inline void DeleteFrom(SampleModel* model, const std::vector<model::Matcher>& matchers,
                       model::TimeRange range) {
  for (auto it = model->begin(); it != model->end();) {
    const bool asked = std::all_of(matchers.begin(), matchers.end(), [&](const auto& m) {
      return m.Matches(it->first.Get(m.name()));
    });
    if (asked) std::erase_if(it->second, [&](const auto& s) { return range.Contains(s.first); });
    it = it->second.empty() ? model->erase(it) : std::next(it);
  }
}

// Everything `querier` gives in `range`, checking order on the way. Without empty series.
inline SampleModel ReadAll(storage::Querier& querier, model::TimeRange range,
                           std::vector<model::Matcher> matchers = {}) {
  SampleModel model;
  auto selection = querier.Select({matchers, range});
  EXPECT_TRUE(selection.ok()) << selection.status();
  if (!selection.ok()) return model;
  chunk::SampleColumns columns;
  for (int i = 0; i < (*selection)->size(); ++i) {
    if (i > 0) {
      EXPECT_LT((*selection)->labels(i - 1), (*selection)->labels(i));
    }
    const absl::Status status = (*selection)->Read(i, range, &columns);
    EXPECT_TRUE(status.ok()) << status;
    EXPECT_EQ(columns.times.size(), columns.values.size());
    for (size_t k = 0; k < columns.size(); ++k) {
      if (k > 0) {
        EXPECT_LT(columns.times[k - 1], columns.times[k]);
      }
      EXPECT_TRUE(range.Contains(columns.times[k]));
      model[model::Labels((*selection)->labels(i))][columns.times[k]] = Bits(columns.values[k]);
    }
  }
  return model;
}

inline absl::Status AddAll(storage::BlockWriter& writer, const SampleModel& model,
                           size_t per_chunk = 120) {
  for (const auto& [labels, samples] : model) {
    if (samples.empty()) continue;
    const Chunks chunks(samples, per_chunk);
    if (absl::Status status = writer.AddSeries(labels, chunks.views()); !status.ok()) return status;
  }
  return absl::OkStatus();
}

// A published block with these samples.
inline storage::BlockMeta WriteBlock(storage::BlockStore& store, const SampleModel& model,
                                     storage::BlockMeta like = {}, size_t per_chunk = 120) {
  auto writer = store.NewBlock(like);
  EXPECT_TRUE(writer.ok()) << writer.status();
  EXPECT_TRUE(AddAll(**writer, model, per_chunk).ok());
  auto meta = (*writer)->Publish();
  EXPECT_TRUE(meta.ok()) << meta.status();
  return meta.ok() ? *meta : storage::BlockMeta();
}

// How two models (maps of labels to maps of times) differ, for messages; empty when they do not.
template <class Model>
std::string Difference(const Model& got, const Model& want) {
  for (const auto& [labels, samples] : want) {
    const auto it = got.find(labels);
    if (it == got.end()) return fmt::format("{} is missing", labels.ToString());
    for (const auto& [t, sample] : samples) {
      const auto found = it->second.find(t);
      if (found == it->second.end()) {
        return fmt::format("{} at {} is missing", labels.ToString(), t);
      }
      if (!(found->second == sample)) return fmt::format("{} at {} differs", labels.ToString(), t);
    }
    if (it->second.size() != samples.size()) {
      return fmt::format("{} has {} samples, not {}", labels.ToString(), it->second.size(),
                         samples.size());
    }
  }
  if (got.size() != want.size()) return fmt::format("{} series, not {}", got.size(), want.size());
  return "";
}

}  // namespace testing_support
