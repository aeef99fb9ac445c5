#include "redis/link/session.hpp"

#include <algorithm>
#include <array>
#include <string_view>

#include "base/random.hpp"

namespace inkwell::redis::link {

Session::Session(asio::any_io_executor executor, Options options, Policy policy, std::unique_ptr<Directory> directory)
    : executor_(std::move(executor)),
      options_(std::move(options)),
      policy_(policy),
      directory_(std::move(directory)),
      server_(options_.endpoint),
      backoff_(options_.backoff_base, options_.backoff_cap, options_.seed != 0 ? options_.seed : random_seed()),
      timer_(executor_) {}

Session::~Session() { drop_connection(); }

void Session::start() {
  if (state_ != State::idle) return;
  if (directory_) {
    directory_->on_move([weak = weak_from_this()](const HostPort& to) {
      if (const auto self = weak.lock()) self->moved(to);
    });
  }
  connect();
}

void Session::shut() {
  if (state_ == State::over) return;
  state_ = State::over;
  drop_connection();
  timer_.cancel();
  if (directory_) directory_->close();
  emit(LinkEvent::Kind::closed, options_.endpoint.to_string());
}

void Session::drop_connection() noexcept {
  if (!connection_) return;
  connection_->shut();
  totals_ = totals();
  connection_.reset();
}

Session::Totals Session::totals() const noexcept {
  Totals totals = totals_;
  if (connection_) {
    totals.writes += connection_->writes();
    totals.bytes_written += connection_->bytes_written();
    totals.bytes_read += connection_->bytes_read();
  }
  return totals;
}

void Session::emit(LinkEvent::Kind kind, std::string detail) const {
  if (options_.on_event) options_.on_event({kind, std::move(detail)});
}

// ---- Connecting ----

void Session::connect() {
  state_ = State::connecting;
  until_ = Clock::now() + options_.connect_timeout;
  wake_at(until_);
  on_connecting();
  if (!directory_) return open();
  directory_->find([weak = weak_from_this()](const HostPort& at) {
    if (const auto self = weak.lock()) self->connect_to(at);
  });
}

void Session::connect_to(const HostPort& at) {
  if (state_ != State::connecting || connection_) return;
  server_.topology = Topology::standalone;
  server_.host = at.host;
  server_.port = at.port;
  open();
}

void Session::open() {
  emit(LinkEvent::Kind::connecting, server_.to_string());
  connection_ = std::make_shared<Connection>(executor_, server_, options_.max_reply_bytes,
                                             static_cast<Connection::Owner&>(*this));
  connection_->open();
}

void Session::moved(const HostPort& to) {
  if (state_ == State::waiting) {
    until_ = Clock::now();
    return wake_at(until_);
  }
  if (!connection_ || (server_.host == to.host && server_.port == to.port)) return;
  look_for_another({ErrorKind::unavailable, "redis_connection_lost",
                    "Redis at " + server_.to_string() + " is the master no more.", "Retry in a moment."});
}

void Session::look_for_another(const Error& why) {
  if (directory_ && connection_) on_end(why, false);
}

void Session::on_open() {
  if (options_.credentials) {
    Options options = options_;
    Credentials current = options_.credentials();
    options.endpoint.username = std::move(current.username);
    options.endpoint.password = std::move(current.password);
    handshake_.emplace(options, server_, policy_.of_a_replica);
  } else {
    handshake_.emplace(options_, server_, policy_.of_a_replica);
  }
  // A fresh socket's buffer takes the few hundred bytes of a handshake whole.
  const std::array<std::string_view, 1> pieces{handshake_->wire()};
  connection_->write(pieces);
}

void Session::on_reply(Reply reply) {
  if (state_ == State::ready) {
    if (!settled_) {
      settled_ = true;
      backoff_.reset();
      away_since_.reset();
    }
    return on_answer(std::move(reply));
  }
  if (reply.view().type() == Type::push) return;
  switch (handshake_->on_reply(reply.view())) {
    case Handshake::Step::more:
      return;
    case Handshake::Step::refused:
      return connect_failed(handshake_->refusal(), handshake_->refused_for_good());
    case Handshake::Step::done:
      break;
  }
  state_ = State::ready;
  settled_ = false;
  handshake_.reset();
  offline_.reset();
  pinged_at_.reset();
  ++totals_.connects;
  if (policy_.watches_health) wake_at(connection_->last_read() + options_.health_interval);
  emit(LinkEvent::Kind::connected, server_.to_string());
  on_ready();
}

// By value: `why` may be the handshake's, which goes on the way.
// NOLINTNEXTLINE(performance-unnecessary-value-param)
void Session::connect_failed(Error why, bool refused_for_good) {
  ++totals_.failures;
  offline_ = why;
  drop_connection();
  retry_or_end();
  emit(LinkEvent::Kind::connect_failed, why.message());
  on_connect_failed(why, refused_for_good, !over());
}

void Session::on_end(Error cause, bool garbled) {
  if (state_ != State::ready) return connect_failed(std::move(cause), false);
  offline_ = cause;
  drop_connection();
  retry_or_end();
  emit(LinkEvent::Kind::lost, cause.message());
  on_lost(cause, garbled, !over());
}

void Session::distrust(Error why) { on_end(std::move(why), true); }

void Session::retry_or_end() {
  if (!policy_.reconnects) {
    state_ = State::over;
    timer_.cancel();
    return;
  }
  state_ = State::waiting;
  const auto now = Clock::now();
  if (!away_since_) away_since_ = now;
  until_ = now + backoff_.next(Backoff::in_proportion_to(now - *away_since_));
  wake_at(until_);
}

// ---- Time ----

void Session::wake_at(Clock::time_point when) {
  if (when >= armed_for_ || over()) return;
  armed_for_ = when;
  timer_.expires_at(when);
  timer_.async_wait([weak = weak_from_this()](const boost::system::error_code& error) {
    if (error) return;
    if (const auto self = weak.lock()) self->fire();
  });
}

void Session::fire() {
  armed_for_ = Clock::time_point::max();
  if (over()) return;
  const auto now = Clock::now();
  const auto own = own_time(now);
  if (over()) return;
  const auto others = on_time(now);
  if (!over()) wake_at(std::min(own, others));
}

Session::Clock::time_point Session::own_time(Clock::time_point now) {
  switch (state_) {
    case State::connecting:
      if (now < until_) return until_;
      connect_failed(no_answer(), false);
      return Clock::time_point::max();  // what comes next has set its own time
    case State::waiting:
      if (now < until_) return until_;
      connect();
      return Clock::time_point::max();
    case State::ready:
      return policy_.watches_health ? health_time(now) : Clock::time_point::max();
    case State::idle:
    case State::over:
      break;
  }
  return Clock::time_point::max();
}

Error Session::no_answer() const {
  if (!connection_ && directory_) return directory_->why_not();
  return {ErrorKind::unavailable, "redis_unavailable",
          "Cannot connect to Redis at " + server_.to_string() + ": no answer within the connect timeout.",
          "Check that it runs and that the address is right."};
}

// A peer that died without closing the socket is noticed by a PING that stays without an answer.
Session::Clock::time_point Session::health_time(Clock::time_point now) {
  const auto last_read = connection_->last_read();
  if (pinged_at_ && last_read > *pinged_at_) pinged_at_.reset();
  if (pinged_at_) {
    const auto dead_at = *pinged_at_ + options_.health_timeout;
    if (now < dead_at) return dead_at;
    on_end({ErrorKind::unavailable, "redis_connection_lost",
            "Redis at " + server_.to_string() + " stopped answering; the connection was given up.",
            "Check that it runs and is reachable."},
           false);
    return Clock::time_point::max();
  }
  const auto silent_at = last_read + options_.health_interval;
  if (now < silent_at) return silent_at;
  pinged_at_ = now;
  send_ping();
  return now + std::min(options_.health_timeout, options_.health_interval);
}

}  // namespace inkwell::redis::link
