#include <boost/asio/as_tuple.hpp>
#include <boost/asio/experimental/awaitable_operators.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <deque>
#include <list>

#include <inkwell/redis/pool.hpp>

#include "base/gate.hpp"
#include "redis/link/server_error.hpp"
#include "redis/link/wire.hpp"

namespace inkwell::redis {
namespace {

constexpr auto kTuple = asio::as_tuple(asio::use_awaitable);
using Clock = std::chrono::steady_clock;

Error timed_out(const Options& options) {
  return Error(ErrorKind::deadline_exceeded, "redis_timeout",
               "Redis at " + options.endpoint.to_string() + " did not answer within the deadline.",
               "Check its load and latency (SLOWLOG, --latency).")
      .with_unknown_outcome();
}

}  // namespace

class Pool::Slot {
 public:
  Slot(asio::any_io_executor executor, const Options& options) : wire(std::move(executor), options) {}
  link::Wire wire;
  Clock::time_point idle_since = Clock::now();
  bool broken = true;  ///< until it is open, while a command is under way, and after one ended badly
};

class Pool::Impl : public std::enable_shared_from_this<Pool::Impl> {
 public:
  Impl(asio::any_io_executor executor, Options options, PoolOptions pool_options)
      : executor_(executor), options_(std::move(options)), pool_options_(pool_options), gate_(executor) {}

  void start() { gate_.spawn("redis pool reaper", reap()); }
  asio::awaitable<Result<std::unique_ptr<Slot>>> take();
  void give_back(std::unique_ptr<Slot> slot);
  asio::awaitable<Result<std::vector<Reply>>> exchange(Slot& slot, const Request& request,
                                                       std::chrono::milliseconds timeout);
  asio::awaitable<void> close();
  PoolStats stats() const noexcept {
    PoolStats stats = stats_;
    stats.idle = idle_.size();
    stats.waiting = waiters_.size();
    return stats;
  }
  const Options& options() const noexcept { return options_; }

 private:
  struct Waiter {
    explicit Waiter(const asio::any_io_executor& executor) : timer(executor) {}
    asio::steady_timer timer;
    bool may_go = false;
  };

  asio::awaitable<Result<void>> wait_for_turn();
  asio::awaitable<bool> still_good(Slot& slot);
  asio::awaitable<void> reap();
  void let_next_go();

  asio::any_io_executor executor_;
  Options options_;
  PoolOptions pool_options_;
  Gate gate_;
  std::deque<std::unique_ptr<Slot>> idle_;  ///< the longest idle first
  std::list<Waiter*> waiters_;
  std::size_t promised_ = 0;  ///< places kept for waiters that were let go but have not run yet
  std::size_t lent_ = 0;
  bool closing_ = false;
  PoolStats stats_;
};

asio::awaitable<Result<void>> Pool::Impl::wait_for_turn() {
  if (lent_ + promised_ < pool_options_.max_connections && waiters_.empty()) co_return Result<void>{};
  Waiter waiter(executor_);
  waiter.timer.expires_after(pool_options_.wait_timeout);
  const auto place = waiters_.insert(waiters_.end(), &waiter);
  struct Leave {
    Impl& impl;
    Waiter& waiter;
    std::list<Waiter*>::iterator place;
    ~Leave() {
      if (waiter.may_go) {
        --impl.promised_;
      } else {
        impl.waiters_.erase(place);
      }
    }
  } leave{*this, waiter, place};
  co_await waiter.timer.async_wait(kTuple);
  if (waiter.may_go && !closing_) co_return Result<void>{};
  if (closing_) co_return fail(ErrorKind::cancelled, "redis_closed", "The Redis pool is closed.");
  ++stats_.timeouts;
  co_return std::unexpected(
      Error(ErrorKind::overloaded, "redis_pool_exhausted",
            "All " + std::to_string(pool_options_.max_connections) + " pooled Redis connections are in use.",
            "Raise the pool's size, or hold connections for less long."));
}

void Pool::Impl::let_next_go() {
  if (waiters_.empty() || lent_ + promised_ >= pool_options_.max_connections) return;
  Waiter* const next = waiters_.front();
  waiters_.pop_front();
  next->may_go = true;
  ++promised_;
  next->timer.cancel();
}

asio::awaitable<Result<std::unique_ptr<Pool::Slot>>> Pool::Impl::take() {
  auto self = shared_from_this();
  if (closing_) co_return fail(ErrorKind::cancelled, "redis_closed", "The Redis pool is closed.");
  auto turn = co_await wait_for_turn();
  if (!turn) co_return std::unexpected(std::move(turn.error()));
  ++lent_;
  // From here on the place is given back whatever happens, cancellation included.
  struct Return {
    Impl* impl;
    ~Return() {
      if (impl == nullptr) return;
      --impl->lent_;
      impl->let_next_go();
    }
  } give_place_back{this};
  while (!idle_.empty()) {
    auto slot = std::move(idle_.back());
    idle_.pop_back();
    --stats_.open;
    const bool good = co_await still_good(*slot);
    if (!good) continue;
    ++stats_.open;
    give_place_back.impl = nullptr;
    co_return slot;
  }
  auto slot = std::make_unique<Slot>(executor_, options_);
  auto opened = co_await slot->wire.open();
  if (!opened) co_return std::unexpected(std::move(opened.error()));
  slot->broken = false;
  ++stats_.opened;
  ++stats_.open;
  give_place_back.impl = nullptr;
  co_return slot;
}

asio::awaitable<bool> Pool::Impl::still_good(Slot& slot) {
  if (Clock::now() - slot.idle_since < pool_options_.ping_after_idle) co_return true;
  const Request ping("PING");
  auto answer = co_await exchange(slot, ping, options_.health_timeout);
  co_return answer.has_value();
}

asio::awaitable<Result<std::vector<Reply>>> Pool::Impl::exchange(Slot& slot, const Request& request,
                                                                 std::chrono::milliseconds timeout) {
  using namespace asio::experimental::awaitable_operators;
  slot.broken = true;
  asio::steady_timer timer(executor_, timeout.count() > 0 ? timeout : options_.command_timeout);
  auto first = co_await (slot.wire.exchange(request) || timer.async_wait(kTuple));
  if (first.index() == 1) {
    slot.wire.close();
    co_return std::unexpected(timed_out(options_));
  }
  auto answers = std::get<0>(std::move(first));
  if (!answers) co_return std::unexpected(std::move(answers.error()).with_unknown_outcome());
  slot.broken = false;
  co_return std::move(*answers);
}

void Pool::Impl::give_back(std::unique_ptr<Slot> slot) {
  --lent_;
  if (slot->broken || closing_) {
    --stats_.open;
  } else {
    slot->idle_since = Clock::now();
    idle_.push_back(std::move(slot));
  }
  let_next_go();
}

asio::awaitable<void> Pool::Impl::reap() {
  asio::steady_timer timer(executor_);
  for (;;) {
    timer.expires_after(pool_options_.max_idle / 2 + std::chrono::milliseconds(1));
    co_await timer.async_wait(asio::use_awaitable);
    while (!idle_.empty() && Clock::now() - idle_.front()->idle_since >= pool_options_.max_idle) {
      idle_.pop_front();
      --stats_.open;
    }
  }
}

asio::awaitable<void> Pool::Impl::close() {
  auto self = shared_from_this();
  if (std::exchange(closing_, true)) co_return;
  for (Waiter* waiter : waiters_) waiter->timer.cancel();
  co_await gate_.close();
  stats_.open -= idle_.size();
  idle_.clear();
}

Pool::Lease::Lease(std::shared_ptr<Impl> pool, std::unique_ptr<Slot> slot)
    : pool_(std::move(pool)), slot_(std::move(slot)) {}
Pool::Lease::Lease(Lease&&) noexcept = default;
Pool::Lease& Pool::Lease::operator=(Lease&& other) noexcept {
  if (slot_) pool_->give_back(std::move(slot_));
  pool_ = std::move(other.pool_);
  slot_ = std::move(other.slot_);
  return *this;
}
Pool::Lease::~Lease() {
  if (slot_) pool_->give_back(std::move(slot_));
}

asio::awaitable<Result<Reply>> Pool::Lease::execute(Request request, CallOptions options) {
  if (request.size() != 1) throw std::logic_error("redis::Pool::Lease::execute takes a request of exactly one command");
  auto answers = co_await execute_all(std::move(request), options);
  co_return std::move(answers.front());
}

asio::awaitable<std::vector<Result<Reply>>> Pool::Lease::execute_all(Request request, CallOptions options) {
  std::vector<Result<Reply>> results;
  if (!slot_->wire.is_open()) {
    const Error gone(ErrorKind::unavailable, "redis_unavailable", "This pooled connection was lost.",
                     "Take another one.");
    results.assign(request.size(), std::unexpected(gone));
    co_return results;
  }
  auto answers = co_await pool_->exchange(*slot_, request, options.timeout);
  if (!answers) {
    results.assign(request.size(), std::unexpected(answers.error()));
    co_return results;
  }
  for (auto& answer : *answers) {
    if (answer.view().is_error()) {
      results.emplace_back(std::unexpected(link::server_error(answer.view().text())));
    } else {
      results.emplace_back(std::move(answer));
    }
  }
  co_return results;
}

Pool::Pool(asio::any_io_executor executor, Options options, PoolOptions pool_options)
    : impl_(std::make_shared<Impl>(std::move(executor), std::move(options), pool_options)) {
  impl_->start();
}
Pool::~Pool() = default;

asio::awaitable<Result<Pool::Lease>> Pool::acquire() {
  auto impl = impl_;
  auto slot = co_await impl->take();
  if (!slot) co_return std::unexpected(std::move(slot.error()));
  co_return Lease(std::move(impl), std::move(*slot));
}

asio::awaitable<void> Pool::close() { return impl_->close(); }
PoolStats Pool::stats() const noexcept { return impl_->stats(); }

}  // namespace inkwell::redis
