#include "promql/operators/exchange.h"

#include <algorithm>
#include <atomic>
#include <new>
#include <utility>
#include <vector>

#include <absl/synchronization/mutex.h>

#include "promql/helpers.h"
#include "storage/base/memory_meter.h"
#include "storage/base/status.h"

namespace promql {
namespace {

// With fewer series than this a second thread costs more than it brings.
constexpr int kWorthSharing = 64;
// Rows longer than this are made one at a time: parts in advance would be much memory.
constexpr int kMostShared = 16 * kTileCells;

}  // namespace

// A ring of parts: part p uses slot p % slots. Claimed in order, filled in any, taken in order.
struct Exchange::State {
  struct Slot {
    ExchangePart part;
    absl::Status status;
    bool filled = false;
  };

  // Constant once the first part is asked for.
  int num_series = 0, part_series = 0, num_parts = 0;
  bool count_steps = false;
  Fill fill;
  Context context;  // Of helpers: never charged, never annotated.
  Helpers* helpers = nullptr;
  base::MemoryMeter* memory = nullptr;  // Of the query; lives while a part is being filled.

  absl::Mutex mu;
  std::vector<Slot> slots;  // Elements belong to whoever claimed the part, until filled.
  int claimed ABSL_GUARDED_BY(mu) = 0;
  int taken ABSL_GUARDED_BY(mu) = 0;
  int helping ABSL_GUARDED_BY(mu) = 0;  // Tasks queued or running.
  int running ABSL_GUARDED_BY(mu) = 0;
  bool stopped ABSL_GUARDED_BY(mu) = false;

  bool CanClaim() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu) {
    return !stopped && claimed < num_parts && claimed < taken + static_cast<int>(slots.size());
  }

  Slot& SlotOf(int part) { return slots[part % slots.size()]; }

  void FillPart(Context& with, int part) {
    Slot& slot = SlotOf(part);
    slot.part.tile.Reset(with.grid.size());
    slot.part.samples_read.Reset(count_steps ? with.grid.size() : 0);
    slot.part.notes.clear();
    const int begin = part * part_series;
    try {
      slot.status = fill(with, begin, std::min(num_series, begin + part_series), &slot.part);
    } catch (const std::bad_alloc&) {
      slot.status = base::ResourceExhausted("query ran out of memory in query execution");
    }
    absl::MutexLock lock(&mu);
    slot.filled = true;
  }

  void Help() {
    Context mine = context;
    {
      absl::MutexLock lock(&mu);
      ++running;
    }
    for (;;) {
      int part;
      {
        absl::MutexLock lock(&mu);
        if (!CanClaim()) {
          --running, --helping;
          return;
        }
        part = claimed++;
      }
      const base::MemoryMeter::Scope counted(memory);
      FillPart(mine, part);
    }
  }
};

Exchange::Exchange(int num_series, Fill fill) : state_(std::make_shared<State>()) {
  state_->num_series = num_series;
  state_->fill = std::move(fill);
}

Exchange::~Exchange() {
  State& state = *state_;
  absl::MutexLock lock(&state.mu);
  state.stopped = true;
  const auto idle = [&state]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(state.mu) {
    return state.running == 0;
  };
  state.mu.Await(absl::Condition(&idle));
}

absl::StatusOr<bool> Exchange::Next(Context& context, Tile* out,
                                    std::vector<SeriesNotes>* notes) {
  State& state = *state_;
  const int steps = context.grid.size();
  out->Reset(steps);
  if (state.part_series == 0) {
    state.part_series = std::max(1, kTileCells / steps);
    state.num_parts = (state.num_series + state.part_series - 1) / state.part_series;
    const bool share = state.num_series >= kWorthSharing && steps <= kMostShared;
    state.helpers = share ? context.helpers : nullptr;
    const int threads = state.helpers == nullptr ? 0 : state.helpers->threads();
    state.slots.resize(threads == 0 ? 1 : 2 * threads + 2);
    state.memory = base::MemoryMeter::OfThread();
    state.context = context;
    state.context.annotations = nullptr;
    state.context.samples_left = state.context.least_left = nullptr;
    state.context.samples = nullptr;
    state.count_steps = context.samples->by_step();
  }
  for (;;) {
    int wanted, mine = -1, tasks = 0;
    {
      absl::MutexLock lock(&state.mu);
      wanted = state.taken;
      if (wanted == state.num_parts) return false;
      State::Slot& slot = state.SlotOf(wanted);
      if (wanted == state.claimed || (!slot.filled && state.CanClaim())) mine = state.claimed++;
      if (state.helpers != nullptr && state.num_parts - state.claimed > 0) {
        tasks = std::min(state.helpers->threads() - state.helping, state.num_parts - state.claimed);
        if (!state.CanClaim()) tasks = 0;
        state.helping += std::max(0, tasks);
      }
    }
    for (int i = 0; i < tasks; ++i) {
      state.helpers->Run([state = state_] { state->Help(); });
    }
    if (mine >= 0) {
      state.FillPart(context, mine);
      if (mine != wanted) continue;  // Perhaps the wanted one has come in the meantime.
    }
    State::Slot& slot = state.SlotOf(wanted);
    absl::MutexLock lock(&state.mu);
    state.mu.Await(absl::Condition(&slot.filled));
    slot.filled = false;
    std::swap(*out, slot.part.tile);
    context.samples->AddAll(slot.part.samples_read);
    if (notes != nullptr) {
      notes->insert(notes->end(), slot.part.notes.begin(), slot.part.notes.end());
    }
    if (!slot.status.ok()) {
      state.stopped = true;
      return slot.status;
    }
    ++state.taken;  // From here the slot is another part's.
    if (out->size() > 0) return true;
  }
}

}  // namespace promql
