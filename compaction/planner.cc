#include "compaction/planner.h"

#include <algorithm>
#include <limits>
#include <map>

#include <fmt/format.h>

#include "storage/block/ulid.h"
#include "storage/model/time_windows.h"

namespace compaction {
namespace {

using storage::BlockMeta;

constexpr model::TimeMs kMinTime = std::numeric_limits<model::TimeMs>::min();
constexpr model::TimeMs kMaxTime = std::numeric_limits<model::TimeMs>::max();

// Saturates: damaged or foreign clocks may give any time.
model::TimeMs Add(model::TimeMs t, int64_t delta) {
  model::TimeMs sum;
  if (!__builtin_add_overflow(t, delta, &sum)) return sum;
  return delta < 0 ? kMinTime : kMaxTime;
}

struct Window {
  std::vector<const BlockMeta*> levels[3];  // By level, as many as there are; higher count as 2.
};

std::map<model::TimeMs, Window> ByWindow(const PlanOptions& options, int64_t width_ms,
                                         std::span<const BlockMeta> metas) {
  std::map<model::TimeMs, Window> windows;
  for (const BlockMeta& meta : metas) {
    const model::TimeMs start = model::WindowStart(Add(meta.range.max, -options.slack_ms - 1), width_ms);
    windows[start].levels[std::clamp(meta.level, 0, 2)].push_back(&meta);
  }
  return windows;
}

// What is written later is of use to nobody in an earlier window: time has passed, or newer data
// has been flushed (which is how an import moves on).
bool Finished(const PlanOptions& options, model::TimeMs start, int64_t width_ms,
              model::TimeMs newest, model::TimeMs now) {
  const model::TimeMs settled = Add(Add(start, width_ms), options.settle_ms);
  return now >= settled || newest >= settled;
}

bool WaitedEnough(const PlanOptions& options, const std::vector<const BlockMeta*>& blocks,
                  model::TimeMs now) {
  if (blocks.size() >= options.max_waiting) return true;
  return std::any_of(blocks.begin(), blocks.end(), [&](const BlockMeta* block) {
    return storage::block::UlidTimeMs(block->ulid) <= now - options.late_wait_ms;
  });
}

Plan Merge(std::initializer_list<const std::vector<const BlockMeta*>*> groups, int level,
           std::string reason) {
  std::vector<const BlockMeta*> blocks;
  for (const auto* group : groups) blocks.insert(blocks.end(), group->begin(), group->end());
  std::sort(blocks.begin(), blocks.end(), [](const BlockMeta* a, const BlockMeta* b) {
    return std::tie(a->range.min, a->ulid) < std::tie(b->range.min, b->ulid);
  });
  Plan plan;
  plan.level = level;
  plan.reason = std::move(reason);
  for (const BlockMeta* block : blocks) plan.blocks.push_back(block->ulid);
  return plan;
}

}  // namespace

Plan CleanPlan(const BlockMeta& block) {
  return {{block.ulid}, block.level, "samples were deleted"};
}

std::optional<Plan> MakePlan(const PlanOptions& options, std::span<const BlockMeta> metas,
                             model::TimeMs now) {
  model::TimeMs newest = kMinTime;
  for (const BlockMeta& meta : metas) newest = std::max(newest, meta.range.max);

  for (const auto& [start, window] : ByWindow(options, options.window_ms, metas)) {
    const auto& [fresh, merged, days] = window.levels;
    if (fresh.empty()) continue;
    if (Finished(options, start, options.window_ms, newest, now)) {
      return Merge({&fresh, &merged}, 1, "a window is finished");
    }
    if (fresh.size() >= options.max_waiting) {
      return Merge({&fresh}, 1, "many fresh blocks");
    }
    if (merged.size() >= options.max_waiting) {
      return Merge({&merged}, 1, "many blocks in one window");
    }
  }
  for (const auto& [start, day] : ByWindow(options, options.day_ms, metas)) {
    const auto& [fresh, merged, days] = day.levels;
    if (!fresh.empty() || merged.empty() || merged.size() + days.size() < 2) continue;
    if (!Finished(options, start, options.day_ms, newest, now)) continue;
    if (!days.empty() && !WaitedEnough(options, merged, now)) continue;
    return Merge({&merged, &days}, 2, "a day is finished");
  }
  for (const BlockMeta& meta : metas) {
    if (meta.level == 0) continue;  // Fresh ones are merged soon.
    if (model::CutByDay(meta.range).size() > 1) return Plan{{meta.ulid}, 1, "it spans days"};
    if (meta.deleted_series > meta.num_series / 20) return CleanPlan(meta);
  }
  return std::nullopt;
}

}  // namespace compaction
