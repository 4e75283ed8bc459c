// POST /api/v1/write (remote write 1.0 and 2.0), /api/v1/read, /api/v1/otlp/v1/metrics. spec 3.10 to 3.12.
#include "api/compress.h"
#include "api/params.h"
#include "api/remote_write.h"
#include "api/remote_write_v2.h"
#include "api/route_groups.h"
#include "storage/base/log.h"
#include "storage/base/log_throttle.h"
#include "storage/base/status.h"
#include "storage/database.h"

namespace api {
namespace {

constexpr size_t kMaxDecodedBytes = 32 << 20;
constexpr int64_t kMaxAheadMs = 10 * 60 * 1000;
constexpr std::string_view kV1 = "prometheus.WriteRequest";
constexpr std::string_view kV2 = "io.prometheus.write.v2.Request";

std::string_view Trim(std::string_view s) {
  while (!s.empty() && s.front() == ' ') s.remove_prefix(1);
  while (!s.empty() && s.back() == ' ') s.remove_suffix(1);
  return s;
}

// *v2: whether the message is one of 2.0. An answer when it is none we know.
std::optional<Response> CheckContentType(std::string_view header, bool* v2) {
  std::string_view rest = header.empty() ? "application/x-protobuf" : header;
  const size_t semicolon = std::min(rest.find(';'), rest.size());
  if (Trim(rest.substr(0, semicolon)) != "application/x-protobuf") {
    return TextResponse(415, fmt::format("expected application/x-protobuf as the first (media) "
                                         "part, got {} content-type",
                                         header));
  }
  rest.remove_prefix(semicolon);
  while (!rest.empty()) {
    rest.remove_prefix(1);
    const size_t end = std::min(rest.find(';'), rest.size());
    const std::string_view part = Trim(rest.substr(0, end));
    rest.remove_prefix(end);
    if (!part.starts_with("proto=")) continue;
    const std::string_view proto = part.substr(6);
    *v2 = proto == kV2;
    if (proto == kV1 || proto == kV2) return std::nullopt;
    return TextResponse(415, fmt::format("got {} content-type: unknown remote write protobuf "
                                         "message {}",
                                         header, proto));
  }
  return std::nullopt;
}

// Buffers a worker keeps from request to request, given back when they have grown large.
std::string* DecodeBuffer() {
  thread_local std::string buffer;
  if (buffer.capacity() > (4 << 20)) std::string().swap(buffer);
  return &buffer;
}

// What was skipped although the rest was stored: the sender must hear of it, and not send again.
std::string Complaints(const WriteCounts& counts) {
  std::string text;
  if (counts.limited > 0) {
    text += fmt::format("{} samples of new series were refused because the server is at its limit "
                        "of series, first {}; existing series were written; "
                        "/api/v1/status/limits names the limit and the cause",
                        counts.limited, counts.first_limited);
  }
  return text;
}

// A disk that is full, or away, may come back: the sender keeps what it has and tries again. It
// will, every few seconds, so the log gets a line now and then.
Response NotStored(const Request& request, const absl::Status& status) {
  static base::LogThrottle throttle(absl::Seconds(10));
  if (const auto unsaid = throttle.Ask()) {
    base::Log(base::LogLevel::kError, "web", "Remote write request not stored",
              {{"remote", request.remote},
               {"err", std::string(base::message(status))},
               {"not_logged", std::to_string(*unsaid)}});
  }
  if (!absl::IsUnavailable(status)) return TextResponse(500, base::message(status));
  Response response = TextResponse(503, base::message(status));
  response.headers.emplace_back("Retry-After", "5");
  return response;
}

// What a 2.0 sender reads on any answer.
Response WithWritten(Response response, const WriteV2Counts& counts) {
  const std::pair<const char*, uint64_t> written[] = {{"Samples", counts.samples},
                                                      {"Histograms", counts.histograms},
                                                      {"Exemplars", counts.exemplars}};
  for (const auto& [kind, count] : written) {
    response.headers.emplace_back(fmt::format("X-Prometheus-Remote-Write-{}-Written", kind),
                                  std::to_string(count));
  }
  return response;
}

Response WriteV2(const ApiDependencies& d, const Request& request, std::string_view message) {
  const std::unique_ptr<storage::Appender> appender = d.appendable->NewAppender();
  if (appender == nullptr) return WithWritten(TextResponse(503, "TSDB not ready"), {});
  WriteV2Counts counts;
  WriteV2Options options;
  options.max_time = d.clock->NowMs() + kMaxAheadMs;
  options.type_and_unit_labels = d.engine->options().type_and_unit_labels;
  absl::Status status = AppendWriteV2Request(message, options, appender.get(), &counts);
  if (!status.ok()) return WithWritten(TextResponse(400, base::message(status)), {});
  status = appender->Commit();
  if (!status.ok()) return WithWritten(NotStored(request, status), {});
  if (d.stats != nullptr) {
    d.stats->remote_write_samples.Add(counts.samples + counts.histograms);
    d.stats->remote_write_invalid_labels.Add(counts.invalid_labels);
  }
  if (counts.refusals == 0) return WithWritten({.status = 204, .content_type = ""}, counts);
  base::Log(base::LogLevel::kError, "web", "Remote write request refused in part",
            {{"remote", request.remote},
             {"refused", std::to_string(counts.refusals)},
             {"first", counts.text.substr(0, counts.text.find('\n'))}});
  return WithWritten(TextResponse(400, counts.text), counts);
}

Response WriteV1(const ApiDependencies& d, const Request& request, std::string_view message) {
  const std::unique_ptr<storage::Appender> appender = d.appendable->NewAppender();
  if (appender == nullptr) return TextResponse(503, "TSDB not ready");
  WriteCounts counts;
  if (const auto status =
          AppendWriteRequest(message, d.clock->NowMs() + kMaxAheadMs, appender.get(), &counts);
      !status.ok()) {
    base::Log(base::LogLevel::kError, "web", "Remote write request refused",
              {{"remote", request.remote}, {"err", std::string(base::message(status))}});
    return TextResponse(400, base::message(status));
  }
  if (const auto status = appender->Commit(); !status.ok()) {
    return NotStored(request, status);
  }
  if (d.stats != nullptr) {
    d.stats->remote_write_samples.Add(counts.samples + counts.histograms);
    d.stats->remote_write_invalid_labels.Add(counts.invalid_labels);
  }
  if (counts.invalid_labels > 0) {
    base::Log(base::LogLevel::kWarn, "web", "Remote write samples with invalid labels skipped",
              {{"remote", request.remote},
               {"samples", std::to_string(counts.invalid_labels)},
               {"first", counts.first_invalid}});
  }
  if (const std::string text = Complaints(counts); !text.empty()) return TextResponse(400, text);
  return {.status = 204, .content_type = ""};
}

// Either version.
Response Write(const ApiDependencies& d, const Request& request) {
  bool v2 = false;
  if (auto refusal = CheckContentType(request.Header("content-type"), &v2)) {
    return *std::move(refusal);
  }
  const std::string_view encoding = request.Header("content-encoding");
  if (!encoding.empty() && encoding != "snappy") {  // Absent means snappy: some clients leave it out.
    return TextResponse(415, fmt::format("{} encoding (compression) is not accepted by this "
                                         "server; only snappy is acceptable",
                                         encoding));
  }
  if (request.body.size() > kMaxDecodedBytes) {
    return TextResponse(413, fmt::format("request body of {} bytes exceeds the limit of {} bytes",
                                         request.body.size(), kMaxDecodedBytes));
  }
  std::string* message = DecodeBuffer();
  if (const auto status = SnappyUncompress(request.body, kMaxDecodedBytes, message); !status.ok()) {
    return TextResponse(400, base::message(status));
  }
  return v2 ? WriteV2(d, request, *message) : WriteV1(d, request, *message);
}

}  // namespace

void AddWriteRoutes(Router* router, const ApiDependencies& d) {
  const auto post = [&](std::string_view path, Handler handler) {
    router->Add(Method::kPost, path, WhenReady(d, std::move(handler)), Lane::kPrompt);
  };
  post("/api/v1/write", [d](const Request& request) {
    if (!d.status->RemoteWriteEnabled()) {
      return TextResponse(404, "remote write receiver needs to be enabled with "
                               "--web.enable-remote-write-receiver");
    }
    Response response = Write(d, request);
    if (storage::Database* database = d.storage->database()) {
      response.hold_back = absl::Milliseconds(database->admission()->hold_back_ms());
    }
    return response;
  });
  post("/api/v1/read", [](const Request&) {
    return TextResponse(501, "remote read is not supported by this version yet");
  });
  post("/api/v1/otlp/v1/metrics", [](const Request&) {
    return TextResponse(404, "otlp write receiver needs to be enabled with "
                             "--web.enable-otlp-receiver");
  });
}

}  // namespace api
