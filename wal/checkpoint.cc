#include "wal/checkpoint.h"

#include <algorithm>
#include <filesystem>
#include <vector>

#include "wal/segment.h"
#include "wal/status.h"

namespace wal {
namespace {

constexpr std::string_view kPrefix = "checkpoint.";
constexpr std::string_view kUnfinished = ".tmp";

std::string CheckpointPath(const std::string& log_dir, uint32_t segment) {
  return log_dir + "/" + std::string(kPrefix) + SegmentName(segment);
}

// Names in `log_dir` that begin like a checkpoint, finished or not.
absl::StatusOr<std::vector<std::string>> ListNames(const std::string& log_dir) {
  std::vector<std::string> names;
  std::error_code code;
  std::filesystem::directory_iterator it(log_dir, code);
  if (code.value() == ENOENT) return names;
  if (code) return ErrnoStatus("list", log_dir, code.value());
  for (; it != std::filesystem::directory_iterator(); it.increment(code)) {
    if (code) return ErrnoStatus("list", log_dir, code.value());
    std::string name = it->path().filename().string();
    if (name.starts_with(kPrefix)) names.push_back(std::move(name));
  }
  return names;
}

// The number in a finished checkpoint's name.
std::optional<uint32_t> NumberOf(const std::string& name) {
  const std::string digits = name.substr(kPrefix.size());
  if (digits.size() < 8 || digits.size() > 10 ||
      digits.find_first_not_of("0123456789") != std::string::npos) {
    return std::nullopt;
  }
  const uint64_t number = std::stoull(digits);
  if (number > UINT32_MAX) return std::nullopt;
  return static_cast<uint32_t>(number);
}

}  // namespace

struct CheckpointWriter::Impl {
  FileSystem* files;
  std::string log_dir, final_path, unfinished_path;
  std::unique_ptr<Writer> writer;
};

CheckpointWriter::CheckpointWriter(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

CheckpointWriter::~CheckpointWriter() {
  if (impl_->writer == nullptr) return;
  impl_->writer.reset();
  impl_->files->RemoveTree(impl_->unfinished_path).IgnoreError();
}

absl::StatusOr<std::unique_ptr<CheckpointWriter>> CheckpointWriter::Create(
    const std::string& log_dir, uint32_t segment, FileSystem* files) {
  auto impl = std::make_unique<Impl>();
  impl->files = files;
  impl->log_dir = log_dir;
  impl->final_path = CheckpointPath(log_dir, segment);
  impl->unfinished_path = impl->final_path + std::string(kUnfinished);
  WAL_RETURN_IF_ERROR(files->RemoveTree(impl->unfinished_path));
  WriterOptions options;
  options.sync = Sync::kOs;
  options.files = files;
  auto writer = Writer::Open(impl->unfinished_path, options);
  if (!writer.ok()) return writer.status();
  impl->writer = std::move(*writer);
  return std::unique_ptr<CheckpointWriter>(new CheckpointWriter(std::move(impl)));
}

absl::Status CheckpointWriter::Append(std::span<const std::string_view> records) {
  return impl_->writer->Append(records);
}

absl::Status CheckpointWriter::Finish() {
  WAL_RETURN_IF_ERROR(impl_->writer->Close());
  WAL_RETURN_IF_ERROR(impl_->files->SyncDir(impl_->unfinished_path));
  // One of this number may be there from a flush that failed later on.
  WAL_RETURN_IF_ERROR(impl_->files->RemoveTree(impl_->final_path));
  WAL_RETURN_IF_ERROR(impl_->files->Rename(impl_->unfinished_path, impl_->final_path));
  impl_->writer.reset();
  return impl_->files->SyncDir(impl_->log_dir);
}

absl::StatusOr<std::vector<Checkpoint>> ListCheckpoints(const std::string& log_dir) {
  auto names = ListNames(log_dir);
  if (!names.ok()) return names.status();
  std::vector<Checkpoint> list;
  for (const std::string& name : *names) {
    if (const auto number = NumberOf(name)) list.push_back({*number, log_dir + "/" + name});
  }
  std::sort(list.begin(), list.end(),
            [](const Checkpoint& a, const Checkpoint& b) { return a.segment < b.segment; });
  return list;
}

absl::StatusOr<std::optional<Checkpoint>> LastCheckpoint(const std::string& log_dir) {
  auto list = ListCheckpoints(log_dir);
  if (!list.ok()) return list.status();
  return list->empty() ? std::nullopt : std::optional(list->back());
}

absl::StatusOr<std::optional<Checkpoint>> OldestCheckpoint(const std::string& log_dir) {
  auto list = ListCheckpoints(log_dir);
  if (!list.ok()) return list.status();
  return list->empty() ? std::nullopt : std::optional(list->front());
}

absl::StatusOr<std::optional<Checkpoint>> FindCheckpoint(const std::string& log_dir,
                                                         uint32_t segment) {
  const std::string path = CheckpointPath(log_dir, segment);
  std::error_code code;
  if (!std::filesystem::is_directory(path, code)) return std::optional<Checkpoint>();
  return std::optional<Checkpoint>({segment, path});
}

absl::Status RemoveCheckpointsExcept(const std::string& log_dir, uint32_t segment,
                                     FileSystem* files) {
  auto names = ListNames(log_dir);
  if (!names.ok()) return names.status();
  for (const std::string& name : *names) {
    if (NumberOf(name) == segment) continue;
    WAL_RETURN_IF_ERROR(files->RemoveTree(log_dir + "/" + name));
  }
  return absl::OkStatus();
}

}  // namespace wal
