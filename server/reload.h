// The configuration that runs: how it is replaced, and never by a bad one.
#pragma once

#include <absl/base/thread_annotations.h>
#include <absl/status/status.h>
#include <absl/synchronization/mutex.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <thread>

#include "server/config/config.h"
#include "server/self_metrics.h"

namespace server {

// Thread-safe; reloads come one after the other.
class Reloader {
 public:
  // `apply` makes a configuration the running one, as a whole or not at all. It runs on the thread
  // that reloads.
  using Apply = std::function<absl::Status(const Config&)>;
  Reloader(std::string path, Apply apply);
  ~Reloader();  // Stops watching.

  // Reads the file for the first time, without applying it.
  absl::Status LoadFirst();
  // Applies what LoadFirst read.
  absl::Status ApplyFirst();
  // Reads, checks, applies. An error leaves everything as it was, and is logged and remembered.
  absl::Status Reload();

  // Looks at the files every `interval_ms` and reloads when their bytes have changed.
  void Watch(int64_t interval_ms);
  void StopWatching();

  std::shared_ptr<const Config> config() const;
  ReloadStatus status() const;
  const std::string& path() const { return path_; }

 private:
  absl::Status Finish(const absl::Status& status);
  void Loop(int64_t interval_ms);

  const std::string path_;
  const Apply apply_;
  absl::Mutex reload_mu_;  // Held over a whole reload; before mu_.
  mutable absl::Mutex mu_;
  absl::CondVar wake_;
  bool stopping_ ABSL_GUARDED_BY(mu_) = false;
  std::shared_ptr<const Config> config_ ABSL_GUARDED_BY(mu_);
  ReloadStatus status_ ABSL_GUARDED_BY(mu_);
  std::thread thread_;
};

}  // namespace server
