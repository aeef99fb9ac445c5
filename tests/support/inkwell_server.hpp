// The real `inkwell serve` as a child of the test, on a loopback port the kernel picks. Stopped when destroyed; dies
// with the test process if that is killed.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <sys/types.h>
#include <vector>

namespace inkwell::test {

class InkwellServer {
 public:
  struct Setup {
    std::vector<std::string> arguments;              ///< after `serve --listen 127.0.0.1:0 --data-dir DIR`
    std::map<std::string, std::string> environment;  ///< on top of the test's own, less every INKWELL_*
  };
  /// Starts it and waits for its "inkwell listening on http://ADDRESS:PORT" line; throws with its output when that
  /// doesn't come.
  explicit InkwellServer(Setup setup);
  InkwellServer() : InkwellServer(Setup{}) {}
  InkwellServer(const InkwellServer&) = delete;
  InkwellServer& operator=(const InkwellServer&) = delete;
  ~InkwellServer();

  std::uint16_t port() const noexcept { return port_; }
  pid_t pid() const noexcept { return pid_; }
  const std::filesystem::path& data_directory() const noexcept { return data_directory_; }
  /// Everything it has written to stderr since the first start.
  std::string log() const;

  void kill();              ///< SIGKILL, and waits for its end
  int stop();               ///< SIGTERM, and waits for its end; its exit code (128 + signal when a signal ended it)
  void signal(int number);  ///< without waiting
  int wait();               ///< for its end, which something else brings about; as stop()
  /// Starts it again on the same data directory (on another port).
  void start();

  /// The path of the binary under test: $INKWELL_BINARY, or the one this build made.
  static std::filesystem::path binary();

 private:
  Setup setup_;
  std::filesystem::path root_;
  std::filesystem::path data_directory_;
  std::uint16_t port_ = 0;
  pid_t pid_ = -1;
  int stdout_ = -1;
};

}  // namespace inkwell::test
