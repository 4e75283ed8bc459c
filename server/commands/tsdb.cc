#include "server/commands/tsdb.h"

#include <algorithm>
#include <cstdio>
#include <memory>
#include <vector>

#include "promql/parser.h"
#include "server/commands/part_histograms.h"
#include "server/commands/tsdb_analyze.h"
#include "server/commands/tsdb_dump.h"
#include "server/commands/tsdb_list.h"
#include "server/commands/tsdb_verify.h"
#include "server/commands/usage.h"
#include "storage/base/log.h"
#include "storage/base/status.h"
#include "storage/read_only_dir.h"

namespace server {
namespace {

constexpr int64_t kCacheBytes = 64 << 20;
constexpr char kAllSeries[] = "{__name__=~'(?s:.*)'}";

constexpr char kUsage[] =
    "usage: tidemark tsdb list [-r] [DIR]\n"
    "       tidemark tsdb analyze [--limit=20] [--match=SELECTOR] [--extended] [DIR [BLOCK]]\n"
    "       tidemark tsdb dump [--min-time=MS] [--max-time=MS] [--match=SELECTOR]...\n"
    "                          [--format=prom|seriesjson] [DIR]\n"
    "       tidemark tsdb verify [DIR]\n"
    "\n"
    "DIR is a data directory (--storage.tsdb.path), by default data/. It is only read; its server may\n"
    "be running.\n"
    "\n"
    "  list      the blocks: ULID, times, samples, chunks, series, size. Not what is only in the log.\n"
    "            -r, --human-readable   times and sizes for people\n"
    "  analyze   one block, by default the newest: churn, cardinality, bytes by metric, encodings.\n"
    "            Deleted samples count until a merge leaves them out. Not what is only in the log.\n"
    "            --limit                lines of each list\n"
    "            --match                only series that it selects\n"
    "            --extended             how many samples, bytes and buckets chunks have\n"
    "  dump      every sample as `{labels} value time`, from blocks and log; the log is taken into\n"
    "            memory for it. Beside a running server a block may be replaced meanwhile: then it says\n"
    "            so at the end, and is to be run again.\n"
    "            --min-time, --max-time both included, in ms since 1970\n"
    "            --match                only series that it, or another one, selects\n"
    "            --format=seriesjson    the labels of each series as JSON, no samples\n"
    "  verify    read all blocks, and of the log what is needed; tell what is damaged.\n"
    "\n"
    "Exit code 1 when anything is damaged or cannot be read.\n";

int Usage() {
  std::fputs(kUsage, stdout);
  return kGood;
}

absl::Status Write(std::string_view text) {
  if (std::fwrite(text.data(), 1, text.size(), stdout) != text.size() || std::fflush(stdout) != 0) {
    return base::Unavailable("the output cannot be written");
  }
  return absl::OkStatus();
}

std::string DirOf(const CommandArgs& args) { return args.rest.empty() ? "data/" : args.rest[0]; }

absl::StatusOr<std::unique_ptr<storage::ReadOnlyDir>> Open(const CommandArgs& args) {
  return storage::ReadOnlyDir::Open(DirOf(args), kCacheBytes);
}

absl::StatusOr<int> Verify(const CommandArgs& args) {
  ASSIGN_OR_RETURN(auto data, Open(args));
  return VerifyDir(DirOf(args), std::move(data));
}

// What the listed damage hides is not to be missed in silence.
int Warn(const storage::ReadOnlyDir& data) {
  const auto damage = data.blocks()->damage()->list();
  for (const storage::Damage& d : damage) {
    std::fprintf(stderr, "%s%s%s\n", d.block.c_str(), d.block.empty() ? "" : ": ", d.what.c_str());
  }
  return damage.empty() ? kGood : kFailed;
}

absl::StatusOr<int> List(const CommandArgs& args) {
  ASSIGN_OR_RETURN(const auto data, Open(args));
  RETURN_IF_ERROR(Write(ListText(data->blocks()->Metas(), args.Flag("human-readable").has_value())));
  return Warn(*data);
}

absl::StatusOr<int> Analyze(const CommandArgs& args) {
  ASSIGN_OR_RETURN(const int64_t limit, args.Int("limit", 20));
  const std::vector<std::string> match = args.All("match");
  std::vector<model::Matcher> matchers;
  if (!match.empty()) {
    ASSIGN_OR_RETURN(matchers, promql::ParseMetricSelector(match[0]));
  }
  ASSIGN_OR_RETURN(const auto data, Open(args));
  const std::vector<storage::BlockMeta> metas = data->blocks()->Metas();
  if (metas.empty()) return base::NotFound("no blocks found in {}", DirOf(args));
  auto meta = std::max_element(metas.begin(), metas.end(),
                               [](const auto& a, const auto& b) { return a.ulid < b.ulid; });
  if (args.rest.size() > 1) {
    const std::string& wanted = args.rest[1];
    meta = std::find_if(metas.begin(), metas.end(), [&](const auto& m) { return m.ulid == wanted; });
    if (meta == metas.end()) return base::NotFound("block {} not found", wanted);
  }
  Analysis analysis(*meta, std::move(matchers), match.empty() ? "" : match[0]);
  ASSIGN_OR_RETURN(const auto contents, data->blocks()->NewContents(meta->ulid));
  const bool extended = args.Flag("extended").has_value();
  PartHistograms histograms;
  if (extended) {
    contents->TellParts([&](const storage::PartContents& part) {
      if (analysis.Matches(contents->series().labels)) histograms.Add(part);
    });
  }
  while (contents->Next()) analysis.Add(contents->series());
  RETURN_IF_ERROR(Write(analysis.Text(static_cast<size_t>(std::max<int64_t>(0, limit)))));
  if (extended) RETURN_IF_ERROR(Write(histograms.Text()));
  if (contents->damaged() == 0) return Warn(*data);
  std::fprintf(stderr, "%lu damaged places are left out; tidemark tsdb verify tells which\n",
               static_cast<unsigned long>(contents->damaged()));
  return kFailed;
}

// With its log read. A flush meanwhile puts a part of the log into a block that is not known here.
absl::StatusOr<std::unique_ptr<storage::ReadOnlyDir>> OpenWithLog(const CommandArgs& args,
                                                                  storage::ReplayStats* replayed) {
  constexpr int kAttempts = 5;
  for (int attempt = 1;; ++attempt) {
    ASSIGN_OR_RETURN(auto data, Open(args));
    const absl::StatusOr<storage::ReplayStats> stats = data->ReadLog();
    if (data->in_use() && attempt < kAttempts) {
      ASSIGN_OR_RETURN(const auto now, Open(args));
      if (!stats.ok() || now->watermark() != data->watermark()) continue;
    }
    ASSIGN_OR_RETURN(*replayed, stats);
    return data;
  }
}

absl::StatusOr<int> DumpDir(const CommandArgs& args) {
  model::TimeRange range;
  ASSIGN_OR_RETURN(range.min, args.Int("min-time", range.min));
  ASSIGN_OR_RETURN(range.max, args.Int("max-time", range.max));
  std::vector<std::string> match = args.All("match");
  if (match.empty()) match.emplace_back(kAllSeries);
  std::vector<std::vector<model::Matcher>> sets;
  for (const std::string& selector : match) {
    ASSIGN_OR_RETURN(sets.emplace_back(), promql::ParseMetricSelector(selector));
  }
  const std::vector<std::string> format = args.All("format");
  if (!format.empty() && format[0] != "prom" && format[0] != "seriesjson") {
    return base::InvalidArgument("--format: must be prom or seriesjson, got \"{}\"", format[0]);
  }
  const bool json = !format.empty() && format[0] == "seriesjson";

  storage::ReplayStats replayed;
  ASSIGN_OR_RETURN(const auto data, OpenWithLog(args, &replayed));
  ASSIGN_OR_RETURN(const auto querier, data->NewQuerier(range));
  absl::Status written;
  RETURN_IF_ERROR(Dump(querier.get(), sets, range,
                       json ? DumpFormat::kSeriesJson : DumpFormat::kProm,
                       [&](std::string_view text) {
                         if (written.ok()) written = Write(text);
                         return written.ok();
                       }));
  RETURN_IF_ERROR(written);
  const int exit_code = std::max(Warn(*data), replayed.places.empty() ? kGood : kFailed);
  for (const std::string& place : replayed.places) {
    std::fprintf(stderr, "log, %s\n", place.c_str());
  }
  const std::vector<std::string> warnings = querier->Warnings();
  for (const std::string& warning : warnings) std::fprintf(stderr, "%s\n", warning.c_str());
  if (!warnings.empty() && data->in_use()) {
    std::fputs("The server may have replaced blocks meanwhile: try again\n", stderr);
  }
  return warnings.empty() ? exit_code : kFailed;
}

struct Command {
  std::string_view name;
  std::vector<CommandFlag> flags;
  size_t max_words;
  absl::StatusOr<int> (*run)(const CommandArgs& args);
};

const std::vector<Command>& Commands() {
  static const auto* const commands = new std::vector<Command>{
      {"verify", {}, 1, Verify},
      {"list", {CommandFlag("human-readable").Switch('r')}, 1, List},
      {"analyze", {"limit", "match", CommandFlag("extended").Switch()}, 2, Analyze},
      {"dump", {"min-time", "max-time", CommandFlag("match").Repeated(), "format"}, 1, DumpDir}};
  return *commands;
}

}  // namespace

int RunTsdb(std::span<const std::string> args) {
  base::SetLog(base::LogLevel::kNothing, base::LogFormat::kLogfmt);
  if (args.empty()) return BadUsage("a command is missing", kUsage);
  for (const Command& command : Commands()) {
    if (command.name != args[0]) continue;
    const auto read = CommandArgs::Parse(args.subspan(1), command.flags);
    if (!read.ok()) return BadUsage(base::message(read.status()), kUsage);
    if (read->help) return Usage();
    if (read->rest.size() > command.max_words) {
      return BadUsage("unexpected " + read->rest.back(), kUsage);
    }
    const absl::StatusOr<int> code = command.run(*read);
    if (code.ok()) return *code;
    return absl::IsInvalidArgument(code.status()) ? BadUsage(base::message(code.status()), kUsage)
                                                  : Failed(code.status());
  }
  if (args[0] == "--help" || args[0] == "-h" || args[0] == "help") return Usage();
  return BadUsage("unknown command " + args[0], kUsage);
}

}  // namespace server
