#include "cli/signals.hpp"

#include <cerrno>
#include <poll.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <system_error>
#include <unistd.h>

namespace inkwell::cli {

Signals::Signals(std::function<void(int)> on_signal) : on_signal_(std::move(on_signal)) {
  ::signal(SIGPIPE, SIG_IGN);
  sigset_t ours;
  ::sigemptyset(&ours);
  for (const int signal : {SIGINT, SIGTERM, SIGHUP}) ::sigaddset(&ours, signal);
  ::pthread_sigmask(SIG_BLOCK, &ours, nullptr);
  signals_ = ::signalfd(-1, &ours, SFD_CLOEXEC | SFD_NONBLOCK);
  wake_ = ::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  if (signals_ < 0 || wake_ < 0) throw std::system_error(errno, std::system_category(), "signalfd");
  thread_ = std::thread([this] { listen(); });
}

Signals::~Signals() {
  ::eventfd_write(wake_, 1);
  thread_.join();
  ::close(wake_);
  ::close(signals_);
}

void Signals::listen() const {
  pollfd watched[] = {{signals_, POLLIN, 0}, {wake_, POLLIN, 0}};
  while (watched[1].revents == 0) {
    if (::poll(watched, 2, -1) < 0) continue;
    signalfd_siginfo info{};
    if (::read(signals_, &info, sizeof info) == static_cast<ssize_t>(sizeof info))
      on_signal_(static_cast<int>(info.ssi_signo));
  }
}

}  // namespace inkwell::cli
