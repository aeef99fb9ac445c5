// Pool: links that don't reconnect, lent one borrower at a time. A place (of max_connections) is taken before a
// connection is looked for and given back whatever happens; who waits for a place waits in line.
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <deque>
#include <list>
#include <stdexcept>

#include <inkwell/redis/pool.hpp>

#include "redis/link/borrowed_state.hpp"
#include "redis/link/link.hpp"

namespace inkwell::redis {
namespace {

using Clock = std::chrono::steady_clock;

Error closed() { return {ErrorKind::cancelled, "redis_closed", "The Redis pool is closed."}; }

Error given_up() {
  return {ErrorKind::cancelled, "redis_connection_closed",
          "This pooled connection was closed because its state was no longer known.", "Take another one."};
}

asio::awaitable<std::vector<Result<Reply>>> exchange(link::Link& link, Request request, CallOptions options) {
  const auto commands = static_cast<std::uint32_t>(request.size());
  if (commands == 0) co_return std::vector<Result<Reply>>();
  link::Call call(std::move(request).wire(), commands, options.idempotent);
  if (!link.ask(call, options.timeout)) co_return call.take_answers();
  auto answered = link.wait(call);
  co_await std::move(answered);  // NOLINT(performance-move-const-arg): trivially copyable with GCC's libstdc++ only
  co_return call.take_answers();
}

}  // namespace

class Pool::Slot {
 public:
  explicit Slot(std::shared_ptr<link::Link> made) : link(std::move(made)) {}
  Slot(const Slot&) = delete;
  Slot& operator=(const Slot&) = delete;
  ~Slot() { link->close(given_up()); }

  bool fit_to_lend() const noexcept { return link->in_step() && state.clean(); }

  std::shared_ptr<link::Link> link;
  link::BorrowedState state;
  Clock::time_point idle_since = Clock::now();
};

class Pool::Impl : public std::enable_shared_from_this<Pool::Impl> {
 public:
  Impl(asio::any_io_executor executor, Options options, PoolOptions pool_options)
      : executor_(executor), options_(std::move(options)), pool_options_(pool_options), reaper_(executor) {
    options_.tracking = {};
  }

  asio::awaitable<Result<std::unique_ptr<Slot>>> take();
  void give_back(std::unique_ptr<Slot> slot);
  void close();
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
  asio::awaitable<bool> still_good(Slot& slot);
  void let_next_go();
  void reap_later();
  void reap();

  asio::any_io_executor executor_;
  Options options_;
  PoolOptions pool_options_;
  asio::steady_timer reaper_;
  std::deque<std::unique_ptr<Slot>> idle_;  ///< the longest idle first
  std::list<Waiter*> waiters_;              ///< the longest waiting first
  std::size_t taken_ = 0;                   ///< places: lent, being opened, or promised to a waiter
  std::size_t lent_ = 0;
  bool closing_ = false;
  std::uint64_t opened_ = 0;
  std::uint64_t timeouts_ = 0;
};

/// A place taken; given to the next in line unless it was kept.
struct Pool::Impl::Place {
  Impl* impl;
  explicit Place(Impl* of) : impl(of) {}
  Place(const Place&) = delete;
  Place& operator=(const Place&) = delete;
  ~Place() {
    if (impl == nullptr) return;
    --impl->taken_;
    impl->let_next_go();
  }
  void keep() noexcept { impl = nullptr; }
};

PoolStats Pool::Impl::stats() const noexcept {
  PoolStats stats;
  stats.open = lent_ + idle_.size();
  stats.idle = idle_.size();
  stats.waiting = waiters_.size();
  stats.opened = opened_;
  stats.timeouts = timeouts_;
  return stats;
}

// Nothing when a place has been taken.
asio::awaitable<std::optional<Error>> Pool::Impl::wait_for_place() {
  if (taken_ < pool_options_.max_connections && waiters_.empty()) {
    ++taken_;
    co_return std::nullopt;
  }
  Waiter waiter(executor_);
  waiter.timer.expires_after(pool_options_.wait_timeout);
  const auto position = waiters_.insert(waiters_.end(), &waiter);
  struct Leave {
    Impl& impl;
    Waiter& waiter;
    std::list<Waiter*>::iterator position;
    bool taken = false;
    ~Leave() {
      if (!waiter.may_go) impl.waiters_.erase(position);
      if (waiter.may_go && !taken) Place give_on(&impl);
    }
  } leave{*this, waiter, position};
  co_await waiter.timer.async_wait(asio::as_tuple(asio::use_awaitable));
  if (closing_) co_return closed();
  if (waiter.may_go) {
    leave.taken = true;
    co_return std::nullopt;
  }
  ++timeouts_;
  co_return Error(ErrorKind::overloaded, "redis_pool_exhausted",
                  "All " + std::to_string(pool_options_.max_connections) + " pooled Redis connections are in use.",
                  "Raise the pool's size, or hold connections for less long.")
      .with_retry_after(std::chrono::seconds(1));
}

void Pool::Impl::let_next_go() {
  if (waiters_.empty() || taken_ >= pool_options_.max_connections) return;
  Waiter* const next = waiters_.front();
  waiters_.pop_front();
  next->may_go = true;
  ++taken_;
  next->timer.cancel();
}

asio::awaitable<Result<std::unique_ptr<Pool::Slot>>> Pool::Impl::take() {
  auto self = shared_from_this();
  if (closing_) co_return std::unexpected(closed());
  auto refused = co_await wait_for_place();
  if (refused) co_return std::unexpected(std::move(*refused));
  Place place(this);
  while (!idle_.empty()) {
    auto slot = std::move(idle_.back());
    idle_.pop_back();
    const bool good = co_await still_good(*slot);
    if (!good || closing_) continue;
    place.keep();
    ++lent_;
    co_return slot;
  }
  auto fresh = co_await open();
  if (!fresh) co_return fresh;
  if (closing_) co_return std::unexpected(closed());
  place.keep();
  ++lent_;
  co_return fresh;
}

asio::awaitable<Result<std::unique_ptr<Pool::Slot>>> Pool::Impl::open() {
  const link::Link::Policy policy{.reconnects = false, .watches_health = false};
  auto slot = std::make_unique<Slot>(std::make_shared<link::Link>(executor_, options_, policy));
  slot->link->start();
  CallOptions options;
  options.timeout = options_.connect_timeout;
  Request ping("PING");
  auto answers = co_await exchange(*slot->link, std::move(ping), options);
  if (!answers.front()) co_return std::unexpected(std::move(answers.front().error()));
  ++opened_;
  co_return slot;
}

asio::awaitable<bool> Pool::Impl::still_good(Slot& slot) {
  if (!slot.fit_to_lend()) co_return false;
  if (Clock::now() - slot.idle_since < pool_options_.ping_after_idle) co_return true;
  CallOptions options;
  options.timeout = options_.health_timeout;
  Request ping("PING");
  auto answers = co_await exchange(*slot.link, std::move(ping), options);
  co_return answers.front().has_value();
}

void Pool::Impl::give_back(std::unique_ptr<Slot> slot) {
  const Place place(this);
  --lent_;
  if (closing_ || !slot->fit_to_lend()) return;
  slot->idle_since = Clock::now();
  idle_.push_back(std::move(slot));
  if (idle_.size() == 1) reap_later();
}

void Pool::Impl::reap_later() {
  reaper_.expires_at(idle_.front()->idle_since + pool_options_.max_idle);
  reaper_.async_wait([weak = weak_from_this()](const boost::system::error_code& error) {
    if (error) return;
    if (const auto self = weak.lock()) self->reap();
  });
}

void Pool::Impl::reap() {
  const auto now = Clock::now();
  while (!idle_.empty() && now - idle_.front()->idle_since >= pool_options_.max_idle) idle_.pop_front();
  if (!idle_.empty()) reap_later();
}

void Pool::Impl::close() {
  if (std::exchange(closing_, true)) return;
  for (Waiter* waiter : waiters_) waiter->timer.cancel();
  reaper_.cancel();
  idle_.clear();
}

// ---- Lease ----

Pool::Lease::Lease(std::shared_ptr<Impl> pool, std::unique_ptr<Slot> slot)
    : pool_(std::move(pool)), slot_(std::move(slot)) {}
Pool::Lease::Lease(Lease&&) noexcept = default;
Pool::Lease& Pool::Lease::operator=(Lease&& other) noexcept {
  if (this == &other) return *this;
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
  slot_->state.sent(request.wire());
  // Left half-way (timed out, cancelled), a reply is still owed: the connection is closed, which also frees the server
  // from a command it blocks in.
  struct CloseUnlessInStep {
    std::shared_ptr<link::Link> link;
    ~CloseUnlessInStep() {
      if (!link->in_step()) link->close(given_up());
    }
  } guard{slot_->link};
  co_return co_await exchange(*guard.link, std::move(request), options);
}

// ---- Pool ----

Pool::Pool(asio::any_io_executor executor, Options options, PoolOptions pool_options)
    : impl_(std::make_shared<Impl>(std::move(executor), std::move(options), pool_options)) {}
Pool::~Pool() { impl_->close(); }

asio::awaitable<Result<Pool::Lease>> Pool::acquire() {
  auto impl = impl_;
  auto slot = co_await impl->take();
  if (!slot) co_return std::unexpected(std::move(slot.error()));
  co_return Lease(std::move(impl), std::move(*slot));
}

asio::awaitable<void> Pool::close() {
  auto impl = impl_;
  impl->close();
  co_await asio::post(impl->executor(), asio::use_awaitable);
}

PoolStats Pool::stats() const noexcept { return impl_->stats(); }

}  // namespace inkwell::redis
