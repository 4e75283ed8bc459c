#include "promql/equal_parts.h"

#include <algorithm>
#include <bit>
#include <iterator>
#include <string>
#include <vector>

#include <absl/container/flat_hash_map.h>
#include <fmt/format.h>

#include "promql/printer.h"
#include "promql/signatures.h"

namespace promql {
namespace {

uint64_t Bits(double v) { return std::bit_cast<uint64_t>(v); }

void AppendText(std::string_view text, std::string* key) {
  fmt::format_to(std::back_inserter(*key), "{}:{} ", text.size(), text);
}

void AppendTexts(const std::vector<std::string>& texts, std::string* key) {
  fmt::format_to(std::back_inserter(*key), "{}* ", texts.size());
  for (const std::string& text : texts) AppendText(text, key);
}

void AppendMatching(const VectorMatching& matching, std::string* key) {
  fmt::format_to(std::back_inserter(*key), "{} {} ", static_cast<int>(matching.card), matching.on);
  AppendTexts(matching.labels, key);
  AppendTexts(matching.include, key);
  for (const auto& fill : {matching.fill_lhs, matching.fill_rhs}) {
    if (fill.has_value()) fmt::format_to(std::back_inserter(*key), "{}", Bits(*fill));
    key->push_back(' ');
  }
}

// How the samples are counted that a node looks at: see SampleTally.
enum class Counted { kByStepOfQuery, kInAll, kByStepOfSubquery };

class Finder {
 public:
  explicit Finder(Plan* plan) : plan_(plan) {}

  void Run() {
    Number(plan_->root.get(), Counted::kByStepOfQuery);
    for (std::vector<PlanNode*>& nodes : nodes_) {
      if (nodes.size() < 2) continue;
      for (PlanNode* node : nodes) node->equal_part = static_cast<int>(plan_->equal_parts.size());
      plan_->equal_parts.push_back(*std::max_element(
          nodes.begin(), nodes.end(), [](const PlanNode* a, const PlanNode* b) {
            return a->expr->pos.begin < b->expr->pos.begin;  // In the text.
          }));
    }
  }

 private:
  struct Numbered {
    int number = 0;  // The same for equal nodes.
    bool reads = false, starts = false;
  };

  Numbered Number(PlanNode* node, Counted counted) {
    std::string key;
    Numbered out{0, node->selector >= 0 || node->kind == PlanKind::kInfo, node->starts};
    AppendOwn(*node, counted, &key);
    for (const auto& input : node->input) {
      if (input == nullptr) continue;
      const Numbered in = Number(input.get(), CountedInside(*node, counted));
      out.reads |= in.reads, out.starts |= in.starts;
      fmt::format_to(std::back_inserter(key), "#{}", in.number);
    }
    const auto [it, added] = numbers_.try_emplace(std::move(key), static_cast<int>(nodes_.size()));
    if (added) nodes_.emplace_back();
    out.number = it->second;
    if (IsWorthHolding(node->kind) && out.reads && !out.starts) {
      nodes_[out.number].push_back(node);
    }
    return out;
  }

  static Counted CountedInside(const PlanNode& node, Counted counted) {
    if (node.kind == PlanKind::kStepInvariant) return Counted::kInAll;
    if (node.kind != PlanKind::kSubquery) return counted;
    return node.windows.steps > 1 && node.windows.step_ms > 0 ? Counted::kByStepOfSubquery
                                                              : Counted::kInAll;
  }

  static bool IsWorthHolding(PlanKind kind) {
    switch (kind) {
      case PlanKind::kNumber:
      case PlanKind::kString:
      case PlanKind::kSelect:
      case PlanKind::kTimestamps:
      case PlanKind::kStarts:
      case PlanKind::kMatrix:
      case PlanKind::kSubquery:
      case PlanKind::kStepInvariant:  // What it repeats may be.
        return false;
      case PlanKind::kWindow:
      case PlanKind::kCells:
      case PlanKind::kInfo:
      case PlanKind::kCall:
      case PlanKind::kNegate:
      case PlanKind::kBinary:
      case PlanKind::kAggregate:
        return true;
    }
    return false;
  }

  // All that matters but the inputs.
  static void AppendOwn(const PlanNode& node, Counted counted, std::string* key) {
    const WindowGrid& w = node.windows;
    fmt::format_to(std::back_inserter(*key), "{} {} {} {} {} ", static_cast<int>(node.kind),
                   static_cast<int>(counted), node.grid.start, node.grid.end, node.grid.step_ms);
    fmt::format_to(std::back_inserter(*key), "{} {} {} {} {} {} ", w.first_end, w.step_ms, w.steps,
                   w.range_ms, w.before_ms, w.after_ms);
    fmt::format_to(std::back_inserter(*key), "{} {} {} {} {} {} ", Bits(node.number), node.selector,
                   node.matrix, static_cast<int>(node.smoothing), static_cast<int>(node.buckets),
                   node.starts);
    const Expr& expr = *node.expr;
    switch (node.kind) {
      case PlanKind::kString: return AppendText(expr.text, key);
      case PlanKind::kSelect:
      case PlanKind::kTimestamps:
      case PlanKind::kStarts:
      case PlanKind::kMatrix:
        return AppendText(ToString(expr), key);
      case PlanKind::kWindow:
        AppendText(expr.function->name, key);
        if (node.selector >= 0) AppendText(ToString(*expr.args[node.matrix]), key);
        return;
      case PlanKind::kInfo:
        if (expr.args.size() > 1) AppendText(ToString(*expr.args[1]), key);
        return;
      case PlanKind::kCells:
      case PlanKind::kCall:
        return AppendText(expr.function->name, key);
      case PlanKind::kBinary:
        fmt::format_to(std::back_inserter(*key), "{} {} ", static_cast<int>(expr.op),
                       expr.return_bool);
        if (expr.matching.has_value()) AppendMatching(*expr.matching, key);
        return;
      case PlanKind::kAggregate:
        fmt::format_to(std::back_inserter(*key), "{} {} ", static_cast<int>(expr.aggregate),
                       expr.without);
        return AppendTexts(expr.grouping, key);
      case PlanKind::kNumber:
      case PlanKind::kSubquery:
      case PlanKind::kNegate:
      case PlanKind::kStepInvariant:
        return;
    }
  }

  Plan* plan_;
  absl::flat_hash_map<std::string, int> numbers_;
  std::vector<std::vector<PlanNode*>> nodes_;  // By number: those that are worth holding.
};

}  // namespace

void FindEqualParts(Plan* plan) { Finder(plan).Run(); }

}  // namespace promql
