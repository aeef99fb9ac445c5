// Sends a signal to one process of the test's own, and to nothing else. kill(2) with 0 or -1 means "my group" and
// "everything I may signal", so a pid that was never set, or was reset, would stop or kill the whole machine.
#pragma once

#include <csignal>
#include <stdexcept>
#include <string>
#include <sys/types.h>

namespace inkwell::test {

inline bool send_signal(pid_t pid, int number) {
  if (pid <= 1) throw std::logic_error("no process to signal: pid " + std::to_string(pid));
  return ::kill(pid, number) == 0;
}

inline bool is_alive(pid_t pid) { return pid > 1 && ::kill(pid, 0) == 0; }

}  // namespace inkwell::test
