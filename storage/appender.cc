#include "storage/appender.h"

namespace storage {

std::string_view ToString(Outcome outcome) {
  switch (outcome) {
    case Outcome::kAccepted:
      return "accepted";
    case Outcome::kDuplicate:
      return "duplicate sample for timestamp";
    case Outcome::kOutOfOrder:
      return "out of order sample";
    case Outcome::kOutOfBounds:
      return "out of bounds";
    case Outcome::kTooOld:
      return "too old sample";
    case Outcome::kInvalidLabels:
      return "invalid labelset";
    case Outcome::kInvalidHistogram:
      return "invalid histogram";
    case Outcome::kLimited:
      return "series limit reached";
  }
  return "unknown";
}

}  // namespace storage
