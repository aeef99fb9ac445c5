#include <algorithm>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <exception>

#include "base/random.hpp"
#include "redis/link/pool_impl.hpp"
#include "redis/topology.hpp"

namespace inkwell::redis {
namespace {

using namespace std::chrono_literals;

constexpr auto kSpareAgainAfter = 1s;  // a spare connection that could not be opened

Error closed() { return {ErrorKind::cancelled, "redis_closed", "The Redis pool is closed."}; }

Error given_up() {
  return {ErrorKind::cancelled, "redis_connection_closed",
          "This pooled connection was closed because its state was no longer known.", "Take another one."};
}

// Up to a tenth earlier, so that connections made together don't go together.
std::chrono::milliseconds jittered(std::chrono::milliseconds age) {
  const auto tenth = static_cast<std::uint64_t>(std::max<std::int64_t>(age.count() / 10, 1));
  return age - std::chrono::milliseconds(random_seed() % tenth);
}

asio::awaitable<std::vector<Result<Reply>>> ask(link::Link& link, Request request, CallOptions options) {
  const auto commands = static_cast<std::uint32_t>(request.size());
  if (commands == 0) co_return std::vector<Result<Reply>>();
  link::Call call(std::move(request).wire(), commands, options.idempotent);
  if (!link.ask(call, options.timeout)) co_return call.take_answers();
  auto answered = link.wait(call);
  co_await std::move(answered);  // NOLINT(performance-move-const-arg): trivially copyable with GCC's libstdc++ only
  co_return call.take_answers();
}

bool any_is(const std::vector<Result<Reply>>& answers, std::string_view code) {
  return std::ranges::any_of(answers, [&](const auto& answer) { return !answer && answer.error().code() == code; });
}

}  // namespace

Pool::Slot::Slot(std::shared_ptr<link::Link> made, Clock::time_point old_at)
    : link(std::move(made)), too_old_at(old_at) {}
Pool::Slot::~Slot() { link->close(given_up()); }

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

Pool::Impl::Impl(asio::any_io_executor executor, Options options, PoolOptions pool_options)
    : executor_(std::move(executor)),
      options_(untracked(std::move(options))),
      pool_options_(pool_options),
      tending_(executor_) {}

void Pool::Impl::start() { open_spares(); }

PoolStats Pool::Impl::stats() const noexcept {
  PoolStats stats = counts_;
  stats.open = open_count();
  stats.idle = idle_.size();
  stats.waiting = waiters_.size();
  return stats;
}

void Pool::Impl::close() {
  if (std::exchange(closing_, true)) return;
  for (Waiter* waiter : waiters_) waiter->timer.cancel();
  tending_.cancel();
  idle_.clear();
}

// ---- Places ----

// Nothing when a place has been taken.
asio::awaitable<std::optional<Error>> Pool::Impl::wait_for_place() {
  if (taken_ < pool_options_.max_connections && waiters_.empty()) {
    ++taken_;
    co_return std::nullopt;
  }
  ++counts_.waits;
  const auto since = Clock::now();
  Waiter waiter(executor_);
  waiter.timer.expires_at(since + pool_options_.wait_timeout);
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
  counts_.waited += std::chrono::duration_cast<std::chrono::microseconds>(Clock::now() - since);
  if (closing_) co_return closed();
  if (waiter.may_go) {
    leave.taken = true;
    co_return std::nullopt;
  }
  ++counts_.timeouts;
  co_return Error(ErrorKind::overloaded, "redis_pool_exhausted",
                  "All " + std::to_string(pool_options_.max_connections) + " pooled Redis connections are in use.",
                  "Raise the pool's size, or hold connections for less long.")
      .with_retry_after(1s);
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
    if (closing_) co_return std::unexpected(closed());
    if (good) {
      place.keep();
      ++lent_;
      co_return slot;
    }
    ++counts_.discarded;
    slot.reset();
    open_spares();
  }
  auto fresh = co_await open();
  if (!fresh) co_return fresh;
  if (closing_) co_return std::unexpected(closed());
  place.keep();
  ++lent_;
  open_spares();  // the server is there: those that could not be opened before can be now
  co_return fresh;
}

asio::awaitable<Result<std::unique_ptr<Pool::Slot>>> Pool::Impl::open() {
  const link::Link::Policy policy{.reconnects = false, .watches_health = false};
  const auto age = pool_options_.max_age;
  const auto too_old_at = age.count() > 0 ? Clock::now() + jittered(age) : Clock::time_point::max();
  auto slot = std::make_unique<Slot>(std::make_shared<link::Link>(executor_, options_, policy), too_old_at);
  slot->link->start();
  CallOptions options;
  options.timeout = options_.connect_timeout;
  Request ping("PING");
  auto answers = co_await ask(*slot->link, std::move(ping), options);
  if (!answers.front()) {
    ++counts_.failures;
    co_return std::unexpected(std::move(answers.front().error()));
  }
  ++counts_.opened;
  co_return slot;
}

asio::awaitable<bool> Pool::Impl::still_good(Slot& slot) {
  if (!slot.fit_to_lend()) co_return false;
  if (Clock::now() - slot.idle_since < pool_options_.ping_after_idle) co_return true;
  CallOptions options;
  options.timeout = options_.health_timeout;
  Request ping("PING");
  auto answers = co_await ask(*slot.link, std::move(ping), options);
  co_return answers.front().has_value();
}

asio::awaitable<std::vector<Result<Reply>>> Pool::Impl::exchange(Slot& slot, Request request, CallOptions options) {
  slot.state.sent(request.wire());
  // Left half-way (timed out, cancelled), a reply is still owed: the connection is closed, which also frees the server
  // from a command it blocks in.
  struct CloseUnlessInStep {
    std::shared_ptr<link::Link> link;
    ~CloseUnlessInStep() {
      if (!link->in_step()) link->close(given_up());
    }
  } const guard{slot.link};
  auto answers = co_await ask(*guard.link, std::move(request), options);
  if (any_is(answers, "redis_readonly")) slot.of_a_replica = true;
  if (doubt_ && (slot.of_a_replica || any_is(answers, "redis_moved") || any_is(answers, "redis_clusterdown"))) doubt_();
  co_return answers;
}

void Pool::Impl::give_back(std::unique_ptr<Slot> slot) {
  const Place place(this);
  --lent_;
  if (closing_) return;
  if (!slot->fit_to_lend()) {
    ++counts_.discarded;
    slot.reset();
    return open_spares();
  }
  slot->idle_since = Clock::now();
  idle_.push_back(std::move(slot));
  tend_at(due(*idle_.back()));
}

// ---- Idle connections ----

Pool::Impl::Clock::time_point Pool::Impl::due(const Slot& slot) const {
  // What is kept however idle it is goes by age alone; it is looked at again when another one has gone.
  const bool kept = open_count() <= pool_options_.min_connections;
  return kept ? slot.too_old_at : std::min(slot.too_old_at, slot.idle_since + pool_options_.max_idle);
}

void Pool::Impl::tend_at(Clock::time_point when) {
  if (when == Clock::time_point::max() || closing_ || (tends_at_ && *tends_at_ <= when)) return;
  tends_at_ = when;
  tending_.expires_at(when);
  tending_.async_wait([weak = weak_from_this()](const boost::system::error_code& error) {
    if (error) return;
    if (const auto self = weak.lock()) self->tend();
  });
}

void Pool::Impl::tend() {
  tends_at_.reset();
  const auto now = Clock::now();
  for (auto slot = idle_.begin(); slot != idle_.end();) {  // the longest idle goes first
    if (due(**slot) > now) {
      ++slot;
      continue;
    }
    ++counts_.reaped;
    slot = idle_.erase(slot);
  }
  for (const auto& slot : idle_) tend_at(due(*slot));
  open_spares();
}

void Pool::Impl::open_spares() {
  const auto wanted = std::min(pool_options_.min_connections, pool_options_.max_connections);
  while (!closing_ && open_count() + opening_spares_ < wanted && taken_ < pool_options_.max_connections) {
    ++opening_spares_;
    ++taken_;
    asio::co_spawn(executor_, open_spare(), [](const std::exception_ptr& failed) {
      if (failed) std::terminate();  // a bug: what can fail here is a value
    });
  }
}

asio::awaitable<void> Pool::Impl::open_spare() {
  const auto self = shared_from_this();
  const Place place(this);
  auto fresh = co_await open();
  --opening_spares_;
  if (closing_) co_return;
  if (!fresh) co_return tend_at(Clock::now() + kSpareAgainAfter);
  (*fresh)->idle_since = Clock::now();
  idle_.push_back(std::move(*fresh));
  tend_at(due(*idle_.back()));
}

}  // namespace inkwell::redis
