// The functions that Prometheus adds for alerts and pages.
#include <arpa/inet.h>

#include <algorithm>

#include "promql/text.h"
#include "server/external_url.h"
#include "server/http_url.h"
#include "server/letters.h"
#include "server/rules/template/escape.h"
#include "server/rules/template/function.h"
#include "server/rules/template/go_format.h"
#include "server/rules/template/humanize.h"
#include "storage/base/status.h"
#include "storage/model/duration_text.h"
#include "storage/model/number_text.h"
#include "storage/model/regex_template.h"

namespace server::text_template {
namespace {

using Args = std::span<const Value>;
using Result = absl::StatusOr<Value>;

const std::string& Text(const Value& v) { return *v.If<std::string>(); }

absl::StatusOr<const Struct*> SampleOf(const Value& v) {
  const auto* sample = v.If<StructPtr>();
  if (sample == nullptr || *sample == nullptr) {
    return base::InvalidArgument(
        "runtime error: invalid memory address or nil pointer dereference");
  }
  return sample->get();
}

std::string LabelOf(const Struct& sample, const std::string& name) {
  const Map& labels = **sample.Find("Labels")->If<MapPtr>();
  const auto it = labels.entries.find(name);
  return it == labels.entries.end() ? "" : *it->second.If<std::string>();
}

// What humanize and its like take.
absl::StatusOr<double> Number(const Value& v) {
  if (v.pointer()) return base::InvalidArgument("can't convert {} to float", v.type());
  if (const auto* d = v.If<double>()) return *d;
  if (const auto* n = v.If<int64_t>()) return static_cast<double>(*n);
  if (const auto* d = v.If<Duration>()) {
    return static_cast<double>(d->nanos / 1'000'000'000) +
           static_cast<double>(d->nanos % 1'000'000'000) / 1e9;
  }
  const auto* s = v.If<std::string>();
  if (s == nullptr) return base::InvalidArgument("can't convert {} to float", v.type());
  const auto number = model::ParseFloat(*s, /*underscores=*/true);
  if (!number) {
    return base::InvalidArgument("strconv.ParseFloat: parsing {}: {}", promql::Quote(*s),
                                 promql::ReadNumber(*s).error == "value out of range"
                                     ? "value out of range"
                                     : "invalid syntax");
  }
  return *number;
}

template <std::string (*kFormat)(double)>
Result Humanized(const Surroundings&, Args args) {
  ASSIGN_OR_RETURN(const double v, Number(args[0]));
  return Value(kFormat(v));
}

Result HumanizedTimestamp(const Surroundings&, Args args) {
  ASSIGN_OR_RETURN(const double v, Number(args[0]));
  ASSIGN_OR_RETURN(std::string text, HumanizeTimestamp(v));
  return Value(std::move(text));
}

Result ToTimeFunction(const Surroundings&, Args args) {
  ASSIGN_OR_RETURN(const double v, Number(args[0]));
  ASSIGN_OR_RETURN(const Time time, ToTime(v));
  return Value::Pointer(Value(Time(time)));
}

Result ToDuration(const Surroundings&, Args args) {
  ASSIGN_OR_RETURN(const double v, Number(args[0]));
  const double nanos = v * 1e9;
  const bool fits = nanos > -9.2233720368547758e18 && nanos < 9.2233720368547758e18;
  return Value::Pointer(Value(Duration{fits ? static_cast<int64_t>(nanos) : INT64_MIN}));
}

Result Query(const Surroundings& s, Args args) {
  if (s.query == nullptr) return base::InvalidArgument("queries cannot be asked here");
  ASSIGN_OR_RETURN(const std::vector<promql::VectorSample> samples, s.query(Text(args[0])));
  return Value::Results(samples);
}

Result First(const Surroundings&, Args args) {
  const auto* v = args[0].If<Vector>();
  if (v == nullptr || v->size() == 0) {
    return base::InvalidArgument("first() called on vector with no elements");
  }
  return Value((*v->elements)[v->begin]);
}

Result Label(const Surroundings&, Args args) {
  ASSIGN_OR_RETURN(const Struct* sample, SampleOf(args[1]));
  return Value(LabelOf(*sample, Text(args[0])));
}
Result ValueOf(const Surroundings&, Args args) {
  ASSIGN_OR_RETURN(const Struct* sample, SampleOf(args[0]));
  return Value(*sample->Find("Value"));
}
Result StrValue(const Surroundings&, Args args) {
  ASSIGN_OR_RETURN(const Struct* sample, SampleOf(args[0]));
  return Value(LabelOf(*sample, "__value__"));
}

Result SortByLabel(const Surroundings&, Args args) {
  const auto* v = args[1].If<Vector>();
  if (v == nullptr || v->size() == 0) return args[1];
  const std::string& by = Text(args[0]);
  const auto begin = v->elements->begin() + static_cast<ptrdiff_t>(v->begin);
  std::stable_sort(begin, begin + static_cast<ptrdiff_t>(v->size()),
                   [&](const Value& a, const Value& b) {
                     return LabelOf(**a.If<StructPtr>(), by) < LabelOf(**b.If<StructPtr>(), by);
                   });
  return args[1];
}

Result ArgsFunction(const Surroundings&, Args args) {
  auto map = std::make_shared<Map>();
  map->any = true;
  for (size_t i = 0; i < args.size(); ++i) map->entries[fmt::format("arg{}", i)] = args[i];
  return Value(MapPtr(std::move(map)));
}

Result ReReplaceAll(const Surroundings&, Args args) {
  auto regex = model::RegexTemplate::CompileAnywhere(Text(args[0]), Text(args[1]));
  if (!regex.ok()) {
    return base::InvalidArgument("regexp: Compile({}): {}", QuoteRaw(Text(args[0])),
                                 base::message(regex.status()));
  }
  auto text = regex->ReplaceAll(Text(args[2]), kMaxStringBytes);
  if (!text)
    return base::ResourceExhausted("the text becomes longer than {} bytes", kMaxStringBytes);
  return Value(*std::move(text));
}

Result Match(const Surroundings&, Args args) {
  ASSIGN_OR_RETURN(const auto regex, model::RegexTemplate::CompileAnywhere(Text(args[0]), ""));
  return Value(regex.FoundIn(Text(args[1])));
}

Result SafeHtml(const Surroundings&, Args args) { return Value(Html{Text(args[0])}); }
Result Title(const Surroundings&, Args args) { return Value(TitleCase(Text(args[0]))); }
Result Upper(const Surroundings&, Args args) { return Value(ChangeCase(Text(args[0]), true)); }
Result Lower(const Surroundings&, Args args) { return Value(ChangeCase(Text(args[0]), false)); }
Result UrlQueryEscape(const Surroundings&, Args args) {
  return Value(EscapeUrlQuery(Text(args[0])));
}

Result Link(std::string_view expression, int tab) {
  return Value(fmt::format("/graph?g0.expr={}&g0.tab={}", EscapeUrlQuery(expression), tab));
}
Result GraphLink(const Surroundings&, Args args) { return Link(Text(args[0]), 0); }
Result TableLink(const Surroundings&, Args args) { return Link(Text(args[0]), 1); }

// host:port or [host]:port in two; false when it is neither.
bool SplitHostPort(std::string_view s, std::string* host, std::string* port) {
  const size_t colon = s.rfind(':');
  if (colon == std::string_view::npos) return false;
  std::string_view h = s.substr(0, colon);
  if (s.starts_with('[')) {
    const size_t close = s.find(']');
    if (close == std::string_view::npos || close + 1 != colon) return false;
    h = s.substr(1, close - 1);
    if (h.find('[') != std::string_view::npos) return false;
  } else if (h.find_first_of(":[]") != std::string_view::npos) {
    return false;
  }
  if (s.substr(colon + 1).find_first_of("[]") != std::string_view::npos) return false;
  *host = h;
  *port = s.substr(colon + 1);
  return true;
}

bool IsIp(const std::string& host) {
  unsigned char address[16];
  return inet_pton(AF_INET, host.c_str(), address) == 1 ||
         inet_pton(AF_INET6, host.c_str(), address) == 1;
}

Result StripPort(const Surroundings&, Args args) {
  std::string host, port;
  return Value(SplitHostPort(Text(args[0]), &host, &port) ? host : Text(args[0]));
}

Result StripDomain(const Surroundings&, Args args) {
  std::string host, port;
  if (!SplitHostPort(Text(args[0]), &host, &port)) host = Text(args[0]);
  if (IsIp(host)) return args[0];
  host = host.substr(0, host.find('.'));
  return Value(port.empty() ? host : JoinHostPort(host, port));
}

Result Now(const Surroundings& s, Args) { return Value(static_cast<double>(s.now) / 1000.0); }
Result ExternalUrlFunction(const Surroundings& s, Args) {
  return Value(std::string(s.external_url));
}
Result PathPrefix(const Surroundings& s, Args) {
  const auto parts = MakeExternalUrl(s.external_url, "", "", "");
  return Value(parts.ok() && parts->route_prefix != "/" ? parts->route_prefix : std::string());
}

Result ParseDuration(const Surroundings&, Args args) {
  std::string_view text = Text(args[0]);
  const bool negative = text.starts_with('-');
  if (negative) text.remove_prefix(1);
  ASSIGN_OR_RETURN(const int64_t ms, model::ParseDurationMs(text));
  return Value(static_cast<double>(negative ? -ms : ms) / 1000.0);
}

}  // namespace

std::span<const Function> AlertFunctions() {
  using enum ParamType;
  static const auto* const kTable = new std::vector<Function>{
      {"args", {kAny}, true, ArgsFunction},
      {"externalURL", {}, false, ExternalUrlFunction},
      {"first", {kResults}, false, First},
      {"graphLink", {kString}, false, GraphLink},
      {"humanize", {kAny}, false, Humanized<Humanize>},
      {"humanize1024", {kAny}, false, Humanized<Humanize1024>},
      {"humanizeDuration", {kAny}, false, Humanized<HumanizeDuration>},
      {"humanizePercentage", {kAny}, false, Humanized<HumanizePercentage>},
      {"humanizeTimestamp", {kAny}, false, HumanizedTimestamp},
      {"label", {kString, kSample}, false, Label},
      {"match", {kString, kString}, false, Match},
      {"now", {}, false, Now},
      {"parseDuration", {kString}, false, ParseDuration},
      {"pathPrefix", {}, false, PathPrefix},
      {"query", {kString}, false, Query},
      {"reReplaceAll", {kString, kString, kString}, false, ReReplaceAll},
      {"safeHtml", {kString}, false, SafeHtml},
      {"sortByLabel", {kString, kResults}, false, SortByLabel},
      {"stripDomain", {kString}, false, StripDomain},
      {"stripPort", {kString}, false, StripPort},
      {"strvalue", {kSample}, false, StrValue},
      {"tableLink", {kString}, false, TableLink},
      {"title", {kString}, false, Title},
      {"toDuration", {kAny}, false, ToDuration},
      {"toLower", {kString}, false, Lower},
      {"toTime", {kAny}, false, ToTimeFunction},
      {"toUpper", {kString}, false, Upper},
      {"urlQueryEscape", {kString}, false, UrlQueryEscape},
      {"value", {kSample}, false, ValueOf},
  };
  return *kTable;
}

}  // namespace server::text_template
