#include "server/commands/query.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <fstream>
#include <iterator>
#include <utility>
#include <vector>

#include "api/params.h"
#include "server/commands/query_answer.h"
#include "server/commands/query_print.h"
#include "server/commands/usage.h"
#include "server/config/load_http.h"
#include "server/config/schema.h"
#include "server/http_client.h"
#include "storage/base/clock.h"
#include "storage/base/log.h"
#include "storage/base/status.h"
#include "storage/model/duration_text.h"
#include "storage/model/number_text.h"

namespace server {
namespace {

constexpr int64_t kTimeoutMs = 120'000;
constexpr int64_t kFarMs = int64_t{9999} * 3600 * 1000;  // promtool's reach without --start or --end.

constexpr char kUsage[] =
    "usage: tidemark query instant [--time=TIME] SERVER EXPR\n"
    "       tidemark query range [--start=TIME] [--end=TIME] [--step=DURATION] SERVER EXPR\n"
    "       tidemark query series --match=SELECTOR... [--start=TIME] [--end=TIME] SERVER\n"
    "       tidemark query labels [--match=SELECTOR]... [--start=TIME] [--end=TIME] SERVER NAME\n"
    "\n"
    "Asks a server, this one or a Prometheus, at its URL. TIME is in seconds since 1970 or as in\n"
    "2026-01-02T15:04:05Z. A range is by default the last five minutes in 250 steps.\n"
    "\n"
    "  -o, --output=FORMAT         table (the default), csv, json or promql; --format is the same,\n"
    "                              the last two are as promtool prints them\n"
    "      --header=NAME=VALUE     sent with the request; may be repeated\n"
    "      --http.config.file=FILE credentials and TLS, as a scrape_config has them\n"
    "\n"
    "Exit code 1 when there is no answer, or an error.\n";

absl::StatusOr<model::TimeMs> Time(const CommandArgs& args, std::string_view flag,
                                   model::TimeMs otherwise) {
  const auto text = args.Flag(flag);
  if (!text.has_value()) return otherwise;
  const auto time = api::ParseTime(*text);
  if (!time.ok()) return base::Annotate(time.status(), fmt::format("--{}", flag));
  return time;
}

std::string Seconds(model::TimeMs t) {
  std::string out;
  model::AppendSeconds(&out, t);
  return out;
}

std::string Escape(std::string_view text) {
  std::string out;
  for (const unsigned char c : text) {
    if (std::isalnum(c) || c == '-' || c == '_' || c == '.' || c == '~') {
      out += static_cast<char>(c);
    } else {
      out += fmt::format("%{:02X}", c);
    }
  }
  return out;
}

// What is asked: a path below the server's URL and a form.
struct Question {
  std::string path;
  AnswerKind kind = AnswerKind::kValue;
  std::vector<std::pair<std::string, std::string>> form;
  bool get = false;  // The API has no POST for it.
};

absl::StatusOr<Question> Instant(const CommandArgs& args, model::TimeMs now) {
  ASSIGN_OR_RETURN(const model::TimeMs time, Time(args, "time", now));
  return Question{"/api/v1/query", AnswerKind::kValue,
                  {{"query", args.rest[1]}, {"time", Seconds(time)}}};
}

absl::StatusOr<Question> Range(const CommandArgs& args, model::TimeMs now) {
  ASSIGN_OR_RETURN(const model::TimeMs end, Time(args, "end", now));
  ASSIGN_OR_RETURN(const model::TimeMs start, Time(args, "start", end - 300'000));
  if (start >= end) return base::InvalidArgument("start time is not before end time");
  double step_s = std::max(1.0, std::floor(static_cast<double>(end - start) / 250'000));
  if (const auto text = args.Flag("step")) {
    const auto step = api::ParseDurationNs(*text);
    if (!step.ok()) return base::Annotate(step.status(), "--step");
    step_s = static_cast<double>(*step) / 1e9;
  }
  return Question{"/api/v1/query_range", AnswerKind::kValue,
                  {{"query", args.rest[1]},
                   {"start", Seconds(start)},
                   {"end", Seconds(end)},
                   {"step", model::FormatFloat(step_s, 'f')}}};
}

absl::Status AddMatchesAndTimes(const CommandArgs& args, model::TimeMs now, Question* question) {
  ASSIGN_OR_RETURN(const model::TimeMs start, Time(args, "start", now - kFarMs));
  ASSIGN_OR_RETURN(const model::TimeMs end, Time(args, "end", now + kFarMs));
  question->form = {{"start", Seconds(start)}, {"end", Seconds(end)}};
  for (const std::string& match : args.All("match")) question->form.emplace_back("match[]", match);
  return absl::OkStatus();
}

absl::StatusOr<Question> Series(const CommandArgs& args, model::TimeMs now) {
  if (args.All("match").empty()) return base::InvalidArgument("--match is missing");
  Question question{"/api/v1/series", AnswerKind::kSeries, {}};
  RETURN_IF_ERROR(AddMatchesAndTimes(args, now, &question));
  return question;
}

absl::StatusOr<Question> Labels(const CommandArgs& args, model::TimeMs now) {
  Question question{fmt::format("/api/v1/label/{}/values", Escape(args.rest[1])),
                    AnswerKind::kNames, {}, /*get=*/true};
  RETURN_IF_ERROR(AddMatchesAndTimes(args, now, &question));
  return question;
}

absl::StatusOr<HttpClientConfig> LoadHttpConfig(const CommandArgs& args) {
  const auto path = args.Flag("http.config.file");
  if (!path.has_value()) return HttpClientConfig{};
  std::ifstream in(*path);
  if (!in) return base::InvalidArgument("--http.config.file: cannot open {}", *path);
  const std::string text{std::istreambuf_iterator<char>(in), {}};
  ASSIGN_OR_RETURN(const YamlNode node, ParseYaml(text, *path));
  Problems problems(*path);
  CheckSchema(node, "http", "", &problems);
  std::vector<std::string> idle;
  HttpClientConfig config;
  if (problems.size() == 0) {
    const std::string dir = path->substr(0, path->rfind('/') + 1);
    config = LoadHttpClient(Fields(node), dir, &problems, &idle);
  }
  RETURN_IF_ERROR(problems.status());
  return config;
}

absl::StatusOr<QueryAnswer> Ask(const CommandArgs& args, const Question& question) {
  ASSIGN_OR_RETURN(const HttpClientConfig config, LoadHttpConfig(args));
  ASSIGN_OR_RETURN(const auto settings, HttpSettings::Make(config));
  std::string url = args.rest[0];
  if (url.find("://") == std::string::npos) url = "http://" + url;
  while (url.ends_with('/')) url.pop_back();
  std::string form;
  for (const auto& [name, value] : question.form) {
    form += fmt::format("{}{}={}", form.empty() ? "" : "&", Escape(name), Escape(value));
  }
  HttpRequest request{.url = url + question.path, .timeout_ms = kTimeoutMs};
  if (question.get) {
    request.url += "?" + form;
  } else {
    request.method = "POST";
    request.body = form;
    request.headers = {{"Content-Type", "application/x-www-form-urlencoded"}};
  }
  for (const std::string& header : args.All("header")) {
    const size_t equals = header.find('=');
    if (equals == std::string::npos) {
      return base::InvalidArgument("--header: expected NAME=VALUE, got \"{}\"", header);
    }
    request.headers.emplace_back(header.substr(0, equals), header.substr(equals + 1));
  }
  HttpClient client;
  ASSIGN_OR_RETURN(const HttpResponse response, client.FetchAndWait(settings, request));
  auto answer = ReadAnswer(response.body, question.kind);
  if (!answer.ok() && absl::IsUnavailable(answer.status())) {
    return base::Unavailable("{} answered {}: {}", url, response.StatusText(),
                             base::message(answer.status()));
  }
  return answer;
}

struct Command {
  std::string_view name;
  std::vector<CommandFlag> flags;
  size_t words;
  absl::StatusOr<Question> (*make)(const CommandArgs& args, model::TimeMs now);
};

const std::vector<Command>& Commands() {
  const auto flags = [](std::vector<CommandFlag> own) {
    own.push_back(CommandFlag("output").Short('o'));
    own.insert(own.end(), {"format", "http.config.file", CommandFlag("header").Repeated()});
    return own;
  };
  const CommandFlag match = CommandFlag("match").Repeated();
  static const auto* const commands = new std::vector<Command>{
      {"instant", flags({"time"}), 2, Instant},
      {"range", flags({"start", "end", "step"}), 2, Range},
      {"series", flags({"start", "end", match}), 1, Series},
      {"labels", flags({"start", "end", match}), 2, Labels}};
  return *commands;
}

int Run(const Command& command, const CommandArgs& args) {
  const std::string name = args.Flag("output").value_or(args.Flag("format").value_or("table"));
  const auto format = FormatOf(name);
  if (!format.has_value()) {
    return BadUsage("--output: must be table, csv, json or promql, got \"" + name + "\"", kUsage);
  }
  if (args.rest.size() != command.words) {
    return BadUsage(args.rest.size() < command.words ? "an argument is missing"
                                                     : "unexpected " + args.rest.back(),
                    kUsage);
  }
  const auto question = command.make(args, base::SystemClock::Get()->NowMs());
  if (!question.ok()) return BadUsage(base::message(question.status()), kUsage);
  const auto answer = Ask(args, *question);
  if (!answer.ok()) {
    if (absl::IsInvalidArgument(answer.status())) {
      return BadUsage(base::message(answer.status()), kUsage);
    }
    std::fprintf(stderr, "query error: %s\n", std::string(base::message(answer.status())).c_str());
    return kFailed;
  }
  for (const std::string& warning : answer->warnings) {
    std::fprintf(stderr, "query warning: %s\n", warning.c_str());
  }
  const std::string text = question->kind == AnswerKind::kValue ? PrintValue(answer->value, *format)
                           : question->kind == AnswerKind::kSeries
                               ? PrintSeries(answer->series, *format)
                               : PrintNames(answer->names, *format);
  const bool written = std::fwrite(text.data(), 1, text.size(), stdout) == text.size();
  return written && std::fflush(stdout) == 0 ? kGood : kFailed;
}

}  // namespace

int RunQuery(std::span<const std::string> args) {
  base::SetLog(base::LogLevel::kNothing, base::LogFormat::kLogfmt);
  if (args.empty()) return BadUsage("a command is missing", kUsage);
  // promtool takes its flags in front of the command's name, too.
  std::vector<std::string> words(args.begin(), args.end());
  const auto name = std::ranges::find_if(words, [](const std::string& word) {
    return std::ranges::any_of(Commands(), [&](const Command& c) { return c.name == word; });
  });
  if (name == words.end()) {
    if (std::ranges::find(words, "--help") != words.end() || words[0] == "-h") {
      std::fputs(kUsage, stdout);
      return kGood;
    }
    return BadUsage("unknown command " + words[0], kUsage);
  }
  const Command& command =
      *std::ranges::find_if(Commands(), [&](const Command& c) { return c.name == *name; });
  words.erase(name);
  const auto read = CommandArgs::Parse(words, command.flags);
  if (!read.ok()) return BadUsage(base::message(read.status()), kUsage);
  if (read->help) {
    std::fputs(kUsage, stdout);
    return kGood;
  }
  return Run(command, *read);
}

}  // namespace server
