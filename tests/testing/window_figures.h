// What functions over windows make of a series, each window by itself: to compare columns of which
// samples were left out with whole ones.
#pragma once

#include <bit>
#include <cmath>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "storage/chunk/thin.h"

namespace testing_support {

inline constexpr chunk::Want kWants[] = {
    chunk::Want::kAll,   chunk::Want::kCount,   chunk::Want::kLast, chunk::Want::kEnds,
    chunk::Want::kFalls, chunk::Want::kChanges, chunk::Want::kMin,  chunk::Want::kMax};

inline chunk::SampleColumns WithoutMarkers(const chunk::SampleColumns& samples) {
  chunk::SampleColumns out;
  for (size_t i = 0, before = 0; i < samples.size(); ++i) {
    const size_t n = samples.Count(0, i + 1) - before;
    before += n;
    if (model::IsStaleNan(samples.values[i])) continue;
    out.times.push_back(samples.times[i]);
    out.values.push_back(samples.values[i]);
    if (samples.through.empty()) continue;
    out.through.push_back((out.through.empty() ? 0 : out.through.back()) + static_cast<uint32_t>(n));
  }
  return out;
}

// A line for each window with samples, of what `want` speaks of: values by their bits.
inline std::string Figures(const chunk::SampleColumns& given, const chunk::Windows& windows) {
  using chunk::Want;
  const Want want = windows.want;
  const chunk::SampleColumns s = want == Want::kLast ? given : WithoutMarkers(given);
  const auto bits = [](double v) { return std::bit_cast<uint64_t>(v); };
  std::string out;
  for (int step = 0; step < windows.steps; ++step) {
    const model::TimeMs last = windows.first_end + step * windows.step_ms;
    size_t begin = 0, end = 0;
    while (end < s.size() && s.times[end] <= last) ++end;
    while (begin < end && s.times[begin] <= last - windows.range_ms) ++begin;
    if (begin == end) continue;
    out += fmt::format("{}:", step);
    const double* const v = s.values.data();
    const auto say = [&](size_t i) { out += fmt::format(" {}={:x}", s.times[i], bits(v[i])); };
    if (want == Want::kLast) {
      say(end - 1);
    } else if (want == Want::kMin || want == Want::kMax) {
      double best = v[end - 1];
      for (size_t i = begin, any = 0; i < end; ++i) {
        if (std::isnan(v[i]) || (any && !(want == Want::kMin ? v[i] < best : v[i] > best))) continue;
        best = v[i];
        any = 1;
      }
      out += fmt::format(" {:x}", bits(best));
    } else if (want == Want::kCount) {
      out += fmt::format(" {} {}", s.times[begin], s.times[end - 1]);
    } else {
      say(begin), say(end - 1);
      if (end - begin > 1) say(end - 2);
    }
    if (want != Want::kLast) out += fmt::format(" of {}", s.Count(begin, end));
    double fallen = 0;
    int resets = 0, changes = 0;
    for (size_t i = begin + 1; i < end; ++i) {
      if (v[i] < v[i - 1]) ++resets, fallen += v[i - 1];
      changes += v[i] != v[i - 1] && !(std::isnan(v[i]) && std::isnan(v[i - 1]));
      if (want == Want::kAll) say(i);
    }
    if (want == Want::kFalls) out += fmt::format(" {} resets, {:x}", resets, bits(fallen));
    if (want == Want::kChanges) out += fmt::format(" {} changes", changes);
    out += "\n";
  }
  return out;
}

// Values of every kind: counters with resets, gauges, constants, decimals, NaN, markers, zeros of
// either sign; by `kind`.
template <class Random>
double NextValue(Random& random, int kind, double before) {
  const auto one_in = [&](unsigned n) { return random() % n == 0; };
  switch (kind % 8) {
    case 0: return one_in(700) ? 0 : (std::isfinite(before) ? before : 0) + random() % 100;
    case 1: return 4096.0 * (random() % 1000);
    case 2: return one_in(400) ? random() % 2 : before;
    case 3: return one_in(300) ? model::StaleNan() : random() % 1000 / 8.0;
    case 4: return one_in(100) ? model::NormalNan() : one_in(5) ? 0.0 : one_in(5) ? -0.0 : before;
    case 5: return std::bit_cast<double>(static_cast<uint64_t>(random()) << 32 | random());
    case 6: return one_in(500) ? model::StaleNan() : before + (one_in(3) ? 1 : 0);
    default: return random() % 2000 / 100.0 - 10;
  }
}

// Windows that cut a series of `n` samples every `step_ms` from `start` on in long or short cells.
template <class Random>
chunk::Windows RandomWindows(Random& random, model::TimeMs start, int64_t step_ms, int64_t n) {
  chunk::Windows windows;
  const int64_t length = n * step_ms;
  const auto below = [&](int64_t limit) { return static_cast<int64_t>(random() % static_cast<uint64_t>(limit)); };
  windows.steps = random() % 4 == 0 ? 1 : 1 + static_cast<int>(below(40));
  windows.step_ms = 1 + (random() % 2 ? below(step_ms * 20) : below(length));
  if (random() % 20 == 0) windows.step_ms = 0;
  windows.range_ms = windows.step_ms > 0 && random() % 3 == 0 ? windows.step_ms * (1 + below(3)) : 1 + below(length);
  windows.first_end = start - length / 4 + below(length + length / 2);
  windows.want = kWants[random() % std::size(kWants)];
  return windows;
}

inline model::TimeRange RangeOf(const chunk::Windows& windows) {
  return {windows.first_end - windows.range_ms + 1,
          windows.first_end + windows.step_ms * (windows.steps - 1)};
}

}  // namespace testing_support
