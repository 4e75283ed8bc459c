#include "server/process_info.h"

#include <dirent.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cstdio>
#include <fstream>
#include <memory>
#include <sstream>
#include <string>

namespace server {
namespace {

std::string Slurp(const char* path) {
  std::ifstream in(path);
  return {std::istreambuf_iterator<char>(in), {}};
}

uint64_t CountFds() {
  const std::unique_ptr<DIR, int (*)(DIR*)> dir(opendir("/proc/self/fd"), &closedir);
  uint64_t count = 0;
  while (dir != nullptr && readdir(dir.get()) != nullptr) ++count;
  return count < 3 ? 0 : count - 3;  // Without ".", ".." and the one just opened.
}

double BootTime() {
  std::istringstream in(Slurp("/proc/stat"));
  std::string line;
  double seconds = 0;
  while (std::getline(in, line)) {
    if (std::sscanf(line.c_str(), "btime %lf", &seconds) == 1) break;
  }
  return seconds;
}

void ReadNetwork(ProcessInfo* info) {
  std::istringstream in(Slurp("/proc/self/net/dev"));
  std::string line;
  while (std::getline(in, line)) {
    const size_t colon = line.find(':');
    if (colon == std::string::npos) continue;
    unsigned long long in_bytes = 0, out_bytes = 0;
    if (std::sscanf(line.c_str() + colon + 1, "%llu %*u %*u %*u %*u %*u %*u %*u %llu", &in_bytes,
                    &out_bytes) == 2) {
      info->network_receive_bytes += in_bytes;
      info->network_transmit_bytes += out_bytes;
    }
  }
}

}  // namespace

ProcessInfo ReadProcessInfo() {
  ProcessInfo info;
  const double ticks = static_cast<double>(sysconf(_SC_CLK_TCK));
  const std::string stat = Slurp("/proc/self/stat");
  // Fields after the name, which may hold anything: 14 utime, 15 stime, 20 threads, 22 start,
  // 23 virtual bytes, 24 resident pages.
  const size_t name_end = stat.rfind(')');
  unsigned long long user = 0, system = 0, start = 0, bytes = 0, pages = 0;
  unsigned long threads = 0;
  if (name_end != std::string::npos &&
      std::sscanf(stat.c_str() + name_end + 1,
                  " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %llu %llu %*d %*d %*d %*d %lu %*d "
                  "%llu %llu %llu",
                  &user, &system, &threads, &start, &bytes, &pages) == 6) {
    info.cpu_seconds = static_cast<double>(user + system) / ticks;
    info.threads = threads;
    info.virtual_bytes = bytes;
    info.resident_bytes = pages * static_cast<uint64_t>(sysconf(_SC_PAGESIZE));
    static const double boot = BootTime();
    info.start_time_s = boot + static_cast<double>(start) / ticks;
  }
  info.open_fds = CountFds();
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) == 0) info.max_fds = limit.rlim_cur;
  ReadNetwork(&info);
  return info;
}

}  // namespace server
