#include "server/commands/backup.h"

#include <chrono>
#include <cstdio>
#include <filesystem>
#include <memory>

#include "server/commands/running_server.h"
#include "server/commands/usage.h"
#include "storage/base/clock.h"
#include "storage/base/log.h"
#include "storage/base/status.h"
#include "storage/copies/backup.h"
#include "storage/copies/copy_name.h"
#include "storage/copies/store_copy.h"
#include "storage/data_dir.h"
#include "storage/disk_space.h"
#include "wal/file.h"

namespace server {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kUrl = "url", kPath = "storage.tsdb.path";
constexpr char kDefaultUrl[] = "http://localhost:9090";

constexpr char kBackupUsage[] =
    "usage: tidemark backup [--url=http://localhost:9090] [--storage.tsdb.path=DIR] DESTINATION\n"
    "\n"
    "Makes DESTINATION/<time>-<number>, a backup of all that was acknowledged before. Tables that\n"
    "earlier backups in DESTINATION have are hard links to those; each backup stands for itself,\n"
    "and any can be removed with rm -r.\n"
    "\n"
    "  --url=URL                A running server, on this machine, with --web.enable-admin-api:\n"
    "                           it goes on meanwhile. Default: http://localhost:9090.\n"
    "  --storage.tsdb.path=DIR  The data directory of a stopped server, which is only read. With\n"
    "                           --url: where its data directory is, when it is elsewhere for it.\n";

constexpr char kRestoreUsage[] =
    "usage: tidemark restore BACKUP --storage.tsdb.path=DIR\n"
    "\n"
    "Makes DIR the data directory that was backed up in BACKUP, which is a folder that tidemark\n"
    "backup made. All is copied and compared with the backup's checksums. DIR is made when it is\n"
    "not there, and must not hold data of Tidemark. An interrupted restore can be run again.\n";

// The server's snapshot, removed when the backup has what it needs of it.
class Snapshot {
 public:
  explicit Snapshot(std::string path) : path_(std::move(path)) {}
  ~Snapshot() {
    std::error_code error;
    fs::remove_all(path_, error);
    if (!error) return;
    std::fprintf(stderr, "warning: the server's snapshot could not be removed: %s: %s\n",
                 path_.c_str(), error.message().c_str());
  }
  Snapshot(const Snapshot&) = delete;
  const std::string& path() const { return path_; }

 private:
  const std::string path_;
};

int64_t Now() { return base::SystemClock::Get()->NowMs(); }

absl::Status CheckDestination(const std::string& dir, const std::string& destination) {
  std::error_code error;
  const std::string own = fs::weakly_canonical(dir, error) / "tidemark";
  const std::string to = fs::weakly_canonical(destination, error);
  if (to == own || to.starts_with(own + "/")) {
    return base::InvalidArgument("{}: is inside the data directory's own folder {}", destination,
                                 own);
  }
  return absl::OkStatus();
}

// Whether the server may yet make the snapshot for a backup that is no more: it was asked, perhaps,
// and has not come to it.
bool MayStillCome(const std::string& snapshot, const std::string& unfinished) {
  std::error_code error;
  if (fs::exists(snapshot + std::string(storage::kUnfinishedSnapshot), error)) return true;
  if (fs::exists(snapshot, error) || !fs::is_empty(unfinished, error)) return false;
  const auto age = fs::file_time_type::clock::now() - fs::last_write_time(unfinished, error);
  return !error && age < std::chrono::milliseconds(kSnapshotMs);
}

// What an earlier backup left, here and, as both have the same name, of the server's snapshots.
absl::Status Tidy(const std::string& dir, bool running, const std::string& destination) {
  ASSIGN_OR_RETURN(const std::vector<std::string> names,
                   storage::ListUnfinishedBackups(destination));
  for (const std::string& name : names) {
    const std::string snapshot = fmt::format("{}/snapshots/{}", dir, name);
    const std::string unfinished =
        fmt::format("{}/{}{}", destination, name, storage::kUnfinishedBackup);
    if (running && MayStillCome(snapshot, unfinished)) continue;
    std::error_code error;
    fs::remove_all(snapshot, error);
    RETURN_IF_ERROR(storage::RemoveUnfinishedBackup(destination, name));
    std::printf("Removed %s, which was never finished\n", unfinished.c_str());
  }
  ASSIGN_OR_RETURN(const std::vector<std::string> finished, storage::ListBackups(destination));
  for (const std::string& name : finished) {
    std::error_code error;
    fs::remove_all(fmt::format("{}/snapshots/{}", dir, name), error);
  }
  return absl::OkStatus();
}

// The lock on the destination, which is made and tidied.
absl::StatusOr<std::unique_ptr<storage::DirLock>> Prepare(const std::string& dir, bool running,
                                                          const std::string& destination) {
  RETURN_IF_ERROR(CheckDestination(dir, destination));
  RETURN_IF_ERROR(wal::FileSystem::Posix()->CreateDirs(destination));
  ASSIGN_OR_RETURN(auto lock, storage::DirLock::Take(destination, "folder of backups"));
  RETURN_IF_ERROR(Tidy(dir, running, destination));
  return lock;
}

absl::StatusOr<storage::BackupReport> OfRunning(const std::string& url,
                                                const std::optional<std::string>& path,
                                                const std::string& destination) {
  RunningServer server(url);
  std::string dir;
  if (path) {
    dir = *path;
  } else {
    ASSIGN_OR_RETURN(dir, server.DataDir());
  }
  const auto unseen = [&] {
    return base::FailedPrecondition(
        "{}: the data directory of the server at {} is not to be seen from here; run this on the "
        "server's machine, or say with --storage.tsdb.path where it is",
        dir, url);
  };
  std::error_code error;
  if (!fs::exists(dir + "/tidemark/FORMAT", error)) return unseen();
  ASSIGN_OR_RETURN(const auto lock, Prepare(dir, /*running=*/true, destination));
  const std::string name = storage::NewCopyName(Now());
  // Before it is asked for, so that it is found and removed whatever becomes of this process.
  RETURN_IF_ERROR(wal::FileSystem::Posix()->CreateDirs(
      fmt::format("{}/{}{}", destination, name, storage::kUnfinishedBackup)));
  const absl::Status made = server.MakeSnapshot(name);
  if (absl::IsFailedPrecondition(made)) {  // Else there may be one although no answer came.
    RETURN_IF_ERROR(storage::RemoveUnfinishedBackup(destination, name));
  }
  RETURN_IF_ERROR(made);
  const Snapshot snapshot(fmt::format("{}/snapshots/{}", dir, name));
  if (!fs::is_directory(snapshot.path(), error)) {
    RETURN_IF_ERROR(storage::RemoveUnfinishedBackup(destination, name));
    return unseen();
  }
  return storage::MakeBackup(snapshot.path(), destination, name, Now());
}

absl::StatusOr<storage::BackupReport> OfStopped(const std::string& dir,
                                                const std::string& destination) {
  std::error_code error;
  if (!fs::exists(dir + "/tidemark/FORMAT", error)) {
    return base::FailedPrecondition("{}: there is no data of Tidemark in it", dir);
  }
  std::unique_ptr<storage::DirLock> lock;
  ASSIGN_OR_RETURN(const storage::DiskSpace space, storage::AskDiskSpace(dir));
  if (!space.read_only) {  // Where nobody can write there is nothing to lock.
    auto taken = storage::DirLock::Take(dir);
    if (absl::IsFailedPrecondition(taken.status())) {
      return base::FailedPrecondition("{}; of a running server make a backup with --url",
                                      base::message(taken.status()));
    }
    RETURN_IF_ERROR(taken.status());
    lock = *std::move(taken);
    if (lock->left_behind()) lock->LeaveBehind();
  }
  ASSIGN_OR_RETURN(const auto destination_lock, Prepare(dir, /*running=*/false, destination));
  return storage::MakeBackup(dir, destination, storage::NewCopyName(Now()), Now());
}

absl::StatusOr<storage::BackupReport> Backup(const CommandArgs& args) {
  const std::string& destination = args.rest[0];
  const std::optional<std::string> url = args.Flag(kUrl), path = args.Flag(kPath);
  if (path && !url) return OfStopped(*path, destination);
  return OfRunning(url.value_or(kDefaultUrl), path, destination);
}

absl::StatusOr<storage::BackupReport> Restored(const std::string& from, const std::string& dir) {
  RETURN_IF_ERROR(wal::FileSystem::Posix()->CreateDirs(dir));
  RETURN_IF_ERROR(storage::CheckPermission(dir));
  ASSIGN_OR_RETURN(const auto lock, storage::DirLock::Take(dir));
  return storage::Restore(from, dir);
}

}  // namespace

int RunBackup(std::span<const std::string> args) {
  base::SetLog(base::LogLevel::kWarn, base::LogFormat::kLogfmt);
  constexpr CommandFlag kKnown[] = {kUrl, kPath};
  const absl::StatusOr<CommandArgs> parsed = CommandArgs::Parse(args, kKnown);
  if (!parsed.ok()) return BadUsage(base::message(parsed.status()), kBackupUsage);
  if (parsed->help) {
    std::fputs(kBackupUsage, stdout);
    return kGood;
  }
  if (parsed->rest.size() != 1) return BadUsage("name one DESTINATION", kBackupUsage);
  const absl::StatusOr<storage::BackupReport> report = Backup(*parsed);
  if (!report.ok()) return Failed(report.status());
  std::printf("Backup %s: %llu files, %s, of which %s are shared with earlier backups\n",
              report->path.c_str(), static_cast<unsigned long long>(report->files),
              Megabytes(report->bytes).c_str(), Megabytes(report->shared_bytes).c_str());
  return kGood;
}

int RunRestore(std::span<const std::string> args) {
  base::SetLog(base::LogLevel::kWarn, base::LogFormat::kLogfmt);
  constexpr CommandFlag kKnown[] = {kPath};
  const absl::StatusOr<CommandArgs> parsed = CommandArgs::Parse(args, kKnown);
  if (!parsed.ok()) return BadUsage(base::message(parsed.status()), kRestoreUsage);
  if (parsed->help) {
    std::fputs(kRestoreUsage, stdout);
    return kGood;
  }
  const std::optional<std::string> dir = parsed->Flag(kPath);
  if (parsed->rest.size() != 1) return BadUsage("name one BACKUP", kRestoreUsage);
  if (!dir) return BadUsage("say where to with --storage.tsdb.path=DIR", kRestoreUsage);
  std::string from = parsed->rest[0];
  while (from.size() > 1 && from.ends_with('/')) from.pop_back();
  const absl::StatusOr<storage::BackupReport> report = Restored(from, *dir);
  if (!report.ok()) return Failed(report.status());
  std::printf("Restored %s into %s: %llu files, %s, all as they were backed up\n", from.c_str(),
              report->path.c_str(), static_cast<unsigned long long>(report->files),
              Megabytes(report->bytes).c_str());
  return kGood;
}

}  // namespace server
