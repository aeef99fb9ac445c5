// Pool::Impl: pooled connections to one server. Links that don't reconnect, lent one borrower at a time. A place (of
// max_connections) is taken before a connection is looked for and given back whatever happens; who waits for a place
// waits in line. Pool::OnCluster has one for each node.
#pragma once

#include <boost/asio/steady_timer.hpp>
#include <deque>
#include <functional>
#include <list>
#include <memory>
#include <optional>

#include <inkwell/redis/pool.hpp>

#include "base/asio.hpp"
#include "redis/link/borrowed_state.hpp"
#include "redis/link/link.hpp"

namespace inkwell::redis {

class Pool::Slot {
 public:
  using Clock = std::chrono::steady_clock;

  Slot(std::shared_ptr<link::Link> made, Clock::time_point too_old_at);
  Slot(const Slot&) = delete;
  Slot& operator=(const Slot&) = delete;
  ~Slot();

  bool fit_to_lend() const noexcept { return link->in_step() && state.clean() && !of_a_replica; }

  const std::shared_ptr<link::Link> link;
  link::BorrowedState state;
  const Clock::time_point too_old_at;
  Clock::time_point idle_since = Clock::now();
  bool of_a_replica = false;  ///< what was a master when it was opened
};

class Pool::Impl : public std::enable_shared_from_this<Pool::Impl> {
 public:
  using Clock = Slot::Clock;

  Impl(asio::any_io_executor executor, Options options, PoolOptions pool_options);

  /// Begins to open the connections that are always there.
  void start();
  asio::awaitable<Result<std::unique_ptr<Slot>>> take();
  asio::awaitable<std::vector<Result<Reply>>> exchange(Slot& slot, Request request, CallOptions options);
  void give_back(std::unique_ptr<Slot> slot);
  void close();
  /// Called when a borrower was told that what it asked for is served elsewhere.
  void on_doubt(std::function<void()> doubt) { doubt_ = std::move(doubt); }
  const asio::any_io_executor& executor() const noexcept { return executor_; }
  PoolStats stats() const noexcept;

 private:
  struct Waiter {
    explicit Waiter(const asio::any_io_executor& executor) : timer(executor) {}
    asio::steady_timer timer;
    bool may_go = false;
  };
  struct Place;

  asio::awaitable<std::optional<Error>> wait_for_place();
  asio::awaitable<Result<std::unique_ptr<Slot>>> open();
  asio::awaitable<void> open_spare();
  asio::awaitable<bool> still_good(Slot& slot);
  void let_next_go();
  void open_spares();
  void tend_at(Clock::time_point when);
  void tend();
  Clock::time_point due(const Slot& slot) const;
  std::size_t open_count() const noexcept { return lent_ + idle_.size(); }

  const asio::any_io_executor executor_;
  const Options options_;
  const PoolOptions pool_options_;
  asio::steady_timer tending_;
  std::optional<Clock::time_point> tends_at_;
  std::function<void()> doubt_;
  std::deque<std::unique_ptr<Slot>> idle_;  ///< the longest idle first
  std::list<Waiter*> waiters_;              ///< the longest waiting first
  std::size_t taken_ = 0;                   ///< places: lent, being opened, or promised to a waiter
  std::size_t lent_ = 0;
  std::size_t opening_spares_ = 0;
  bool closing_ = false;
  PoolStats counts_;
};

}  // namespace inkwell::redis
