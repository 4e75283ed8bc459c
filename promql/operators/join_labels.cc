#include "promql/operators/join_labels.h"

#include <algorithm>
#include <utility>

#include <absl/container/flat_hash_map.h>

#include "promql/operators/label_picker.h"

namespace promql {
namespace {

class ResultLabels {
 public:
  ResultLabels(const VectorMatching& matching, bool drop_metadata)
      : matching_(matching),
        drop_metadata_(drop_metadata),
        picker_(matching.card != MatchCard::kOneToOne ? LabelPicker::AllBut({})
                : matching.on                         ? LabelPicker::Only(matching.labels)
                                                      : LabelPicker::AllBut(matching.labels)) {}

  // Replaces *out with the canonical labels of the result.
  void Make(model::LabelsView many, bool hide_many, model::LabelsView one, bool hide_one,
            std::string* out) {
    picker_.Pick(many, hide_many || drop_metadata_, out);
    if (matching_.include.empty()) return;
    builder_.Reset(model::LabelsView(*out));
    for (const std::string& name : matching_.include) {
      const bool hidden = hide_one && IsMetadataLabel(name);
      builder_.Set(name, hidden ? std::string_view() : one.Get(name));
    }
    *out = builder_.Build().bytes();
  }

 private:
  const VectorMatching& matching_;
  const bool drop_metadata_;
  const LabelPicker picker_;
  model::LabelsBuilder builder_;
};

// Renumbers results so that those with a single many series come first, and orders the pairs of
// each many series by result.
void OrderResults(JoinLabels* join) {
  const int n = static_cast<int>(join->series.size());
  std::vector<int> many_of(n, -1);
  std::vector<char> shared(n, 0);
  for (const JoinFill& fill : join->fills) shared[fill.out] = 1;
  for (size_t m = 0; m + 1 < join->first_pair.size(); ++m) {
    for (int p = join->first_pair[m]; p < join->first_pair[m + 1]; ++p) {
      int& many = many_of[join->pairs[p].out];
      if (many >= 0 && many != static_cast<int>(m)) shared[join->pairs[p].out] = 1;
      many = static_cast<int>(m);
    }
  }
  std::vector<int> place(n);
  std::vector<model::Labels> series;
  for (const char wanted : {0, 1}) {
    for (int i = 0; i < n; ++i) {
      if (shared[i] != wanted) continue;
      place[i] = static_cast<int>(series.size());
      series.push_back(std::move(join->series[i]));
    }
    if (wanted == 0) join->num_passing = static_cast<int>(series.size());
  }
  join->series = std::move(series);
  for (JoinPair& pair : join->pairs) pair.out = place[pair.out];
  for (JoinFill& fill : join->fills) fill.out = place[fill.out];
  for (size_t m = 0; m + 1 < join->first_pair.size(); ++m) {
    std::stable_sort(join->pairs.begin() + join->first_pair[m],
                     join->pairs.begin() + join->first_pair[m + 1],
                     [](const JoinPair& a, const JoinPair& b) { return a.out < b.out; });
  }
}

// Gives pairs that must not meet a common id: in one-to-one matching those of different many series
// in one group, else those that give one result within a group.
void NumberMatches(const VectorMatching& matching, JoinLabels* join) {
  absl::flat_hash_map<std::pair<int, int>, std::pair<int, int>> ids;  // -> first many, id
  for (size_t m = 0; m + 1 < join->first_pair.size(); ++m) {
    const int group = join->many_group[m];
    for (int p = join->first_pair[m]; p < join->first_pair[m + 1]; ++p) {
      const int result = matching.card == MatchCard::kOneToOne ? -1 : join->pairs[p].out;
      const auto [it, added] =
          ids.try_emplace({group, result}, static_cast<int>(m), join->num_matches);
      if (added) ++join->num_matches;
      join->pairs[p].match = it->second.second;
    }
  }
  // An id with one many series can meet nobody.
  std::vector<int> many_of(join->num_matches, -1), new_id(join->num_matches, -1);
  int count = 0;
  for (size_t m = 0; m + 1 < join->first_pair.size(); ++m) {
    for (int p = join->first_pair[m]; p < join->first_pair[m + 1]; ++p) {
      const int id = join->pairs[p].match;
      if (many_of[id] >= 0 && many_of[id] != static_cast<int>(m) && new_id[id] < 0) {
        new_id[id] = count++;
      }
      many_of[id] = static_cast<int>(m);
    }
  }
  for (JoinPair& pair : join->pairs) pair.match = new_id[pair.match];
  join->num_matches = count;
}

}  // namespace

JoinLabels MakeJoinLabels(const VectorMatching& matching, const BorrowedSeries& lhs,
                          const BorrowedSeries& rhs, bool drop_metadata) {
  JoinLabels join;
  MatchGroups groups = MatchSeries(matching, lhs, rhs);
  join.num_groups = groups.count;
  const bool swap = matching.card == MatchCard::kOneToMany;
  const BorrowedSeries& many = swap ? rhs : lhs;
  const BorrowedSeries& one = swap ? lhs : rhs;
  join.many_group = std::move(swap ? groups.rhs : groups.lhs);
  join.one_group = std::move(swap ? groups.lhs : groups.rhs);

  // Members of each group on the one side, in their order.
  std::vector<int> first(join.num_groups + 1), members(join.one_group.size());
  for (const int group : join.one_group) ++first[group + 1];
  for (int g = 0; g < join.num_groups; ++g) first[g + 1] += first[g];
  std::vector<int> at(first.begin(), first.end() - 1);
  for (size_t i = 0; i < join.one_group.size(); ++i) {
    members[at[join.one_group[i]]++] = static_cast<int>(i);
  }

  ResultLabels result(matching, drop_metadata);
  Numbering numbering;
  std::string key;
  const auto number = [&](model::LabelsView m, bool hide_m, model::LabelsView o, bool hide_o) {
    result.Make(m, hide_m, o, hide_o, &key);
    const int out = numbering.Number(key);
    if (out == static_cast<int>(join.series.size())) {
      join.series.push_back(model::Labels::FromCanonical(key));
    }
    return out;
  };
  for (size_t m = 0; m < many.labels.size(); ++m) {
    join.first_pair.push_back(static_cast<int>(join.pairs.size()));
    const model::LabelsView labels = many.labels[m];
    const int group = join.many_group[m];
    int out = -1;
    for (int i = first[group]; i < first[group + 1]; ++i) {
      if (out < 0 || !matching.include.empty()) {
        out = number(labels, many.hide_metadata, one.labels[members[i]], one.hide_metadata);
      }
      join.pairs.push_back({members[i], out});
    }
    if (matching.fill_rhs.has_value()) {
      const model::Labels missing = MatchLabels(matching, labels, many.hide_metadata);
      join.pairs.push_back({-1, number(labels, many.hide_metadata, missing, false)});
    }
  }
  join.first_pair.push_back(static_cast<int>(join.pairs.size()));
  for (size_t i = 0; matching.fill_lhs.has_value() && i < one.labels.size(); ++i) {
    const model::Labels missing = MatchLabels(matching, one.labels[i], one.hide_metadata);
    join.fills.push_back({static_cast<int>(i),
                          number(missing, false, one.labels[i], one.hide_metadata)});
  }
  OrderResults(&join);
  NumberMatches(matching, &join);
  return join;
}

}  // namespace promql
