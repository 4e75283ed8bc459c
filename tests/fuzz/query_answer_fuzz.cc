// Answers of an API out of bytes: read and printed in every format, or refused.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "server/commands/query_answer.h"
#include "server/commands/query_print.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using server::AnswerKind;
  using server::QueryFormat;
  const std::string_view json(reinterpret_cast<const char*>(data), size);
  for (const QueryFormat format : {QueryFormat::kTable, QueryFormat::kCsv, QueryFormat::kJson,
                                   QueryFormat::kPromql}) {
    if (const auto a = server::ReadAnswer(json, AnswerKind::kValue); a.ok()) {
      if (server::PrintValue(a->value, format).empty()) std::abort();
    }
    if (const auto a = server::ReadAnswer(json, AnswerKind::kSeries); a.ok()) {
      static_cast<void>(server::PrintSeries(a->series, format));
    }
    if (const auto a = server::ReadAnswer(json, AnswerKind::kNames); a.ok()) {
      static_cast<void>(server::PrintNames(a->names, format));
    }
  }
  return 0;
}
