#include "promql/testing/script.h"

#include <algorithm>
#include <utility>

#include "promql/text.h"
#include "storage/base/status.h"
#include "storage/model/duration_text.h"

namespace promql_test {
namespace {

constexpr std::string_view kRangeVector = "expect range vector";
constexpr std::string_view kString = "expect string";

std::string_view Trim(std::string_view s) {
  constexpr std::string_view kSpace = " \t\r";
  const size_t begin = s.find_first_not_of(kSpace);
  if (begin == std::string_view::npos) return "";
  return s.substr(begin, s.find_last_not_of(kSpace) - begin + 1);
}

// Trimmed; a comment counts as empty.
std::vector<std::string> Lines(std::string_view text) {
  std::vector<std::string> lines;
  while (!text.empty()) {
    const size_t end = std::min(text.find('\n'), text.size());
    const std::string_view line = Trim(text.substr(0, end));
    lines.emplace_back(line.starts_with('#') ? "" : line);
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return lines;
}

absl::StatusOr<std::shared_ptr<const RE2>> Regex(const std::string& pattern) {
  auto regex = std::make_shared<RE2>(pattern, RE2::Quiet);
  if (!regex->ok()) return base::InvalidArgument("bad regex {}: {}", pattern, regex->error());
  return regex;
}

// expect warn, expect fail msg:..., expect info regex:...
absl::Status AddExpectation(const std::string& line, EvalCommand* eval) {
  static const auto* const kForm =
      new RE2(R"(^expect\s+(ordered|fail|warn|no_warn|info|no_info)(?:\s+(regex|msg):(.+))?$)");
  static const auto* const kNames = new std::map<std::string, Expectation>{
      {"ordered", Expectation::kOrdered}, {"fail", Expectation::kFail},
      {"warn", Expectation::kWarn},       {"no_warn", Expectation::kNoWarn},
      {"info", Expectation::kInfo},       {"no_info", Expectation::kNoInfo}};
  std::string name, kind, text;
  if (!RE2::FullMatch(line, *kForm, &name, &kind, &text)) {
    return base::InvalidArgument("bad expect line: {}", line);
  }
  Expected expected;
  text = Trim(text);
  if (kind == "msg") expected.message = text;
  if (kind == "regex") {
    ASSIGN_OR_RETURN(expected.regex, Regex(text));
  }
  if (name == "fail" && std::exchange(eval->any_error, false)) {
    eval->expect[Expectation::kFail].clear();
  }
  eval->expect[kNames->at(name)].push_back(std::move(expected));
  const auto both = [&](Expectation a, Expectation b) {
    return eval->expects(a) && eval->expects(b);
  };
  if (both(Expectation::kWarn, Expectation::kNoWarn) ||
      both(Expectation::kInfo, Expectation::kNoInfo)) {
    return base::InvalidArgument("expect lines contradict each other");
  }
  if (eval->expects(Expectation::kFail) && eval->expect[Expectation::kFail].size() > 1) {
    return base::InvalidArgument("more than one expect fail line");
  }
  return absl::OkStatus();
}

std::optional<double> ReadSignedNumber(std::string_view text) {
  double sign = 1;
  if (text.starts_with('+') || text.starts_with('-')) {
    if (text[0] == '-') sign = -1;
    text.remove_prefix(1);
  }
  if (text.starts_with('+') || text.starts_with('-')) return std::nullopt;
  const auto value = promql::ReadNumber(text).value;
  if (!value) return std::nullopt;
  return sign * *value;
}

absl::StatusOr<promql::Grid> ReadGrid(const std::string& from, const std::string& to,
                                      const std::string& step) {
  promql::Grid grid;
  ASSIGN_OR_RETURN(grid.start, model::ParseDurationMs(from));
  ASSIGN_OR_RETURN(grid.end, model::ParseDurationMs(to));
  ASSIGN_OR_RETURN(grid.step_ms, model::ParseDurationMs(step));
  if (grid.end < grid.start) return base::InvalidArgument("end {} is before start {}", to, from);
  if (grid.step_ms <= 0) return base::InvalidArgument("step {} is not positive", step);
  return grid;
}

class ScriptParser {
 public:
  explicit ScriptParser(std::string_view text) : lines_(Lines(text)) {}

  absl::StatusOr<std::vector<Command>> Parse() {
    for (; i_ < lines_.size(); ++i_) {
      if (lines_[i_].empty()) continue;
      if (const absl::Status status = ParseCommand(); !status.ok()) {
        return base::Annotate(status, fmt::format("line {}", i_ + 1));
      }
    }
    return std::move(commands_);
  }

 private:
  absl::Status ParseCommand() {
    const std::string& line = lines_[i_];
    if (line == "clear") {
      commands_.emplace_back(ClearCommand{});
      return absl::OkStatus();
    }
    if (line.starts_with("load")) return ParseLoad();
    if (line.starts_with("eval")) return ParseEval();
    return base::InvalidArgument("invalid command \"{}\"", line);
  }

  // The next line of the block; null at its end.
  const std::string* NextLine() {
    if (i_ + 1 >= lines_.size() || lines_[i_ + 1].empty()) return nullptr;
    return &lines_[++i_];
  }

  absl::Status ParseLoad() {
    static const auto* const kForm = new RE2(R"(load(_with_nhcb)?\s+(.+))");
    LoadCommand load;
    std::string nhcb, gap;
    if (!RE2::FullMatch(lines_[i_], *kForm, &nhcb, &gap)) {
      return base::InvalidArgument("bad load: {}", lines_[i_]);
    }
    load.with_nhcb = !nhcb.empty();
    ASSIGN_OR_RETURN(load.gap_ms, model::ParseDurationMs(gap));
    std::optional<StartsDescription> starts;  // Of the line before.
    while (const std::string* line = NextLine()) {
      if (IsStartsDescription(*line)) {
        if (starts.has_value()) return base::InvalidArgument("two @st lines for one series");
        ASSIGN_OR_RETURN(starts, ParseStartsDescription(*line));
        continue;
      }
      ASSIGN_OR_RETURN(SeriesDescription series, ParseSeriesDescription(*line));
      load.lines.push_back({std::move(series), {}});
      if (starts.has_value()) RETURN_IF_ERROR(AddStarts(*std::move(starts), &load.lines.back()));
      starts.reset();
    }
    if (starts.has_value()) return base::InvalidArgument("no series after an @st line");
    commands_.emplace_back(std::move(load));
    return absl::OkStatus();
  }

  static absl::Status AddStarts(StartsDescription starts, LoadCommand::Line* line) {
    if (starts.labels != line->series.labels) {
      return base::InvalidArgument("the @st line before is of another series");
    }
    if (starts.offsets.size() != line->series.values.size()) {
      return base::InvalidArgument("the @st line before has {} values, the series {}",
                                   starts.offsets.size(), line->series.values.size());
    }
    line->starts = std::move(starts.offsets);
    return absl::OkStatus();
  }

  absl::Status ParseEval() {
    EvalCommand eval;
    eval.line = static_cast<int>(i_) + 1;
    RETURN_IF_ERROR(ParseEvalHead(&eval));
    for (int position = 1;; ++position) {
      const std::string* line = NextLine();
      if (line == nullptr) break;
      if (line->substr(0, line->find(' ')) == "expect") {
        RETURN_IF_ERROR(ParseExpect(*line, &eval));
        --position;
        continue;
      }
      ASSIGN_OR_RETURN(const bool more, ParseResult(*line, position, &eval));
      if (!more) break;
    }
    commands_.emplace_back(std::move(eval));
    return absl::OkStatus();
  }

  absl::Status ParseEvalHead(EvalCommand* eval) {
    static const auto* const kInstant =
        new RE2(R"(eval(?:_(fail|warn|ordered|info))?\s+instant\s+(?:at\s+(.+?))?\s+(.+))");
    static const auto* const kRange = new RE2(
        R"(eval(?:_(fail|warn|info))?\s+range\s+from\s+(.+)\s+to\s+(.+)\s+step\s+(.+?)\s+(.+))");
    std::string mode, at, from, to, step;
    const std::string& line = lines_[i_];
    if (RE2::FullMatch(line, *kInstant, &mode, &at, &eval->query)) {
      ASSIGN_OR_RETURN(eval->at, model::ParseDurationMs(at));
      eval->grid = {eval->at, eval->at, 0};
    } else if (RE2::FullMatch(line, *kRange, &mode, &from, &to, &step, &eval->query)) {
      eval->is_range = true;
      ASSIGN_OR_RETURN(eval->grid, ReadGrid(from, to, step));
    } else {
      return base::InvalidArgument("bad eval: {}", line);
    }
    eval->any_error = mode == "fail";
    if (eval->any_error) eval->expect[Expectation::kFail].emplace_back();
    if (mode == "ordered") eval->expect[Expectation::kOrdered].emplace_back();
    eval->any_warning = mode == "warn";
    eval->any_info = mode == "info";
    return absl::OkStatus();
  }

  absl::Status ParseExpect(const std::string& line, EvalCommand* eval) {
    if (line.starts_with(kRangeVector)) {
      static const auto* const kForm =
          new RE2(R"(expect range vector\s+from\s+(.+)\s+to\s+(.+)\s+step\s+(.+))");
      std::string from, to, step;
      if (!RE2::FullMatch(line, *kForm, &from, &to, &step)) {
        return base::InvalidArgument("bad expect line: {}", line);
      }
      ASSIGN_OR_RETURN(eval->grid, ReadGrid(from, to, step));
      eval->at = eval->grid.end;
      eval->instant_only = true;
      return absl::OkStatus();
    }
    if (line.starts_with(kString)) {
      eval->text = promql::Unquote(Trim(std::string_view(line).substr(kString.size())));
      eval->instant_only = true;
      if (!eval->text) return base::InvalidArgument("bad string: {}", line);
      return absl::OkStatus();
    }
    return AddExpectation(line, eval);
  }

  // False: this was the last line of the block.
  absl::StatusOr<bool> ParseResult(const std::string& line, int position, EvalCommand* eval) {
    constexpr std::string_view kMessage = "expected_fail_message", kRegexp = "expected_fail_regexp";
    if (eval->expects(Expectation::kFail) && line.starts_with(kMessage)) {
      eval->expect[Expectation::kFail][0].message = Trim(line.substr(kMessage.size()));
      return false;
    }
    if (eval->expects(Expectation::kFail) && line.starts_with(kRegexp)) {
      ASSIGN_OR_RETURN(eval->expect[Expectation::kFail][0].regex,
                       Regex(std::string(Trim(line.substr(kRegexp.size())))));
      return false;
    }
    if (const auto number = ReadSignedNumber(line)) {
      eval->scalar = number;
      return false;
    }
    ASSIGN_OR_RETURN(SeriesDescription series, ParseSeriesDescription(line));
    if (series.values.size() > 1 && !eval->is_range && !eval->instant_only) {
      return base::InvalidArgument("several values for an instant query: {}", line);
    }
    eval->series[series.labels] = {position, std::move(series.values)};
    return true;
  }

  const std::vector<std::string> lines_;
  size_t i_ = 0;
  std::vector<Command> commands_;
};

}  // namespace

bool Expected::Matches(std::string_view text) const {
  if (message) return *message == text;
  return regex == nullptr || RE2::PartialMatch(re2::StringPiece(text.data(), text.size()), *regex);
}

std::string Expected::Describe() const {
  if (message) return "message " + *message;
  return regex == nullptr ? "anything" : "pattern " + regex->pattern();
}

absl::StatusOr<std::vector<Command>> ParseScript(std::string_view text) {
  return ScriptParser(text).Parse();
}

}  // namespace promql_test
