// The first line is a request target, the second a content type, the rest a body: every parameter
// parser sees every value, and JSON strings are made of them.
#include <cstdint>
#include <string>
#include <string_view>

#include "api/json_writer.h"
#include "api/params.h"
#include "api/time_text.h"
#include "storage/base/check.h"
#include "storage/model/labels.h"

namespace {

std::string_view TakeLine(std::string_view* rest) {
  const size_t end = std::min(rest->find('\n'), rest->size());
  const std::string_view line = rest->substr(0, end);
  rest->remove_prefix(std::min(end + 1, rest->size()));
  return line;
}

void Parse(std::string_view text) {
  if (const auto t = api::ParseTime(text); t.ok()) {
    CHECK(api::kMinTime <= *t && *t <= api::kMaxTime);
  }
  api::ParseDurationNs(text).status().IgnoreError();
  api::ParseInt(text).status().IgnoreError();
  api::UnescapeLabelName(text);
  std::string json;
  api::AppendJsonString(&json, text);
  CHECK(model::IsValidUtf8(json));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  std::string_view rest(reinterpret_cast<const char*>(data), size);
  api::Request request;
  request.method = api::Method::kPost;
  const std::string_view target = TakeLine(&rest);
  request.headers = {{"content-type", std::string(TakeLine(&rest))}};
  request.body = rest;
  if (!api::SetTarget(target, &request).ok()) return 0;
  api::AddFormParams(&request).IgnoreError();
  for (const auto& [name, value] : request.params) {
    Parse(name);
    Parse(value);
  }
  api::LimitParam(request).status().IgnoreError();
  api::RangeParams(request).status().IgnoreError();
  api::MatcherSets(request).status().IgnoreError();
  return 0;
}
