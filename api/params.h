// Request parameters: how they arrive, what they mean, and Prometheus' words for what is wrong with
// them. spec 3.1.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <absl/status/statusor.h>

#include "api/router.h"
#include "storage/model/matcher.h"
#include "storage/model/sample.h"

namespace api {

// The range of Prometheus' own defaults, in milliseconds.
inline constexpr model::TimeMs kMinTime = (INT64_MIN / 1000 + 62135596801) * 1000;
inline constexpr model::TimeMs kMaxTime = (INT64_MAX / 1000 - 62135596801) * 1000 + 999;

// Appends the pairs of `a=1&b=2`. Lenient: characters that should have been escaped stand for
// themselves, and so does a '%' that is not followed by two hex digits.
void ParseQueryString(std::string_view text, Pairs* out);
std::string PercentDecode(std::string_view text, bool plus_is_space);

// Splits a request target ("/a%20b?x=1", "http://host/a") into path and url_params; params become
// the same. kInvalidArgument when there is no path in it.
absl::Status SetTarget(std::string_view target, Request* request);
// Puts the pairs of a form body in front of params (urlencoded) or behind them (multipart). POST and
// PUT only.
// kInvalidArgument for a form that is malformed or too large.
absl::Status AddFormParams(Request* request);

// Float Unix seconds or RFC 3339. kInvalidArgument: cannot parse "x" to a valid timestamp
absl::StatusOr<model::TimeMs> ParseTime(std::string_view text);
// Float seconds or 5m. In nanoseconds. kInvalidArgument: cannot parse "x" to a valid duration
absl::StatusOr<int64_t> ParseDurationNs(std::string_view text);
// As Go's strconv.Atoi, errors too.
absl::StatusOr<int64_t> ParseInt(std::string_view text);

// The parameter of that name, or the default when absent or empty. Errors are complete:
//   invalid parameter "start": invalid time value for 'start': cannot parse ...
absl::StatusOr<model::TimeMs> TimeParam(const Request& request, std::string_view name,
                                        model::TimeMs default_value);
absl::StatusOr<int64_t> LimitParam(const Request& request);  // 0: none.
absl::StatusOr<bool> BoolParam(const Request& request, std::string_view name);  // False when absent.
// A parameter that Prometheus takes from the URL only, "" when absent. Lower: ASCII letters made small.
std::string_view UrlParam(const Request& request, std::string_view name);
std::string LowerUrlParam(const Request& request, std::string_view name);
// start and end with their defaults.
absl::StatusOr<model::TimeRange> RangeParams(const Request& request);
// Each selector must hold a matcher that does not match "". Errors without `invalid parameter`.
absl::StatusOr<std::vector<std::vector<model::Matcher>>> MatcherSets(const Request& request);

// `invalid parameter "NAME": REASON`, kInvalidArgument.
absl::Status InvalidParam(std::string_view name, std::string_view reason);
absl::Status InvalidParam(std::string_view name, const absl::Status& reason);

// U__a_2e_b -> a.b; what is not well escaped stays as it is.
std::string UnescapeLabelName(std::string_view name);

std::string Quoted(std::string_view s);  // Go's %q.

}  // namespace api
