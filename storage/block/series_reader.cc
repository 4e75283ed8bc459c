#include "storage/block/series_reader.h"

#include <rocksdb/db.h>

#include "storage/base/memory_meter.h"
#include "storage/base/status.h"
#include "storage/block/block_keys.h"

namespace storage::block {
namespace {

constexpr uint32_t kStepsCheaperThanSeek = 8;

std::string_view View(const rocksdb::Slice& s) { return {s.data(), s.size()}; }

}  // namespace

SeriesReader::SeriesReader(const Block& block, bool fill_cache)
    : block_(block), it_(block.NewIterator(fill_cache)) {}

SeriesReader::~SeriesReader() = default;

absl::Status SeriesReader::Read(uint32_t ref) {
  {
    const base::MemoryMeter::Scope cache(nullptr);
    if (it_->Valid() && ref_ < ref && ref - ref_ <= kStepsCheaperThanSeek) {
      for (; ref_ < ref && it_->Valid(); ++ref_) it_->Next();  // Refs have no gaps.
    } else {
      it_->Seek(SeriesKey(ref));
    }
  }
  ref_ = ref;
  RETURN_IF_ERROR(FromRocks(it_->status(), block_.Context()));
  uint32_t found = 0;
  if (!it_->Valid() || !ParseSeriesKey(View(it_->key()), &found) || found != ref ||
      !ParseSeries(View(it_->value()), &labels_, &rows_)) {
    return base::DataLoss("{}: the entry of series {} is damaged", block_.Context(), ref);
  }
  return absl::OkStatus();
}

}  // namespace storage::block
