// What /proc says about this process.
#pragma once

#include <cstdint>

namespace server {

struct ProcessInfo {
  double cpu_seconds = 0;
  uint64_t resident_bytes = 0, virtual_bytes = 0;
  uint64_t open_fds = 0, max_fds = 0, threads = 0;
  double start_time_s = 0;                                         // Unix time.
  uint64_t network_receive_bytes = 0, network_transmit_bytes = 0;  // Of its network namespace.
};

ProcessInfo ReadProcessInfo();

}  // namespace server
