// Client: one multiplexed connection to a Redis server that repairs itself - to each master, where it is a cluster.
// Many coroutines call it at once; what they ask in the same turn of the loop leaves in one write, and replies are
// matched in order. Server errors come back as Error values whose code() is "redis_" + the lower-case first word of the
// error ("redis_wrongtype", "redis_noscript").
//
// Delivery. A command that was never written is queued while the link reconnects and sent when it is back, within its
// deadline. One that was written and lost its answer is sent again only when CallOptions::idempotent says so; otherwise
// its caller gets an Error with outcome_unknown(). No non-idempotent command is ever sent twice.
//
// Threads: lives on the executor it was made with, which must run on one thread (or be a strand); every member is
// called there. Cancellation: cancelling the awaiting coroutine (terminal) abandons the wait, never the connection: a
// reply that still comes is read and dropped. Blocking commands (BLPOP, XREAD BLOCK), MULTI, SUBSCRIBE and anything
// else that changes the connection's state do not belong here: they take a connection of their own from a Pool or a
// Subscriber.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include <inkwell/redis/options.hpp>
#include <inkwell/redis/reply.hpp>
#include <inkwell/redis/request.hpp>
#include <inkwell/redis/script.hpp>
#include <inkwell/redis/tracking.hpp>

namespace inkwell::redis {

/// A snapshot of what a link has done since it was made.
struct ClientStats {
  bool connected = false;
  std::uint64_t requests = 0;  ///< commands accepted
  std::uint64_t replies = 0;   ///< answers matched to a command
  std::uint64_t errors = 0;    ///< answers that were errors of the server
  std::uint64_t timeouts = 0;  ///< deadlines that ran out
  std::uint64_t unknown = 0;   ///< calls that ended with an unknown outcome
  std::uint64_t resent = 0;    ///< idempotent commands sent again after a loss
  std::uint64_t rejected = 0;  ///< refused because a queue was full
  BreakerState breaker = BreakerState::closed;
  std::uint64_t breaker_opened = 0;   ///< how often
  std::uint64_t breaker_refused = 0;  ///< commands refused while it was open
  std::uint64_t connects = 0;         ///< successful handshakes
  std::uint64_t connect_failures = 0;
  std::uint64_t writes = 0;  ///< write system calls
  std::uint64_t bytes_written = 0;
  std::uint64_t bytes_read = 0;
  std::uint64_t invalidations = 0;  ///< keys (or all keys at once) told to have changed
  std::size_t pending = 0;          ///< commands waiting now
};

class Client {
 public:
  /// Starts connecting at once; the first calls wait for it.
  Client(const boost::asio::any_io_executor& executor, const Options& options);
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;
  /// close() must have been awaited.
  ~Client();

  /// Sends one command: `co_await client.command("SET", key, value, "PX", 1000)`. Not idempotent, default deadline.
  template <Argument... Args>
  boost::asio::awaitable<Result<Reply>> command(std::string_view name, const Args&... args) {
    return execute(Request(name, args...));
  }
  /// Sends a request of exactly one command.
  boost::asio::awaitable<Result<Reply>> execute(Request request, CallOptions options = {});
  /// Sends all commands of a request in one piece; the answers come in order, each its own Result. An empty request
  /// gives {}.
  boost::asio::awaitable<std::vector<Result<Reply>>> execute_all(Request request, CallOptions options = {});
  /// Runs a script by its digest (EVALSHA), loading it when the server doesn't know it (NOSCRIPT: nothing was applied,
  /// so that retry is always safe).
  boost::asio::awaitable<Result<Reply>> run(const Script& script, std::vector<std::string> keys,
                                            std::vector<std::string> arguments, CallOptions options = {});

  /// As execute_all, for reads whose keys the server shall watch (Options::tracking): what a near cache keeps is read
  /// with this. Sent again after a loss: reads only.
  boost::asio::awaitable<std::vector<Result<Reply>>> execute_tracked(Request request, CallOptions options = {});
  /// Who hears of invalidations; add a listener, or give it to a NearCache. Never null.
  const std::shared_ptr<Invalidations>& invalidations() const noexcept;

  /// Refuses new calls, answers waiting ones with ErrorKind::cancelled, closes the connection. Idempotent.
  boost::asio::awaitable<void> close();

  /// Of a cluster: the masters known, for what has to be asked of each (a Client of its own). Empty otherwise.
  std::vector<HostPort> masters() const;
  /// True between a completed handshake and the loss of the connection.
  bool connected() const noexcept;
  ClientStats stats() const noexcept;
  boost::asio::any_io_executor get_executor() const noexcept;

 private:
  class Impl;
  std::shared_ptr<Impl> impl_;
};

}  // namespace inkwell::redis
