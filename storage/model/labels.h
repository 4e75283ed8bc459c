// The identity of one series: label names with values, sorted by name, names unique, no value empty.
//
// One form serves everywhere, the canonical bytes: for each pair in name order
//   varint(name size) name varint(value size) value
// Equality and hashing are then over bytes, a copy is one allocation, and whoever holds such bytes
// (a request being decoded, a block being read) has labels without building any: a LabelsView.
#pragma once

#include <compare>
#include <cstddef>
#include <iterator>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace model {

inline constexpr std::string_view kMetricName = "__name__";

struct Label {  // Both views point into the labels they came from.
  std::string_view name, value;
  friend bool operator==(const Label&, const Label&) = default;
};

// Borrowed canonical bytes; whoever handed it out says how long it lives. Thread-compatible.
class LabelsView {
 public:
  class Iterator {
   public:
    using iterator_category = std::input_iterator_tag;
    using value_type = Label;
    using difference_type = std::ptrdiff_t;
    using pointer = const Label*;
    using reference = const Label&;
    Iterator() = default;
    explicit Iterator(std::string_view rest) : rest_(rest) { Load(); }
    const Label& operator*() const { return label_; }
    const Label* operator->() const { return &label_; }
    Iterator& operator++() {
      Load();
      return *this;
    }
    friend bool operator==(const Iterator& a, const Iterator& b) {
      return a.done_ == b.done_ && (a.done_ || a.rest_.size() == b.rest_.size());
    }

   private:
    void Load();
    std::string_view rest_;
    Label label_;
    bool done_ = true;
  };

  LabelsView() = default;
  // `canonical` must be well formed: see Labels::Valid for bytes from outside.
  explicit LabelsView(std::string_view canonical) : bytes_(canonical) {}

  Iterator begin() const { return Iterator(bytes_); }
  Iterator end() const { return Iterator(); }
  bool empty() const { return bytes_.empty(); }
  size_t size() const;  // Pairs. Linear.
  std::string_view bytes() const { return bytes_; }

  // The value of `name`, or "" when absent: PromQL does not tell the two apart.
  std::string_view Get(std::string_view name) const;
  bool Has(std::string_view name) const { return !Get(name).empty(); }
  std::string_view MetricName() const { return Get(kMetricName); }

  // {__name__="up", job="node"}, as Prometheus prints labels.Labels: `{a="1", b="2"}`.
  std::string ToString() const;

  friend bool operator==(LabelsView a, LabelsView b) { return a.bytes_ == b.bytes_; }
  // By name, value, pair after pair; a prefix sorts first.
  friend std::strong_ordering operator<=>(LabelsView a, LabelsView b);

 private:
  std::string_view bytes_;
};

// Owns its bytes; immutable once built.
class Labels {
 public:
  using Pair = std::pair<std::string, std::string>;

  Labels() = default;
  explicit Labels(LabelsView view) : data_(view.bytes()) {}
  Labels(std::initializer_list<Label> pairs);  // As FromPairs.
  // Sorts; drops pairs with an empty value; of a repeated name keeps the last.
  static Labels FromPairs(std::vector<Pair> pairs);
  // Takes bytes that are canonical already.
  static Labels FromCanonical(std::string bytes);
  // Whether bytes from outside are canonical: well formed, names ascending, nothing empty.
  static bool Valid(std::string_view bytes);

  LabelsView view() const { return LabelsView(data_); }
  operator LabelsView() const { return view(); }  // NOLINT: a view of itself is what callers mean.

  LabelsView::Iterator begin() const { return view().begin(); }
  LabelsView::Iterator end() const { return {}; }
  bool empty() const { return data_.empty(); }
  size_t size() const { return view().size(); }
  const std::string& bytes() const { return data_; }
  std::string_view Get(std::string_view name) const { return view().Get(name); }
  bool Has(std::string_view name) const { return view().Has(name); }
  std::string_view MetricName() const { return view().MetricName(); }
  std::string ToString() const { return view().ToString(); }

  friend bool operator==(const Labels& a, const Labels& b) { return a.data_ == b.data_; }
  friend std::strong_ordering operator<=>(const Labels& a, const Labels& b) {
    return a.view() <=> b.view();
  }

 private:
  std::string data_;
};

// Derives labels from others: sorted insertion and removal. Reusable through Reset.
class LabelsBuilder {
 public:
  LabelsBuilder() = default;
  explicit LabelsBuilder(LabelsView base) { Reset(base); }
  void Reset(LabelsView base);

  LabelsBuilder& Set(std::string_view name, std::string_view value);  // "" removes.
  LabelsBuilder& Remove(std::string_view name);
  std::string_view Get(std::string_view name) const;  // "" when absent. Until the next change.
  // The pairs as they stand, in name order.
  const std::vector<Labels::Pair>& pairs() const { return pairs_; }
  bool empty() const { return pairs_.empty(); }
  Labels Build() const;

 private:
  std::vector<Labels::Pair> pairs_;
};

// Appends one pair to canonical bytes. The caller keeps names ascending and values non-empty.
void AppendLabel(std::string* canonical, std::string_view name, std::string_view value);

// The label fields of a remote write TimeSeries message (1: {1: name, 2: value}), sorted, every
// length in the fewest bytes.
void AppendWireLabels(LabelsView labels, std::string* out);

// Whether `name` may be a label name: UTF-8 and non-empty; or the old ASCII rule.
bool IsValidUtf8(std::string_view s);
bool IsLegacyLabelName(std::string_view name);   // [a-zA-Z_][a-zA-Z0-9_]*
bool IsLegacyMetricName(std::string_view name);  // [a-zA-Z_:][a-zA-Z0-9_:]*

// A Go-quoted string: "a\"b\n". Appends to *out.
void AppendQuoted(std::string* out, std::string_view s);

}  // namespace model

template <>
struct std::hash<model::Labels> {
  size_t operator()(const model::Labels& labels) const noexcept {
    return std::hash<std::string>()(labels.bytes());
  }
};

namespace model {
struct LabelsHash {
  using is_transparent = void;
  size_t operator()(LabelsView labels) const { return std::hash<std::string_view>()(labels.bytes()); }
};
struct LabelsEq {
  using is_transparent = void;
  bool operator()(LabelsView a, LabelsView b) const { return a == b; }
};
}  // namespace model
