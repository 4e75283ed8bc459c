// A file system that fails on demand, and that can forget what was not synced.
#pragma once

#include <algorithm>
#include <atomic>
#include <filesystem>
#include <map>
#include <memory>
#include <mutex>
#include <string>

#include "wal/file.h"

namespace testing_support {

// Wraps the real one. Thread-safe.
class FaultyFiles : public wal::FileSystem {
 public:
  // The operation after `n` more that go well fails, and every one after it until Heal().
  void FailAfter(int n) { left_ = n; }
  void Heal() { left_ = kNever; }
  // A failing Append writes this many of its bytes first.
  void ShortWrites(size_t bytes) { short_bytes_ = bytes; }
  // Cuts every file back to what was last synced, as a power cut would.
  void DropUnsynced() {
    std::lock_guard lock(mu_);
    for (const auto& [path, size] : synced_) {
      std::error_code ignored;
      if (std::filesystem::exists(path, ignored)) std::filesystem::resize_file(path, size, ignored);
    }
  }
  int operations() const { return operations_; }

  absl::StatusOr<std::unique_ptr<wal::AppendFile>> Create(const std::string& path) override;
  absl::Status Remove(const std::string& path) override { return Try([&] { return real_->Remove(path); }); }
  absl::Status RemoveTree(const std::string& path) override {
    return Try([&] { return real_->RemoveTree(path); });
  }
  absl::Status Rename(const std::string& from, const std::string& to) override {
    return Try([&] { return real_->Rename(from, to); });
  }
  absl::Status CreateDirs(const std::string& path) override {
    return Try([&] { return real_->CreateDirs(path); });
  }
  absl::Status SyncDir(const std::string& path) override {
    return Try([&] { return real_->SyncDir(path); });
  }

 private:
  friend class FaultyFile;
  static constexpr int kNever = 1 << 30;

  bool Fails() {
    ++operations_;
    return left_.fetch_sub(1) <= 0;
  }
  template <class F>
  absl::Status Try(F&& operation) {
    if (Fails()) return absl::UnavailableError("injected failure");
    return operation();
  }

  wal::FileSystem* const real_ = wal::FileSystem::Posix();
  std::atomic<int> left_{kNever}, operations_{0};
  std::atomic<size_t> short_bytes_{0};
  std::mutex mu_;
  std::map<std::string, uint64_t> synced_;
};

class FaultyFile : public wal::AppendFile {
 public:
  FaultyFile(FaultyFiles* files, std::string path, std::unique_ptr<wal::AppendFile> real)
      : files_(files), path_(std::move(path)), real_(std::move(real)) {}

  absl::Status Append(std::string_view bytes) override {
    if (files_->Fails()) {
      const size_t n = std::min<size_t>(bytes.size(), files_->short_bytes_);
      if (real_->Append(bytes.substr(0, n)).ok()) size_ += n;
      return absl::UnavailableError("injected write failure");
    }
    const absl::Status status = real_->Append(bytes);
    if (status.ok()) size_ += bytes.size();
    return status;
  }
  absl::Status Truncate(uint64_t size) override {
    return files_->Try([&] {
      size_ = size;
      return real_->Truncate(size);
    });
  }
  absl::Status Sync() override {
    const uint64_t covers = size_;
    return files_->Try([&] {
      std::lock_guard lock(files_->mu_);
      files_->synced_[path_] = covers;
      return real_->Sync();
    });
  }

 private:
  FaultyFiles* const files_;
  const std::string path_;
  const std::unique_ptr<wal::AppendFile> real_;
  std::atomic<uint64_t> size_{0};
};

inline absl::StatusOr<std::unique_ptr<wal::AppendFile>> FaultyFiles::Create(const std::string& path) {
  if (Fails()) return absl::UnavailableError("injected failure");
  auto real = real_->Create(path);
  if (!real.ok()) return real.status();
  {
    std::lock_guard lock(mu_);
    synced_[path] = 0;
  }
  return std::make_unique<FaultyFile>(this, path, std::move(*real));
}

}  // namespace testing_support
