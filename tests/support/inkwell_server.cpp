#include "support/inkwell_server.hpp"

#include <array>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <fstream>
#include <iterator>
#include <poll.h>
#include <signal.h>
#include <stdexcept>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

namespace inkwell::test {
namespace {

constexpr std::string_view kListening = "inkwell listening on http://";
constexpr auto kStartDeadline = std::chrono::seconds(30);

std::vector<char*> pointers(std::vector<std::string>& words) {
  std::vector<char*> out;
  for (auto& word : words) out.push_back(word.data());
  out.push_back(nullptr);
  return out;
}

std::vector<std::string> environment_of(const std::map<std::string, std::string>& extra) {
  std::vector<std::string> out;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    if (!std::string_view(*entry).starts_with("INKWELL_")) out.emplace_back(*entry);
  }
  for (const auto& [name, value] : extra) out.push_back(name + "=" + value);
  return out;
}

/// The first line that says where it listens; nothing when the output ends or the deadline passes first.
std::string listening_line(int fd) {
  std::string output;
  std::array<char, 4096> block;
  const auto until = std::chrono::steady_clock::now() + kStartDeadline;
  for (;;) {
    const auto begin = output.find(kListening);
    const auto end = begin == std::string::npos ? begin : output.find('\n', begin);
    if (end != std::string::npos) return output.substr(begin, end - begin);
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(until - std::chrono::steady_clock::now());
    pollfd entry{fd, POLLIN, 0};
    if (left.count() <= 0 || ::poll(&entry, 1, static_cast<int>(left.count())) <= 0) return {};
    const ssize_t n = ::read(fd, block.data(), block.size());
    if (n <= 0) return {};
    output.append(block.data(), static_cast<std::size_t>(n));
  }
}

}  // namespace

std::filesystem::path InkwellServer::binary() {
  if (const char* named = std::getenv("INKWELL_BINARY")) return named;
  return std::filesystem::path(INKWELL_BINARY_DIR) / "bin" / "inkwell";
}

InkwellServer::InkwellServer(Setup setup) : setup_(std::move(setup)) {
  std::string pattern = (std::filesystem::temp_directory_path() / "inkwell-serve-XXXXXX").string();
  if (!::mkdtemp(pattern.data())) throw std::runtime_error("mkdtemp failed");
  root_ = pattern;
  data_directory_ = root_ / "data";
  start();
}

InkwellServer::~InkwellServer() {
  kill();
  std::error_code ignored;
  std::filesystem::remove_all(root_, ignored);
}

void InkwellServer::start() {
  std::vector<std::string> words = {binary().string(), "serve",      "--listen",
                                    "127.0.0.1:0",     "--data-dir", data_directory_.string()};
  words.insert(words.end(), setup_.arguments.begin(), setup_.arguments.end());
  auto variables = environment_of(setup_.environment);
  auto argv = pointers(words);
  auto envp = pointers(variables);
  const std::string log_path = (root_ / "stderr.log").string();
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) throw std::runtime_error("pipe2 failed");
  const pid_t parent = ::getpid();
  pid_ = ::fork();
  if (pid_ == 0) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (::getppid() != parent) ::_exit(1);
    ::dup2(ends[1], 1);
    const int log_fd = ::open(log_path.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0600);
    if (log_fd >= 0) ::dup2(log_fd, 2);
    ::execve(argv[0], argv.data(), envp.data());
    std::perror(argv[0]);
    ::_exit(127);
  }
  ::close(ends[1]);
  stdout_ = ends[0];
  const std::string line = listening_line(stdout_);
  if (line.empty()) {
    kill();
    throw std::runtime_error("inkwell did not start: " + log());
  }
  port_ = static_cast<std::uint16_t>(std::stoul(line.substr(line.rfind(':') + 1)));
}

std::string InkwellServer::log() const {
  std::ifstream file(root_ / "stderr.log");
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

void InkwellServer::signal(int number) {
  if (pid_ > 0) ::kill(pid_, number);
}

int InkwellServer::wait() {
  if (pid_ <= 0) return -1;
  int status = 0;
  ::waitpid(pid_, &status, 0);
  pid_ = -1;
  ::close(stdout_);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

void InkwellServer::kill() {
  signal(SIGKILL);
  wait();
}

int InkwellServer::stop() {
  signal(SIGTERM);
  return wait();
}

}  // namespace inkwell::test
