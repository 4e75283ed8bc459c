#include "server/events.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <cerrno>
#include <thread>

#include "storage/base/check.h"
#include "storage/base/log.h"

namespace server {

Events::Events() {
  signal(SIGPIPE, SIG_IGN);
  sigset_t set;
  sigemptyset(&set);
  for (const int number : {SIGINT, SIGTERM, SIGHUP}) sigaddset(&set, number);
  CHECK(pthread_sigmask(SIG_BLOCK, &set, nullptr) == 0);
  signals_ = signalfd(-1, &set, SFD_CLOEXEC);
  CHECK(signals_ >= 0);
  CHECK(pipe2(posted_, O_CLOEXEC) == 0);
}

Events::~Events() {
  for (const int fd : {signals_, posted_[0], posted_[1]}) close(fd);
}

Event Events::Wait() {
  while (true) {
    pollfd fds[] = {{signals_, POLLIN, 0}, {posted_[0], POLLIN, 0}};
    if (poll(fds, 2, -1) < 0) {
      CHECK(errno == EINTR);
      continue;
    }
    uint8_t byte = 0;
    if ((fds[1].revents & POLLIN) != 0 && read(posted_[0], &byte, 1) == 1) {
      return static_cast<Event>(byte);
    }
    signalfd_siginfo info{};
    if ((fds[0].revents & POLLIN) == 0 || read(signals_, &info, sizeof info) != sizeof info)
      continue;
    if (info.ssi_signo == SIGHUP) return Event::kReload;
    base::Log(base::LogLevel::kWarn, "server", "Received an OS signal, exiting gracefully...",
              {{"signal", info.ssi_signo == SIGINT ? "interrupt" : "terminated"}});
    return Event::kStop;
  }
}

void Events::Post(Event event) {
  const auto byte = static_cast<uint8_t>(event);
  while (write(posted_[1], &byte, 1) < 0 && errno == EINTR) {
  }
}

void Events::ExitOnSecondSignal() {
  std::thread([fd = dup(signals_)] {
    signalfd_siginfo info{};
    while (read(fd, &info, sizeof info) == sizeof info) {
      if (info.ssi_signo == SIGHUP) continue;
      base::Log(base::LogLevel::kError, "server", "Received a second signal, exiting at once");
      _exit(1);
    }
  }).detach();
}

}  // namespace server
