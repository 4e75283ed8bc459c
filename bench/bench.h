// What every bench does: repeat, take the CPU time of the process, print one line of JSON.
#pragma once

#include <fmt/format.h>
#include <time.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace bench {

inline double CpuSeconds() {
  timespec t;
  ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
  return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_nsec) * 1e-9;
}

// Keeps the compiler from throwing a result away.
template <class T>
void Keep(const T& value) {
  asm volatile("" : : "r"(&value) : "memory");
}

struct Timing {
  double best_s = 0, median_s = 0;  // CPU seconds of one round.
};

// Runs `round` until `at_least_s` CPU seconds have gone, and 5 times at the least.
template <class F>
Timing Measure(F&& round, double at_least_s = 1.0) {
  std::vector<double> seconds;
  double total = 0;
  while (seconds.size() < 5 || total < at_least_s) {
    const double begin = CpuSeconds();
    round();
    seconds.push_back(CpuSeconds() - begin);
    total += seconds.back();
  }
  std::sort(seconds.begin(), seconds.end());
  return {seconds.front(), seconds[seconds.size() / 2]};
}

// {"bench":"xor_encode","value":123.4,"unit":"Msamples/cpu_s","note":"..."}
inline void Print(std::string_view name, double value, std::string_view unit, std::string_view note = {}) {
  std::string text;
  for (const char c : note) {  // Queries have quotes.
    if (c == '"' || c == '\\') text += '\\';
    text += c;
  }
  fmt::print("{{\"bench\":\"{}\",\"value\":{:.4g},\"unit\":\"{}\"{}}}\n", name, value, unit,
             text.empty() ? "" : fmt::format(",\"note\":\"{}\"", text));
}

}  // namespace bench
