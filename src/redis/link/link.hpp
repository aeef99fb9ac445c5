// Link: a session on which many calls share one connection: a Pipeline that decides, a Session that connects, and the
// coroutines that wait. Client is one that reconnects; each connection of a Pool is one that does not. Lives on one
// executor (one thread).
#pragma once

#include <boost/asio/associated_cancellation_slot.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/cancellation_type.hpp>
#include <boost/asio/deferred.hpp>
#include <boost/asio/dispatch.hpp>
#include <optional>

#include <inkwell/redis/client.hpp>

#include "redis/link/call.hpp"
#include "redis/link/pipeline.hpp"
#include "redis/link/session.hpp"
#include "redis/resilience/breaker.hpp"

namespace inkwell::redis::link {

class Link final : public Session {
 public:
  /// `invalidations`: to be shared with other links; null: of its own.
  Link(const asio::any_io_executor& executor, const Options& options, Policy policy,
       std::shared_ptr<Invalidations> invalidations = nullptr);

  /// Takes `call` in, its deadline `timeout` from now (zero: the default); or says why not, and the call is not to be
  /// waited for.
  std::optional<Error> submit(Call& call, std::chrono::milliseconds timeout);
  /// The same; false when it was refused: it has its answers then. (An Error less in the caller's frame.)
  bool ask(Call& call, std::chrono::milliseconds timeout);
  /// Awaitable: returns when `call`, just submitted, has its answers. Cancelling it ends the call, not the connection.
  auto wait(Call& call) {
    return asio::async_initiate<const asio::deferred_t&, void()>(Initiate{this, &call}, asio::deferred);
  }

  /// Refuses new calls, ends the waiting ones (`why`), and closes the connection.
  void close(const Error& why);
  /// The connection is up and owes no answer: whoever comes next finds it in step.
  bool in_step() const noexcept { return ready() && pipeline_.pending() == 0; }
  ClientStats stats() const noexcept;
  const std::shared_ptr<Invalidations>& invalidations() const noexcept { return invalidations_; }

 private:
  /// How a waiting coroutine is resumed.
  template <class Handler>
  struct Resume {
    Handler handler;
    bool elsewhere;  ///< it lives on another executor than the link
    void operator()() {
      if (elsewhere) {
        auto executor = asio::get_associated_executor(handler);
        asio::dispatch(executor, std::move(handler));
      } else {
        std::move(handler)();
      }
    }
  };
  struct Cancel {
    Link* link;
    Call* call;
    void operator()(asio::cancellation_type) const { link->cancel(*call); }
  };
  struct Initiate {
    Link* link;
    Call* call;
    template <class Handler>
    void operator()(Handler&& handler) const {
      auto slot = asio::get_associated_cancellation_slot(handler);
      if (slot.is_connected()) slot.template emplace<Cancel>(Cancel{link, call});
      const bool elsewhere = asio::get_associated_executor(handler, link->executor()) != link->executor();
      call->continuation.emplace(Resume<std::decay_t<Handler>>{std::forward<Handler>(handler), elsewhere});
    }
  };

  void on_connecting() override;
  void on_ready() override;
  void on_answer(Reply reply) override;
  void on_turn_end() override;
  void on_lost(const Error& cause, bool garbled, bool again) override;
  void on_connect_failed(const Error& why, bool refused_for_good, bool again) override;
  void send_ping() override;
  Clock::time_point on_time(Clock::time_point now) override;

  void cancel(Call& call);
  void pushed(View push);
  void failed();
  Error circuit_open() const;
  void flush();
  void turn();
  void turn_soon();
  std::shared_ptr<Link> self() { return std::static_pointer_cast<Link>(shared_from_this()); }

  Pipeline pipeline_;
  const std::shared_ptr<Invalidations> invalidations_;
  Breaker breaker_;
  std::uint64_t breaker_opened_ = 0;
  std::uint64_t breaker_refused_ = 0;
  std::optional<Error> closed_;
  Clock::time_point now_{};  ///< of the turn under way
  bool in_turn_ = false;
  bool turn_posted_ = false;
};

}  // namespace inkwell::redis::link
