// Matchers to postings. A matcher that refuses "" names the series to keep; one that accepts ""
// names the series to take away, since those without the label have no postings of their own.
#include <algorithm>

#include "storage/base/memory_meter.h"
#include "storage/base/status.h"
#include "storage/index/postings.h"

namespace storage {
namespace {

using model::Matcher;
using model::MatchType;

constexpr size_t kValuesPerCheck = 1024;  // Of what a request may take.

// What one matcher asks of the index.
struct Clause {
  const Matcher* matcher;
  bool take_away;                   // Its series are removed from the result.
  bool nothing = false;             // Surely no series.
  bool scan = false;                // Values must be looked through; else `values` is all.
  std::vector<std::string> values;  // To look up.
};

bool IsRegex(const Matcher& m) { return m.regex() != nullptr; }

// Whether `value` belongs to the series the clause names.
bool Names(const Clause& clause, std::string_view value) {
  return clause.matcher->Matches(value) != clause.take_away;
}

absl::Status KeepNamed(const Clause& clause, std::vector<std::string>* values) {
  size_t kept = 0;
  for (size_t i = 0; i < values->size(); ++i) {
    if (i % kValuesPerCheck == 0) RETURN_IF_ERROR(base::MemoryMeter::Check());
    std::string& value = (*values)[i];
    if (!Names(clause, value)) continue;
    if (kept != i) (*values)[kept] = std::move(value);
    ++kept;
  }
  values->resize(kept);
  return absl::OkStatus();
}

Clause MakeClause(const Matcher& m) {
  Clause clause{.matcher = &m, .take_away = m.matches_empty()};
  // The literals of the matcher without its negation. Where the negation makes the clause name the
  // other values (x!="" keeps, x="" takes away), they must be looked through.
  const bool negative = m.type() == MatchType::kNotEqual || m.type() == MatchType::kNotRegex;
  clause.scan = negative != clause.take_away;
  if (clause.scan) {
    // "x!~'.*'" keeps nothing; "x=~'.*'" takes nothing away.
    clause.nothing = IsRegex(m) && m.regex()->matches_everything();
    return clause;
  }
  if (!IsRegex(m)) {
    clause.values = {m.value()};
  } else if (!m.regex()->literals().empty()) {
    clause.values = m.regex()->literals();
  } else {
    clause.scan = true;
  }
  return clause;
}

// The smaller, the sooner: it may leave nothing to do for the others.
int Cost(const Clause& clause) {
  if (clause.nothing) return 0;
  if (!clause.scan) return clause.values.size() == 1 ? 1 : 2;
  return clause.take_away ? 4 : 3;
}

absl::StatusOr<PostingsPtr> Resolve(const Index& index, const Clause& clause) {
  const Matcher& m = *clause.matcher;
  if (clause.nothing) return std::make_shared<Postings>();
  if (!clause.scan && clause.values.size() == 1) return index.For(m.name(), clause.values[0]);
  std::vector<std::string> values = clause.values;
  if (clause.scan) {
    // The prefix narrows only what the expression itself names.
    const bool own = (m.type() == MatchType::kRegex) != clause.take_away;
    const std::string prefix = IsRegex(m) && own ? m.regex()->prefix() : std::string();
    ASSIGN_OR_RETURN(values, prefix.empty() ? index.Values(m.name())
                                            : index.ValuesWithPrefix(m.name(), prefix));
    RETURN_IF_ERROR(KeepNamed(clause, &values));
  }
  std::vector<PostingsPtr> lists;
  lists.reserve(values.size());
  for (const std::string& value : values) {
    if (lists.size() % kValuesPerCheck == 0) RETURN_IF_ERROR(base::MemoryMeter::Check());
    ASSIGN_OR_RETURN(PostingsPtr list, index.For(m.name(), value));
    lists.push_back(std::move(list));
  }
  if (lists.size() == 1) return lists[0];
  return std::make_shared<Postings>(Union(std::move(lists)));
}

}  // namespace

absl::StatusOr<Postings> Find(const Index& index, std::span<const Matcher> matchers) {
  std::vector<Clause> clauses;
  for (const Matcher& m : matchers) clauses.push_back(MakeClause(m));
  std::stable_sort(clauses.begin(), clauses.end(), [](const Clause& a, const Clause& b) {
    return Cost(a) < Cost(b);
  });

  std::vector<PostingsPtr> keep;
  for (const Clause& clause : clauses) {
    if (clause.take_away) continue;
    ASSIGN_OR_RETURN(PostingsPtr list, Resolve(index, clause));
    if (list->empty()) return Postings{};
    keep.push_back(std::move(list));
  }
  if (keep.empty()) {
    ASSIGN_OR_RETURN(PostingsPtr all, index.All());
    keep.push_back(std::move(all));
  }
  Postings found = Intersect(std::move(keep));
  for (const Clause& clause : clauses) {
    if (!clause.take_away || clause.nothing) continue;
    if (found.empty()) break;
    ASSIGN_OR_RETURN(PostingsPtr list, Resolve(index, clause));
    found = Without(found, *list);
  }
  return found;
}

}  // namespace storage
