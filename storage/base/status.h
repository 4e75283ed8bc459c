// Statuses with formatted messages, and the two macros that pass them upwards.
//
//   RETURN_IF_ERROR(file.Sync());
//   ASSIGN_OR_RETURN(auto expr, promql::Parse(text));
//   return base::DataLoss("segment {}: bad checksum at {}", n, offset);
//
// Debian's absl::string_view is not std::string_view; message(status) is the bridge.
#pragma once

#include <fmt/format.h>

#include <string_view>
#include <utility>

#include <absl/status/status.h>
#include <absl/status/statusor.h>

namespace base {

template <class... A>
absl::Status Error(absl::StatusCode code, fmt::format_string<A...> format, A&&... args) {
  return absl::Status(code, fmt::format(format, std::forward<A>(args)...));
}

#define BASE_DEFINE_ERROR(Name)                                                 \
  template <class... A>                                                         \
  absl::Status Name(fmt::format_string<A...> format, A&&... args) {             \
    return Error(absl::StatusCode::k##Name, format, std::forward<A>(args)...);  \
  }
BASE_DEFINE_ERROR(InvalidArgument)
BASE_DEFINE_ERROR(NotFound)
BASE_DEFINE_ERROR(DataLoss)
BASE_DEFINE_ERROR(Unavailable)
BASE_DEFINE_ERROR(Internal)
BASE_DEFINE_ERROR(Aborted)
BASE_DEFINE_ERROR(ResourceExhausted)
BASE_DEFINE_ERROR(DeadlineExceeded)
BASE_DEFINE_ERROR(Cancelled)
BASE_DEFINE_ERROR(FailedPrecondition)
BASE_DEFINE_ERROR(Unimplemented)
BASE_DEFINE_ERROR(AlreadyExists)
BASE_DEFINE_ERROR(OutOfRange)
#undef BASE_DEFINE_ERROR

inline std::string_view message(const absl::Status& status) {
  return {status.message().data(), status.message().size()};
}

// The same code with `context: ` before the message.
inline absl::Status Annotate(const absl::Status& status, std::string_view context) {
  if (status.ok()) return status;
  return Error(status.code(), "{}: {}", context, message(status));
}

}  // namespace base

#define BASE_CONCAT_(a, b) a##b
#define BASE_CONCAT(a, b) BASE_CONCAT_(a, b)
#define RETURN_IF_ERROR(expr)                                        \
  do {                                                               \
    if (absl::Status base_status_ = (expr); !base_status_.ok()) {    \
      return base_status_;                                           \
    }                                                                \
  } while (0)
#define ASSIGN_OR_RETURN(lhs, expr) ASSIGN_OR_RETURN_(BASE_CONCAT(base_or_, __LINE__), lhs, expr)
#define ASSIGN_OR_RETURN_(tmp, lhs, expr) \
  auto tmp = (expr);                      \
  if (!tmp.ok()) return tmp.status();     \
  lhs = *std::move(tmp)
