// ChildProcess: a program run as a child that dies with this process: in a session of its own (a terminal's Ctrl-C
// doesn't reach it: whoever owns it stops it when its time has come), told to terminate by the kernel when the thread
// that started it ends for whatever reason. Watched through a pidfd, so no signal handler is involved. Owned and used
// by the thread that started it, which must live as long.
#pragma once

#include <chrono>
#include <filesystem>
#include <optional>
#include <string>
#include <sys/types.h>
#include <vector>

#include <inkwell/error.hpp>

#include "embedded/descriptor.hpp"

namespace inkwell::embedded {

class ChildProcess {
 public:
  struct Start {
    std::filesystem::path program;
    std::vector<std::string> arguments;  ///< without the program's name
    std::filesystem::path output;        ///< stdout and stderr are appended to this file (created with mode 0600)
    int inherited = -1;                  ///< the one descriptor beyond 0, 1, 2 that the child keeps
  };
  /// Returns once the program runs (execve succeeded). The child's environment is ours without INKWELL_ variables,
  /// which may hold secrets. Failure: code child_not_started.
  static Result<ChildProcess> start(const Start& start);
  ChildProcess(ChildProcess&&) noexcept = default;
  ChildProcess& operator=(ChildProcess&&) noexcept = default;
  /// Kills it if it still runs, and waits for its end.
  ~ChildProcess();

  pid_t pid() const noexcept { return pid_; }
  int pidfd() const noexcept { return pidfd_.get(); }  ///< readable once it has ended
  /// Does nothing once it has ended.
  void send(int signal) const;
  /// Waits for its end, at most `timeout`; then says how it ended ("exited with status 1", "was ended by signal 9
  /// (Killed)"). Nothing when it still runs.
  std::optional<std::string> wait(std::chrono::milliseconds timeout);

 private:
  ChildProcess(pid_t pid, Descriptor pidfd) : pid_(pid), pidfd_(std::move(pidfd)) {}

  pid_t pid_ = -1;
  Descriptor pidfd_;  ///< closed once the child is reaped
};

}  // namespace inkwell::embedded
