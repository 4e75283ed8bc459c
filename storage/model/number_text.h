// Numbers as Prometheus (Go) prints and reads them. spec 1.12.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace model {

// Shortest digits that round-trip, as Go's strconv with precision -1:
//   'f'  100000000, 0.000001, NaN, +Inf, -Inf: never an exponent
//   'e'  1e+00
//   'g'  exponent form below 1e-4 and from 1e+06 on
void AppendFloat(std::string* out, double v, char format);
std::string FormatFloat(double v, char format);

// Sample values in API JSON (without the quotes): 'f', but 'e' below 1e-6 and from 1e21 on.
void AppendJsonFloat(std::string* out, double v);

// Milliseconds as seconds with up to three decimals: 1435781451.781, 12, -0.005.
void AppendSeconds(std::string* out, int64_t time_ms);
// As Prometheus writes the times of samples and exemplars: three decimals or none. 1435781451.500, 12.
void AppendTimestamp(std::string* out, int64_t time_ms);

// Go's strconv.ParseFloat: decimal, hex floats, inf/infinity/nan with sign in any case, '_' only
// when `underscores`. Overflow and garbage are nullopt.
std::optional<double> ParseFloat(std::string_view text, bool underscores = false);

}  // namespace model
