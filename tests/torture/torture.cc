// Breaks the store in every way it may be broken, and looks whether it kept its promises.
//
//   torture crash  [--seed N] [--kills N] [--cuts N] [--seconds S] [--sync always|any] [--faults 0|1]
//   torture damage [--seed N] [--flips N] [--seconds S]
//
// crash: a server's life is traced, change by change of its files. For places in that trace, the
// folder is made anew as a kill -9 or a power cut would have left it there, opened, and compared
// with what had been acknowledged. The next life begins on one of these remains.
// damage: one bit, one cut or one swap somewhere in the files of such a folder; what is read then must be
// right, or missing and reported. What hits a block's table and no query meets, verifying must find. Ends at the wanted numbers or after the seconds, whatever is first.
#include <csignal>
#include <cstdio>
#include <cstring>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <map>
#include <random>
#include <set>
#include <sstream>
#include <string>

#include <fmt/format.h>
#include <unistd.h>

#include "storage/base/log.h"
#include "storage/block/live_list.h"
#include "tests/torture/disk_image.h"
#include "tests/torture/file_trace.h"
#include "tests/torture/workload.h"

namespace torture {
namespace {

namespace fs = std::filesystem;

char doing[512];  // For the last words.

void LastWords(int signal) {
  char line[600];
  const int n = std::snprintf(line, sizeof line, "\nFAILED: signal %d in %s\n", signal, doing);
  (void)!::write(2, line, n);
  std::signal(signal, SIG_DFL);
  std::raise(signal);
}

void Doing(const std::string& what) {
  std::strncpy(doing, what.c_str(), sizeof doing - 1);
}

struct Arguments {
  uint64_t seed = std::random_device()();
  int kills = 400, cuts = 400, flips = 300;
  double seconds = 1e9;
  bool always = false, faults = true;
  std::string dir;
};

class Deadline {
 public:
  explicit Deadline(double seconds) : seconds_(seconds) {}
  bool over() const {
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin_).count() > seconds_;
  }
 private:
  const double seconds_;
  const std::chrono::steady_clock::time_point begin_ = std::chrono::steady_clock::now();
};

uint64_t CountSamples(const Contents& contents) {
  uint64_t n = 0;
  for (const auto& [labels, samples] : contents) n += samples.size();
  return n;
}

int Fail(const std::string& what, const std::string& dir) {
  std::fprintf(stderr, "FAILED: %s\n  in %s\n  (the folder is kept: %s)\n", what.c_str(), doing, dir.c_str());
  return 1;
}

int Crash(const Arguments& args) {
  const Deadline deadline(args.seconds);
  const std::string live = args.dir + "/live", state = args.dir + "/state", next = args.dir + "/next";
  int kills = 0, cuts = 0, lives = 0, faults = 0;
  uint64_t compared = 0, operations = 0;
  ManualClock clock;
  Contents before;
  bool after_cut = false;  // One of the lives before ended by a power cut.
  fs::create_directories(live);
  for (uint64_t seed = args.seed; (kills < args.kills || cuts < args.cuts) && !deadline.over(); ++seed) {
    std::mt19937_64 random(seed);
    WorkloadOptions options;
    options.dir = live;
    options.sync = random() % 3 == 0 ? (random() % 2 ? wal::Sync::kInterval : wal::Sync::kOs)
                                     : wal::Sync::kAlways;
    if (args.always) options.sync = wal::Sync::kAlways;
    options.faults = random() % 4 == 0 && args.faults;
    options.close = random() % 2 == 0;
    const bool journaled = random() % 2 == 0;
    Doing(fmt::format("life {} of seed {}: at work{}", lives, args.seed, options.faults ? ", with faults" : ""));
    FileTrace::Start(live);
    std::vector<Act> acts;
    const absl::Status status = RunWorkload(options, random, &clock, &acts);
    faults += FileTrace::failed();
    const std::vector<FileOp> trace = FileTrace::Stop();
    if (!status.ok()) return Fail(status.ToString(), live);
    ++lives;
    size_t first = 0;
    while (trace[first].kind != FileOp::kSettled) ++first;
    operations += trace.size() - first;

    // Where to look: places in the trace, in order; at each a kill or a cut.
    std::map<size_t, std::vector<bool>> places;
    for (int i = 0; i < 24; ++i) {
      const size_t at = first + 1 + random() % (trace.size() - first);
      places[at].push_back(i % 2 == 0);
    }
    const size_t go_on = random() % 24;
    Contents next_before;
    bool next_after_cut = after_cut;
    size_t looked = 0, applied = 0;
    DiskImage image(journaled);
    for (const auto& [position, kinds] : places) {
      while (applied < position) image.Apply(trace[applied++]);
      for (const bool kill : kinds) {
        Doing(fmt::format("life {} of seed {}: {} after change {} of {}, {}, sync {}{}{}", lives - 1,
                          args.seed, kill ? "killed" : "power cut", position, trace.size(),
                          journaled ? "journaled" : "strict", static_cast<int>(options.sync),
                          options.faults ? ", with faults" : "", options.close ? ", closed" : ""));
        fs::remove_all(state);
        const uint64_t chance = random();
        const auto write = [&](const std::string& dir) {
          std::mt19937_64 own(chance);
          kill ? image.WriteTo(dir) : image.WriteAfterPowerCut(dir, own);
        };
        write(state);
        const auto found = ReadDirectory(state, &clock);
        const auto failed = [&](const std::string& what) {
          fs::remove_all(state);
          write(state);
          return Fail(what, state);
        };
        if (!found.ok()) return failed(found.status().ToString());
        // What a power cut tears of the unsynced end of the log looks like damage: it may say so.
        const bool may_report = !kill || after_cut;
        if (!found->reports.empty() && !may_report) return failed(found->reports.back());
        // A log that could not be synced and is lost with the power: a block may have a part of it.
        const bool weak = !kill && options.sync != wal::Sync::kAlways;
        const std::string wrong = Judge(found->contents, before, acts, position, weak,
                                        weak && options.faults);
        if (!wrong.empty()) return failed(wrong);
        compared += CountSamples(found->contents);
        kill ? ++kills : ++cuts;
        if (looked++ == go_on) {
          fs::remove_all(next);
          write(next);
          next_before = found->contents;
          next_after_cut = after_cut || !kill;
        }
      }
    }
    fs::remove_all(live);
    if (lives % 12 == 0 || !fs::exists(next)) {  // From nothing again, or it grows and grows.
      fs::remove_all(next);
      fs::create_directories(live);
      before.clear();
      after_cut = false;
    } else {
      fs::rename(next, live);
      before = std::move(next_before);
      after_cut = next_after_cut;
    }
  }
  std::printf("torture: seed %llu: %d lives, %llu changes of files, %d injected faults; %d kills, %d power "
              "cuts: %llu samples compared, all there, none invented\n",
              static_cast<unsigned long long>(args.seed), lives,
              static_cast<unsigned long long>(operations), faults, kills, cuts,
              static_cast<unsigned long long>(compared));
  return 0;
}

// What of the store a file belongs to, for the table at the end.
std::string KindOf(const std::string& path) {
  const std::string name = fs::path(path).filename();
  if (path.find("/wal/checkpoint") != std::string::npos) return "checkpoint";
  if (path.find("/wal/") != std::string::npos) return "log";
  if (path.find("/unfinished/") != std::string::npos) return "unfinished";
  if (name.ends_with(".sst")) return "tables";
  if (name.starts_with("MANIFEST")) return "MANIFEST";
  if (name.starts_with("OPTIONS")) return "OPTIONS";
  if (name.ends_with(".log")) return "RocksDB's log";
  return name;
}

std::string ReadFile(const std::string& path) {
  std::stringstream bytes;
  bytes << std::ifstream(path, std::ios::binary).rdbuf();
  return bytes.str();
}

// Tables of blocks in `opened`, by their path below it, which are the same in `base`.
std::set<std::string> TablesInUse(const std::string& opened, const std::string& base) {
  std::set<std::string> tables;
  for (const auto& entry : fs::recursive_directory_iterator(opened)) {
    if (entry.path().filename() != "LIVE") continue;
    const std::string dir = entry.path().parent_path();
    const auto live = storage::block::ReadLiveList(dir);
    if (!live) continue;
    for (const auto& block : live->blocks) {
      for (const std::string& table : block.tables) {
        const std::string path = (dir + "/" + table).substr(opened.size());
        if (ReadFile(opened + path) == ReadFile(base + path)) tables.insert(path);
      }
    }
  }
  return tables;
}

// A table's last bytes say where its index is, and are partly unused.
constexpr size_t kFooterBytes = 53;

int Damage(const Arguments& args) {
  const Deadline deadline(args.seconds);
  const std::string live = args.dir + "/live", base = args.dir + "/base", state = args.dir + "/state";
  struct Tally { int all = 0, missing = 0, told = 0, verified = 0, same = 0, refused = 0; };
  std::map<std::string, Tally> tallies;
  ManualClock clock;
  int flips = 0;
  for (uint64_t seed = args.seed; flips < args.flips && !deadline.over(); ++seed) {
    std::mt19937_64 random(seed);
    WorkloadOptions options;
    options.dir = live;
    options.batches = 400;
    fs::remove_all(live);
    fs::create_directories(live);
    Doing(fmt::format("seed {}: at work", seed));
    FileTrace::Start(live);
    std::vector<Act> acts;
    const absl::Status status = RunWorkload(options, random, &clock, &acts);
    const std::vector<FileOp> trace = FileTrace::Stop();
    if (!status.ok()) return Fail(status.ToString(), live);
    // As a kill leaves it somewhere in the second half, so that there is a log with something in it.
    DiskImage image(true);
    const size_t end = trace.size() / 2 + random() % (trace.size() / 2);
    for (size_t i = 0; i < end; ++i) image.Apply(trace[i]);
    fs::remove_all(base);
    fs::remove_all(state);
    image.WriteTo(base);
    image.WriteTo(state);
    const auto whole = ReadDirectory(state, &clock);
    if (!whole.ok()) return Fail(whole.status().ToString(), base);
    const std::set<std::string> in_use = TablesInUse(state, base);
    Contents ever;
    for (const Act& act : acts) {
      for (const auto& [labels, samples] : act.samples) {
        for (const auto& [t, bits] : samples) ever[labels][t] = bits;
      }
    }
    std::vector<std::pair<std::string, uint64_t>> files;
    uint64_t bytes = 0;
    for (const auto& entry : fs::recursive_directory_iterator(base)) {
      if (!entry.is_regular_file() || entry.file_size() == 0) continue;
      files.emplace_back(entry.path().string().substr(base.size()), entry.file_size());
      bytes += entry.file_size();
    }
    std::sort(files.begin(), files.end());
    for (int i = 0; i < 500 && flips < args.flips && !deadline.over(); ++i, ++flips) {
      // Half of them anywhere in the bytes, half in some file.
      size_t which = random() % files.size();
      if (random() % 2 == 0) {
        uint64_t at = random() % bytes;
        for (which = 0; at >= files[which].second; ++which) at -= files[which].second;
      }
      const auto& [path, size] = files[which];
      std::string damaged = ReadFile(base + path);
      std::string what;
      const uint64_t chance = random() % 20;
      const size_t at = random() % size;
      if (chance < 17) {
        const int bit = static_cast<int>(random() % 8);
        damaged[at] = static_cast<char>(damaged[at] ^ (1 << bit));
        what = fmt::format("bit {} of byte {}", bit, at);
      } else if (chance == 17) {
        damaged.resize(at);
        what = fmt::format("cut to {} bytes", at);
      } else if (chance == 18) {
        const size_t n = std::min<size_t>(size - at, 1 + random() % 8192);
        damaged.replace(at, n, n, '\0');
        what = fmt::format("{} zeros at {}", n, at);
      } else {
        const auto& other = files[random() % files.size()];
        if (other.first == path) continue;
        damaged = ReadFile(base + other.first);
        what = "replaced by " + other.first;
      }
      Doing(fmt::format("seed {}, flip {}: {} of {} ({} bytes)", seed, i, what, path, size));
      fs::remove_all(state);
      fs::create_directories(state);
      for (const auto& entry : fs::recursive_directory_iterator(base)) {
        const std::string to = state + entry.path().string().substr(base.size());
        if (entry.is_directory()) {
          fs::create_directories(to);
        } else if (entry.path().string() == base + path) {
          std::ofstream(to, std::ios::binary).write(damaged.data(), static_cast<long>(damaged.size()));
        } else {
          fs::copy_file(entry.path(), to);
        }
      }
      Tally& tally = tallies[KindOf(path)];
      ++tally.all;
      const bool table = in_use.contains(path);
      const auto found = ReadDirectory(state, &clock, table);
      if (!found.ok()) {
        ++tally.refused;
        if (std::getenv("TORTURE_VERBOSE")) {
          std::fprintf(stderr, "%s\n  %s\n", doing, found.status().ToString().c_str());
        }
        continue;
      }
      const auto failed = [&](const std::string& wrong) {
        return Fail(wrong, base);
      };
      bool missing = false, more = false;
      for (const auto& [labels, samples] : found->contents) {
        const auto was = whole->contents.find(labels);
        const auto once = ever.find(labels);
        for (const auto& [t, bits] : samples) {
          if (was != whole->contents.end()) {
            if (const auto s = was->second.find(t); s != was->second.end()) {
              if (s->second != bits) {
                return failed(fmt::format("{} at {} has another value", labels.ToString(), t));
              }
              continue;
            }
          }
          if (once == ever.end() || !once->second.contains(t) || once->second.at(t) != bits) {
            return failed(fmt::format("{} at {} was never written", labels.ToString(), t));
          }
          more = true;
        }
      }
      for (const auto& [labels, samples] : whole->contents) {
        const auto now = found->contents.find(labels);
        if (now == found->contents.end()) {
          missing = true;
          continue;
        }
        for (const auto& [t, bits] : samples) missing |= !now->second.contains(t);
      }
      // A log that ends early is what a crash leaves as well. Only what follows may tell.
      const std::string folder = path.substr(0, path.rfind('/') + 1);
      const bool followed = std::any_of(files.begin(), files.end(), [&](const auto& file) {
        return file.first > path && file.first.starts_with(folder) &&
               file.first.find('/', folder.size()) == std::string::npos;
      });
      const bool ends_early = chance == 17 || (chance == 18 && damaged.back() == '\0');
      const bool torn = ends_early && path.find("/wal/") != std::string::npos && !followed;
      if ((missing || more) && found->reports.empty() && !torn) {
        return failed(missing ? "samples are missing, and nothing says so"
                              : "deleted samples are back, and nothing says so");
      }
      tally.missing += missing || more;
      tally.told += !found->reports.empty() && !missing && !more;
      tally.verified += !found->verified.empty();
      if (!found->reports.empty() || !found->verified.empty()) continue;
      ++tally.same;
      const auto body = [&](const std::string& bytes) {
        return std::string_view(bytes).substr(0, size - std::min<size_t>(size, kFooterBytes));
      };
      if (table && body(damaged) != body(ReadFile(base + path))) {
        return failed("a block's table is damaged, and verifying does not find it");
      }
      if (std::getenv("TORTURE_VERBOSE")) {
        std::fprintf(stderr, "unnoticed: %s\n", doing);
      }
    }
  }
  std::printf("damage: seed %llu: %d places; no crash, no wrong value, nothing missing that was not reported\n"
              "%-16s %8s %18s %18s %16s %10s %10s\n",
              static_cast<unsigned long long>(args.seed), flips, "in", "places", "lost and reported",
              "whole and reported", "met by verifying", "unused", "refused");
  for (const auto& [kind, t] : tallies) {
    std::printf("%-16s %8d %18d %18d %16d %10d %10d\n", kind.c_str(), t.all, t.missing, t.told, t.verified, t.same,
                t.refused);
  }
  return 0;
}

int Main(int argc, char** argv) {
  Arguments args;
  const std::string command = argc > 1 ? argv[1] : "";
  for (int i = 2; i + 1 < argc; i += 2) {
    const std::string name = argv[i];
    const double value = std::atof(argv[i + 1]);
    if (name == "--seed") args.seed = std::strtoull(argv[i + 1], nullptr, 10);
    if (name == "--kills") args.kills = static_cast<int>(value);
    if (name == "--cuts") args.cuts = static_cast<int>(value);
    if (name == "--flips") args.flips = static_cast<int>(value);
    if (name == "--seconds") args.seconds = value;
    if (name == "--faults") args.faults = value != 0;
    if (name == "--sync") args.always = std::string(argv[i + 1]) == "always";
  }
  if (std::getenv("TORTURE_LOG") == nullptr) {
    base::SetLog(static_cast<base::LogLevel>(9), base::LogFormat::kLogfmt);  // Nothing.
  }
  for (const int signal : {SIGABRT, SIGSEGV, SIGBUS, SIGFPE}) std::signal(signal, LastWords);
  // Memory, where there is some: what is measured is not the disk.
  std::string pattern = (access("/dev/shm", W_OK) == 0 ? std::string("/dev/shm")
                                                       : fs::temp_directory_path().string()) +
                        "/tidemark-torture-XXXXXX";
  args.dir = mkdtemp(pattern.data());
  std::fprintf(stderr, "torture %s: seed %llu\n", command.c_str(), static_cast<unsigned long long>(args.seed));
  const int result = command == "crash" ? Crash(args) : command == "damage" ? Damage(args) : 2;
  if (result == 2) std::fprintf(stderr, "usage: torture crash|damage [--seed N] ...\n");
  if (result == 0) fs::remove_all(args.dir);
  return result;
}

}  // namespace
}  // namespace torture

int main(int argc, char** argv) { return torture::Main(argc, argv); }
