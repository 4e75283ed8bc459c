// The labels of many series, by index: a list of views, or a Selection that is asked for them.
#pragma once

#include <cstddef>
#include <iterator>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "storage/model/labels.h"
#include "storage/querier.h"

namespace promql {

class LabelsList {
 public:
  class Iterator {
   public:
    using iterator_category = std::input_iterator_tag;
    using value_type = model::LabelsView;
    using difference_type = std::ptrdiff_t;
    using pointer = const model::LabelsView*;
    using reference = model::LabelsView;
    Iterator(const LabelsList* list, size_t i) : list_(list), i_(i) {}
    model::LabelsView operator*() const {
      if (list_->selection_ == nullptr) return list_->list_[i_];
      if (reader_ == nullptr) reader_ = list_->selection_->ReadLabels();
      return reader_->At(static_cast<int>(i_));
    }
    Iterator& operator++() {
      ++i_;
      return *this;
    }
    friend bool operator==(const Iterator& a, const Iterator& b) { return a.i_ == b.i_; }

   private:
    const LabelsList* list_;
    size_t i_;
    mutable std::shared_ptr<storage::LabelsReader> reader_;
  };

  LabelsList() = default;
  LabelsList(std::vector<model::LabelsView> list) : list_(std::move(list)) {}  // NOLINT: is one.
  // `selection` outlives it.
  explicit LabelsList(const storage::Selection* selection) : selection_(selection) {}

  size_t size() const {
    return selection_ != nullptr ? static_cast<size_t>(selection_->size()) : list_.size();
  }
  bool empty() const { return size() == 0; }
  model::LabelsView operator[](size_t i) const {
    return selection_ != nullptr ? selection_->labels(static_cast<int>(i)) : list_[i];
  }
  // For going through all; where few labels were selected each is there until the next one only.
  Iterator begin() const { return {this, 0}; }
  Iterator end() const { return {this, size()}; }
  // See storage::Selection.
  bool GroupBy(std::span<const std::string> names, std::vector<int>* groups) const {
    return selection_ != nullptr && selection_->GroupBy(names, groups);
  }

 private:
  std::vector<model::LabelsView> list_;
  const storage::Selection* selection_ = nullptr;
};

}  // namespace promql
