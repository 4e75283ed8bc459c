// Random expressions of the language, well typed, from a seed: for round trips of parser and
// printer, and for comparing engines with each other. What they evaluate to may still be an error: a
// join may find many partners.
#pragma once

#include <cstdint>
#include <random>
#include <string>
#include <string_view>
#include <vector>

namespace testing_support {

struct RandomExprOptions {
  std::vector<std::string> metrics = {"a", "b", "c_total", "d_bucket"};
  std::vector<std::string> labels = {"job", "instance", "le", "x"};
  std::vector<std::string> values = {"1", "2", "api", "0.5", "+Inf"};
  // Only what Prometheus 2.42 knows: no duration literals as numbers, no newer functions, no fill,
  // no quoted names.
  bool only_2_42 = false;
  // Functions and aggregations with samples that a store of floats cannot answer are left out
  // anyway; with this, so are those that depend on the order of series or on chance.
  bool stable = false;
  int depth = 4;
};

class RandomExpr {
 public:
  explicit RandomExpr(uint64_t seed, RandomExprOptions options = {})
      : random_(seed), options_(std::move(options)) {}

  std::string Vector() { return Vector(options_.depth); }
  std::string Scalar() { return Scalar(options_.depth); }
  std::string Matrix() { return Matrix(options_.depth); }
  std::string Any();  // Of any type, strings included.

 private:
  int Below(int n) { return static_cast<int>(random_() % static_cast<uint64_t>(n)); }
  bool OneIn(int n) { return Below(n) == 0; }
  template <class List>
  std::string Pick(const List& items) {
    return std::string(items[Below(static_cast<int>(std::size(items)))]);
  }

  std::string Vector(int depth);
  std::string Scalar(int depth);
  std::string Matrix(int depth);
  std::string Call(int depth);
  std::string WindowCall(int depth);
  std::string Aggregation(int depth);
  std::string Grouping();
  std::string Binary(int depth);
  std::string SetOperation(int depth);
  std::string Matching(bool group_allowed);
  std::string Fill();
  std::string Selector();
  std::string Matcher();
  std::string Shift();
  std::string Range();
  std::string DurationExpression(int depth);
  std::string Duration();
  std::string Number();
  std::string Labels();
  std::string Quoted(std::string_view text);

  std::mt19937_64 random_;
  const RandomExprOptions options_;
};

}  // namespace testing_support
