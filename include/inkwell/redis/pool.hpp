// Pool: connections of one's own for what cannot share one: blocking commands, WATCH/MULTI/EXEC. Bounded, first come
// first served. Lives on the executor it was made with (one thread).
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <chrono>
#include <memory>
#include <vector>

#include <inkwell/redis/options.hpp>
#include <inkwell/redis/reply.hpp>
#include <inkwell/redis/request.hpp>

namespace inkwell::redis {

struct PoolOptions {
  std::size_t max_connections = 50;
  std::chrono::milliseconds wait_timeout{5000};  ///< for a free connection; then ErrorKind::overloaded
  std::chrono::milliseconds max_idle{60'000};    ///< idle connections are closed after so long
  std::chrono::milliseconds ping_after_idle{
      5'000};  ///< one idle for longer is checked with PING before it is handed out
};

struct PoolStats {
  std::size_t open = 0;
  std::size_t idle = 0;
  std::size_t waiting = 0;
  std::uint64_t opened = 0;
  std::uint64_t timeouts = 0;
};

class Pool {
  class Impl;
  class Slot;

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
    friend class Impl;
    Lease(std::shared_ptr<Impl> pool, std::unique_ptr<Slot> slot);
    std::shared_ptr<Impl> pool_;
    std::unique_ptr<Slot> slot_;
  };

  Pool(boost::asio::any_io_executor executor, Options options, PoolOptions pool_options = {});
  Pool(const Pool&) = delete;
  Pool& operator=(const Pool&) = delete;
  ~Pool();

  /// Borrows a connection, opening one when none is idle and the bound allows.
  boost::asio::awaitable<Result<Lease>> acquire();
  boost::asio::awaitable<void> close();
  PoolStats stats() const noexcept;

 private:
  std::shared_ptr<Impl> impl_;
};

}  // namespace inkwell::redis
