// A real redis-server as a child of the test: its own temporary directory, a Unix socket and, when asked, a loopback
// port. Stopped and removed when destroyed; dies with the test process if that is killed.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <sys/types.h>
#include <vector>

#include <inkwell/redis/options.hpp>

namespace inkwell::test {

/// A port of 127.0.0.1 that nobody listens on: redis-server cannot be told "any free port", so the kernel picks one,
/// which is let go of again just before.
std::uint16_t free_port();

/// Runs one command by redis-cli on `port` of 127.0.0.1 and returns its output without the last newline.
std::string redis_cli(std::uint16_t port, const std::vector<std::string>& command);

class RedisServer {
 public:
  /// Starts it and waits until it answers PING; throws with its log when it doesn't. `arguments` are appended to its
  /// command line ("--maxmemory", "1mb"). Data survive stop()/kill() + start() when `arguments` turn persistence on.
  explicit RedisServer(std::vector<std::string> arguments = {});
  RedisServer(const RedisServer&) = delete;
  RedisServer& operator=(const RedisServer&) = delete;
  ~RedisServer();

  redis::Endpoint endpoint() const;      ///< by the Unix socket
  redis::Endpoint tcp_endpoint() const;  ///< by 127.0.0.1
  std::uint16_t port() const noexcept { return port_; }
  pid_t pid() const noexcept { return pid_; }
  const std::filesystem::path& directory() const noexcept { return directory_; }

  void kill();    ///< SIGKILL, and waits for its end
  void stop();    ///< SIGTERM, and waits for its end
  void pause();   ///< SIGSTOP
  void resume();  ///< SIGCONT
  bool paused() const noexcept { return paused_; }
  /// Starts it again on the same directory, socket and port, and waits until it answers.
  void start();

  /// Runs one command over a connection of its own, outside the link under test, and returns redis-cli's output without
  /// the last newline: `cli({"SET", "k", "v"})`.
  std::string cli(const std::vector<std::string>& command) const;

 private:
  bool answers() const;
  std::vector<std::string> arguments_;
  std::filesystem::path directory_;
  std::uint16_t port_ = 0;
  pid_t pid_ = -1;
  bool paused_ = false;
};

}  // namespace inkwell::test
