// The real binary as a child of the test, in a session of its own: its output line by line, its end and its exit code,
// each under a deadline. Killed when destroyed; dies with the test.
#pragma once

#include <array>
#include <cerrno>
#include <chrono>
#include <fcntl.h>
#include <optional>
#include <poll.h>
#include <signal.h>
#include <stdexcept>
#include <string>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>
#include <vector>

#include "support/loop.hpp"
#include "support/process_signal.hpp"

namespace inkwell::test {

class ProgramRun {
 public:
  /// `environment` is all it gets.
  ProgramRun(std::vector<std::string> arguments, std::vector<std::string> environment) {
    arguments.insert(arguments.begin(), INKWELL_BINARY_DIR "/bin/inkwell");
    const auto argv = pointers(arguments);
    const auto envp = pointers(environment);
    if (::pipe2(out_.data(), O_CLOEXEC) != 0 || ::pipe2(err_.data(), O_CLOEXEC) != 0)
      throw std::runtime_error("pipe failed");
    const pid_t parent = ::getpid();
    pid_ = ::fork();
    if (pid_ == 0) {
      ::setsid();
      ::prctl(PR_SET_PDEATHSIG, SIGKILL);
      if (::getppid() != parent) ::_exit(1);
      ::dup2(out_[1], 1);
      ::dup2(err_[1], 2);
      ::execve(argv[0], argv.data(), envp.data());
      ::_exit(127);
    }
    ::close(out_[1]);
    ::close(err_[1]);
    for (const int fd : {out_[0], err_[0]}) ::fcntl(fd, F_SETFL, O_NONBLOCK);
  }
  ProgramRun(const ProgramRun&) = delete;
  ProgramRun& operator=(const ProgramRun&) = delete;
  ~ProgramRun() {
    if (!exit_code_) send(SIGKILL), ::waitpid(pid_, nullptr, 0);
    ::close(out_[0]);
    ::close(err_[0]);
  }

  pid_t pid() const { return pid_; }
  void send(int signal) const { test::send_signal(pid_, signal); }
  void send_to_group(int signal) const {
    if (pid_ > 1) ::kill(-pid_, signal);
  }

  /// Reads on until `text` has appeared on stdout; false when it ends or the deadline passes first.
  bool prints(const std::string& text) { return reads_until(out_text_, text); }
  bool complains(const std::string& text) { return reads_until(err_text_, text); }
  const std::string& out() const { return out_text_; }
  const std::string& err() const { return err_text_; }

  /// Its exit code, or 1000 + the signal that ended it; throws when it still runs at the deadline.
  int exit_code() {
    const auto until = std::chrono::steady_clock::now() + kDeadline * 2;
    while (!exit_code_) {
      read_some();
      int status = 0;
      if (::waitpid(pid_, &status, WNOHANG) == pid_)
        exit_code_ = WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
      else if (std::chrono::steady_clock::now() > until)
        throw std::runtime_error("the program did not end; it said:\n" + out_text_ + err_text_);
    }
    read_some();
    return *exit_code_;
  }

 private:
  static std::vector<char*> pointers(std::vector<std::string>& words) {
    std::vector<char*> out;
    for (auto& word : words) out.push_back(word.data());
    out.push_back(nullptr);
    return out;
  }

  bool reads_until(std::string& text, const std::string& wanted) {
    const auto until = std::chrono::steady_clock::now() + kDeadline * 2;
    while (text.find(wanted) == std::string::npos) {
      if (!read_some() || std::chrono::steady_clock::now() > until) return false;
    }
    return true;
  }

  // Waits a little for output and takes what is there; false once both streams have ended.
  bool read_some() {
    std::array<pollfd, 2> watched{{{out_[0], POLLIN, 0}, {err_[0], POLLIN, 0}}};
    ::poll(watched.data(), watched.size(), 5);
    const bool out_open = drain(out_[0], out_text_);
    const bool err_open = drain(err_[0], err_text_);
    return out_open || err_open;
  }

  static bool drain(int fd, std::string& text) {
    std::array<char, 4096> block;
    ssize_t size = 0;
    while ((size = ::read(fd, block.data(), block.size())) > 0)
      text.append(block.data(), static_cast<std::size_t>(size));
    return size < 0 && (errno == EAGAIN || errno == EINTR);
  }

  std::array<int, 2> out_{};
  std::array<int, 2> err_{};
  std::string out_text_;
  std::string err_text_;
  pid_t pid_ = -1;
  std::optional<int> exit_code_;
};

}  // namespace inkwell::test
