#include "promql/functions/label.h"

#include <functional>
#include <optional>
#include <string>
#include <utility>

#include "promql/functions/messages.h"
#include "promql/operators/names.h"
#include "promql/signatures.h"
#include "storage/base/status.h"
#include "storage/model/regex_template.h"

namespace promql {
namespace {

// The value the target label gets; nothing when the series stays as it is.
using LabelValue = std::function<std::optional<std::string>(const model::Labels&)>;

class SetLabel final : public Operator {
 public:
  SetLabel(const Expr& call, OperatorPtr input, std::string target, LabelValue value)
      : call_(call),
        input_(std::move(input)),
        target_(std::move(target)),
        value_(std::move(value)) {}

  absl::StatusOr<std::vector<model::Labels>> Series(Context& context) override {
    ASSIGN_OR_RETURN(std::vector<model::Labels> series, input_->Series(context));
    drop_name_.resize(input_->drop_name().size());
    if (target_ == model::kMetricName) named_.resize(drop_name_.size());
    model::LabelsBuilder builder;
    for (size_t i = 0; i < series.size(); ++i) {
      const std::optional<std::string> value = value_(series[i]);
      if (!value.has_value()) continue;
      builder.Reset(series[i]);
      series[i] = builder.Set(target_, *value).Build();
      if (!named_.empty()) named_[i] = 1;
    }
    return series;
  }

  absl::StatusOr<bool> Next(Context& context, Tile* out) override {
    ASSIGN_OR_RETURN(const bool more, input_->Next(context, out));
    if (!drop_name_.empty()) {
      for (const int i : out->rows) {
        drop_name_[i] = input_->drop_name()[i] && (named_.empty() || !named_[i]);
      }
    }
    return more;
  }

  std::string Describe() const override { return std::string(call_.function->name); }

 private:
  const Expr& call_;
  OperatorPtr input_;
  const std::string target_;
  const LabelValue value_;
  std::vector<char> named_;  // By series, where names may be dropped: one given here is to stay.
};

bool IsLabelName(std::string_view name) { return !name.empty() && model::IsValidUtf8(name); }

absl::Status CheckTarget(const Expr& call, std::string_view target) {
  if (IsLabelName(target)) return absl::OkStatus();
  return base::Aborted("invalid destination label name in {}(): {}", call.function->name, target);
}

OperatorPtr Make(const Expr& call, OperatorPtr input, std::string target, LabelValue value) {
  return MergeRelabeled(std::make_unique<SetLabel>(call, std::move(input), std::move(target),
                                                   std::move(value)));
}

}  // namespace

absl::StatusOr<OperatorPtr> MakeLabelReplace(const Expr& call, std::vector<OperatorPtr> args) {
  std::string target(TextArgument(*call.args[1]));
  const std::string_view pattern = TextArgument(*call.args[4]);
  auto compiled = model::RegexTemplate::Compile(pattern, TextArgument(*call.args[2]));
  if (!compiled.ok()) {
    return base::Aborted("invalid regular expression in label_replace(): {}", pattern);
  }
  RETURN_IF_ERROR(CheckTarget(call, target));
  auto regex = std::make_shared<const model::RegexTemplate>(*std::move(compiled));
  return Make(call, std::move(args[0]), std::move(target),
              [regex, source = std::string(TextArgument(*call.args[3]))](
                  const model::Labels& labels) { return regex->Expand(labels.Get(source)); });
}

absl::StatusOr<OperatorPtr> MakeLabelJoin(const Expr& call, std::vector<OperatorPtr> args) {
  std::string target(TextArgument(*call.args[1]));
  std::vector<std::string> sources;
  for (size_t i = 3; i < call.args.size(); ++i) {
    sources.emplace_back(TextArgument(*call.args[i]));
    if (!IsLabelName(sources.back())) {
      return base::Aborted("invalid source label name in label_join(): {}", sources.back());
    }
  }
  RETURN_IF_ERROR(CheckTarget(call, target));
  return Make(call, std::move(args[0]), std::move(target),
              [sources = std::move(sources), separator = std::string(TextArgument(*call.args[2]))](
                  const model::Labels& labels) -> std::optional<std::string> {
                std::string joined;
                for (const std::string& source : sources) {
                  if (&source != &sources.front()) joined += separator;
                  joined += labels.Get(source);
                }
                return joined;
              });
}

}  // namespace promql
