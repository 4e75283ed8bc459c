#include "api/envelope.h"

#include "storage/base/status.h"

namespace api {
namespace {

constexpr std::string_view kPrefix = "{\"status\":\"success\",\"data\":";
constexpr size_t kMaxAnnotations = 10;

struct ErrorKind {
  int code;
  std::string_view type;
};

ErrorKind KindOf(absl::StatusCode code) {
  switch (code) {
    case absl::StatusCode::kInvalidArgument: return {400, "bad_data"};
    case absl::StatusCode::kAborted:
    case absl::StatusCode::kResourceExhausted:
    case absl::StatusCode::kUnimplemented: return {422, "execution"};
    case absl::StatusCode::kDeadlineExceeded: return {503, "timeout"};
    case absl::StatusCode::kCancelled: return {499, "canceled"};
    case absl::StatusCode::kNotFound: return {404, "not_found"};
    case absl::StatusCode::kUnavailable: return {500, "unavailable"};
    default: return {500, "internal"};
  }
}

void AppendTexts(JsonWriter* json, std::string_view key, std::string_view noun,
                 const std::vector<std::string>& texts) {
  if (texts.empty()) return;
  json->Key(key);
  json->BeginArray();
  for (size_t i = 0; i < texts.size() && i < kMaxAnnotations; ++i) json->String(texts[i]);
  if (texts.size() > kMaxAnnotations) {
    json->String(fmt::format("{} more {} annotations omitted", texts.size() - kMaxAnnotations, noun));
  }
  json->EndArray();
}

}  // namespace

Reply::Reply() : body_(kPrefix), json_(&body_) {}

Response ErrorResponse(int code, std::string_view type, std::string_view message) {
  Response response{.status = code};
  JsonWriter json(&response.body);
  json.BeginObject();
  json.Key("status");
  json.String("error");
  json.Key("errorType");
  json.String(type);
  json.Key("error");
  json.String(message);
  json.EndObject();
  return response;
}

Response Finish(Reply* reply, const absl::Status& status) {
  if (!status.ok()) {
    const ErrorKind kind = KindOf(status.code());
    const bool for_now = reply->unavailable_for_now_ && absl::IsUnavailable(status);
    return ErrorResponse(for_now ? 503 : kind.code, kind.type, base::message(status));
  }
  Response response;
  if (reply->no_content_) {
    response.status = 204;
    response.content_type.clear();
    return response;
  }
  JsonWriter json(&reply->body_);
  json.Value();  // `data` stands before.
  AppendTexts(&json, "warnings", "warning", reply->warnings);
  AppendTexts(&json, "infos", "info", reply->infos);
  json.EndObject();
  response.body = std::move(reply->body_);
  return response;
}

Response Refusal(const absl::Status& status) {
  Reply reply;
  reply.UnavailableForNow();
  Response response = Finish(&reply, status);
  if (response.status == 503) response.headers.emplace_back("Retry-After", "1");
  return response;
}

Handler Enveloped(ApiHandler handler) {
  return [handler = std::move(handler)](const Request& request) {
    Reply reply;
    const absl::Status status = handler(request, &reply);
    return Finish(&reply, status);
  };
}

}  // namespace api
