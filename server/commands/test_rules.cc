#include "server/commands/test_rules.h"

#include <cstdio>
#include <fstream>

#include <fmt/ranges.h>

#include "server/commands/usage.h"
#include "server/flags.h"
#include "server/rules/testing/rule_test_runner.h"
#include "storage/base/status.h"

namespace server {
namespace {

constexpr char kUsage[] =
    "usage: tidemark test rules [flags] FILE...\n"
    "\n"
    "Runs unit tests of recording and alerting rules, in the format of `promtool test rules`.\n"
    "\n"
    "  --run=REGEX               only tests whose names match; may be given several times\n"
    "  --diff                    show alerts that are not as expected as a coloured diff\n"
    "  --debug                   show what is done, and all series after each test\n"
    "  --junit=FILE              write the results as JUnit XML, too\n"
    "  --ignore-unknown-fields   in rule files\n"
    "  --enable-feature=LIST     as the server's: promql-experimental-functions, ...\n"
    "\n"
    "Exit code 1 when any fails.\n";

const CommandFlag kFlags[] = {CommandFlag("run").Repeated(),
                              CommandFlag("diff").Switch(0),
                              CommandFlag("debug").Switch(0),
                              "junit",
                              CommandFlag("ignore-unknown-fields").Switch(0),
                              CommandFlag("enable-feature").Repeated()};

void PrintError(const std::string& text) {
  std::fflush(stdout);
  std::fprintf(stderr, "%s\n", text.c_str());
}

absl::StatusOr<RuleTestOptions> OptionsOf(const CommandArgs& args) {
  RuleTestOptions options;
  std::vector<std::string> given;
  for (const std::string& list : args.All("enable-feature"))
    given.push_back("--enable-feature=" + list);
  ASSIGN_OR_RETURN(const Flags flags, Flags::Parse(given));
  options.features.experimental_functions = flags.HasFeature("promql-experimental-functions");
  options.features.extended_range_selectors = flags.HasFeature("promql-extended-range-selectors");
  options.features.binop_fill = flags.HasFeature("promql-binop-fill-modifiers");
  options.delayed_name_removal = flags.HasFeature("promql-delayed-name-removal");
  options.ignore_unknown_fields = args.Flag("ignore-unknown-fields").has_value();
  options.diff = args.Flag("diff").has_value();
  if (const auto patterns = args.All("run"); !patterns.empty()) {
    ASSIGN_OR_RETURN(options.run, model::RegexTemplate::CompileAnywhere(
                                      fmt::format("{}", fmt::join(patterns, "|")), ""));
  }
  if (args.Flag("debug")) options.debug = PrintError;
  options.warn = PrintError;
  return options;
}

void Print(const RuleTestFileResult& result) {
  if (result.failed() == 0) {
    std::printf("  SUCCESS\n\n");
    return;
  }
  PrintError("  FAILED:");
  if (!result.error.empty()) PrintError(result.error + "\n");
  for (const RuleTestResult& test : result.tests) {
    for (const std::string& failure : test.failures) PrintError(failure + "\n");
  }
}

}  // namespace

int RunTestRules(std::span<const std::string> args) {
  const auto read = CommandArgs::Parse(args, kFlags);
  if (!read.ok()) return BadUsage(base::message(read.status()), kUsage);
  if (read->help) {
    std::fputs(kUsage, stdout);
    return kGood;
  }
  if (read->rest.empty()) return BadUsage("a FILE is missing", kUsage);
  auto options = OptionsOf(*read);
  if (!options.ok()) return BadUsage(base::message(options.status()), kUsage);
  RuleTestRunner runner(*std::move(options));
  std::vector<RuleTestFileResult> results;
  int passed = 0, failed = 0;
  for (const std::string& path : read->rest) {
    std::printf("Unit Testing:  %s\n", path.c_str());
    results.push_back(runner.Run(path));
    Print(results.back());
    passed += results.back().passed();
    failed += results.back().failed();
  }
  std::printf("%d passed, %d failed\n", passed, failed);
  if (const auto path = read->Flag("junit")) {
    std::ofstream out(*path);
    out << ToJunitXml(results);
    if (!out.flush()) return Failed(base::Unavailable("cannot write {}", *path));
  }
  return failed == 0 ? kGood : kFailed;
}

}  // namespace server
