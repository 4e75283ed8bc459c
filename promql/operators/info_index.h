// Which info series go with a series of info()'s argument, at each step.
#pragma once

#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "promql/ast.h"
#include "promql/context.h"
#include "promql/kernels/window.h"
#include "promql/operator.h"
#include "storage/model/matcher.h"
#include "storage/querier.h"

namespace promql {

inline constexpr std::string_view kIdentifyingLabels[] = {"instance", "job"};

// What the second argument of info() says. Immutable.
class InfoRules {
 public:
  explicit InfoRules(const Expr& call);

  // On __name__: those written; target_info if none is; of *_info if all of them exclude.
  const std::vector<model::Matcher>& names() const { return names_; }
  // Those on other labels: only these labels are taken over, unless there are none.
  const std::vector<model::Matcher>& data() const { return data_; }
  // Whether a series stays when no info series goes with it.
  bool keeps_unmatched() const { return keeps_unmatched_; }
  bool IsInfoSeries(const model::Labels& series) const;
  // `base` with the labels of `infos` that it has not. Where two infos disagree, *conflict is the
  // name of the label.
  model::Labels Enrich(const model::Labels& base, const std::vector<model::LabelsView>& infos,
                       std::string* conflict) const;

 private:
  std::vector<model::Matcher> names_, data_;
  std::set<std::string, std::less<>> data_names_;
  bool keeps_unmatched_ = true;
};

class InfoIndex {  // Not thread-safe.
 public:
  // Reads the info series that may go with `base` in the windows; what is kept of them is charged.
  absl::Status Load(Context& context, const WindowGrid& windows, const InfoRules& rules,
                    const std::vector<model::Labels>& base);
  void Release(Context& context);

  // How many different sets of info series go with series `base`, one after the other; 0 when it is
  // an info series itself.
  int num_sets(int base) const;
  // Labels of the info series of a set; empty when none went with it.
  std::vector<model::LabelsView> Set(int base, int set) const;
  // Which set it is at each step; null when num_sets() < 2.
  const int* SetOfStep(int base) const;

  // An error if, where the row has cells, two info series of one name and target are equally new.
  absl::Status CheckUnique(const Row& row) const;

 private:
  // All info series that share instance and job: what a base series is matched with.
  struct Target {
    bool wanted = false;                 // A base series has these, too.
    std::vector<std::vector<int>> sets;  // Info series, one at most of each name.
    std::vector<int> set_of_step;
  };
  struct Clash {
    int first = -1, second = -1;  // Info series.
    model::TimeMs t = 0;
  };

  // The newest of the info series of one name and target, at each step.
  struct Newest {
    std::vector<int> series;    // -1: none.
    std::vector<double> times;  // In seconds, which tell milliseconds apart.
  };

  absl::Status LayTimes(Context& context, const WindowGrid& windows, int series, Row row);
  void TakeNewer(const Row& times, int series, Newest* best);
  absl::Status Select(Context& context, const WindowGrid& windows, const InfoRules& rules,
                      const std::vector<model::Labels>& base);
  void Settle(int target, const std::vector<const std::vector<int>*>& newest, int steps);

  std::unique_ptr<storage::Selection> infos_;
  std::vector<int> target_of_base_;  // -1: an info series itself.
  std::vector<Target> targets_;
  std::vector<Clash> clashes_;       // By step, once there is one.
  chunk::MixedColumns samples_;
  int64_t charged_ = 0;
};

}  // namespace promql
