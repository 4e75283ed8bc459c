// The way in. One Appender is one batch: one scrape or one write request.
#pragma once

#include <memory>
#include <string_view>

#include <absl/status/status.h>

#include "storage/base/hash.h"
#include "storage/index/postings.h"
#include "storage/model/exemplar.h"
#include "storage/model/histogram.h"
#include "storage/model/labels.h"
#include "storage/model/metadata.h"
#include "storage/model/sample.h"

namespace storage {

// What became of one sample. Everyday answers, which callers count; absl::Status is for calls that
// could not do their work. Rules: spec 8.
enum class Outcome : uint8_t {
  kAccepted,
  kDuplicate,      // Same time, other value. (Same time, same bits is accepted and changes nothing.)
  kOutOfOrder,     // Older than the series' newest sample.
  kOutOfBounds,    // Older than anything the head takes.
  kTooOld,         // Older than the out-of-order window.
  kInvalidLabels,  // No label at all.
  kInvalidHistogram,  // Its Validate says why.
  kLimited,        // A new series, and a series limit or the memory budget refuses new ones.
};
// In Prometheus' words: "out of order sample", "out of bounds", ...
std::string_view ToString(Outcome outcome);

struct Appended {
  SeriesRef ref = SeriesRef::kNone;  // Give it back as `hint` to skip the lookup.
  Outcome outcome = Outcome::kAccepted;
};

// Finds a series that is known already; see Appender::Key.
struct SeriesKey {
  base::Hash128 hash;
};

// Gathers a batch. Nothing is durable or visible before Commit; a destroyed Appender leaves no
// trace. Not thread-safe. Labels are copied only for a series never seen before.
class Appender {
 public:
  virtual ~Appender() = default;

  // `hint` is a ref that an earlier Append of any Appender of the same Database gave. A stale or
  // kNone hint is allowed: `labels` then decides; with a good hint `labels` are not looked at, so
  // they may be empty (an empty `labels` with a stale hint is kInvalidLabels: come again with
  // labels). The answer holds for the head as it is now; a sample overtaken before Commit is
  // dropped there and counted.
  virtual Appended Append(SeriesRef hint, model::LabelsView labels, model::Sample sample) = 0;

  // The short way for senders whose labels come as remote write has them: `wire_labels` are the
  // label fields of one TimeSeries message (model::AppendWireLabels), taken as they are. Key begins
  // to fetch the series into the cache, so ask for some ten keys before the first AppendKnown.
  virtual SeriesKey Key(std::string_view) { return {}; }
  // As Append. kInvalidLabels when no series has exactly this key: come again with labels.
  virtual Appended AppendKnown(const SeriesKey&, model::Sample) {
    return {SeriesRef::kNone, Outcome::kInvalidLabels};
  }

  // When what the samples appended from now on count began; 0: not known, as at first. What becomes
  // of it is the store's choice: nothing, kept with each, or a zero at that time before the first.
  virtual void SetStart(model::TimeMs) {}

  // As Append. A series may hold samples of each kind; a histogram at the time of a float is a
  // duplicate, and the other way round. An Appender that keeps no histograms refuses them.
  virtual Appended AppendHistogram(SeriesRef, model::LabelsView, model::TimeMs,
                                   model::AnyHistogram) {
    return {SeriesRef::kNone, Outcome::kInvalidHistogram};
  }

  // The series of these labels, if there is one or this batch brings it; creates nothing. For
  // exemplars that come without a sample.
  virtual SeriesRef Find(model::LabelsView) { return SeriesRef::kNone; }
  // False when the exemplar is refused: out of order, or its labels are too long. One that the
  // series' newest repeats is accepted and changes nothing.
  virtual bool AppendExemplar(SeriesRef ref, const model::Exemplar& exemplar) = 0;

  // What a source says of a metric family. True when the store has just that, and has noted that it
  // was heard now, or wants none of it; else it is kept by Commit. Say it again every hour or so.
  virtual bool UpdateMetadata(std::string_view, const model::MetadataView&) { return true; }

  // To the log, then to the head, then visible, as one step: a query sees all of the batch or
  // nothing. kUnavailable when the log refused: nothing was applied. Call once, at the end.
  // With --storage.wal-sync=always it returns when the batch is on the disk.
  virtual absl::Status Commit() = 0;
};

class Appendable {  // Thread-safe.
 public:
  virtual ~Appendable() = default;
  virtual std::unique_ptr<Appender> NewAppender() = 0;
};

}  // namespace storage
