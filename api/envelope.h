// The envelope of /api/v1: {"status":"success","data":...} or {"status":"error",...}. The one place
// that turns a Status into an HTTP code and an errorType.
//
//   kInvalidArgument                                400 bad_data
//   kAborted, kResourceExhausted, kUnimplemented    422 execution
//   kDeadlineExceeded                               503 timeout
//   kCancelled                                      499 canceled
//   kNotFound                                       404 not_found
//   kUnavailable                                    500 unavailable (Reply can make it 503)
//   anything else                                   500 internal
#pragma once

#include <functional>
#include <string>
#include <vector>

#include <absl/status/status.h>

#include "api/json_writer.h"
#include "api/router.h"

namespace api {

// What a handler fills. The result is written where it will be sent from: json() stands behind
// `{"status":"success","data":` already.
class Reply {
 public:
  Reply();
  Reply(const Reply&) = delete;
  Reply& operator=(const Reply&) = delete;
  JsonWriter* json() { return &json_; }       // Write exactly one value.
  void Warn(std::string text) { warnings.push_back(std::move(text)); }
  void NoContent() { no_content_ = true; }    // 204 without a body.
  // kUnavailable is 503 here: what is asked for can be had, but not now.
  void UnavailableForNow() { unavailable_for_now_ = true; }

  std::vector<std::string> warnings, infos;

 private:
  friend Response Finish(Reply* reply, const absl::Status& status);
  std::string body_;
  JsonWriter json_;
  bool no_content_ = false, unavailable_for_now_ = false;
};

// Ends the envelope; with an error, whatever was written is dropped. At most ten warnings and ten
// infos are sent, and a line that says how many there were besides.
Response Finish(Reply* reply, const absl::Status& status);

using ApiHandler = std::function<absl::Status(const Request&, Reply*)>;
Handler Enveloped(ApiHandler handler);

// Of a request that was not run: as Finish, but kUnavailable is 503, and 503 says when to try again.
Response Refusal(const absl::Status& status);

// An error envelope by hand.
Response ErrorResponse(int code, std::string_view type, std::string_view message);

}  // namespace api
