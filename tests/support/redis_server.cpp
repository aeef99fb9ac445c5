#include "support/redis_server.hpp"

#include <array>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <netinet/in.h>
#include <signal.h>
#include <stdexcept>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>

#include "support/process_signal.hpp"

namespace inkwell::test {
namespace {

std::vector<char*> pointers(std::vector<std::string>& words) {
  std::vector<char*> out;
  for (auto& word : words) out.push_back(word.data());
  out.push_back(nullptr);
  return out;
}

std::string read_file(const std::filesystem::path& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

std::string output_of(std::vector<std::string> words) {
  auto argv = pointers(words);
  std::array<int, 2> ends{};
  if (::pipe(ends.data()) != 0) throw std::runtime_error("pipe failed");
  const pid_t child = ::fork();
  if (child == 0) {
    ::dup2(ends[1], 1);
    ::dup2(ends[1], 2);
    ::close(ends[0]);
    ::close(ends[1]);
    ::execvp(argv[0], argv.data());
    ::_exit(127);
  }
  ::close(ends[1]);
  std::string output;
  std::array<char, 4096> block;
  for (ssize_t n = 0; (n = ::read(ends[0], block.data(), block.size())) > 0;)
    output.append(block.data(), static_cast<std::size_t>(n));
  ::close(ends[0]);
  ::waitpid(child, nullptr, 0);
  if (output.ends_with('\n')) output.pop_back();
  return output;
}

}  // namespace

std::uint16_t free_port() {
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  const bool good = fd >= 0 && ::bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0 &&
                    ::getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size) == 0;
  ::close(fd);
  if (!good) throw std::runtime_error("no free port");
  return ntohs(address.sin_port);
}

RedisServer::RedisServer(std::vector<std::string> arguments) : arguments_(std::move(arguments)), port_(free_port()) {
  std::string pattern = (std::filesystem::temp_directory_path() / "inkwell-test-XXXXXX").string();
  if (!::mkdtemp(pattern.data())) throw std::runtime_error("mkdtemp failed");
  directory_ = pattern;
  start();
}

RedisServer::~RedisServer() {
  kill();
  std::error_code ignored;
  std::filesystem::remove_all(directory_, ignored);
}

redis::Endpoint RedisServer::endpoint() const {
  redis::Endpoint endpoint;
  endpoint.unix_path = (directory_ / "redis.sock").string();
  return endpoint;
}

redis::Endpoint RedisServer::tcp_endpoint() const {
  redis::Endpoint endpoint;
  endpoint.port = port_;
  return endpoint;
}

void RedisServer::start() {
  std::vector<std::string> words = {"redis-server",
                                    "--port",
                                    std::to_string(port_),
                                    "--bind",
                                    "127.0.0.1",
                                    "--unixsocket",
                                    (directory_ / "redis.sock").string(),
                                    "--dir",
                                    directory_.string(),
                                    "--logfile",
                                    (directory_ / "redis.log").string(),
                                    "--save",
                                    "",
                                    "--enable-debug-command",
                                    "yes",
                                    "--daemonize",
                                    "no"};
  words.insert(words.end(), arguments_.begin(), arguments_.end());
  auto argv = pointers(words);
  const pid_t parent = ::getpid();
  pid_ = ::fork();
  if (pid_ == 0) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (::getppid() != parent) ::_exit(1);
    ::execvp(argv[0], argv.data());
    std::perror("redis-server");
    ::_exit(127);
  }
  const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  while (!answers()) {
    int status = 0;
    if (::waitpid(pid_, &status, WNOHANG) == pid_ || std::chrono::steady_clock::now() > until) {
      throw std::runtime_error("redis-server did not start: " + read_file(directory_ / "redis.log"));
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
}

bool RedisServer::answers() const { return cli({"PING"}) == "PONG"; }

void RedisServer::kill() {
  if (pid_ <= 0) return;
  send_signal(pid_, SIGKILL);
  ::waitpid(pid_, nullptr, 0);
  pid_ = -1;
  paused_ = false;
}

void RedisServer::stop() {
  if (pid_ <= 0) return;
  send_signal(pid_, SIGTERM);
  ::waitpid(pid_, nullptr, 0);
  pid_ = -1;
}

void RedisServer::pause() {
  send_signal(pid_, SIGSTOP);
  paused_ = true;
}
void RedisServer::resume() {
  send_signal(pid_, SIGCONT);
  paused_ = false;
}

std::string RedisServer::cli(const std::vector<std::string>& command) const {
  std::vector<std::string> words = {"redis-cli", "-s", (directory_ / "redis.sock").string()};
  words.insert(words.end(), command.begin(), command.end());
  return output_of(std::move(words));
}

std::string redis_cli(std::uint16_t port, const std::vector<std::string>& command) {
  std::vector<std::string> words = {"redis-cli", "-p", std::to_string(port)};
  words.insert(words.end(), command.begin(), command.end());
  return output_of(std::move(words));
}

}  // namespace inkwell::test
