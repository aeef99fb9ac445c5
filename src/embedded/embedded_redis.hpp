// EmbeddedRedis: a private redis-server that comes and goes with this process. It listens on a Unix socket only, keeps
// an append-only file in the data directory and loads it back at the next start, is started again when it dies, and is
// stopped in order by stop() or the destructor - or by the kernel when this process is killed. One thread supervises
// it: that thread forks it (and so must live as long: see ChildProcess), waits for its end and for being told to stop.
//
// start(), stop() and the destructor belong to one thread; the rest is safe from any.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

#include <inkwell/error.hpp>

#include "embedded/child_process.hpp"
#include "embedded/data_directory.hpp"
#include "embedded/descriptor.hpp"
#include "embedded/socket_place.hpp"

namespace inkwell::embedded {

/// What happened to the redis-server, for whoever logs it.
struct Event {
  enum class Kind : std::uint8_t {
    loading,       ///< it reads its data back, which may take a while
    ready,         ///< it answers
    ended,         ///< it ended without being told to
    start_failed,  ///< it couldn't be started again; another attempt follows
    killed,        ///< it didn't end in time when told to, and was killed
  };
  Kind kind;
  std::string detail;  ///< a sentence; where it went wrong, with the end of its log
};

struct Options {
  std::filesystem::path data_directory;
  std::string program;  ///< as find_program() takes it
  /// Where a socket goes whose path in the data directory is too long; tried in turn.
  std::vector<std::filesystem::path> runtime_directories = embedded::runtime_directories();
  std::chrono::milliseconds predecessor_timeout{15'000};  ///< for the redis-server of a killed process to end
  std::chrono::milliseconds start_timeout{30'000};        ///< to answer at all; loading data may take longer
  std::chrono::milliseconds stop_timeout{10'000};         ///< to end when told to; then it is killed
  std::chrono::milliseconds backoff_base{100};            ///< between attempts to start it again
  std::chrono::milliseconds backoff_cap{5'000};
  std::uintmax_t max_log_bytes = 4u << 20;     ///< its log is put aside at a start once it is larger
  std::function<void(const Event&)> on_event;  ///< called on the supervising thread; must not throw
};

struct Stats {
  pid_t pid = -1;              ///< -1 while it doesn't run
  std::uint64_t restarts = 0;  ///< how often it was started again after it had ended by itself
};

class EmbeddedRedis {
 public:
  /// Takes the data directory, starts the redis-server and returns once it answers. A request through `stop` ends the
  /// wait. Failures: those of find_program() and DataDirectory::open(); redis_server_failed with the end of its log;
  /// redis_server_too_old; cancelled.
  static Result<std::unique_ptr<EmbeddedRedis>> start(Options options, std::stop_token stop = {});
  EmbeddedRedis(const EmbeddedRedis&) = delete;
  EmbeddedRedis& operator=(const EmbeddedRedis&) = delete;
  ~EmbeddedRedis();

  /// Ends it with SIGTERM, upon which it writes out what it holds, and returns when it has ended. May be called again.
  void stop();

  const std::filesystem::path& socket() const noexcept { return place_.socket(); }
  const std::filesystem::path& data_directory() const noexcept { return directory_.path(); }
  std::filesystem::path log() const { return directory_.redis() / "redis.log"; }
  Stats stats() const noexcept;

 private:
  EmbeddedRedis(Options options, std::filesystem::path program, DataDirectory directory, SocketPlace place,
                Descriptor wake);

  void supervise(const std::function<void(Result<void>)>& first_start);
  Result<ChildProcess> launch();
  Result<void> wait_until_ready(ChildProcess& child);
  Result<void> check_version() const;
  void end(ChildProcess& child);
  bool told_to_stop_within(std::chrono::milliseconds wait) const;
  Error failed(std::string_view what) const;
  void tell(Event::Kind kind, std::string detail) const;
  std::vector<std::string> arguments() const;

  Options options_;
  std::filesystem::path program_;
  DataDirectory directory_;
  SocketPlace place_;
  Descriptor wake_;                ///< an eventfd, readable from the moment stop() is called
  std::uintmax_t log_offset_ = 0;  ///< where the log of the present start begins; supervising thread only
  std::atomic<pid_t> pid_{-1};
  std::atomic<std::uint64_t> restarts_{0};
  std::thread supervisor_;
};

}  // namespace inkwell::embedded
