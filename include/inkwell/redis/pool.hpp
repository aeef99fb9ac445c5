// Pool: connections of one's own for what cannot share one: blocking commands, WATCH/MULTI/EXEC. Bounded, first come
// first served; on a cluster so for each master. Lives on the executor it was made with (one thread).
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <chrono>
#include <memory>
#include <string_view>
#include <vector>

#include <inkwell/redis/options.hpp>
#include <inkwell/redis/reply.hpp>
#include <inkwell/redis/request.hpp>

namespace inkwell::redis {

struct PoolOptions {
  std::size_t max_connections = 50;              ///< on a cluster: to each master
  std::size_t min_connections = 0;               ///< opened at once and kept however idle; at most max_connections
  std::chrono::milliseconds wait_timeout{5000};  ///< for a free connection; then ErrorKind::overloaded
  std::chrono::milliseconds max_idle{60'000};    ///< idle connections beyond the minimum are closed after so long
  /// A connection is closed once it is older and nobody has borrowed it (up to a tenth earlier, at random); 0: never.
  std::chrono::milliseconds max_age{30 * 60'000};
  std::chrono::milliseconds ping_after_idle{
      5'000};  ///< one idle for longer is checked with PING before it is handed out
};

struct PoolStats {
  std::size_t open = 0;     ///< connections now, lent and idle
  std::size_t idle = 0;     ///< of them, not lent
  std::size_t waiting = 0;  ///< callers in line now
  std::uint64_t opened = 0;
  std::uint64_t failures = 0;           ///< connections that could not be opened
  std::uint64_t discarded = 0;          ///< found lost, or returned lost, left half-way or in another state
  std::uint64_t reaped = 0;             ///< closed for their idleness or age
  std::uint64_t waits = 0;              ///< callers that had to wait in line ...
  std::uint64_t timeouts = 0;           ///< ... and of them, those who waited in vain
  std::chrono::microseconds waited{0};  ///< by all of them together
};

class Pool {
  class Impl;
  class Slot;
  class OnCluster;

 public:
  /// A borrowed connection. Move-only; goes back to the pool when destroyed, or is closed if a command on it failed,
  /// was cancelled or timed out half-way (its state is then not known). Must not outlive the pool's executor.
  class Lease {
   public:
    Lease(Lease&&) noexcept;
    Lease& operator=(Lease&&) noexcept;
    ~Lease();
    /// Sends one command and waits for its answer; a blocking command's own timeout must be below `options.timeout`.
    boost::asio::awaitable<Result<Reply>> execute(Request request, CallOptions options = {});
    boost::asio::awaitable<std::vector<Result<Reply>>> execute_all(Request request, CallOptions options = {});

   private:
    friend class Pool;
    Lease(std::shared_ptr<Impl> pool, std::unique_ptr<Slot> slot);
    std::shared_ptr<Impl> pool_;
    std::unique_ptr<Slot> slot_;
  };

  Pool(boost::asio::any_io_executor executor, Options options, PoolOptions pool_options = {});
  Pool(const Pool&) = delete;
  Pool& operator=(const Pool&) = delete;
  ~Pool();

  /// Borrows a connection, opening one when none is idle and the bound allows. On a cluster it is one to the master
  /// that serves `key` (to any when it is empty); when what is asked over it is answered with "redis_moved", take
  /// another one. Elsewhere `key` means nothing. Must be awaited before `key` goes.
  boost::asio::awaitable<Result<Lease>> acquire(std::string_view key = {});
  boost::asio::awaitable<void> close();
  PoolStats stats() const noexcept;
  /// Options::command_timeout.
  std::chrono::milliseconds command_timeout() const noexcept { return command_timeout_; }

 private:
  std::chrono::milliseconds command_timeout_;
  std::shared_ptr<Impl> impl_;          // one server, or
  std::shared_ptr<OnCluster> cluster_;  // a cluster
};

}  // namespace inkwell::redis
