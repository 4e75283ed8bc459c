// Relabel rules: for targets, metrics, alerts. spec 5.3.
#pragma once

#include <absl/status/statusor.h>

#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "storage/model/labels.h"

namespace server {

enum class RelabelAction : uint8_t {
  kReplace,
  kKeep,
  kDrop,
  kKeepEqual,
  kDropEqual,
  kHashMod,
  kLabelMap,
  kLabelDrop,
  kLabelKeep,
  kLowercase,
  kUppercase,
};

class RelabelRegex;  // Compiled, anchored, with capture groups. Immutable.

struct RelabelConfig {
  std::vector<std::string> source_labels;
  std::string separator = ";", regex = "(.*)", target_label, replacement = "$1";
  uint64_t modulus = 0;
  RelabelAction action = RelabelAction::kReplace;
  bool legacy_names = false;                     // Label names by the old rule.
  std::shared_ptr<const RelabelRegex> compiled;  // Set by CompileRelabel.
};

// Checks what must hold (messages of spec 5.3) and compiles the regex; sets config->legacy_names.
// kInvalidArgument in Prometheus' words.
absl::Status CompileRelabel(RelabelConfig* config, bool legacy_names = false);
// In any case of letters. kInvalidArgument: unknown relabel action "x".
absl::StatusOr<RelabelAction> ParseRelabelAction(std::string_view name);
std::string_view ToString(RelabelAction action);

// Applies the rules in order to *labels. False: dropped, and *labels is as the dropping rule found
// it. Every rule has been through CompileRelabel. Thread-safe for one `rules` from many threads.
bool Relabel(std::span<const RelabelConfig> rules, model::LabelsBuilder* labels);

}  // namespace server
