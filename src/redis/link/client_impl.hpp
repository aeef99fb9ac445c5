// Client::Impl: the multiplexed link. One ring of slots holds every request in order: those before sent_ are written
// and wait for their replies, the others wait to be written. Lives on the client's executor (one thread).
#pragma once

#include <boost/asio/steady_timer.hpp>
#include <deque>

#include <inkwell/redis/client.hpp>

#include "base/backoff.hpp"
#include "base/gate.hpp"
#include "redis/link/call.hpp"
#include "redis/link/wire.hpp"

namespace inkwell::redis {

class Client::Impl : public std::enable_shared_from_this<Client::Impl> {
 public:
  Impl(asio::any_io_executor executor, Options options);
  void start();

  asio::awaitable<std::vector<Result<Reply>>> execute(Request request, CallOptions options);
  asio::awaitable<void> close();

  bool connected() const noexcept { return connected_; }
  ClientStats stats() const noexcept;
  asio::any_io_executor executor() const noexcept { return executor_; }

 private:
  using Clock = std::chrono::steady_clock;

  // Taking calls in and letting them go.
  std::optional<Error> refusal(const Request& request) const;
  void enqueue(link::Call& call, Request request);
  void abandon(link::Call& call);
  void complete(link::Call& call);
  void fill_up(link::Call& call, const Error& error);
  void expire(link::Call& call);
  void arm_deadline_timer();

  // The life of the connection.
  asio::awaitable<void> run();
  asio::awaitable<Error> serve();
  asio::awaitable<Error> read_all();
  asio::awaitable<Error> write_all();
  asio::awaitable<Error> watch_health();
  asio::awaitable<void> expire_all();

  std::vector<asio::const_buffer> gather();
  std::optional<Error> match(Reply reply);
  void retire_front();
  void requeue_after_loss(const Error& error);
  void fail_all(const Error& error);
  void emit(LinkEvent::Kind kind, std::string detail) const;
  void collect_wire_stats();

  asio::any_io_executor executor_;
  Options options_;
  Gate gate_;
  Backoff backoff_;
  asio::steady_timer wake_writer_;
  asio::steady_timer deadline_timer_;
  std::unique_ptr<link::Wire> wire_;

  std::deque<link::Slot> slots_;
  std::uint64_t first_place_ = 0;     ///< place of slots_.front()
  std::size_t sent_ = 0;              ///< slots at the front that are written, or are being written
  std::size_t queued_bytes_ = 0;      ///< of slots not yet sent
  std::string out_;                   ///< small requests, put together for one write
  std::vector<std::string> retired_;  ///< bytes of answered requests that a write still refers to
  bool writing_ = false;
  link::Deadlines deadlines_;
  bool connected_ = false;
  bool closing_ = false;
  std::optional<Error> last_failure_;
  ClientStats stats_;
};

}  // namespace inkwell::redis
