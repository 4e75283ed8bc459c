// Rows of many series, made by several threads and taken in order by one.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include <absl/status/statusor.h>

#include "promql/context.h"
#include "promql/kernels/window_edges.h"
#include "promql/operator.h"
#include "promql/samples.h"

namespace promql {

// Things to say about a series, as bits that its operator knows.
struct SeriesNotes {
  int series = 0;
  uint32_t notes = 0;
  int64_t overlaps = 0;  // See Annotate.
};

// What one part of the series came to.
struct ExchangePart {
  Tile tile;
  SampleTally samples_read;
  std::vector<SeriesNotes> notes;
  // For whoever fills the part: kept from part to part.
  Samples samples;
  std::vector<model::TimeMs> counted_times;
  std::vector<uint32_t> counted_through;
  SampleTally counted;
  kernels::WindowEdges edges;  // Of counted_times.
  std::vector<model::TimeMs> float_starts, starts;  // Of `samples`; empty when they have none.
};

// Series 0..n-1 are cut into parts of about a tile. Each is filled by one thread, the caller's or a
// helper's, at most a few parts ahead. Used by one thread; destroyed at any time.
class Exchange {
 public:
  // Fills *part with the rows of series [begin, end): tile, samples_read, notes (empty). Called
  // from several threads at once, each with a Context of its own.
  using Fill =
      std::function<absl::Status(Context& context, int begin, int end, ExchangePart* part)>;

  Exchange(int num_series, Fill fill);
  ~Exchange();

  // The next rows; false at the end. Adds to context.samples, and to *notes those of all
  // series up to here.
  absl::StatusOr<bool> Next(Context& context, Tile* out, std::vector<SeriesNotes>* notes = nullptr);

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace promql
