#include "embedded/child_process.hpp"

#include <array>
#include <cerrno>
#include <climits>
#include <cstring>
#include <fcntl.h>
#include <fmt/format.h>
#include <linux/close_range.h>
#include <poll.h>
#include <signal.h>
#include <string_view>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

namespace inkwell::embedded {
namespace {

std::unexpected<Error> not_started(const std::filesystem::path& program, std::string_view step, int error) {
  return fail(ErrorKind::unavailable, "child_not_started",
              fmt::format("{} could not be started: {}: {}.", program.string(), step, std::strerror(error)));
}

// execve's arrays; made before the fork, as nothing may be allocated after it.
class Words {
 public:
  explicit Words(std::vector<std::string> words) : words_(std::move(words)) {
    for (std::string& word : words_) pointers_.push_back(word.data());
    pointers_.push_back(nullptr);
  }
  char* const* get() const { return pointers_.data(); }

 private:
  std::vector<std::string> words_;
  std::vector<char*> pointers_;
};

std::vector<std::string> environment_without_ours() {
  std::vector<std::string> kept;
  for (char** variable = environ; *variable != nullptr; ++variable)
    if (!std::string_view(*variable).starts_with("INKWELL_")) kept.emplace_back(*variable);
  return kept;
}

// Sockets of the server may not be close-on-exec (Asio's are not): a child that kept them would keep a port taken and
// connections open.
void close_others_on_exec() {
#ifdef SYS_close_range
  if (::syscall(SYS_close_range, 3U, UINT_MAX, CLOSE_RANGE_CLOEXEC) == 0) return;
#endif
  const long most = std::min(::sysconf(_SC_OPEN_MAX), 1L << 16);  // Linux before 5.11
  for (int fd = 3; fd < most; ++fd) ::fcntl(fd, F_SETFD, FD_CLOEXEC);
}

void default_signals() {
  for (int signal = 1; signal < NSIG; ++signal) ::signal(signal, SIG_DFL);
  sigset_t none;
  ::sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
}

struct Plan {
  const char* program;
  char* const* arguments;
  char* const* environment;
  int null;
  int output;
  int inherited;
  int report;
  pid_t parent;
};

// Between fork and execve: only async-signal-safe calls.
[[noreturn]] void become(const Plan& plan) {
  ::setsid();
  // The signal comes when the thread that forked ends; if it ended before this call, the parent is another by now.
  ::prctl(PR_SET_PDEATHSIG, SIGTERM);
  if (::getppid() != plan.parent) ::_exit(1);
  default_signals();
  ::umask(077);
  ::dup2(plan.null, 0);
  ::dup2(plan.output, 1);
  ::dup2(plan.output, 2);
  close_others_on_exec();
  if (plan.inherited >= 0) ::fcntl(plan.inherited, F_SETFD, 0);
  ::execve(plan.program, plan.arguments, plan.environment);
  const int error = errno;
  (void)!::write(plan.report, &error, sizeof error);
  ::_exit(127);
}

std::string how_it_ended(const siginfo_t& info) {
  if (info.si_code == CLD_EXITED) return fmt::format("exited with status {}", info.si_status);
  return fmt::format("was ended by signal {} ({})", info.si_status, ::strsignal(info.si_status));
}

}  // namespace

Result<ChildProcess> ChildProcess::start(const Start& start) {
  std::vector<std::string> words = {start.program.filename().string()};
  words.insert(words.end(), start.arguments.begin(), start.arguments.end());
  const Words arguments(std::move(words));
  const Words environment(environment_without_ours());
  const Descriptor null(::open("/dev/null", O_RDONLY | O_CLOEXEC));
  const Descriptor output(::open(start.output.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600));
  if (!null || !output) return not_started(start.program, start.output.string(), errno);
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) return not_started(start.program, "pipe", errno);
  const Descriptor report(ends[0]);
  Descriptor report_in(ends[1]);

  const Plan plan{start.program.c_str(), arguments.get(), environment.get(), null.get(),
                  output.get(),          start.inherited, report_in.get(),   ::getpid()};
  const pid_t pid = ::fork();
  if (pid < 0) return not_started(start.program, "fork", errno);
  if (pid == 0) become(plan);
  report_in.reset();
  ChildProcess child(pid, Descriptor(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0))));
  if (!child.pidfd_) {
    const int error = errno;
    ::kill(pid, SIGKILL);
    ::waitpid(pid, nullptr, 0);
    return not_started(start.program, "pidfd_open (Linux 5.3 or newer is needed)", error);
  }
  int error = 0;
  ssize_t size = 0;
  do size = ::read(report.get(), &error, sizeof error);
  while (size < 0 && errno == EINTR);
  if (size > 0) return not_started(start.program, "execve", error);
  return child;
}

ChildProcess::~ChildProcess() {
  if (!pidfd_) return;
  send(SIGKILL);
  wait(std::chrono::milliseconds(-1));
}

void ChildProcess::send(int signal) const {
  if (pidfd_) ::syscall(SYS_pidfd_send_signal, pidfd_.get(), signal, nullptr, 0);
}

std::optional<std::string> ChildProcess::wait(std::chrono::milliseconds timeout) {
  if (!pidfd_) return "has ended";
  pollfd watched{pidfd_.get(), POLLIN, 0};
  int ready = 0;
  do ready = ::poll(&watched, 1, static_cast<int>(timeout.count()));
  while (ready < 0 && errno == EINTR);
  if (ready <= 0) return std::nullopt;
  siginfo_t info{};
  const int reaped = ::waitid(P_PIDFD, static_cast<id_t>(pidfd_.get()), &info, WEXITED);
  pidfd_.reset();
  // Where the host program ignores SIGCHLD, the kernel has reaped it already and nobody knows how it ended.
  return reaped == 0 ? how_it_ended(info) : "has ended";
}

}  // namespace inkwell::embedded
