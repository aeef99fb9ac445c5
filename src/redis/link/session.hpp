// Session: keeps one connection to the server up: connects, shakes hands, watches its health, and connects again after
// a wait. Link and SubscriberLink are sessions: they add what is said over the connection. One timer serves all it and
// they wait for. Lives on one executor (one thread); owned by shared_ptr, and usable from start() to shut().
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <memory>
#include <optional>
#include <string>

#include <inkwell/redis/options.hpp>
#include <inkwell/redis/reply.hpp>

#include "base/asio.hpp"
#include "base/backoff.hpp"
#include "redis/link/connection.hpp"
#include "redis/link/directory.hpp"
#include "redis/link/handshake.hpp"

namespace inkwell::redis::link {

class Session : public std::enable_shared_from_this<Session>, private Connection::Owner {
 public:
  using Clock = Connection::Clock;
  struct Policy {
    bool reconnects = true;
    bool watches_health = true;
    bool of_a_replica = false;  ///< of a cluster: says READONLY, so that the replica serves reads itself
    bool patient = true;        ///< what waits to be sent waits on when connecting fails; or is told so at once
  };

  /// `directory` says where the server is, before each attempt; null: at options.endpoint, always.
  Session(asio::any_io_executor executor, Options options, Policy policy, std::unique_ptr<Directory> directory);
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;
  virtual ~Session();

  /// Starts connecting.
  void start();
  /// Between a completed handshake and the loss of the connection.
  bool ready() const noexcept { return state_ == State::ready; }
  /// Nothing happens any more: shut() was called, or the connection ended and the policy is not to reconnect.
  bool over() const noexcept { return state_ == State::over; }
  const asio::any_io_executor& executor() const noexcept { return executor_; }
  const Options& options() const noexcept { return options_; }
  const Policy& policy() const noexcept { return policy_; }

 protected:
  struct Totals {
    std::uint64_t connects = 0;
    std::uint64_t failures = 0;
    std::uint64_t writes = 0;
    std::uint64_t bytes_written = 0;
    std::uint64_t bytes_read = 0;
  };

  // What a session adds. None is called after shut().
  virtual void on_connecting() {}
  virtual void on_ready() = 0;
  virtual void on_answer(Reply reply) = 0;  ///< pushes included
  virtual void on_turn_end() = 0;           ///< replies have been handed over, the connection became writable
  virtual void on_lost(const Error& cause, bool garbled, bool again) = 0;
  virtual void on_connect_failed(const Error& why, bool refused_for_good, bool again) = 0;
  virtual void send_ping() = 0;
  /// Does what is due, and says when to be called next.
  virtual Clock::time_point on_time(Clock::time_point now) = 0;

  /// Has on_time() called at `when`, if it would not be earlier anyway.
  void wake_at(Clock::time_point when);
  /// Closes the connection for good.
  void shut();
  /// The connection cannot be trusted any more: it is treated as lost, and whoever asked first gets no second try.
  void distrust(Error why);
  Connection& connection() noexcept { return *connection_; }
  /// The server that is connected to, or was last tried.
  const Endpoint& server() const noexcept { return server_; }
  /// Another server may have taken over from this one (Sentinel): reconnects to whichever it is now.
  void look_for_another(const Error& why);
  /// Why there is no connection, when that is known.
  const std::optional<Error>& offline() const noexcept { return offline_; }
  Totals totals() const noexcept;
  void emit(LinkEvent::Kind kind, std::string detail) const;

 private:
  enum class State : std::uint8_t { idle, connecting, ready, waiting, over };

  std::shared_ptr<void> keep_alive() final { return shared_from_this(); }
  void on_open() final;
  void on_reply(Reply reply) final;
  void on_read_end() final { on_turn_end(); }
  void on_writable() final { on_turn_end(); }
  void on_end(Error cause, bool garbled) final;

  void connect();
  void connect_to(const HostPort& at);
  void open();
  void moved(const HostPort& to);
  void connect_failed(Error why, bool refused_for_good);
  void retry_or_end();
  void fire();
  Clock::time_point own_time(Clock::time_point now);
  Clock::time_point health_time(Clock::time_point now);
  void drop_connection() noexcept;
  Error no_answer() const;

  const asio::any_io_executor executor_;
  const Options options_;
  const Policy policy_;
  const std::unique_ptr<Directory> directory_;
  Endpoint server_;  ///< the one connected to, or last tried
  Backoff backoff_;
  std::optional<Clock::time_point> away_since_;  ///< the server has served nothing since
  bool settled_ = false;                         ///< this connection has served something since its handshake
  State state_ = State::idle;
  std::shared_ptr<Connection> connection_;
  std::optional<Handshake> handshake_;
  std::optional<Error> offline_;
  Clock::time_point until_{};  ///< connecting: give up at; waiting: try again at
  std::optional<Clock::time_point> pinged_at_;
  asio::steady_timer timer_;
  Clock::time_point armed_for_ = Clock::time_point::max();
  Totals totals_;
};

}  // namespace inkwell::redis::link
