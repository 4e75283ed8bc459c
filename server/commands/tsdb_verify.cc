#include "server/commands/tsdb_verify.h"

#include <algorithm>
#include <cstdio>
#include <vector>

#include "server/commands/usage.h"
#include "server/config/scalar.h"
#include "storage/base/status.h"

namespace server {
namespace {

constexpr uint64_t kStep = 64 << 20;

void Print(const storage::Damage& damage) {
  std::string line = damage.block.empty() ? "" : "block " + damage.block;
  if (!damage.series.empty()) line += ", " + damage.series;
  if (damage.range != model::TimeRange()) {
    line += fmt::format(", {} to {}", damage.range.min, damage.range.max);
  }
  std::printf("%s%s%s\n", line.c_str(), line.empty() ? "" : ": ", damage.what.c_str());
}

class Verification {
 public:
  Verification(std::string dir, std::unique_ptr<storage::ReadOnlyDir> data)
      : dir_(std::move(dir)), data_(std::move(data)) {}

  int Run() {
    for (storage::Damage& damage : data_->blocks()->damage()->list()) Tell(std::move(damage));
    if (const absl::Status status = data_->blocks()->VerifyShared(Teller()); !status.ok()) {
      return Failed(status);
    }
    PrintFound("");
    for (const storage::BlockMeta& meta : data_->blocks()->Metas()) {
      if (const absl::Status status = VerifyBlock(meta); !status.ok()) return Failed(status);
    }
    const auto log = CheckLog();
    if (!log.ok()) return Failed(log.status());
    std::printf("Verified %lu blocks (%s), %lu log segments and %lu checkpoints (%lu records): %s\n",
                static_cast<unsigned long>(blocks_), FormatBytes(bytes_).c_str(),
                static_cast<unsigned long>(log->segments),
                static_cast<unsigned long>(log->checkpoints),
                static_cast<unsigned long>(log->records),
                damaged_ == 0 ? "no damage" : fmt::format("{} damaged places", damaged_).c_str());
    return damaged_ == 0 ? kGood : kFailed;
  }

 private:
  void Tell(storage::Damage damage) { found_.push_back(std::move(damage)); }
  std::function<void(storage::Damage)> Teller() {
    return [this](storage::Damage damage) {
      if (data_->in_use()) {
        Tell(std::move(damage));
      } else {
        ++damaged_;
        Print(damage);
      }
    };
  }

  // Beside a server that runs, a block whose files went away was replaced, and is no damage.
  void PrintFound(const std::string& block) {
    if (!found_.empty() && !block.empty() && data_->in_use()) {
      const auto now = storage::ReadOnlyDir::Open(dir_, 0);
      if (now.ok()) {
        const auto metas = (*now)->blocks()->Metas();
        const bool there = std::any_of(metas.begin(), metas.end(),
                                       [&](const auto& meta) { return meta.ulid == block; });
        if (!there) found_.clear();
      }
    }
    damaged_ += found_.size();
    for (const storage::Damage& damage : found_) Print(damage);
    found_.clear();
  }

  absl::Status VerifyBlock(const storage::BlockMeta& meta) {
    ASSIGN_OR_RETURN(const auto verifier, data_->blocks()->NewVerifier(meta.ulid, Teller()));
    while (verifier->Next(kStep)) {
    }
    ++blocks_;
    bytes_ += verifier->bytes_read();
    PrintFound(meta.ulid);
    return absl::OkStatus();
  }

  // A flush meanwhile takes segments away; what is then needed is looked at instead.
  absl::StatusOr<storage::LogCheck> CheckLog() {
    for (int attempt = 0;; ++attempt) {
      const auto log = data_->CheckLog(Teller());
      if (!data_->in_use() || attempt == 5) {
        PrintFound("");
        return log;
      }
      ASSIGN_OR_RETURN(auto now, storage::ReadOnlyDir::Open(dir_, 0));
      if (log.ok() && now->watermark() == data_->watermark()) {
        PrintFound("");
        return log;
      }
      found_.clear();
      data_ = std::move(now);
    }
  }

  const std::string dir_;
  std::unique_ptr<storage::ReadOnlyDir> data_;
  std::vector<storage::Damage> found_;  // Not printed yet.
  uint64_t damaged_ = 0, blocks_ = 0, bytes_ = 0;
};

}  // namespace

int VerifyDir(const std::string& dir, std::unique_ptr<storage::ReadOnlyDir> data) {
  return Verification(dir, std::move(data)).Run();
}

}  // namespace server
