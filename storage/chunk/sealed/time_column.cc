#include "storage/chunk/sealed/time_column.h"

#include "storage/base/coding.h"
#include "storage/chunk/sealed/int_codec.h"

namespace chunk::sealed {
namespace {

int64_t Minus(int64_t a, int64_t b) {
  return static_cast<int64_t>(static_cast<uint64_t>(a) - static_cast<uint64_t>(b));
}

}  // namespace

void AppendTimes(std::span<const model::TimeMs> times, std::string* out) {
  base::AppendVarint(out, times.size());
  base::AppendZigZag(out, times[0]);
  if (times.size() == 1) return;
  int64_t delta = Minus(times[1], times[0]);
  base::AppendZigZag(out, delta);
  std::vector<int64_t> second;
  second.reserve(times.size());
  for (size_t i = 2; i < times.size(); ++i) {
    const int64_t next = Minus(times[i], times[i - 1]);
    second.push_back(Minus(next, delta));
    delta = next;
  }
  AppendInts(second, out);
}

bool ReadTimes(std::string_view in, std::vector<model::TimeMs>* times) {
  uint64_t count;
  int64_t first, delta = 0;
  if (!base::GetVarint(&in, &count) || count == 0 || count > kMaxTimes ||
      !base::GetZigZag(&in, &first)) {
    return false;
  }
  if (count > 1 && !base::GetZigZag(&in, &delta)) return false;
  times->resize(count);
  int64_t* const t = times->data();
  t[0] = first;
  if (count == 1) return in.empty();
  if (!TakeInts(&in, count - 2, t + 2)) return false;
  uint64_t step = static_cast<uint64_t>(delta), now = static_cast<uint64_t>(first) + step;
  t[1] = static_cast<int64_t>(now);
  for (size_t i = 2; i < count; ++i) {
    step += static_cast<uint64_t>(t[i]);
    now += step;
    t[i] = static_cast<int64_t>(now);
  }
  return in.empty();
}

}  // namespace chunk::sealed
