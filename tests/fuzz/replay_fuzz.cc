// Any records may be replayed: input is a row of records, each a length byte (times 4) and bytes.
// The head then shows only what a head can hold, and takes new samples.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "storage/head/head_parts.h"
#include "storage/head/head_querier.h"
#include "storage/head/head_appender.h"
#include "storage/head/replay.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size > 4096) return 0;
  storage::HeadOptions options;
  options.max_exemplars = 100;
  options.hash_seed = 1;
  storage::Head::Parts parts(options);
  storage::ReplayStats stats;
  storage::Replayer replayer(&parts, &stats);
  std::string_view rest(reinterpret_cast<const char*>(data), size);
  while (!rest.empty()) {
    const size_t length = static_cast<unsigned char>(rest[0]) * size_t{4};
    rest.remove_prefix(1);
    const std::string_view record = rest.substr(0, length);
    replayer.Apply(record, 1);
    rest.remove_prefix(record.size());
  }
  replayer.ListNew();

  const model::Labels labels{{"__name__", "up"}};
  {
    storage::HeadAppender appender(&parts);
    appender.Append(storage::SeriesRef::kNone, labels, {1000, 1});
    if (!appender.Commit().ok()) std::abort();
  }
  storage::HeadQuerier querier(&parts, {});
  const auto selection = querier.Select({{}, {}});
  if (!selection.ok()) std::abort();
  chunk::SampleColumns columns;
  chunk::MixedColumns mixed;
  for (int i = 0; i < (*selection)->size(); ++i) {
    if (i > 0 && !((*selection)->labels(i - 1) < (*selection)->labels(i))) std::abort();
    if (!(*selection)->Read(i, {}, &columns).ok()) std::abort();
    for (size_t j = 1; j < columns.size(); ++j) {
      if (columns.times[j - 1] >= columns.times[j]) std::abort();
    }
    if (!(*selection)->ReadMixed(i, {}, &mixed).ok()) std::abort();
    if (mixed.floats.times != columns.times) std::abort();
    for (size_t j = 1; j < mixed.histograms.size(); ++j) {
      if (mixed.histograms.times[j - 1] >= mixed.histograms.times[j]) std::abort();
    }
  }
  return 0;
}
