// Which exemplars a store should hold, the slow and obvious way.
#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "storage/database.h"
#include "storage/model/exemplar.h"

namespace testing_support {

struct ExemplarLess {
  bool operator()(const model::Exemplar& a, const model::Exemplar& b) const {
    return Compare(a, b) < 0;
  }
};
using ExemplarSet = std::set<model::Exemplar, ExemplarLess>;
using ExemplarModel = std::map<model::Labels, ExemplarSet>;

inline model::Exemplar TestExemplar(model::TimeMs t, double value, std::string_view trace) {
  return {model::Labels{{"trace_id", trace}}, value, t, true};
}

// In label order, each series once and none empty, each exemplar once and in order.
inline ExemplarModel ToModel(const std::vector<storage::ExemplarSeries>& all) {
  ExemplarModel model;
  for (size_t i = 0; i < all.size(); ++i) {
    if (i > 0) {
      EXPECT_LT(all[i - 1].labels, all[i].labels);
    }
    EXPECT_FALSE(all[i].exemplars.empty());
    const std::vector<model::Exemplar>& exemplars = all[i].exemplars;
    for (size_t k = 1; k < exemplars.size(); ++k) {
      EXPECT_TRUE(Compare(exemplars[k - 1], exemplars[k]) < 0) << exemplars[k].t;
    }
    model[all[i].labels].insert(exemplars.begin(), exemplars.end());
  }
  return model;
}

inline ExemplarModel ReadExemplars(storage::Database& db, model::TimeRange range = {},
                                   const std::vector<model::Matcher>& matchers = {}) {
  const std::vector<std::vector<model::Matcher>> sets = {matchers};
  const auto all = db.Exemplars(sets, range);
  EXPECT_TRUE(all.ok()) << all.status();
  return all.ok() ? ToModel(*all) : ExemplarModel();
}

inline void DeleteExemplars(ExemplarModel* model, const std::vector<model::Matcher>& matchers,
                            model::TimeRange range) {
  for (auto it = model->begin(); it != model->end();) {
    const bool asked = std::all_of(matchers.begin(), matchers.end(), [&](const auto& m) {
      return m.Matches(it->first.Get(m.name()));
    });
    if (asked) std::erase_if(it->second, [&](const auto& e) { return range.Contains(e.t); });
    it = it->second.empty() ? model->erase(it) : std::next(it);
  }
}

// The first few that only one of the two has, one a line; empty when they are equal.
inline std::string Difference(const ExemplarModel& got, const ExemplarModel& want) {
  std::string text;
  int lines = 0;
  const auto missing = [&](const ExemplarModel& from, const ExemplarModel& in, const char* what) {
    for (const auto& [labels, exemplars] : from) {
      const auto series = in.find(labels);
      for (const model::Exemplar& e : exemplars) {
        if (series != in.end() && series->second.contains(e)) continue;
        if (++lines <= 10) {
          text += fmt::format("{} {} @{} {} {}\n", what, labels.ToString(), e.t, e.value,
                              e.labels.ToString());
        }
      }
    }
  };
  missing(want, got, "missing");
  missing(got, want, "too many");
  return text;
}

}  // namespace testing_support
